# SPDX-License-Identifier: Apache-2.0
"""Upstreams and clients that keep to the letter of HTTP and SSE, and surprise all the same."""

import json
import threading
import time

import pytest

from weirtest import chat, config
from weirtest.client import Client, request_bytes
from weirtest.patience import until

ASK = chat.question(stream=True)
ROLE = chat.event({"role": "assistant", "content": ""})
HELLO = chat.event({"content": "Hello"})
STOP = chat.event({}, "stop")


def says_raw(*parts):
    """Sends bytes as they are; a callable part gets the call."""

    def script(call):
        for part in parts:
            if callable(part):
                part(call)
            else:
                call.raw(part)

    return script


def answer_bytes(status="200 OK", body=None, fields=""):
    body = chat.completion() if body is None else body
    head = f"HTTP/1.1 {status}\r\n{fields}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


# -- heads and statuses of an upstream ------------------------------------------------------


@pytest.mark.parametrize("status", ["100 Continue", "102 Processing", "103 Early Hints"])
def test_an_interim_answer_is_passed_over_and_leaves_no_header(stage, status):
    interim = f"HTTP/1.1 {status}\r\nx-ratelimit-limit-requests: 1\r\n\r\n".encode()
    weir = stage.weir(config.gateway(stage.upstream(says_raw(interim + answer_bytes()))))
    response = weir.post(chat.PATH, chat.question())
    assert response.status == 200 and response.header("x-ratelimit-limit-requests") is None


def test_an_upstream_that_switches_protocols_is_malformed_at_once(stage):
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    upstream = stage.upstream(says_raw(switch, lambda call: call.hang()))
    weir = stage.weir(config.gateway(upstream))
    before = time.monotonic()
    response = weir.post(chat.PATH, chat.question())
    assert response.status == 502 and response.error["code"] == "upstream_malformed"
    assert time.monotonic() - before < 10


@pytest.mark.parametrize("kind", ["text/html", None], ids=["html", "none"])
def test_p3_an_error_body_that_is_json_is_called_json(stage, kind):
    fields = f"Content-Type: {kind}\r\n" if kind else ""
    body = b'{"error":{"message":"no"}}'
    upstream = stage.upstream(says_raw(answer_bytes("400 Bad Request", body, fields)))
    weir = stage.weir(config.gateway(upstream))
    response = weir.post(chat.PATH, chat.question())
    assert response.body == body and response.header("content-type") == "application/json"


@pytest.mark.parametrize(
    "headers, low, high",
    [
        ({"Retry-After": "7"}, 7, 7),
        ({"Retry-After": "1.5"}, 2, 2),
        ({"retry-after-ms": "4500"}, 5, 5),
        ({"Retry-After": "HTTP-DATE"}, 30, 61),
        ({"Retry-After": "Wed, 01 Jan 2020 00:00:00 GMT"}, 1, 1),
    ],
    ids=["seconds", "fraction", "milliseconds", "date", "past"],
)
def test_p3_retry_after_is_what_upstream_said_in_whole_seconds(stage, headers, low, high):
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 60))
    headers = {name: value.replace("HTTP-DATE", date) for name, value in headers.items()}
    weir = stage.weir(config.gateway(stage.upstream(chat.fails(429, headers))))
    response = weir.post(chat.PATH, chat.question())
    assert response.status == 429
    assert low <= int(response.header("retry-after")) <= high


def test_an_upstreams_endless_request_id_does_not_travel(stage):
    upstream = stage.upstream(says_raw(answer_bytes(fields=f"x-request-id: {'a' * 60000}\r\n")))
    weir = stage.weir(config.gateway(upstream))
    response = weir.post(chat.PATH, chat.question())
    assert response.status == 200 and len(response.head) < 2048


def test_f3_should_retry_false_is_obeyed_inside_a_pool_and_another_route_is_asked(stage):
    pool = [stage.upstream(chat.fails(500, {"x-should-retry": "false"})) for _ in range(2)]
    other = stage.upstream(chat.says("from another"))
    settings = config.gateway(pool[0], other)
    settings["upstreams"]["up"]["endpoints"] = [server.url for server in pool]
    weir = stage.weir(settings)
    response = weir.post(chat.PATH, chat.question())
    assert response.status == 200 and response.header("x-weir-upstream") == "up2"
    assert sum(len(server.calls) for server in pool) == 1


