# SPDX-License-Identifier: Apache-2.0
"""P1, P3-P5: bytes that need no change are not changed; statuses, errors and names stay true."""

import gzip
import json
import threading
import time

import pytest

from weirtest import chat, config
from weirtest.client import Client, request_bytes
from weirtest.patience import until

ODD = (
    b'{ "zeta": 0.1, "model" : "chat",\t"big":18446744073709551616, "e": 1e2, "neg": -0.0,\r\n'
    b' "messages":[{"role":"user","content":"caf\\u00e9 \\ud83d\\ude00 \xc3\xa9 \\/ \\u0000"}],'
    b' "enable_thinking":false, "nested": {"model": "not me", "b":2,"a":1}, "nul": null,'
    b' "num": 100000000000000000000000000000000000000000000.5E-3 , "half": "\\ud83d" }'
)


def started(stage, script, **overlay):
    upstream = stage.upstream(script)
    return upstream, stage.weir(config.gateway(upstream, **overlay))


def test_p1_only_the_model_is_spliced_in_a_request(stage):
    upstream, weir = started(stage, chat.says())
    assert weir.post(chat.PATH, ODD).status == 200
    assert upstream.requests[0].body == ODD.replace(b'"chat"', b'"real-model"')


def test_p1_a_stream_request_that_asks_for_usage_is_spliced_only(stage):
    upstream, weir = started(stage, chat.says())
    body = ODD[:-1] + b', "stream_options": {"include_usage": true}, "stream":true }'
    weir.post(chat.PATH, body)
    assert upstream.requests[0].body == body.replace(b'"chat"', b'"real-model"')


def test_p1_usage_is_asked_for_and_its_chunk_taken_out_again(stage):
    events = chat.stream_of("a", "b")
    events.insert(-1, chat.usage_event())
    upstream, weir = started(stage, chat.stream(*events))
    response = weir.post(chat.PATH, chat.question(stream=True))
    sent = json.loads(upstream.requests[0].body)
    assert sent["stream_options"]["include_usage"] is True
    chunks = [json.loads(event) for event in response.events[:-1]]
    assert all(chunk["choices"] for chunk in chunks)
    assert not any(chunk.get("usage") for chunk in chunks)
    assert weir.metrics.sum("gen_ai_client_token_usage_sum", gen_ai_token_type="output") == 7


def test_p1_a_stream_differs_from_upstreams_bytes_in_the_model_alone(stage):
    odd = b'data:{"model":"real-model", "id":"x","choices":[{"index":0,"delta":{"content":"1"},'
    odd += b'"logprobs":{"v":-9999.0, "big":18446744073709551616}}], "x_vendor": 1e2}\n\n'
    events = [chat.stream_of()[0], odd, *chat.stream_of("z")[1:]]
    _, weir = started(stage, chat.stream(*events))
    ask = chat.question(stream=True, stream_options={"include_usage": True})
    response = weir.post(chat.PATH, ask)
    assert response.body == b"".join(events).replace(b'"real-model"', b'"chat"')


def test_p1_a_plain_answer_differs_from_upstreams_bytes_in_the_model_alone(stage):
    body = (
        b'{"id":"x", "object":"chat.completion","model" : "real-model","created":1e2,\n'
        b'"choices":[{"index":0,"message":{"role":"assistant","content":"\\ud83d \\u00e9",'
        b'"reasoning_content":"r"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,'
        b'"completion_tokens":2,"total_tokens":3},"x_big":18446744073709551616,"x":0.10 }'
    )
    _, weir = started(stage, chat.says(body=body))
    response = weir.post(chat.PATH, chat.question())
    assert response.body == body.replace(b'"real-model"', b'"chat"')


@pytest.mark.parametrize("method", ["length", "close"])
def test_p4_answers_are_framed_anew_and_whole(stage, method):
    body = chat.completion("f" * 200000)

    def script(call):
        call.head(200, {"Content-Type": "application/json"}, method, length=len(body))
        call.raw(body, split=5000)
        if method == "close":
            call.close()

    _, weir = started(stage, script)
    response = weir.post(chat.PATH, chat.question())
    assert response.body == body.replace(b'"real-model"', b'"chat"') and response.complete


