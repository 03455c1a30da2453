# SPDX-License-Identifier: Apache-2.0
"""What a streamed answer may rely on: cuts, stalls, splits, big events, slow readers, errors."""

import json
import threading

import pytest

from weirtest import chat, config
from weirtest.client import Client
from weirtest.patience import PROMPTLY, await_event, until

ASK = chat.question(stream=True)
HELLO = chat.event({"content": "Hello"})
ROLE = chat.event({"role": "assistant", "content": ""})
MIB = 1024 * 1024


def streamed(weir, body=ASK, timeout=60):
    return weir.post(chat.PATH, body, timeout=timeout)


def assert_ends_in_one_error(response):
    """The stream ends properly, in one error event, without a finish and without [DONE]."""
    errors = chat.errors_in(response.events)
    assert response.status == 200 and response.complete
    assert len(errors) == 1 and chat.errors_in(response.events[-1:]) == errors
    assert b"[DONE]" not in response.body
    assert set(errors[0]) == {"message", "type", "param", "code"}
    return errors[0]


# -- S1: a cut stream never looks like a finished one ------------------------------------


@pytest.mark.parametrize("end", ["reset", "close", "end"])
def test_s1_cut_stream_ends_in_one_error_event_without_done(stage, end):
    upstream = stage.upstream(chat.stream(ROLE, HELLO, then=end))
    weir = stage.weir(config.gateway(upstream))
    response = streamed(weir)
    error = assert_ends_in_one_error(response)
    assert error["code"] == "stream_incomplete" and error["type"] == "upstream_error"
    assert str(upstream.port) not in error["message"]
    assert chat.text_of(response.events) == "Hello"
    weir.metrics.wait("weir_requests_total", 1, outcome="upstream_truncated")
    assert weir.metrics.sum("weir_requests_total", outcome="ok") == 0


def test_s1_cut_stream_emits_no_finish_reason_that_upstream_did_not_send(stage):
    upstream = stage.upstream(chat.stream(ROLE, HELLO, then="close"))
    weir = stage.weir(config.gateway(upstream))
    for payload in streamed(weir).events:
        for choice in json.loads(payload).get("choices", []):
            assert choice.get("finish_reason") is None


def test_s1_cut_stream_is_not_cached(stage):
    upstream = stage.upstream(chat.says("whole"))
    upstream.next(chat.stream(ROLE, HELLO, then="close"))
    weir = stage.weir(config.gateway(upstream))
    streamed(weir, chat.stable(stream=True))
    second = weir.post(chat.PATH, chat.stable())
    assert second.header("x-weir-cache") == "miss" and len(upstream.calls) == 2


def test_s1_an_event_cut_in_half_is_not_passed_as_an_event(stage):
    upstream = stage.upstream(chat.stream(ROLE, HELLO, HELLO[:-20], then="close"))
    weir = stage.weir(config.gateway(upstream))
    response = streamed(weir)
    assert_ends_in_one_error(response)


def test_s1_a_stream_with_a_finish_reason_but_no_done_is_complete(stage):
    upstream = stage.upstream(chat.stream(ROLE, HELLO, chat.event({}, "stop")))
    weir = stage.weir(config.gateway(upstream))
    response = streamed(weir)
    assert response.complete and not chat.errors_in(response.events)
    weir.metrics.wait("weir_requests_total", 1, outcome="ok")


def test_s1_a_plain_answer_cut_short_is_an_error_not_a_half_answer(stage):
    def script(call):
        call.head(200, {"Content-Type": "application/json"}, "length", length=5000)
        call.raw(chat.completion()[:100])
        call.reset()

    upstream = stage.upstream(script)
    weir = stage.weir(config.gateway(upstream))
    try:
        with Client(weir.address) as client:
            response = client.post(chat.PATH, chat.question())
    except ConnectionResetError:
        return
    assert response.status == 502 or not response.complete


# -- S3: five limits ---------------------------------------------------------------------


def test_s3_comments_do_not_postpone_the_first_data_limit(stage):
    def slow(call):
        call.head(200, {"Content-Type": "text/event-stream"})
        while True:
            call.chunk(b": still queued\n\n")
            call.pause(0.1)

    first, second = stage.upstream(slow), stage.upstream(chat.says("second here"))
    weir = stage.weir(config.gateway(first, second, **config.timeouts(first_data="500ms")))
    response = streamed(weir)
    assert chat.text_of(response.events) == "secondhere"
    assert response.header("x-weir-attempts") == "2"
    await_event(first.call().gone, PROMPTLY, "cancel of the silent upstream")


