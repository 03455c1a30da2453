# SPDX-License-Identifier: Apache-2.0
"""C6: identical requests in flight ask upstream once, and nobody suffers from another's end."""

import threading

import pytest

from weirtest import chat, config
from weirtest.client import Client
from weirtest.patience import PROMPTLY, await_event, in_parallel, until


class Gate:
    """A script that answers once it is opened."""

    def __init__(self, then=None):
        self.opened, self.then = threading.Event(), then or chat.says("shared words")

    def __call__(self, call):
        call.wait(self.opened)
        self.then(call)


def joined(weir, count):
    """Waits until so many requests are in flight."""
    weir.metrics.wait("weir_in_flight", count)


def following(weir, count):
    """Waits until so many requests wait for the answer of another."""
    weir.metrics.wait("weir_flight_followers", count)


def asking(weir, body, count):
    clients = [Client(weir.address, timeout=60) for _ in range(count)]
    for client in clients:
        client.ask("POST", chat.PATH, body)
    return clients


def answers(clients):
    responses = in_parallel([client.response for client in clients])
    for client in clients:
        client.close()
    return responses


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_c6_fifty_identical_requests_are_one_upstream_call(stage, stream):
    gate = Gate()
    upstream = stage.upstream(gate)
    weir = stage.weir(config.gateway(upstream))
    clients = asking(weir, chat.stable(stream=stream), 50)
    following(weir, 49)
    gate.opened.set()
    responses = answers(clients)
    assert len(upstream.calls) == 1
    assert {r.status for r in responses} == {200}
    words = [r.header("x-weir-cache") for r in responses]
    assert words.count("miss") == 1 and words.count("coalesced") == 49
    assert len({r.body for r in responses}) == 1
    weir.metrics.wait("weir_requests_total", 49, outcome="coalesced")
    weir.metrics.wait("weir_in_flight", 0)


def test_c6_a_follower_says_collapsed(stage):
    gate = Gate()
    upstream = stage.upstream(gate)
    weir = stage.weir(config.gateway(upstream))
    clients = asking(weir, chat.stable(), 2)
    following(weir, 1)
    gate.opened.set()
    statuses = sorted(r.header("cache-status") for r in answers(clients))
    assert statuses[0].startswith("weir; fwd=miss; collapsed")


def test_c6_the_leaders_leaving_does_not_hurt_followers(stage):
    gate = Gate()
    upstream = stage.upstream(gate)
    weir = stage.weir(config.gateway(upstream))
    leader = asking(weir, chat.stable(), 1)[0]
    upstream.call()
    followers = asking(weir, chat.stable(), 5)
    following(weir, 5)
    leader.reset()
    joined(weir, 5)
    gate.opened.set()
    responses = answers(followers)
    assert {r.status for r in responses} == {200} and len({r.body for r in responses}) == 1
    assert len(upstream.calls) == 1


def test_c6_upstream_is_cancelled_when_the_last_subscriber_leaves(stage):
    upstream = stage.upstream(Gate())
    weir = stage.weir(config.gateway(upstream))
    clients = asking(weir, chat.stable(), 3)
    following(weir, 2)
    for client in clients[:2]:
        client.reset()
    joined(weir, 1)
    assert not upstream.call().gone.is_set()
    clients[2].reset()
    await_event(upstream.call().gone, PROMPTLY, "cancel when nobody waits")
    joined(weir, 0)


def test_c6_the_leaders_failure_promotes_one_follower(stage):
    first, second = Gate(chat.fails(500)), Gate()
    upstream = stage.upstream(second)
    upstream.next(first)
    weir = stage.weir(config.gateway(upstream, **config.chat(max_attempts=1)))
    clients = asking(weir, chat.stable(), 20)
    following(weir, 19)
    first.opened.set()
    upstream.call(1)
    joined(weir, 19)
    second.opened.set()
    responses = answers(clients)
    statuses = sorted(r.status for r in responses)
    assert statuses == [200] * 19 + [500]
    assert len(upstream.calls) == 2


def test_c6_an_upstream_that_fails_is_tried_twice_and_not_by_each_in_turn(stage):
    gate = Gate(chat.fails(500, message="down for good"))
    upstream = stage.upstream(gate)
    weir = stage.weir(config.gateway(upstream, **config.chat(max_attempts=1)))
    clients = asking(weir, chat.stable(), 20)
    joined(weir, 20)
    gate.opened.set()
    responses = answers(clients)
    assert {r.status for r in responses} == {500}
    assert {r.error["message"] for r in responses} == {"down for good"}
    assert len(upstream.calls) == 2
    joined(weir, 0)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_c6_a_refusal_that_no_retry_cures_is_everybodys_after_one_call(stage, stream):
    gate = Gate(chat.fails(422, message="no such tool"))
    upstream = stage.upstream(gate)
    weir = stage.weir(config.gateway(upstream))
    clients = asking(weir, chat.stable(stream=stream), 20)
    following(weir, 19)
    gate.opened.set()
    responses = answers(clients)
    assert {r.status for r in responses} == {422} and len({r.body for r in responses}) == 1
    assert responses[0].error["message"] == "no such tool"
    assert len(upstream.calls) == 1
    joined(weir, 0)