# -- P3: statuses and errors -------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_p3_upstreams_own_error_arrives_byte_for_byte(stage, status):
    body = b'{"error":{"message":"model \\"x\\" said no",  "code":"odd","n":1e2}}'
    _, weir = started(stage, chat.says(status=status, body=body))
    response = weir.post(chat.PATH, chat.question())
    assert (response.status, response.body) == (status, body)
    assert response.header("content-type").startswith("application/json")


@pytest.mark.parametrize("status", [429, 503, 529])
def test_p3_every_busy_answer_has_an_integer_retry_after(stage, status):
    _, weir = started(stage, chat.fails(status))
    response = weir.post(chat.PATH, chat.question())
    assert response.status == status and int(response.header("retry-after")) >= 1
    assert "it broke" in response.error["message"]


@pytest.mark.parametrize("status", [500, 502, 504])
def test_p3_a_page_of_html_becomes_a_short_json_error(stage, status):
    page = b"<html><h1>Bad gateway</h1>" + b"<p>filler</p>" * 2000
    script = chat.says(status=status, body=page, headers={"Content-Type": "text/html"})
    _, weir = started(stage, script)
    response = weir.post(chat.PATH, chat.question())
    assert response.status in (status, 502)
    assert response.header("content-type").startswith("application/json")
    assert response.error["message"] and len(response.body) < 4096


@pytest.mark.parametrize("status", [401, 403])
def test_p3_upstreams_refusal_of_our_key_is_not_told_as_the_callers(stage, status):
    _, weir = started(stage, chat.fails(status, message="Incorrect API key: sk-up-1234"))
    response = weir.post(chat.PATH, chat.question())
    assert response.status in (status, 500, 502)
    assert response.error["message"]


def test_p3_the_body_of_a_200_that_is_an_error_is_not_a_success(stage):
    body = b'{"error":{"message":"out of capacity","type":"server_error","code":null}}'
    _, weir = started(stage, chat.says(body=body))
    response = weir.post(chat.PATH, chat.question())
    assert response.status >= 500 and "out of capacity" in response.error["message"]


# -- P4: compression and framing headers -------------------------------------------------


def test_p4_upstream_is_asked_for_identity(stage):
    upstream, weir = started(stage, chat.says())
    weir.post(chat.PATH, chat.question(), {"Accept-Encoding": "gzip, br"})
    assert upstream.requests[0].header("accept-encoding") in (None, "identity")


def test_p4_framing_and_session_headers_of_upstream_do_not_travel(stage):
    headers = {
        "Keep-Alive": "timeout=5", "Connection": "keep-alive, X-Private", "X-Private": "1",
        "Trailer": "X-T", "Set-Cookie": "a=b", "Proxy-Authenticate": "Basic",
        "x-ratelimit-remaining-requests": "41", "openai-processing-ms": "12",
        "x-request-id": "up-77",
    }  # fmt: skip
    _, weir = started(stage, chat.says(headers=headers))
    response = weir.post(chat.PATH, chat.question())
    for name in ("keep-alive", "x-private", "trailer", "set-cookie", "proxy-authenticate",
                 "content-encoding"):  # fmt: skip
        assert response.header(name) is None, name
    assert response.header("x-ratelimit-remaining-requests") == "41"
    assert response.header("x-upstream-request-id") == "up-77"
    assert response.all("x-request-id") != ["up-77"]
    assert len(response.all("content-length") + response.all("transfer-encoding")) == 1


def test_p4_a_compressed_answer_nobody_asked_for_is_never_passed_as_json(stage):
    body = gzip.compress(chat.completion())
    _, weir = started(stage, chat.says(body=body, headers={"Content-Encoding": "gzip"}))
    response = weir.post(chat.PATH, chat.question())
    assert response.status == 502 or response.json()["choices"]


def test_p4_a_compressed_request_is_inflated_or_refused(stage):
    upstream, weir = started(stage, chat.says())
    body = gzip.compress(chat.question())
    response = weir.post(chat.PATH, body, {"Content-Encoding": "gzip"})
    assert response.status == 415 and "Content-Encoding" in response.error["message"]
    assert not upstream.calls


