# SPDX-License-Identifier: Apache-2.0
"""S2: when the client leaves, the upstream call ends, whatever phase it was in.

A client that only shuts its sending side is still served, so in the silent phases the
client leaves with a reset, and with an ordinary close once bytes flow towards it.
"""

import random
import threading

import pytest

from weirtest import chat, config
from weirtest.client import Client, request_bytes
from weirtest.patience import PROMPTLY, await_event, in_parallel, until
from weirtest.upstream import BlackHole, PeerGone

HELLO = chat.event({"content": "Hello"})


def assert_all_returned(weir):
    """Nothing is in flight any more, and the request was counted once, as cancelled."""
    weir.metrics.wait("weir_requests_total", 1, timeout=PROMPTLY, outcome="client_cancel")
    weir.metrics.wait("weir_in_flight", 0, timeout=PROMPTLY)
    assert weir.metrics.sum("weir_requests_total") == 1


def assert_cancelled(call, client):
    client.reset()
    await_event(call.gone, PROMPTLY, "cancel of the upstream call")


@pytest.mark.parametrize("stream", [False, True])
def test_s2_leaving_while_waiting_for_headers_cancels_upstream(stage, stream):
    upstream = stage.upstream(lambda call: call.hang())
    weir = stage.weir(config.gateway(upstream))
    client = Client(weir.address)
    client.ask("POST", chat.PATH, chat.question(stream=stream))
    assert_cancelled(upstream.call(), client)
    assert_all_returned(weir)


def test_s2_leaving_while_waiting_for_the_first_event_cancels_upstream(stage):
    upstream = stage.upstream(chat.stream(then="hang"))
    weir = stage.weir(config.gateway(upstream))
    client = Client(weir.address)
    client.ask("POST", chat.PATH, chat.question(stream=True))
    until(lambda: upstream.call().sent > 0)
    assert_cancelled(upstream.call(), client)
    assert_all_returned(weir)


def test_s2_leaving_in_the_hold_back_cancels_upstream(stage):
    role = chat.event({"role": "assistant", "content": ""})
    upstream = stage.upstream(chat.stream(role, then="hang"))
    weir = stage.weir(config.gateway(upstream))
    client = Client(weir.address)
    client.ask("POST", chat.PATH, chat.question(stream=True))
    until(lambda: upstream.call().sent > len(role))
    assert_cancelled(upstream.call(), client)
    assert_all_returned(weir)


def test_s2_leaving_a_silent_stream_with_a_reset_cancels_upstream(stage):
    upstream = stage.upstream(chat.stream(HELLO, then="hang"))
    weir = stage.weir(config.gateway(upstream))
    client = Client(weir.address)
    client.ask("POST", chat.PATH, chat.question(stream=True))
    client.until_event(client.head(), 1)
    assert_cancelled(upstream.call(), client)
    assert_all_returned(weir)


def test_s2_closing_while_events_flow_cancels_upstream(stage):
    def endless(call):
        call.head(200, {"Content-Type": "text/event-stream"})
        while True:
            call.chunk(HELLO)
            call.pause(0.02)

    upstream = stage.upstream(endless)
    weir = stage.weir(config.gateway(upstream))
    client = Client(weir.address)
    client.ask("POST", chat.PATH, chat.question(stream=True))
    client.until_event(client.head(), 2)
    client.close()
    await_event(upstream.call().gone, PROMPTLY, "cancel of the upstream call")
    assert_all_returned(weir)


def test_s2_leaving_in_the_middle_of_a_plain_answer_cancels_upstream(stage):
    def half(call):
        call.head(200, {"Content-Type": "application/json"}, "length", length=4000)
        call.raw(chat.completion()[:60])
        call.hang()

    upstream = stage.upstream(half)
    weir = stage.weir(config.gateway(upstream))
    client = Client(weir.address)
    client.ask("POST", chat.PATH, chat.question())
    until(lambda: upstream.call().sent > 60)
    assert_cancelled(upstream.call(), client)
    assert_all_returned(weir)


