# SPDX-License-Identifier: Apache-2.0
"""U4, V8: looking up a name blocks nobody, and ends with whoever asked."""

import pytest

from weirtest import chat, config, dns
from weirtest.client import Client
from weirtest.patience import PROMPTLY, await_event

pytestmark = pytest.mark.skipif(
    not dns.is_possible(), reason="a name server of one's own takes root and mount namespaces"
)


@pytest.fixture
def names(stage):
    return stage.keep(dns.NameServer())


def named(upstream, **overlay):
    """One model `chat` at an upstream known by name, and one `other` known by address."""
    setup = config.gateway(upstream, **overlay)
    setup["server"]["workers"] = 1
    setup["upstreams"]["far"] = config.upstream(upstream)
    setup["upstreams"]["far"]["endpoints"] = [upstream.url.replace("127.0.0.1", "far.test")]
    setup["upstreams"]["far"]["timeouts"]["connect"] = "40s"
    setup["models"]["other"] = dict(setup["models"]["chat"])
    setup["models"]["chat"] = dict(setup["models"]["chat"], routes=[{"upstream": "far"}])
    return setup


def test_u4_a_name_is_resolved_and_remembered(stage, names):
    names.answers.set()
    upstream = stage.upstream(chat.says("here"))
    weir = stage.weir(named(upstream), around=names.around)
    assert weir.post(chat.PATH, chat.question()).status == 200
    names.answers.clear()
    assert weir.post(chat.PATH, chat.question()).status == 200


def test_u4_a_silent_name_server_holds_up_nobody_else(stage, names):
    upstream = stage.upstream(chat.says("here"))
    weir = stage.weir(named(upstream), around=names.around)
    with Client(weir.address) as waiting:
        waiting.ask("POST", chat.PATH, chat.question())
        await_event(names.asked, what="a question to the name server")
        for _ in range(20):
            assert weir.post(chat.PATH, chat.question(model="other")).status == 200
        assert not names.answers.is_set() and weir.metrics.sum("weir_in_flight") == 1
        names.answers.set()
        assert waiting.response().status == 200


def test_u4_a_client_that_leaves_while_a_name_is_looked_up_ends_its_request_at_once(stage, names):
    upstream = stage.upstream(chat.says("here"))
    weir = stage.weir(named(upstream), around=names.around)
    client = Client(weir.address)
    client.ask("POST", chat.PATH, chat.question())
    await_event(names.asked, what="a question to the name server")
    client.reset()
    weir.wait_logged("exchange_end", outcome="client_cancel", timeout=PROMPTLY)
    weir.metrics.wait("weir_in_flight", 0, timeout=PROMPTLY)
    assert weir.post(chat.PATH, chat.question(model="other")).status == 200
    names.answers.set()


def test_u4_a_silent_name_server_is_an_unreachable_upstream(stage, names):
    upstream = stage.upstream(chat.says("here"))
    setup = named(upstream)
    setup["upstreams"]["far"]["timeouts"]["connect"] = "300ms"
    weir = stage.weir(setup, around=names.around)
    response = weir.post(chat.PATH, chat.question())
    assert response.status == 502 and response.header("x-weir-attempts") == "0"
    names.answers.set()