def test_p4_a_compressed_request_is_refused_before_its_body_is_there(stage):
    upstream, weir = started(stage, chat.says())
    for path, kind in ((chat.PATH, "application/json"),
                       ("/v1/predict/chat", "application/problem+json")):  # fmt: skip
        with Client(weir.address) as client:
            fields = {"Content-Encoding": "gzip", "Content-Length": "1000"}
            client.send(request_bytes("POST", path, b"", fields))
            response = client.response()
        assert response.status == 415 and response.header("content-type").startswith(kind)
    assert not upstream.calls


# -- P5: names ---------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_p5_the_answers_model_is_the_name_that_was_asked_for(stage, stream):
    _, weir = started(stage, chat.says("a b c"))
    response = weir.post(chat.PATH, chat.question(stream=stream))
    chunks = response.events[:-1] if stream else [response.body]
    assert {json.loads(chunk)["model"] for chunk in chunks} == {"chat"}
    assert response.header("x-weir-model") == "real-model"
    assert response.header("x-weir-upstream") == "up"
    assert b"real-model" not in response.body


def test_p5_the_default_upstream_gets_an_unknown_name_as_it_is(stage):
    upstream, weir = started(stage, chat.says(), default_upstream="up")
    body = chat.question().replace(b'"chat"', b'"vendor/some-model:7b"')
    assert weir.post(chat.PATH, body).status == 200
    assert upstream.requests[0].body == body


@pytest.mark.parametrize("name", ["a\r\nx-evil: 1", "a\nb", "a\0b", "\x1b[31m", "x" * 300])
def test_p5_a_name_that_would_break_a_header_is_no_model(stage, name):
    upstream, weir = started(stage, chat.says(), default_upstream="up")
    for stream in (False, True):
        body = {"model": name, "messages": [], "temperature": 0, "stream": stream}
        response = weir.post(chat.PATH, body)
        assert (response.status, response.error["code"]) == (404, "model_not_found")
        assert response.header("x-evil") is None
    assert not upstream.calls


def test_p5_an_unknown_name_is_404_and_reaches_nobody(stage):
    upstream, weir = started(stage, chat.says())
    response = weir.post(chat.PATH, chat.question().replace(b'"chat"', b'"caht"'))
    assert response.status == 404 and response.error["code"] == "model_not_found"
    assert response.header("x-should-retry") == "false" and not upstream.calls


# -- M2: big bodies ----------------------------------------------------------------------


def test_m2_twenty_mib_pass_both_ways_unharmed(stage):
    text = "b" * (20 << 20)
    upstream, weir = started(stage, chat.says(body=chat.completion(text)))
    response = weir.post(chat.PATH, chat.question(text), timeout=100)
    assert len(upstream.requests[0].body) > 20 << 20
    assert response.status == 200 and len(response.body) > 20 << 20
    assert response.json()["choices"][0]["message"]["content"] == text


def test_m2_small_requests_stay_quick_while_big_ones_upload(stage):
    upstream, weir = started(stage, chat.says())
    whole = request_bytes("POST", chat.PATH, chat.question("u" * (8 << 20)))
    sent, half, go = [], [], threading.Event()

    def upload():
        with Client(weir.address, timeout=60) as client:
            client.send(whole[: 4 << 20], split=65536)
            half.append(True)
            go.wait(60)
            client.send(whole[4 << 20 :], split=65536)
            sent.append(client.response().status)

    uploads = [threading.Thread(target=upload, daemon=True) for _ in range(6)]
    for thread in uploads:
        thread.start()
    until(lambda: len(half) == len(uploads), what="six bodies that are not whole")
    assert weir.post(chat.PATH, chat.question()).status == 200, "nobody waits for their rest"
    go.set()
    slowest = 0.0
    while len(sent) < len(uploads):
        start = time.monotonic()
        assert weir.get("/livez").status == 200
        slowest = max(slowest, time.monotonic() - start)
    assert sent == [200] * 6 and len(upstream.calls) == 7
    assert slowest < 10, "room for a busy machine under a sanitizer"
