# SPDX-License-Identifier: Apache-2.0
"""F1, F2, F4: what moves on to the next route, what never does, and how often anybody is asked."""

import json
import threading
import time

import pytest

from weirtest import chat, config
from weirtest.client import Client
from weirtest.patience import PROMPTLY, await_event, in_parallel
from weirtest.upstream import BlackHole, Refusing

SECOND = "answer of the second"


def reset(call):
    call.reset()


def close(call):
    call.close()


def empty_200(call):
    call.answer(200, b"")


def error_in_200(call):
    body = {"error": {"message": "no capacity", "type": "server_error", "code": 503}}
    call.answer(200, json.dumps(body).encode())


def html_in_200(call):
    call.answer(200, b"<html>network connection lost</html>", {"Content-Type": "text/html"})


def broken_json(call):
    call.answer(200, b'{"id": "x", "choices": [')


def bad_http(call):
    call.raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    call.close()


def half_head(call):
    call.raw(b"HTTP/1.1 200 OK\r\nContent-Type: appl")
    call.close()


def silent(call):
    call.hang()


def head_then_silent(call):
    call.head(200, {"Content-Type": "application/json"}, "length", length=300)
    call.hang()


def assert_attempts_agree(weir, response, *upstreams):
    """What the answer and the metrics say is what the upstreams saw."""
    posts = sum(len(upstream.calls) for upstream in upstreams)
    assert int(response.header("x-weir-attempts")) >= posts
    assert weir.metrics.sum("weir_upstream_attempts_total") >= posts
    return posts


QUICK = config.timeouts(connect="1500ms", headers="1500ms", first_data="1500ms", data_gap="1500ms")


@pytest.fixture(scope="module")
def table(shared_stage):
    """One gateway for the tables: two routes, a fresh script for the first in each test."""
    first = shared_stage.upstream(chat.says())
    second = shared_stage.upstream(chat.says(SECOND))
    return shared_stage.weir(config.gateway(first, second, **QUICK)), first, second


