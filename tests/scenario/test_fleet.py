# SPDX-License-Identifier: Apache-2.0
"""One question, one call, in the whole fleet: two replicas of two workers share one Redis."""

import itertools
import signal
import threading
import time

import pytest

from weirtest import chat, config
from weirtest.client import Client
from weirtest.patience import PROMPTLY, await_event, in_parallel, until

PATIENT = {"timeouts": {"headers": "60s", "first_data": "60s", "data_gap": "60s"}}
pytestmark = pytest.mark.limit(240)


class Gate:
    """A script that answers once it is opened."""

    def __init__(self, then=None):
        self.opened, self.then = threading.Event(), then or chat.says("shared words")

    def __call__(self, call):
        call.wait(self.opened, timeout=80)
        self.then(call)


def replicas(stage, upstream, redis, count=2, **overlay):
    settings = config.merged(config.gateway(upstream), config.redis(redis),
                             {"upstreams": {"up": PATIENT}}, overlay)  # fmt: skip
    return [stage.weir(settings) for _ in range(count)]


def ask_all(weirs, body, count):
    clients = [Client(weirs[i % len(weirs)].address, timeout=90) for i in range(count)]
    for client in clients:
        client.ask("POST", chat.PATH, body)
    return clients


def answers(clients):
    responses = in_parallel([client.response for client in clients], timeout=90)
    for client in clients:
        client.close()
    return responses


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_500_equal_misses_over_two_replicas_are_one_call(stage, stream):
    gate = Gate()
    upstream, redis = stage.upstream(gate), stage.redis()
    weirs = replicas(stage, upstream, redis)
    clients = ask_all(weirs, chat.stable(stream=stream), 500)
    upstream.call()
    for weir in weirs:
        weir.metrics.wait("weir_in_flight", 250)
    gate.opened.set()
    responses = answers(clients)
    assert {r.status for r in responses} == {200}
    assert len(upstream.calls) == 1
    assert all(b"shared" in r.body for r in responses)
    for weir in weirs:
        weir.metrics.wait("weir_in_flight", 0)
        weir.metrics.wait("weir_fleet_waiting", 0)


def test_who_waits_elsewhere_is_woken_at_once(stage):
    """Who is not woken looks by itself after some two seconds. A busy machine may take as long
    for once, but not each time."""
    upstream, redis = stage.upstream(chat.says()), stage.redis()
    one, two = replicas(stage, upstream, redis)
    took = []
    for number in range(5):
        gate = Gate()
        upstream.next(gate)
        first = ask_all([one], chat.stable(str(number)), 1)
        upstream.call(number)
        second = ask_all([two], chat.stable(str(number)), 1)
        two.metrics.wait("weir_fleet_waiting", 1)
        began = time.monotonic()
        gate.opened.set()
        (response,) = answers(second)
        took.append(time.monotonic() - began)
        assert response.header("x-weir-cache") == "coalesced"
        answers(first)
    assert min(took) < 1, f"woken after {took} s, which looks like polling"


def test_a_killed_leader_costs_one_more_call_at_most(stage):
    gate = Gate()
    upstream, redis = stage.upstream(gate), stage.redis()
    one, two = replicas(stage, upstream, redis)
    lost = ask_all([one], chat.stable(), 1)
    upstream.call()
    waiting = ask_all([two], chat.stable(), 50)
    two.metrics.wait("weir_fleet_waiting", 1)
    one.killed = True
    one.signal(signal.SIGKILL)
    upstream.call(1)
    gate.opened.set()
    assert {r.status for r in answers(waiting)} == {200}
    assert len(upstream.calls) == 2
    lost[0].close()


def test_a_failed_leader_is_replaced_by_one_follower(stage):
    upstream, redis = stage.upstream(chat.says("good")), stage.redis()
    gate = Gate(chat.fails(400))
    upstream.next(gate)
    one, two = replicas(stage, upstream, redis)
    first = ask_all([one], chat.stable(), 1)
    upstream.call()
    waiting = ask_all([two], chat.stable(), 20)
    two.metrics.wait("weir_fleet_waiting", 1)
    gate.opened.set()
    assert {r.status for r in answers(first)} == {400}
    assert {r.status for r in answers(waiting)} == {200}
    assert len(upstream.calls) == 2


