# SPDX-License-Identifier: Apache-2.0
"""HTTPS upstreams with a private authority, U1's ALPN, U4's DNS, and U14's proxy trap."""

import time

import pytest

from weirtest import chat, config
from weirtest.certs import Authority
from weirtest.client import Client
from weirtest.upstream import tls_context


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


def secure(stage, authority, name, trusted=None, script=None, **leaf):
    """A TLS upstream with a certificate of its own, and a gateway that trusts `trusted`."""
    context = tls_context(*authority.leaf(name, **leaf))
    offered = []
    upstream = stage.upstream(
        script or chat.says("one two"),
        tls=context,
        on_connect=lambda call: offered.append(call.connection.socket.selected_alpn_protocol()),
    )
    setup = config.gateway(upstream)
    if trusted:
        setup["upstreams"]["up"]["tls"] = {"ca": trusted}
    upstream.alpn = offered
    return upstream, setup


def assert_not_called(stage, upstream, setup):
    weir = stage.weir(setup)
    response = weir.post(chat.PATH, chat.question())
    assert response.status in (502, 503) and response.error["message"]
    assert len(upstream.calls) == 0
    return weir


def test_a_good_certificate_is_trusted_plain_and_streamed(stage, authority):
    upstream, setup = secure(stage, authority, "good", authority.ca)
    weir = stage.weir(setup)
    assert weir.post(chat.PATH, chat.question()).status == 200
    response = weir.post(chat.PATH, chat.question(stream=True))
    assert chat.text_of(response.events) == "onetwo" and response.events[-1] == b"[DONE]"


def test_u1_only_http_1_1_is_spoken(stage, authority):
    upstream, setup = secure(stage, authority, "alpn", authority.ca)
    stage.weir(setup).post(chat.PATH, chat.question())
    assert set(upstream.alpn) <= {"http/1.1", None}
    assert upstream.requests[0].version == "HTTP/1.1"


def test_an_unknown_authority_is_refused(stage, authority):
    assert_not_called(stage, *secure(stage, authority, "unknown"))


def test_another_authority_is_refused(stage, authority, tmp_path):
    other = Authority(tmp_path, "other")
    assert_not_called(stage, *secure(stage, authority, "foreign", other.ca))


def test_a_wrong_host_name_is_refused(stage, authority):
    assert_not_called(
        stage, *secure(stage, authority, "wrong", authority.ca, host="elsewhere.test")
    )


def test_an_expired_certificate_is_refused(stage, authority):
    assert_not_called(stage, *secure(stage, authority, "old", authority.ca, days=-1))


def test_f2_a_tls_fault_moves_on_to_the_next_route(stage, authority):
    bad, setup = secure(stage, authority, "moves", authority.ca, days=-1)
    good = stage.upstream(chat.says("from the second"))
    setup["upstreams"]["good"] = config.upstream(good)
    setup["models"]["chat"]["routes"].append({"upstream": "good", "model": "m"})
    response = stage.weir(setup).post(chat.PATH, chat.question())
    assert response.status == 200 and b"from the second" in response.body


def test_s1_a_tls_stream_cut_without_a_close_notify_is_truncated(stage, authority):
    cut = chat.stream(chat.event({"content": "Hello"}), then="close")
    _, setup = secure(stage, authority, "cut", authority.ca, cut)
    response = stage.weir(setup).post(chat.PATH, chat.question(stream=True))
    assert chat.text_of(response.events) == "Hello"
    assert len(chat.errors_in(response.events)) == 1 and b"[DONE]" not in response.body


def test_u2_tls_connections_closed_while_idle_cost_no_request(stage, authority):
    def answer_and_leave(call):
        chat.says()(call)
        call.close()

    upstream, setup = secure(stage, authority, "idle", authority.ca, answer_and_leave)
    weir = stage.weir(setup)
    for number in range(6):
        assert weir.post(chat.PATH, chat.question(str(number))).status == 200
    assert len(upstream.calls) == 6


def test_a_tls_upstream_on_a_plain_port_is_an_error_not_a_hang(stage):
    upstream = stage.upstream(chat.says())
    setup = config.gateway(upstream)
    setup["upstreams"]["up"]["endpoints"] = [f"https://localhost:{upstream.port}/v1"]
    setup["upstreams"]["up"]["timeouts"]["connect"] = "2s"
    response = stage.weir(setup).post(chat.PATH, chat.question())
    assert response.status in (502, 503, 504)


def test_u14_proxies_of_the_environment_are_ignored(stage):
    trap, upstream = stage.upstream(chat.says("trapped")), stage.upstream(chat.says("direct"))
    names = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    weir = stage.weir(config.gateway(upstream), env={name: trap.origin for name in names})
    response = weir.post(chat.PATH, chat.question())
    assert b"direct" in response.body and trap.accepted == 0


def test_u4_a_name_that_does_not_resolve_is_an_error_and_blocks_nobody(stage):
    setup = config.gateway(stage.upstream(chat.says()))
    setup["upstreams"]["lost"] = {
        "dialect": "openai",
        "endpoints": ["http://no-such-host.invalid:9/v1"],
        "timeouts": {"connect": "20s"},
    }
    setup["models"]["lost"] = {"routes": [{"upstream": "lost", "model": "m"}], "deadline": "30s"}
    weir = stage.weir(setup)
    lost = Client(weir.address)
    lost.ask("POST", chat.PATH, chat.question().replace(b'"chat"', b'"lost"'))
    began = time.monotonic()
    assert weir.post(chat.PATH, chat.question()).status == 200
    assert time.monotonic() - began < 10
    assert lost.response().status in (502, 503, 504)
    lost.close()


def test_u4_a_name_is_resolved(stage):
    upstream = stage.upstream(chat.says())
    setup = config.gateway(upstream)
    setup["upstreams"]["up"]["endpoints"] = [f"http://localhost:{upstream.port}/v1"]
    weir = stage.weir(setup)
    for number in range(3):
        assert weir.post(chat.PATH, chat.question(str(number))).status == 200
    assert upstream.requests[0].header("host") == f"localhost:{upstream.port}"
