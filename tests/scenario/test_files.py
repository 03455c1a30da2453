# SPDX-License-Identifier: Apache-2.0
"""Open files: shared out so that they do not run out."""

import resource
import threading

import pytest

from weirtest import chat, config, process
from weirtest.client import Client
from weirtest.patience import until

pytestmark = pytest.mark.limit(90)

FEW = ["prlimit", "--nofile=600:600"]
TURNED_AWAY = (OSError, AssertionError)  # closed before an answer


def test_a_check_says_what_limit_is_too_low_and_what_to_write(stage):
    upstream = stage.upstream(chat.says())
    result = process.run("check", "-c", "{file}", config=config.gateway(upstream), around=FEW)
    assert result.returncode == 0
    assert "22756 open files" in result.stderr and "the limit here is 600" in result.stderr
    assert "LimitNOFILE=22756" in result.stderr and "ulimit -n 22756" in result.stderr


def test_the_soft_limit_is_raised_to_the_hard_one(stage):
    around = ["prlimit", "--nofile=100:700"]
    weir = stage.weir(config.gateway(stage.upstream(chat.says())), around=around)
    assert resource.prlimit(weir.pid, resource.RLIMIT_NOFILE) == (700, 700)


def test_as_many_clients_as_may_be_never_leave_a_call_without_a_file(stage):
    go = threading.Event()

    def when_let_go(call):
        call.wait(go, timeout=60)
        chat.says()(call)

    upstream = stage.upstream(when_let_go)
    weir = stage.weir(config.gateway(upstream), around=FEW)
    (capped,) = weir.wait_logged("connections_capped")
    assert capped["files"] == 600 and capped["needed"] == 22756
    clients = []
    for number in range(capped["cap"] + 40):
        client = Client(weir.address, timeout=40)
        client.ask("POST", chat.PATH, chat.question(str(number)))
        clients.append(client)
    until(lambda: weir.metrics.sum("weir_connections_refused_total") >= 40, what="the last ones")
    most = capped["in_flight_cap"] * 19 // 20
    until(lambda: len(upstream.calls) >= min(most, capped["cap"]), 20, "all calls")
    go.set()
    statuses = []
    for client in clients:
        try:
            statuses.append(client.response().status)
        except TURNED_AWAY:
            statuses.append(None)  # turned away
        client.close()
    assert set(statuses) <= {200, 503, None}
    assert statuses.count(200) >= most
    assert weir.get("/readyz").status == 200
