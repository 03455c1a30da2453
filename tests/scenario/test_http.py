# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 as spoken to clients: keep-alive, pipelining, chunks, 100-continue, limits, timeouts."""

import json
import threading
import time

import pytest

from weirtest import chat, config
from weirtest.client import Client, request_bytes
from weirtest.patience import until

KIB = 1024


@pytest.fixture(scope="module")
def server(shared_stage):
    """One gateway with a small limit for facts that leave nothing behind."""
    upstream = shared_stage.upstream(chat.says())
    return upstream, shared_stage.weir(config.gateway(upstream, server={"max_body": "64KiB"}))


@pytest.fixture(scope="module")
def hasty(shared_stage):
    """One that waits for nobody."""
    upstream = shared_stage.upstream(chat.says())
    limits = {"header_timeout": "600ms", "body_timeout": "600ms", "idle_timeout": "1s"}
    return upstream, shared_stage.weir(config.gateway(upstream, server=limits))


def error_then_close(client, *statuses):
    """One JSON error with `Connection: close`, then the end of the connection."""
    response = client.response()
    assert response.status in statuses, response.head
    assert response.header("content-type").startswith("application/json")
    assert response.error["message"]
    assert response.header("connection") == "close"
    assert client.at_eof()
    return response


# -- keep-alive, pipelining, chunks ------------------------------------------------------


def test_many_requests_share_one_connection(server):
    with Client(server[1].address) as client:
        for number in range(20):
            response = client.post(chat.PATH, chat.question(str(number)))
            assert response.status == 200 and response.header("connection") != "close"


def test_connection_close_is_honoured(server):
    with Client(server[1].address) as client:
        response = client.post(chat.PATH, chat.question(), {"Connection": "close"})
        assert response.status == 200 and response.header("connection") == "close"
        assert client.at_eof()


def test_http_1_0_is_answered_and_closed(server):
    with Client(server[1].address) as client:
        client.send(b"GET /livez HTTP/1.0\r\n\r\n")
        response = client.response()
        assert response.status == 200 and response.header("transfer-encoding") is None
        assert client.at_eof()