def test_c6_another_spelling_of_a_refused_question_asks_for_itself(stage):
    first = Gate(chat.fails(400))
    upstream = stage.upstream(chat.says())
    upstream.next(first)
    weir = stage.weir(config.gateway(upstream))
    leader = asking(weir, chat.stable(metadata={"odd": 1}), 1)
    upstream.call()
    follower = asking(weir, chat.stable(), 1)
    joined(weir, 2)
    first.opened.set()
    assert [r.status for r in answers(leader + follower)] == [400, 200]
    assert len(upstream.calls) == 2


def test_c6_a_follower_has_its_own_deadline(stage):
    gate = Gate()
    upstream = stage.upstream(gate)
    weir = stage.weir(config.gateway(upstream))
    leader = asking(weir, chat.stable(), 1)[0]
    upstream.call()
    short = weir.post(chat.PATH, chat.stable(), {"x-weir-timeout": "300ms"})
    assert short.status == 504
    gate.opened.set()
    assert leader.response().status == 200
    leader.close()
    assert len(upstream.calls) == 1


def test_c6_a_late_streamed_follower_gets_the_whole_stream(stage):
    go = threading.Event()
    events = chat.stream_of("one", "two", "three")
    upstream = stage.upstream(chat.stream(*events[:3], go, *events[3:]))
    weir = stage.weir(config.gateway(upstream))
    ask = chat.stable(stream=True)
    with Client(weir.address) as leader, Client(weir.address) as late:
        leader.ask("POST", chat.PATH, ask)
        leading = leader.head()
        assert chat.text_of(leader.until_event(leading, 3)) == "onetwo"
        late.ask("POST", chat.PATH, ask)
        following = late.head()
        assert chat.text_of(late.until_event(following, 3)) == "onetwo"
        go.set()
        leader.rest(leading)
        late.rest(following)
    assert following.body == leading.body and len(upstream.calls) == 1
    assert following.events[-1] == b"[DONE]"


def test_c6_the_streaming_leaders_leaving_leaves_the_followers_stream_whole(stage):
    go = threading.Event()
    events = chat.stream_of("one", "two", "three")
    upstream = stage.upstream(chat.stream(*events[:3], go, *events[3:]))
    weir = stage.weir(config.gateway(upstream))
    ask = chat.stable(stream=True)
    leader = Client(weir.address)
    leader.ask("POST", chat.PATH, ask)
    leader.until_event(leader.head(), 2)
    with Client(weir.address) as follower:
        follower.ask("POST", chat.PATH, ask)
        response = follower.head()
        follower.until_event(response, 3)
        leader.reset()
        joined(weir, 1)
        go.set()
        follower.rest(response)
    assert chat.text_of(response.events) == "onetwothree"
    assert len(upstream.calls) == 1


def test_c6_a_cut_after_content_reaches_every_follower_as_the_error_event(stage):
    go = threading.Event()
    upstream = stage.upstream(chat.stream(*chat.stream_of("one")[:2], go, then="reset"))
    weir = stage.weir(config.gateway(upstream))
    clients = asking(weir, chat.stable(stream=True), 3)
    joined(weir, 3)
    heads = [client.head() for client in clients]
    for client, head in zip(clients, heads):
        client.until_event(head, 2)
    go.set()
    for client, head in zip(clients, heads):
        client.rest(head)
        client.close()
        assert len(chat.errors_in(head.events)) == 1 and b"[DONE]" not in head.body
    assert len(upstream.calls) == 1


def test_c6_requests_that_may_not_be_cached_are_not_coalesced(stage):
    gate = Gate()
    upstream = stage.upstream(gate)
    weir = stage.weir(config.gateway(upstream))
    clients = asking(weir, chat.question(), 4)
    until(lambda: len(upstream.calls) == 4, what="four calls of their own")
    gate.opened.set()
    assert {r.status for r in answers(clients)} == {200}


def test_c6_tenants_do_not_share_a_flight(stage):
    gate = Gate()
    upstream = stage.upstream(gate)
    tenants = {"acme": {"keys": ["key-a"]}, "globex": {"keys": ["key-b"]}}
    weir = stage.weir(config.gateway(upstream, tenants=tenants))
    clients = [Client(weir.address) for _ in range(2)]
    for client, key in zip(clients, ("key-a", "key-b")):
        client.ask("POST", chat.PATH, chat.stable(), {"Authorization": f"Bearer {key}"})
    until(lambda: len(upstream.calls) == 2, what="a call for each tenant")
    gate.opened.set()
    assert {r.status for r in answers(clients)} == {200}


def test_c6_who_asks_again_after_an_answer_asks_upstream_again(stage):
    """Nothing is kept here, and a flight is over before its leader's client has the answer."""
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(upstream, cache={"memory": 0}))
    clients = [Client(weir.address) for _ in range(8)]
    for number in range(2000):
        response = clients[number % 8].post(chat.PATH, chat.stable())
        assert response.header("x-weir-cache") == "miss", number
    for client in clients:
        client.close()
    assert len(upstream.calls) == 2000