# -- what the log says of a failure ----------------------------------------------------------


@pytest.mark.parametrize(
    "script, why",
    [
        (lambda call: call.hang(), "timeouts.headers"),
        (chat.stream(then="hang"), "timeouts.first_data"),
        (chat.stream(ROLE, HELLO, then="hang"), "timeouts.data_gap"),
        (says_raw(answer_bytes("301 Moved", b"", "Location: /x\r\n")), "answered 301"),
    ],
    ids=["headers", "first data", "gap", "redirect"],
)
def test_the_log_line_names_the_limit_or_the_status(stage, script, why):
    limits = config.timeouts(**({why.split(".")[1]: "500ms"} if "." in why else {}))
    weir = stage.weir(config.gateway(stage.upstream(script), **limits))
    weir.post(chat.PATH, ASK)
    assert why in weir.wait_logged("exchange_end")[0]["why"]


def test_the_log_line_says_that_a_name_does_not_resolve(stage):
    settings = config.gateway(stage.upstream(chat.says()))
    settings["upstreams"]["up"]["endpoints"] = ["http://no-such-host.invalid:1/v1"]
    weir = stage.weir(settings)
    assert weir.post(chat.PATH, ASK).status == 502
    assert "resolve" in weir.wait_logged("exchange_end")[0]["why"]


# -- streams ---------------------------------------------------------------------------------


def test_s1_a_finished_stream_whose_upstream_never_says_done_is_complete(stage):
    upstream = stage.upstream(chat.stream(ROLE, HELLO, STOP, then="hang"))
    weir = stage.weir(config.gateway(upstream, **config.timeouts(data_gap="2s")))
    response = weir.post(chat.PATH, ASK)
    assert response.complete and not chat.errors_in(response.events)
    assert weir.wait_logged("exchange_end")[0]["outcome"] == "ok"


def numbered(kind, number, **members):
    data = {"type": kind, "sequence_number": number, **members}
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), json.dumps(data).encode())


def test_s1_the_error_event_of_responses_is_numbered_and_carries_an_error(stage):
    events = [
        numbered("response.created", 0, response={"model": "real-model"}),
        numbered("response.output_text.delta", 1, delta="Hello"),
    ]
    upstream = stage.upstream(chat.stream(*events, then="reset"))
    weir = stage.weir(config.gateway(upstream))
    response = weir.post("/v1/responses", {"model": "chat", "input": "x", "stream": True})
    last = json.loads(response.events[-1])
    assert last["type"] == "error" and last["sequence_number"] == 2
    assert last["code"] == last["error"]["code"] == "stream_incomplete"
    assert last["message"] == last["error"]["message"]


def test_c6_a_leader_that_does_not_read_does_not_hold_up_its_followers(stage):
    go = threading.Event()
    big = [chat.event({"content": "x" * 32768}) for _ in range(200)]
    upstream = stage.upstream(chat.stream(ROLE, HELLO, go, *big, STOP, chat.DONE))
    weir = stage.weir(config.gateway(upstream))
    ask = chat.stable(stream=True)
    with Client(weir.address, receive_buffer=4096) as leader, Client(weir.address) as follower:
        leader.ask("POST", chat.PATH, ask)
        upstream.call()
        follower.ask("POST", chat.PATH, ask)
        response = follower.head()
        follower.until_event(response, 2)
        go.set()
        follower.rest(response)
        assert response.complete and response.events[-1] == b"[DONE]"
        leading = leader.rest(leader.head())
    assert leading.body == response.body and len(upstream.calls) == 1


# -- the end of the process ------------------------------------------------------------------