@pytest.fixture
def shared(table):
    """The table's gateway after a success, so that no run of faults has marked the first."""
    weir, first, second = table
    first.script = chat.says()
    assert weir.post(chat.PATH, chat.question()).status == 200
    return weir, first, second


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("status", [401, 403, 404, 408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_f2_status_moves_on_to_the_next_route(shared, status, stream):
    weir, first, second = shared
    before = len(first.calls), len(second.calls)
    first.script = chat.fails(status)
    response = weir.post(chat.PATH, chat.question(stream=stream))
    assert response.status == 200 and response.header("x-weir-upstream") == "up2"
    assert response.header("x-weir-attempts") == "2"
    assert (len(first.calls), len(second.calls)) == (before[0] + 1, before[1] + 1)


@pytest.mark.parametrize(
    "fault",
    [reset, close, empty_200, error_in_200, html_in_200, broken_json, bad_http, half_head,
     silent, head_then_silent],
    ids=lambda fault: fault.__name__,
)  # fmt: skip
def test_f2_fault_before_content_moves_on_to_the_next_route(shared, fault):
    weir, first, second = shared
    first.script = fault
    response = weir.post(chat.PATH, chat.question())
    assert response.status == 200 and SECOND in response.body.decode()
    assert response.header("x-weir-upstream") == "up2"


@pytest.mark.parametrize("status", [400, 413, 422])
def test_f2_the_callers_own_fault_is_returned_as_it_is(shared, status):
    weir, first, second = shared
    before = len(second.calls)
    body = b'{"error": {"message":"bad \\u00e9 thing",  "type":"x", "odd": 0.1}}'
    first.script = chat.says(status=status, body=body)
    response = weir.post(chat.PATH, chat.question())
    assert (response.status, response.body) == (status, body)
    assert len(second.calls) == before


@pytest.mark.parametrize("kind", [Refusing, BlackHole])
def test_f2_connection_failure_moves_on(stage, kind):
    first, second = stage.keep(kind()), stage.upstream(chat.says(SECOND))
    weir = stage.weir(config.gateway(first, second, **QUICK))
    response = weir.post(chat.PATH, chat.question())
    assert response.status == 200 and SECOND in response.body.decode()


def test_f2_connection_failure_tries_another_endpoint_of_the_same_upstream(stage):
    dead, alive = stage.keep(Refusing()), stage.upstream(chat.says())
    setup = config.gateway(alive)
    setup["upstreams"]["up"] = config.upstream(dead, alive)
    weir = stage.weir(setup)
    for number in range(4):
        assert weir.post(chat.PATH, chat.question(str(number))).status == 200


@pytest.mark.parametrize("fault", [reset, close, silent], ids=lambda fault: fault.__name__)
def test_f4_a_sent_request_is_not_put_to_the_same_upstream_again(stage, fault):
    one, two = stage.upstream(fault), stage.upstream(fault)
    setup = config.gateway(one, **QUICK)
    setup["upstreams"]["up"]["endpoints"].append(two.url)
    weir = stage.weir(setup)
    response = weir.post(chat.PATH, chat.question())
    assert response.status == (504 if fault is silent else 502)
    code = response.error["code"] or response.error["type"]
    assert ("timeout" in code) == (fault is silent)
    assert assert_attempts_agree(weir, response, one, two) == 1


def test_f4_retry_after_send_allows_a_second_try(stage):
    upstream = stage.upstream(chat.says("second try"))
    upstream.next(reset)
    setup = config.gateway(upstream, **{"upstreams": {"up": {"retry_after_send": True}}})
    weir = stage.weir(setup)
    response = weir.post(chat.PATH, chat.question())
    assert response.status == 200
    assert assert_attempts_agree(weir, response, upstream) == 2


def test_u3_posts_seen_never_exceed_attempts_when_kept_connections_die(stage):
    """The second request on each kept connection is read and dropped without a byte."""
    served = set()

    def drop_second(call):
        if call.connection in served:
            call.close()
        else:
            served.add(call.connection)
            chat.says()(call)

    upstream = stage.upstream(drop_second)
    weir = stage.weir(config.gateway(upstream))
    attempts = 0
    for number in range(12):
        response = weir.post(chat.PATH, chat.question(str(number)))
        assert response.status in (200, 502)
        attempts += int(response.header("x-weir-attempts"))
    assert len(upstream.calls) <= attempts
    assert weir.metrics.sum("weir_upstream_attempts_total") == attempts


def test_u2_connections_that_upstream_closed_while_idle_cost_no_request(stage):
    def answer_and_leave(call):
        chat.says()(call)
        call.close()

    upstream = stage.upstream(answer_and_leave)
    weir = stage.weir(config.gateway(upstream))
    for number in range(12):
        assert weir.post(chat.PATH, chat.question(str(number))).status == 200
        await_event(upstream.call(number).ended)
    assert len(upstream.calls) == 12


def test_u2_kept_connections_are_reused(stage):
    upstream = stage.upstream(chat.says())
    setup = config.gateway(upstream, server={"workers": 1})
    weir = stage.weir(setup)
    with Client(weir.address) as client:
        for number in range(10):
            assert client.post(chat.PATH, chat.question(str(number))).status == 200
    assert upstream.accepted == 1


def test_f1_nothing_moves_on_after_content_reached_the_client(stage):
    first = stage.upstream(chat.stream(chat.event({"content": "Half"}), then="reset"))
    second = stage.upstream(chat.says(SECOND))
    weir = stage.weir(config.gateway(first, second))
    response = weir.post(chat.PATH, chat.question(stream=True))
    assert chat.text_of(response.events) == "Half"
    assert len(chat.errors_in(response.events)) == 1 and len(second.calls) == 0


def test_f1_the_client_stream_has_one_start_one_id_and_one_model(stage):
    role = chat.event({"role": "assistant", "content": ""}, id="from-first")
    first = stage.upstream(chat.stream(role, then="reset"))
    second = stage.upstream(chat.says("a b c"))
    weir = stage.weir(config.gateway(first, second))
    response = weir.post(chat.PATH, chat.question(stream=True))
    chunks = [json.loads(e) for e in response.events if e != b"[DONE]"]
    assert {c["id"] for c in chunks} == {"chatcmpl-1"}
    assert {c["model"] for c in chunks} == {"chat"}
    assert sum("role" in c["choices"][0]["delta"] for c in chunks) == 1


def test_a_plain_answer_to_who_asked_for_a_stream_is_one_attempt(stage):
    upstream = stage.upstream(lambda call: call.answer(200, chat.completion("whole")))
    weir = stage.weir(config.gateway(upstream, **config.chat()))
    response = weir.post(chat.PATH, chat.question(stream=True))
    assert chat.text_of(response.events) == "whole"
    assert response.header("x-weir-attempts") == "1" and len(upstream.calls) == 1


def test_f2_max_attempts_limits_the_whole_chain(stage):
    servers = [stage.upstream(chat.fails(503)) for _ in range(4)]
    weir = stage.weir(config.gateway(*servers, **config.chat(max_attempts=2)))
    response = weir.post(chat.PATH, chat.question())
    assert response.status == 503 and int(response.header("retry-after")) >= 1
    assert sum(len(server.calls) for server in servers) == 2
    assert response.header("x-weir-attempts") == "2"


def test_f2_the_deadline_holds_over_the_whole_chain(stage):
    servers = [stage.upstream(silent) for _ in range(3)]
    setup = config.gateway(*servers, **config.chat(deadline="1s"))
    weir = stage.weir(setup)
    started = time.monotonic()
    response = weir.post(chat.PATH, chat.question())
    assert response.status == 504 and time.monotonic() - started < 10
    await_event(servers[0].call().gone, PROMPTLY, "cancel at the deadline")
    weir.metrics.wait("weir_requests_total", 1, outcome="timeout")


@pytest.mark.parametrize(
    "header", [{"x-weir-timeout": "500ms"}, {"x-stainless-timeout": "1"}], ids=str
)
def test_f2_the_caller_may_shorten_the_deadline(stage, header):
    upstream = stage.upstream(silent)
    weir = stage.weir(config.gateway(upstream))
    started = time.monotonic()
    assert weir.post(chat.PATH, chat.question(), header).status == 504
    assert time.monotonic() - started < 10


def test_an_sdks_timeout_ends_where_its_stream_begins(stage):
    late = threading.Event()
    upstream = stage.upstream(chat.stream(*chat.stream_of("a", "b")[:2], late,
                                          *chat.stream_of("a", "b")[2:]))  # fmt: skip
    weir = stage.weir(config.gateway(upstream))
    with Client(weir.address) as client:
        client.ask("POST", chat.PATH, chat.question(stream=True), {"x-stainless-timeout": "3"})
        response = client.head()
        client.until_event(response, 2)
        threading.Timer(3.3, late.set).start()
        client.rest(response)
    assert chat.text_of(response.events) == "ab" and response.events[-1] == b"[DONE]"


def test_f2_all_routes_failing_tells_the_last_true_status(stage):
    first = stage.upstream(chat.fails(500))
    second = stage.upstream(chat.fails(429, {"Retry-After": "7"}, "slow down"))
    weir = stage.weir(config.gateway(first, second))
    response = weir.post(chat.PATH, chat.question())
    assert response.status == 429 and response.header("retry-after") == "7"
    assert "slow down" in response.error["message"]
    assert response.header("x-weir-attempts") == "2"


def test_f2_no_route_reachable_is_a_json_502_or_503(stage):
    weir = stage.weir(config.gateway(stage.keep(Refusing()), stage.keep(Refusing())))
    response = weir.post(chat.PATH, chat.question())
    assert response.status in (502, 503)
    assert "127.0.0.1" not in response.body.decode()
    weir.metrics.wait("weir_requests_total", 1, outcome="upstream_error")


def test_u13_large_bodies_go_up_without_waiting_for_100_continue(stage):
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(upstream))
    assert weir.post(chat.PATH, chat.question("m" * (3 << 20))).status == 200
    assert upstream.requests[0].header("expect") is None


def test_u17_an_early_error_answer_is_final(stage):
    def refuse_early(call):
        call.answer(413, b'{"error":{"message":"too long for me"}}')
        call.close()
        return True

    upstream = stage.upstream(chat.says(), on_head=refuse_early)
    weir = stage.weir(config.gateway(upstream))
    response = weir.post(chat.PATH, chat.question("m" * (6 << 20)))
    assert response.status in (413, 502)
    assert len(upstream.heads) == 1 and len(upstream.calls) == 0


def test_f2_a_dead_upstream_does_not_slow_another_model(stage):
    go = threading.Event()
    hung = stage.upstream(lambda call: call.wait(go, 30))
    quick = stage.upstream(chat.says())
    setup = config.gateway(hung)
    setup["upstreams"]["quick"] = config.upstream(quick)
    setup["models"]["fast"] = {"routes": [{"upstream": "quick", "model": "q"}]}
    weir = stage.weir(setup)
    stuck = [Client(weir.address) for _ in range(50)]
    for number, client in enumerate(stuck):
        client.ask("POST", chat.PATH, chat.question(str(number)))
    body = json.dumps({"model": "fast", "messages": []}).encode()
    jobs = [lambda: weir.post(chat.PATH, body, timeout=15).status] * 10
    assert in_parallel(jobs) == [200] * 10
    go.set()
    for client in stuck:
        client.close()