def test_s3_a_gap_between_data_events_ends_in_the_error_event(stage):
    upstream = stage.upstream(chat.stream(ROLE, HELLO, b": ping\n\n", then="hang"))
    weir = stage.weir(config.gateway(upstream, **config.timeouts(data_gap="2s")))
    assert_ends_in_one_error(streamed(weir))
    await_event(upstream.call().gone, PROMPTLY, "cancel of the stalled upstream")
    until(lambda: weir.metrics.sum("weir_in_flight") == 0)


def test_s3_a_stream_longer_than_each_limit_runs_on_while_data_comes(stage):
    def steady(call):
        call.head(200, {"Content-Type": "text/event-stream"})
        for _ in range(8):
            call.chunk(HELLO)
            call.pause(0.5)
        call.chunk(chat.event({}, "stop") + chat.DONE)
        call.end()

    upstream = stage.upstream(steady)
    limits = config.timeouts(first_data="3s", data_gap="3s", headers="3s")
    weir = stage.weir(config.gateway(upstream, **limits))
    response = streamed(weir)
    assert chat.text_of(response.events) == "Hello" * 8
    assert response.events[-1] == b"[DONE]"


# -- S4: any segmentation, the same bytes ------------------------------------------------

ODD_EVENTS = [
    ROLE,
    chat.event({"content": "a: b: c"}),
    "data: {}\n\n".format(
        json.dumps(
            {"id": "x", "model": "real-model", "choices": [
                {"index": 0, "delta": {"content": "naïve 😀 日本"}, "finish_reason": None}]},
            ensure_ascii=False,
        )
    ).encode(),
    b": a comment\n\n",
    chat.event({"content": "end"}).replace(b"\n", b"\r\n"),
    chat.event({}, "stop"),
    chat.usage_event(),
    chat.DONE,
]  # fmt: skip


@pytest.mark.parametrize("split", [1, 3, 7, 64])
def test_s4_any_segmentation_gives_the_same_bytes_and_usage(stage, split):
    body = b"".join(ODD_EVENTS)

    def as_raw(step):
        def script(call):
            call.head(200, {"Content-Type": "text/event-stream"}, framing="close")
            call.raw(body, split=step)
            call.close()

        return script

    upstream = stage.upstream(as_raw(None))
    weir = stage.weir(config.gateway(upstream))
    ask = chat.question(stream=True, stream_options={"include_usage": True})
    whole = streamed(weir, ask)
    upstream.script = as_raw(split)
    pieces = streamed(weir, ask)
    assert pieces.body == whole.body and whole.complete
    assert chat.text_of(whole.events) == "a: b: cnaïve 😀 日本end"
    usage = "gen_ai_client_token_usage_sum"
    until(lambda: weir.metrics.sum(usage, gen_ai_token_type="output") == 14)


def test_s4_one_chunk_holding_many_events_is_many_events(stage):
    upstream = stage.upstream(chat.stream(b"".join(chat.stream_of("a", "b", "c"))))
    weir = stage.weir(config.gateway(upstream))
    assert chat.text_of(streamed(weir).events) == "abc"


# -- S5: large and endless events --------------------------------------------------------


def test_s5_an_event_of_nearly_8_mib_passes(stage):
    text = "x" * (8 * MIB - 4096)
    upstream = stage.upstream(chat.stream(*chat.stream_of(text), split=65536))
    weir = stage.weir(config.gateway(upstream))
    response = streamed(weir, timeout=40)
    assert response.events[-1] == b"[DONE]"
    assert len(chat.text_of(response.events)) == len(text)


def test_s5_an_event_without_end_does_not_grow_the_process(stage):
    def endless(call):
        call.head(200, {"Content-Type": "text/event-stream"})
        call.chunk(ROLE + HELLO + b"data: ")
        for _ in range(96):
            call.chunk(b"y" * MIB)
        call.end()

    upstream = stage.upstream(endless)
    weir = stage.weir(config.gateway(upstream))
    before = weir.rss_bytes()
    with Client(weir.address, timeout=40) as client:
        client.ask("POST", chat.PATH, ASK)
        response = client.head()
        while client.some(response):
            response.body = response.body[-4096:]
    assert b"[DONE]" not in response.body
    assert weir.rss_bytes("VmHWM") - before < 48 * MIB
    assert weir.get("/livez").status == 200


# -- S6: slow readers --------------------------------------------------------------------


def test_s6_a_client_that_never_reads_pauses_upstream_and_is_dropped(stage):
    def flood(call):
        call.head(200, {"Content-Type": "text/event-stream"})
        for _ in range(64 * 16):
            call.chunk(chat.event({"content": "z" * 65536}))

    upstream = stage.upstream(flood)
    slow = {"server": {"slow_reader_timeout": "1s"}}
    weir = stage.weir(config.gateway(upstream, **slow))
    before = weir.rss_bytes()
    client = Client(weir.address, receive_buffer=4096)
    client.ask("POST", chat.PATH, ASK)
    await_event(upstream.call().gone, what="drop of the slow reader")
    assert upstream.call().sent < 48 * MIB
    assert weir.rss_bytes("VmHWM") - before < 24 * MIB
    until(lambda: weir.metrics.sum("weir_in_flight") == 0)
    client.close()