def test_an_upstream_that_fails_is_tried_twice_in_the_whole_fleet(stage):
    gate = Gate(chat.fails(503, {"Retry-After": "7"}))
    upstream, redis = stage.upstream(gate), stage.redis()
    weirs = replicas(stage, upstream, redis, count=3, models={"chat": {"max_attempts": 1}})
    first = ask_all(weirs[:1], chat.stable(), 4)
    upstream.call()
    waiting = ask_all(weirs[1:], chat.stable(), 16)
    weirs[0].metrics.wait("weir_in_flight", 4)
    for weir in weirs[1:]:
        weir.metrics.wait("weir_in_flight", 8)
        weir.metrics.wait("weir_fleet_waiting", 1)
    gate.opened.set()
    responses = answers(first + waiting)
    assert {r.status for r in responses} == {503}
    assert all(1 <= int(r.header("retry-after")) <= 7 for r in responses)
    assert len(upstream.calls) <= 2
    for weir in weirs:
        weir.metrics.wait("weir_in_flight", 0)
        weir.metrics.wait("weir_fleet_waiting", 0)


def test_an_answer_that_is_not_kept_has_the_other_replicas_ask_at_once(stage):
    gate = Gate(chat.says(body=chat.completion("cut", finish="length")))
    upstream, redis = stage.upstream(gate), stage.redis()
    weirs = replicas(stage, upstream, redis, count=3)
    first = ask_all(weirs[:1], chat.stable(), 1)
    upstream.call()
    waiting = ask_all(weirs[1:], chat.stable(), 4)
    for weir in weirs[1:]:
        weir.metrics.wait("weir_in_flight", 2)
        weir.metrics.wait("weir_fleet_waiting", 1)
    gate.opened.set()
    assert {r.status for r in answers(first + waiting)} == {200}
    assert len(upstream.calls) == 3
    for weir in weirs[1:]:
        weir.metrics.wait("weir_fleet_leases_total", 1, result="alone")


def test_nobody_waits_past_its_own_deadline(stage):
    gate = Gate()
    upstream, redis = stage.upstream(gate), stage.redis()
    one, two = replicas(stage, upstream, redis)
    first = ask_all([one], chat.stable(), 1)
    upstream.call()
    began = time.monotonic()
    response = two.post(chat.PATH, chat.stable(), {"x-weir-timeout": "700ms"})
    assert response.status == 504
    assert 0.5 < time.monotonic() - began < 10
    gate.opened.set()
    answers(first)


def test_redis_frozen_in_the_middle_leaves_each_process_to_itself(stage):
    gate = Gate()
    upstream, redis = stage.upstream(gate), stage.redis()
    weirs = replicas(stage, upstream, redis, cache={"redis": {"timeout": "200ms"}})
    clients = ask_all(weirs, chat.stable(), 20)
    upstream.call()
    weirs[1].metrics.wait("weir_in_flight", 10)
    weirs[0].metrics.wait("weir_in_flight", 10)
    redis.freeze()
    until(lambda: len(upstream.calls) >= 2, 45, "the other replica to ask for itself")
    gate.opened.set()
    assert {r.status for r in answers(clients)} == {200}
    assert len(upstream.calls) <= 2
    redis.thaw()


def test_a_stream_is_followed_live_on_another_replica(stage):
    go = threading.Event()
    events = chat.stream_of("Hello", "World")
    upstream, redis = stage.upstream(chat.stream(*events[:2], go, *events[2:])), stage.redis()
    one, two = replicas(stage, upstream, redis, cache={"coalesce_streams": "fleet"})
    leader = ask_all([one], chat.stable(stream=True), 1)
    upstream.call()
    with Client(two.address, timeout=60) as follower:
        follower.ask("POST", chat.PATH, chat.stable(stream=True))
        response = follower.head()
        assert "Hello" in chat.text_of(follower.until_event(response, 2))
        go.set()
        follower.rest(response)
    assert response.events[-1] == b"[DONE]" and chat.text_of(response.events) == "HelloWorld"
    answers(leader)
    assert len(upstream.calls) == 1