def test_s2_leaving_while_the_body_goes_up_cancels_upstream(stage):
    left, gone = threading.Event(), threading.Event()

    def reads_late(call):
        await_event(left)
        try:
            call.connection.read_body(call.request)
        except (PeerGone, OSError):
            gone.set()
        return True

    upstream = stage.upstream(chat.says(), on_head=reads_late)
    weir = stage.weir(config.gateway(upstream))
    client = Client(weir.address)
    client.ask("POST", chat.PATH, chat.question("m" * (24 << 20)))
    until(lambda: upstream.heads, what="the head of the upstream call")
    client.reset()
    assert_all_returned(weir)
    left.set()
    await_event(gone, what="an upload that breaks off")


def test_s2_leaving_while_connecting_frees_everything(stage):
    weir = stage.weir(config.gateway(stage.keep(BlackHole())))
    client = Client(weir.address)
    client.ask("POST", chat.PATH, chat.question())
    weir.metrics.wait("weir_in_flight", 1)
    client.reset()
    assert_all_returned(weir)


def test_s2_leaving_while_queued_asks_nobody(stage):
    go = threading.Event()

    def slow(call):
        call.wait(go)
        chat.says()(call)

    upstream = stage.upstream(slow)
    narrow = {"upstreams": {"up": {"max_in_flight": 1, "queue": {"size": 8, "timeout": "60s"}}}}
    weir = stage.weir(config.gateway(upstream, **narrow))
    if "weir_queue_depth" not in weir.metrics.text():
        pytest.skip("this version has no queue for slots")
    first = Client(weir.address)
    first.ask("POST", chat.PATH, chat.question("one"))
    upstream.call(0)
    second = Client(weir.address)
    second.ask("POST", chat.PATH, chat.question("two"))
    weir.metrics.wait("weir_queue_depth", 1)
    second.reset()
    weir.metrics.wait("weir_queue_depth", 0, timeout=PROMPTLY)
    go.set()
    assert first.response().status == 200
    first.close()
    weir.metrics.wait("weir_in_flight", 0)
    assert len(upstream.calls) == 1


def test_s2_leaving_before_the_request_is_whole_asks_nobody(stage):
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(upstream))
    whole = request_bytes("POST", chat.PATH, chat.question())
    client = Client(weir.address)
    client.send(whole[:-5])
    client.close()
    assert weir.post(chat.PATH, chat.question("another")).status == 200
    assert len(upstream.calls) == 1
    weir.metrics.wait("weir_in_flight", 0)


def test_s2_a_client_that_shut_its_sending_side_is_still_served(stage):
    go = threading.Event()

    def slow(call):
        call.wait(go)
        chat.says("still here")(call)

    upstream = stage.upstream(slow)
    weir = stage.weir(config.gateway(upstream))
    with Client(weir.address) as client:
        client.ask("POST", chat.PATH, chat.question(), {"Connection": "close"})
        client.half_close()
        upstream.call()
        go.set()
        response = client.response()
    assert response.status == 200 and b"still here" in response.body


def test_s2_two_hundred_random_leavers_leave_nothing_behind(stage):
    upstream = stage.upstream(chat.stream(*chat.stream_of(*["word"] * 20)))
    weir = stage.weir(config.gateway(upstream))
    whole = request_bytes("POST", chat.PATH, chat.question(stream=True))

    def leave(seed):
        chance = random.Random(seed)
        client = Client(weir.address)
        client.send(whole[: chance.choice([len(whole), len(whole), 10, 150])])
        try:
            client.socket.settimeout(0.05 * chance.random())
            client.some(client.head())
        except (OSError, AssertionError):
            pass
        client.reset() if chance.random() < 0.7 else client.close()

    for batch in range(10):
        in_parallel([lambda s=s: leave(s) for s in range(batch * 20, batch * 20 + 20)])
    weir.metrics.wait("weir_in_flight", 0)
    assert weir.get("/livez").status == 200
    assert weir.post(chat.PATH, chat.question(stream=True)).status == 200