def test_http_1_0_stream_is_not_chunked(server):
    body = chat.question(stream=True)
    with Client(server[1].address) as client:
        client.send(
            b"POST /v1/chat/completions HTTP/1.0\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        response = client.response()
    assert response.header("transfer-encoding") is None
    assert response.events[-1] == b"[DONE]"


def test_pipelined_requests_are_answered_in_order(server):
    upstream, weir = server
    upstream.script = lambda call: call.answer(
        200, chat.completion(json.loads(call.request.body)["messages"][0]["content"])
    )
    wire = b"".join(
        request_bytes("POST", chat.PATH, chat.question(f"number {i}")) for i in range(10)
    )
    with Client(weir.address) as client:
        client.send(wire)
        for number in range(10):
            text = client.response().json()["choices"][0]["message"]["content"]
            assert text == f"number {number}"
    upstream.script = chat.says()


def test_a_pipelined_request_after_a_stream_waits_its_turn(server):
    wire = request_bytes("POST", chat.PATH, chat.question(stream=True))
    with Client(server[1].address) as client:
        client.send(wire + request_bytes("GET", "/livez") + wire)
        assert client.response().events[-1] == b"[DONE]"
        assert client.response().status == 200
        assert client.response().events[-1] == b"[DONE]"


@pytest.mark.parametrize("split", [1, 2, 5, 17])
def test_requests_arrive_in_any_pieces(server, split):
    body = chat.question("in pieces")
    whole = request_bytes("POST", chat.PATH, body)
    before = len(server[0].calls)
    with Client(server[1].address) as client:
        client.send(whole + whole, split=split)
        assert (client.response().status, client.response().status) == (200, 200)
    assert len(server[0].calls) == before + 2
    assert json.loads(server[0].requests[-1].body)["messages"][0]["content"] == "in pieces"


def chunked(body, size, extension=b""):
    parts = [body[i : i + size] for i in range(0, len(body), size)]
    framed = b"".join(b"%x%s\r\n%s\r\n" % (len(p), extension, p) for p in parts)
    return framed + b"0\r\n\r\n"


CHUNKED_HEAD = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


@pytest.mark.parametrize("size, split", [(1, None), (7, 1), (1000, None), (13, 5)])
def test_chunked_requests_reach_upstream_whole(server, size, split):
    body = chat.question("chunks " * 20)
    with Client(server[1].address) as client:
        client.send(CHUNKED_HEAD + chunked(body, size), split=split)
        assert client.response().status == 200
        client.send(CHUNKED_HEAD + chunked(body, size, b";a=b"), split=split)
        assert client.response().status == 200
    assert server[0].requests[-1].body == body.replace(b'"chat"', b'"real-model"')


def test_100_continue_is_said_at_once(server):
    body = chat.question()
    with Client(server[1].address) as client:
        head = request_bytes("POST", chat.PATH, body, {"Expect": "100-continue"})
        client.send(head[: -len(body)])
        assert client.raw_head().startswith(b"HTTP/1.1 100")
        client.send(body)
        assert client.response().status == 200


def test_100_continue_is_not_said_to_a_request_that_is_refused(server):
    headers = {"Expect": "100-continue", "Content-Length": str(1 << 30)}
    with Client(server[1].address) as client:
        client.send(request_bytes("POST", chat.PATH, b"", headers))
        assert client.raw_head().startswith(b"HTTP/1.1 413")


def test_an_unknown_expectation_is_417(server):
    with Client(server[1].address) as client:
        client.send(request_bytes("POST", chat.PATH, b"{}", {"Expect": "200-ok"}))
        assert client.response().status == 417


# -- limits ------------------------------------------------------------------------------


def test_a_url_over_8_kib_is_414(server):
    with Client(server[1].address) as client:
        assert client.get("/livez?" + "q" * 8000).status == 200
    with Client(server[1].address) as client:
        client.send(b"GET /livez?" + b"q" * 9000)
        error_then_close(client, 414)


def test_64_kib_of_headers_pass_and_more_is_431(server):
    with Client(server[1].address) as client:
        fields = {f"x-{i}": "v" * 1000 for i in range(60)}
        assert client.get("/livez", fields).status == 200
    with Client(server[1].address) as client:
        client.send(request_bytes("GET", "/livez", None, {"x-big": "v" * 70 * KIB}))
        error_then_close(client, 431)


def test_128_fields_pass_and_more_is_431(server):
    with Client(server[1].address) as client:
        assert client.get("/livez", {f"x-{i}": "1" for i in range(120)}).status == 200
    with Client(server[1].address) as client:
        client.send(request_bytes("GET", "/livez", None, {f"x-{i}": "1" for i in range(129)}))
        error_then_close(client, 431)


def test_header_limits_hold_for_endless_names_and_values(server):
    for endless in (b"x" * 200 * KIB, b"x-a: " + b"v" * 200 * KIB):
        with Client(server[1].address) as client:
            try:
                client.send(b"GET /livez HTTP/1.1\r\nHost: a\r\n" + endless)
            except (BrokenPipeError, ConnectionResetError):
                pass
            error_then_close(client, 431)


@pytest.mark.parametrize("form", ["length", "chunks"])
def test_a_body_over_the_limit_is_a_json_413_that_names_it(server, form):
    before = len(server[0].calls)
    body = chat.question("m" * 80 * KIB)
    wire = request_bytes("POST", chat.PATH, body)
    if form == "chunks":
        wire = CHUNKED_HEAD + chunked(body, 4096)
    with Client(server[1].address) as client:
        try:
            client.send(wire)
        except (BrokenPipeError, ConnectionResetError):
            pass
        response = client.response()
    said = response.error["message"].replace(" ", "")
    assert response.status == 413 and ("64KiB" in said or "65536" in said)
    assert response.header("x-should-retry") == "false"
    assert len(server[0].calls) == before


def test_a_413_where_no_dialect_is_spoken_is_problem_json(server):
    headers = {"Content-Length": str(80 * KIB)}
    with Client(server[1].address) as client:
        client.send(request_bytes("POST", "/v1/predict/chat", b"", headers))
        response = client.response()
    assert response.header("content-type").startswith("application/problem+json")
    assert response.json()["status"] == 413 and "65536" in response.json()["detail"]


def test_a_body_at_the_limit_passes(server):
    body = chat.question("")
    body = chat.question("m" * (64 * KIB - len(body)))
    assert len(body) == 64 * KIB and server[1].post(chat.PATH, body).status == 200


def test_chunk_extensions_are_bounded(server):
    before = len(server[0].calls)
    with Client(server[1].address) as client:
        try:
            client.send(CHUNKED_HEAD + b"2;" + b"e" * 100 * KIB + b"\r\n{}\r\n0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        error_then_close(client, 400, 413, 431)
    assert len(server[0].calls) == before


def test_max_connections_is_a_cap_and_room_comes_back(stage):
    few = {"max_connections": 8, "workers": 1}
    weir = stage.weir(config.gateway(stage.upstream(chat.says()), server=few))
    held = [Client(weir.address) for _ in range(8)]
    for client in held:
        assert client.get("/livez").status == 200
    with Client(weir.address, timeout=1) as extra:
        try:
            extra.ask("GET", "/livez")
            refused = extra.response().status == 503
        except (OSError, AssertionError):
            refused = True
    assert refused
    for client in held:
        client.close()
    until(lambda: answers(weir), what="room for a new connection")


def answers(weir):
    try:
        return weir.get("/livez").status == 200
    except (OSError, AssertionError):
        return False


# -- timeouts ----------------------------------------------------------------------------


def test_headers_that_do_not_come_are_408_or_a_close(hasty):
    for start in (b"GET /livez HTTP/1.1\r\nHost: a\r\n", b"GET /li"):
        began = time.monotonic()
        with Client(hasty[1].address) as client:
            client.send(start)
            said = client.read_all()
            assert not said or said.startswith(b"HTTP/1.1 408")
        assert time.monotonic() - began < 8, "the usual limit is longer"


def test_a_header_a_byte_at_a_time_does_not_hold_the_connection(hasty):
    client = Client(hasty[1].address, timeout=0.05)
    client.send(b"GET /livez HTTP/1.1\r\nx: ")
    began = time.monotonic()
    while not client.eof and time.monotonic() - began < 20:
        try:
            client.send(b"s")
            client.read_all()
        except TimeoutError:
            continue
        except OSError:
            break
    client.close()
    assert time.monotonic() - began < 8


def test_a_body_that_stalls_is_408_and_reaches_nobody(hasty):
    before = len(hasty[0].calls)
    with Client(hasty[1].address) as client:
        client.send(request_bytes("POST", chat.PATH, chat.question())[:-3])
        error_then_close(client, 408)
    assert len(hasty[0].calls) == before


def test_a_slow_body_that_makes_progress_is_served(stage):
    body = chat.question("a slow body")
    whole = request_bytes("POST", chat.PATH, body)
    limits = {"body_timeout": "3s"}
    weir = stage.weir(config.gateway(stage.upstream(chat.says()), server=limits))
    tick = threading.Event()
    with Client(weir.address) as client:
        client.send(whole[: -len(body)])
        for start in range(0, len(body), 10):
            tick.wait(0.5)
            client.send(body[start : start + 10])
        assert client.response().status == 200


def test_idle_connections_are_closed_without_a_word(hasty):
    with Client(hasty[1].address) as client:
        assert client.get("/livez").status == 200
        began = time.monotonic()
        assert client.at_eof()
        assert 0.5 < time.monotonic() - began < 15


def test_x2_a_connection_in_use_is_not_closed_at_the_idle_timeout(hasty):
    upstream, weir = hasty
    go = threading.Event()

    def slow(call):
        call.wait(go)
        chat.says()(call)

    upstream.next(slow)
    with Client(weir.address) as client:
        client.ask("POST", chat.PATH, chat.question())
        go.wait(1.6)
        go.set()
        assert client.response().status == 200


def test_x2_upstream_connections_are_let_go_before_upstreams_idle_limit(stage):
    """Idle connections to upstreams are kept for at most 15 s, less than any server's limit."""
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(upstream, server={"workers": 1}))
    for number in range(3):
        assert weir.post(chat.PATH, chat.question(str(number))).status == 200
    upstream.drop_connections()
    until(lambda: upstream.open_connections == 0)
    assert weir.post(chat.PATH, chat.question("after")).status == 200


def test_five_hundred_connections_are_served_at_once(stage):
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(upstream))
    clients = [Client(weir.address, timeout=60) for _ in range(500)]
    for number, client in enumerate(clients):
        client.ask("POST", chat.PATH, chat.question(str(number % 50)))
    assert {client.response().status for client in clients} == {200}
    for client in clients:
        client.close()
    until(lambda: weir.metrics.sum("weir_in_flight") == 0)


def test_a_head_request_has_no_body(server):
    with Client(server[1].address) as client:
        client.ask("HEAD", "/livez")
        assert client.response("HEAD").status == 200
        assert client.get("/livez").status == 200