def test_a_full_redis_costs_no_more_calls_than_while_it_is_full(stage):
    def slowly(call):
        call.pause(0.3)
        chat.says()(call)

    def burst(text):
        before = len(upstream.calls)
        clients = ask_all(weirs, chat.stable(text), 8)
        assert {r.status for r in answers(clients)} == {200}
        return len(upstream.calls) - before

    upstream, redis = stage.upstream(slowly), stage.redis()
    weirs = replicas(stage, upstream, redis)
    redis("CONFIG", "SET", "maxmemory", "1")
    assert burst("full") == 2
    redis("CONFIG", "SET", "maxmemory", "0")
    number = itertools.count()
    until(lambda: burst(f"room {next(number)}") == 1, what="one call again")
    assert [burst(f"more {number}") for number in range(4)] == [1] * 4
    for weir in weirs:
        assert {line["class"] for line in weir.wait_logged("redis_error")} == {"OOM"}
        assert not weir.logged("redis_scripts_refused")


def test_a_lease_overwritten_with_a_list_holds_nobody_up(stage):
    gate = Gate()
    upstream, redis = stage.upstream(gate), stage.redis()
    one, two = replicas(stage, upstream, redis)
    first = ask_all([one], chat.stable(), 1)
    upstream.call()
    (lease,) = redis("KEYS", "weir:v1:flight:*")
    redis("DEL", lease)
    redis("RPUSH", lease, "x")
    second = ask_all([two], chat.stable(), 1)
    upstream.call(1, timeout=PROMPTLY)
    gate.opened.set()
    assert {r.status for r in answers(first + second)} == {200}


def live_fleet(stage):
    """Two replicas of one stream that says Hello, and World once it is let go on."""
    go = threading.Event()
    events = chat.stream_of("Hello", "World")
    upstream = stage.upstream(chat.stream(*events[:2], go, *events[2:]))
    redis = stage.redis()
    weirs = replicas(stage, upstream, redis, cache={"coalesce_streams": "fleet"})
    return upstream, redis, go, weirs


def asked(weir):
    client = Client(weir.address, timeout=60)
    client.ask("POST", chat.PATH, chat.stable(stream=True))
    return client


def heard(client):
    response = client.head()
    assert "Hello" in chat.text_of(client.until_event(response, 2))
    return client, response


def rest(followers):
    for client, response in followers:
        client.rest(response)
        client.close()
    return [response for _, response in followers]


def test_a_stream_goes_on_for_another_replica_when_its_leaders_client_leaves(stage):
    upstream, redis, go, (one, two) = live_fleet(stage)
    leader, _ = heard(asked(one))
    followers = [heard(client) for client in [asked(two) for _ in range(5)]]
    leader.close()
    one.metrics.wait("weir_in_flight", 0)
    go.set()
    for response in rest(followers):
        assert response.events[-1] == b"[DONE]" and chat.text_of(response.events) == "HelloWorld"
    assert len(upstream.calls) == 1
    until(lambda: redis("KEYS", "weir:v1:followers:*") == [], what="nothing left of it")


def test_a_stream_that_nobody_in_the_fleet_follows_any_more_is_called_off(stage):
    upstream, _, go, (one, two) = live_fleet(stage)
    leader, _ = heard(asked(one))
    followers = [heard(client) for client in [asked(two) for _ in range(5)]]
    leader.close()
    one.metrics.wait("weir_in_flight", 0)
    for client, _ in followers:
        client.close()
    await_event(upstream.call().gone, what="the end of a call that goes on for nobody")
    go.set()