def test_x1_a_request_still_on_its_way_at_the_end_of_the_drain_is_told_so(stage):
    settings = config.gateway(
        stage.upstream(chat.says()), server={"drain": {"delay": "0s", "timeout": "300ms"}}
    )
    weir = stage.weir(settings)
    whole = request_bytes("POST", chat.PATH, chat.question())
    with Client(weir.address) as early, Client(weir.address) as late:
        early.send(whole[:20])
        late.send(whole[:-3])
        until(lambda: weir.metrics.sum("weir_connections") >= 3, what="both, and the one that asks")
        for _ in range(20):  # each loop has turned since, and heard what was said
            weir.get("/livez")
        weir.drain()
        for client in (early, late):
            response = client.response()
            assert response.status == 503 and int(response.header("retry-after")) >= 1
            assert response.header("connection") == "close"
    assert weir.wait_exit() == 0


def test_a_reload_while_draining_reaches_no_loop_that_has_ended(stage):
    go = threading.Event()
    upstream = stage.upstream(chat.stream(ROLE, HELLO, go, STOP, chat.DONE))
    settings = config.gateway(upstream, server={"drain": {"delay": "0s", "timeout": "60s"}})
    weir = stage.weir(settings)
    with Client(weir.address) as client:
        client.ask("POST", chat.PATH, ASK)
        response = client.head()
        client.until_event(response, 2)
        weir.drain()
        until(lambda: refuses(weir.address), what="the listeners' end")
        for count in range(1, 4):
            weir.reload()
            weir.wait_logged("reload", count)
        go.set()
        assert client.rest(response).complete
    assert weir.wait_exit() == 0


def refuses(address):
    try:
        Client(address).close()
    except ConnectionRefusedError:
        return True
    return False


# -- a caller's faults -----------------------------------------------------------------------


def test_what_is_refused_before_it_is_a_request_has_an_id_too(stage):
    weir = stage.weir(config.gateway(stage.upstream(chat.says())))
    with Client(weir.address) as client:
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        ours = client.response()
    with Client(weir.address) as client:
        fields = {"x-request-id": "mine", "Content-Length": "99999999999"}
        client.ask("POST", chat.PATH, b"", fields)
        mine = client.response()
    assert (ours.status, mine.status) == (400, 413)
    assert ours.header("x-request-id") and mine.header("x-request-id") == "mine"
    for response in (ours, mine):
        named = response.header("x-request-id")
        assert weir.wait_logged("exchange_end", request_id=named)[0]["status"] == response.status


@pytest.mark.parametrize(
    "body, member",
    [
        (b'{"messages":[]}', "model"),
        (b'{"model":"chat","stream":"yes"}', "stream"),
        (b'{"model":"chat","temperature":0,"temperature":1}', "temperature"),
    ],
)
def test_a_message_names_the_member_at_fault(stage, body, member):
    weir = stage.weir(config.gateway(stage.upstream(chat.says())))
    error = weir.post(chat.PATH, body).error
    assert error["param"] == member and f"'{member}'" in error["message"]


def test_floats_become_the_base64_that_was_asked_for(stage):
    answer = {"object": "list", "data": [{"index": 0, "embedding": [1, -2.5]}], "model": "e"}
    weir = stage.weir(config.gateway(stage.upstream(chat.says(body=json.dumps(answer).encode()))))
    asked = {"model": "chat", "input": "x", "encoding_format": "base64"}
    for _ in ("fresh", "kept"):
        given = weir.post("/v1/embeddings", json.dumps(asked).encode()).json()
        assert given["data"][0]["embedding"] == "AACAPwAAIMA="
    plain = weir.post("/v1/embeddings", json.dumps({"model": "chat", "input": "x"}).encode())
    assert plain.json()["data"][0]["embedding"] == [1, -2.5]


def test_a_header_whose_name_is_none_does_not_travel(stage):
    odd = {"x-ratelimit-a b": "1", "x-ratelimit-limit-tokens": "9"}
    weir = stage.weir(config.gateway(stage.upstream(chat.says(headers=odd))))
    response = weir.post(chat.PATH, chat.question())
    assert response.status == 200 and response.header("x-ratelimit-limit-tokens") == "9"
    assert b"a b" not in response.head
