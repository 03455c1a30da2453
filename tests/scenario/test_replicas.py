# SPDX-License-Identifier: Apache-2.0
"""Two gateways behind a real HAProxy and a real nginx, with the files that are shipped. A
restart fails nothing and cuts no stream; a kill fails only what ran on the one."""

import signal
import socket
import threading

import pytest

from weirtest import chat, config
from weirtest.balancer import Balancer
from weirtest.client import Client
from weirtest.crowd import PATIENT, STREAMS, Crowd, is_whole, tells_and_counts
from weirtest.patience import until
from weirtest.redis import free_port

pytestmark = [pytest.mark.limit(400), pytest.mark.parametrize("kind", ["haproxy", "nginx"])]


class Pair:
    """Two gateways, their balancer, and an upstream whose streams end by `go`."""

    def __init__(self, stage, kind, folder):
        self.stage, self.go = stage, threading.Event()
        self.upstream = stage.upstream(tells_and_counts(self.go))
        self.ports = [free_port(), free_port()]
        self.weirs = [self.start(port) for port in self.ports]
        self.address = stage.keep(Balancer(kind, folder, self.ports)).address

    def start(self, port):
        server = {"listen": f"127.0.0.1:{port}", "drain": {"delay": "3s", "timeout": "120s"}}
        settings = config.gateway(self.upstream, server=server, upstreams={"up": PATIENT},
                                  **config.chat(deadline="200s"))  # fmt: skip
        return self.stage.weir(settings)


def refuses(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_rolling_restart_fails_nothing_and_cuts_no_stream(stage, tmp_path, kind):
    pair = Pair(stage, kind, tmp_path)
    crowd = Crowd(pair.address, pair.go)
    until(lambda: sum(w.metrics.sum("weir_in_flight") for w in pair.weirs) >= STREAMS, 60, "streams")
    crowd.asked_more(100)
    for old, port in zip(pair.weirs, pair.ports):
        # The new one takes the port as soon as the old one has left it, while its streams run on.
        old.drain()
        crowd.asked_more(50)
        until(lambda port=port: refuses(port), 60, "the old one to leave its port")
        fresh = pair.start(port)
        until(lambda fresh=fresh: fresh.metrics.sum("weir_requests_total") > 0, 60, "its first request")
        crowd.asked_more(100)
    crowd.end()
    assert crowd.asked > 300
    for old in pair.weirs:
        assert old.wait_exit(60) == 0


def test_of_a_killed_replica_only_its_own_requests_fail_and_their_retry_succeeds(
    stage, tmp_path, kind
):
    pair = Pair(stage, kind, tmp_path)
    clients = [Client(pair.address, timeout=60) for _ in range(20)]
    for client in clients:
        client.ask("POST", chat.PATH, chat.question(stream=True))
    until(lambda: all(w.metrics.sum("weir_in_flight") >= 5 for w in pair.weirs), 60, "streams on both")
    until(lambda: sum(w.metrics.sum("weir_in_flight") for w in pair.weirs) == 20, 60, "all of them")
    killed = pair.weirs[0]
    lost = int(killed.metrics.sum("weir_in_flight"))
    killed.killed = True
    killed.signal(signal.SIGKILL)
    killed.process.wait(10)
    pair.go.set()
    whole = 0
    for client in clients:
        try:
            response = client.response()
            whole += response.complete and is_whole(response.events)
        except (OSError, AssertionError):
            pass
        client.close()
    assert whole == len(clients) - lost
    for _ in range(lost):
        with Client(pair.address, timeout=60) as client:
            assert client.post(chat.PATH, chat.question("again")).status == 200