def test_whoever_leaves_first_of_those_who_follow_cuts_nobody(stage):
    upstream, _, go, (one, two) = live_fleet(stage)
    leader, _ = heard(asked(one))
    first = heard(asked(two))
    followers = [heard(client) for client in [asked(two) for _ in range(4)]]
    first[0].close()
    two.metrics.wait("weir_in_flight", 4)
    go.set()
    for response in rest(followers):
        assert response.events[-1] == b"[DONE]" and chat.text_of(response.events) == "HelloWorld"
    leader.close()
    assert len(upstream.calls) == 1


@pytest.mark.parametrize("lost", ["leader", "Redis"])
def test_who_followed_a_stream_is_told_that_its_leader_is_lost(stage, lost):
    upstream, redis, go, (one, two) = live_fleet(stage)
    leader, _ = heard(asked(one))
    followers = [heard(client) for client in [asked(two) for _ in range(3)]]
    if lost == "leader":
        one.killed = True
        one.signal(signal.SIGKILL)
    else:
        redis.kill()
    for response in rest(followers):
        assert b"the gateway that was reading this answer is gone" in response.body
        assert b"stream_incomplete" in response.body and b"Ask again" in response.body
    two.metrics.wait("weir_requests_total", 3, outcome="internal_error")
    go.set()
    leader.close()


def test_without_leave_to_run_scripts_each_process_coalesces_on_its_own(stage):
    gate = Gate()
    upstream, redis = stage.upstream(gate), stage.redis()
    redis("ACL", "SETUSER", "default", "-eval", "-evalsha", "-script")
    weirs = replicas(stage, upstream, redis)
    clients = ask_all(weirs, chat.stable(), 20)
    until(lambda: len(upstream.calls) == 2, what="a call of each replica")
    gate.opened.set()
    assert {r.status for r in answers(clients)} == {200}
    assert len(upstream.calls) == 2
    weirs[0].wait_logged("redis_scripts_refused")


@pytest.mark.parametrize("streams", ["fleet", "process"])
def test_a_client_that_does_not_read_holds_nobody_up_on_another_replica(stage, streams):
    # More in all than the buffers between a gateway and its client hold, and few words.
    padding = b'{"padding":"' + b"x" * 60_000 + b'",'
    words = ["word "] * 100
    events = [e.replace(b"{", padding, 1) for e in chat.stream_of(*words)]
    upstream, redis = stage.upstream(chat.stream(*events)), stage.redis()
    one, two = replicas(stage, upstream, redis, cache={"coalesce_streams": streams})
    with Client(one.address, timeout=20, receive_buffer=4096) as leader:
        leader.ask("POST", chat.PATH, chat.stable(stream=True))
        upstream.call()
        with Client(two.address, timeout=15) as follower:
            follower.ask("POST", chat.PATH, chat.stable(stream=True))
            response = follower.head()
            follower.rest(response)
        assert chat.text_of(response.events) == "".join(words)
        assert len(upstream.calls) == 1


def test_a_stream_too_long_to_be_shared_says_so_and_is_asked_alone_by_who_comes_later(stage):
    go = threading.Event()
    padding = b'{"padding":"' + b"x" * 60_000 + b'",'
    words = ["word "] * 170  # some 10 MB of events
    events = [e.replace(b"{", padding, 1) for e in chat.stream_of(*words)]
    upstream, redis = stage.upstream(chat.stream(*events[:-1], go, events[-1])), stage.redis()
    one, two = replicas(stage, upstream, redis, cache={"coalesce_streams": "fleet"})
    leader = ask_all([one], chat.stable(stream=True), 1)[0]
    upstream.call()
    with Client(two.address, timeout=20) as follower:
        follower.ask("POST", chat.PATH, chat.stable(stream=True))
        response = follower.head()
        follower.rest(response)
    assert b"longer than what is passed on" in response.body
    assert b"stream_incomplete" in response.body and b"Ask again" in response.body
    late = ask_all([two], chat.stable(stream=True), 1)
    upstream.call(1)
    go.set()
    for answer in answers([leader, *late]):
        assert chat.text_of(answer.events) == "".join(words)
    assert len(upstream.calls) == 2