def test_s6_a_slow_but_reading_client_gets_every_byte(stage):
    text = "w" * 4096
    upstream = stage.upstream(chat.stream(*chat.stream_of(*[text] * 400)))
    slow = {"server": {"slow_reader_timeout": "20s"}}
    weir = stage.weir(config.gateway(upstream, **slow))
    client = Client(weir.address, timeout=60, receive_buffer=8192)
    client.ask("POST", chat.PATH, ASK)
    response = client.rest(client.head())
    client.close()
    assert response.complete and len(chat.text_of(response.events)) == 400 * 4096


# -- S7: nothing around us buffers -------------------------------------------------------


def test_s7_the_first_event_arrives_while_upstream_still_talks(stage):
    go = threading.Event()
    upstream = stage.upstream(chat.stream(ROLE, HELLO, go, chat.event({}, "stop"), chat.DONE))
    weir = stage.weir(config.gateway(upstream))
    with Client(weir.address) as client:
        client.ask("POST", chat.PATH, ASK)
        response = client.head()
        assert chat.text_of(client.until_event(response, 2)) == "Hello"
        go.set()
        client.rest(response)
    assert response.complete and response.events[-1] == b"[DONE]"


def test_s7_stream_headers_forbid_buffering(stage):
    weir = stage.weir(config.gateway(stage.upstream(chat.says("a b"))))
    response = streamed(weir)
    assert response.header("content-type").startswith("text/event-stream")
    assert response.header("x-accel-buffering") == "no"
    assert "no-cache" in response.header("cache-control")
    assert response.header("content-length") is None
    assert response.header("content-encoding") is None


def test_s7_upstream_comments_never_become_data(stage):
    upstream = stage.upstream(chat.stream(ROLE, b": OPENROUTER PROCESSING\n\n", HELLO,
                                          b":\n\n", chat.event({}, "stop"), chat.DONE))  # fmt: skip
    weir = stage.weir(config.gateway(upstream))
    response = streamed(weir)
    assert chat.text_of(response.events) == "Hello" and len(response.events) == 4
    assert all(event for event in response.events)


# -- S8: an error inside a 200 stream ----------------------------------------------------


def in_band(code, kind="server_error"):
    error = {"error": {"message": "busy now", "type": kind, "param": None, "code": code}}
    return b"data: " + json.dumps(error).encode() + b"\n\n"


def test_s8_an_error_before_content_moves_on_and_the_client_sees_one_start(stage):
    first = stage.upstream(chat.stream(ROLE, in_band("overloaded"), chat.DONE))
    second = stage.upstream(chat.says("from second"))
    weir = stage.weir(config.gateway(first, second))
    response = streamed(weir)
    assert chat.text_of(response.events) == "fromsecond"
    assert not chat.errors_in(response.events)
    assert response.body.count(b'"role"') == 1
    assert response.header("x-weir-upstream") == "up2"


@pytest.mark.parametrize(
    "error, statuses",
    [
        (in_band("rate_limit_exceeded", "rate_limit_error"), (429,)),
        (in_band("overloaded", "overloaded_error"), (503, 529)),
    ],
    ids=["rate limit", "overload"],
)
def test_s8_an_error_before_content_on_the_last_route_has_its_true_status(stage, error, statuses):
    upstream = stage.upstream(chat.stream(ROLE, error))
    weir = stage.weir(config.gateway(upstream))
    response = streamed(weir)
    assert response.status in statuses
    assert response.header("content-type").startswith("application/json")
    assert int(response.header("retry-after")) >= 1
    assert "busy now" in response.error["message"]


def test_s8_an_error_after_content_goes_in_band_and_counts_as_failed(stage):
    first = stage.upstream(chat.stream(ROLE, HELLO, in_band("overloaded")))
    second = stage.upstream(chat.says("never"))
    weir = stage.weir(config.gateway(first, second))
    response = streamed(weir)
    error = assert_ends_in_one_error(response)
    assert "busy now" in error["message"]
    assert len(second.calls) == 0
    weir.metrics.wait("weir_requests_total", 1)
    assert weir.metrics.sum("weir_requests_total", outcome="ok") == 0


def test_s8_a_stream_of_lifecycle_frames_only_is_not_an_empty_success(stage):
    first = stage.upstream(chat.stream(ROLE))
    second = stage.upstream(chat.says("real words"))
    weir = stage.weir(config.gateway(first, second))
    assert chat.text_of(streamed(weir).events) == "realwords"
