# SPDX-License-Identifier: Apache-2.0
"""Limits and queues: who waits, in which order, for how long, and who wakes a pool that sleeps."""

import threading
import time

from weirtest import chat, config
from weirtest.client import Client
from weirtest.patience import PROMPTLY, in_parallel, until
from weirtest.upstream import Refusing

TENANTS = {"tenants": {name: {"keys": [f"key-{name}"]} for name in ("ann", "bob")}}


def narrow(server, limit=1, overlay=None, **settings):
    """One model at one endpoint that takes `limit` calls at once."""
    setup = config.gateway(server, **config.chat(max_attempts=1))
    setup["upstreams"]["up"] = config.upstream(server, max_in_flight=limit, **settings)
    return config.merged(setup, overlay or {})


class Turns:
    """A script that holds every call until the test lets the next one go."""

    def __init__(self, text="done"):
        self.turns, self.text = threading.Semaphore(0), text
        self.order, self.under_way, self.peak = [], 0, 0
        self._lock = threading.Lock()

    def __call__(self, call):
        with self._lock:
            self.order.append(call.request.body)
            self.under_way += 1
            self.peak = max(self.peak, self.under_way)
        try:
            self.turns.acquire(timeout=60)
            chat.says(self.text)(call)
        finally:
            with self._lock:
                self.under_way -= 1

    def go(self, count=1):
        self.turns.release(count)


def queue_up(weir, *questions):
    """Sends each question on its own connection, the next once the one before has its place."""
    clients = []
    for text, headers in questions:
        client = Client(weir.address)
        client.ask("POST", chat.PATH, chat.question(text), headers)
        clients.append(client)
        until(lambda: weir.metrics.sum("weir_upstream_in_flight") +
              weir.metrics.sum("weir_queue_depth") == len(clients))  # fmt: skip
    return clients


def finish(weir, turns, clients):
    turns.go(len(clients))
    statuses = [client.response().status for client in clients]
    for client in clients:
        client.close()
    assert_nothing_left(weir)
    return statuses


def order_of(turns, words):
    return [next(word for word in words if b'"%s"' % word.encode() in body)
            for body in turns.order]  # fmt: skip


def assert_nothing_left(weir):
    for name in ("weir_in_flight", "weir_queue_depth", "weir_upstream_in_flight"):
        weir.metrics.wait(name, 0)


# -- order -----------------------------------------------------------------------------------


def test_those_who_wait_are_served_by_priority(stage):
    turns = Turns()
    weir = stage.weir(narrow(stage.upstream(turns)))
    asked = [(word, {"x-weir-priority": word}) for word in ("low", "normal", "high")]
    clients = queue_up(weir, ("first", None), *asked)
    assert weir.metrics.sum("weir_queue_depth", priority="low") == 1
    assert finish(weir, turns, clients) == [200] * 4
    assert order_of(turns, ("first", "low", "normal", "high")) == ["first", "high", "normal", "low"]


def test_a_models_priority_holds_for_those_who_say_none(stage):
    turns = Turns()
    overlay = config.chat(priority="low")
    weir = stage.weir(narrow(stage.upstream(turns), overlay=overlay))
    clients = queue_up(weir, ("first", None), ("unsaid", None),
                       ("said", {"x-weir-priority": "normal"}))  # fmt: skip
    assert finish(weir, turns, clients) == [200] * 3
    assert order_of(turns, ("first", "unsaid", "said")) == ["first", "said", "unsaid"]


def test_tenants_take_turns(stage):
    turns = Turns()
    weir = stage.weir(narrow(stage.upstream(turns), overlay=TENANTS))
    ann, bob = ({"Authorization": f"Bearer key-{name}"} for name in ("ann", "bob"))
    clients = queue_up(weir, ("first", ann), ("a1", ann), ("a2", ann), ("a3", ann), ("b1", bob),
                       ("b2", bob))  # fmt: skip
    assert finish(weir, turns, clients) == [200] * 6
    order = order_of(turns, ("first", "a1", "a2", "a3", "b1", "b2"))
    assert order == ["first", "a1", "b1", "a2", "b2", "a3"]


# -- the bounds ------------------------------------------------------------------------------


def assert_turned_away(response, code):
    assert response.status == 503 and response.error["code"] == code
    assert int(response.header("retry-after")) >= 1


def test_a_full_queue_is_a_503_at_once_that_says_when_to_come_back(stage):
    turns = Turns()
    weir = stage.weir(narrow(stage.upstream(turns), queue={"size": 2}))
    clients = queue_up(weir, *[(f"q{n}", None) for n in range(3)])
    began = time.monotonic()
    assert_turned_away(weir.post(chat.PATH, chat.question("more")), "queue_full")
    assert time.monotonic() - began < PROMPTLY
    weir.metrics.wait("weir_queue_rejected_total", 1, reason="full", priority="normal")
    assert finish(weir, turns, clients) == [200] * 3


def test_in_a_full_queue_lower_priority_makes_way(stage):
    turns = Turns()
    weir = stage.weir(narrow(stage.upstream(turns), queue={"size": 1}))
    first, low = queue_up(weir, ("first", None), ("low", {"x-weir-priority": "low"}))
    with Client(weir.address) as high:
        high.ask("POST", chat.PATH, chat.question("high"), {"x-weir-priority": "high"})
        assert_turned_away(low.response(), "queue_timeout")
        turns.go(2)
        assert [first.response().status, high.response().status] == [200, 200]
    weir.metrics.wait("weir_queue_rejected_total", 1, reason="displaced", priority="low")
    assert_nothing_left(weir)
    first.close(), low.close()


def test_a_full_queue_is_shared_among_tenants(stage):
    turns = Turns()
    weir = stage.weir(narrow(stage.upstream(turns), overlay=TENANTS, queue={"size": 2}))
    ann, bob = ({"Authorization": f"Bearer key-{name}"} for name in ("ann", "bob"))
    first, a1, a2 = queue_up(weir, ("first", ann), ("a1", ann), ("a2", ann))
    with Client(weir.address) as b1:
        b1.ask("POST", chat.PATH, chat.question("b1"), bob)
        assert_turned_away(a2.response(), "queue_timeout")
        assert_turned_away(weir.post(chat.PATH, chat.question("a3"), ann), "queue_full")
        turns.go(3)
        assert [c.response().status for c in (first, a1, b1)] == [200] * 3
    weir.metrics.wait("weir_queue_rejected_total", 1, reason="displaced")
    assert_nothing_left(weir)
    for client in (first, a1, a2):
        client.close()


def test_no_queue_at_all_turns_the_next_one_away(stage):
    turns = Turns()
    weir = stage.weir(narrow(stage.upstream(turns), queue={"size": 0}))
    clients = queue_up(weir, ("first", None))
    assert_turned_away(weir.post(chat.PATH, chat.question()), "queue_full")
    assert finish(weir, turns, clients) == [200]


def test_who_waited_too_long_is_turned_away(stage):
    turns = Turns()
    weir = stage.weir(narrow(stage.upstream(turns), queue={"timeout": "300ms"}))
    clients = queue_up(weir, ("first", None))
    began = time.monotonic()
    assert_turned_away(weir.post(chat.PATH, chat.question("late")), "queue_timeout")
    assert 0.29 < time.monotonic() - began < 10
    weir.metrics.wait("weir_queue_rejected_total", 1, reason="slow")
    assert finish(weir, turns, clients) == [200]


def test_the_deadline_holds_in_the_queue_too(stage):
    turns = Turns()
    weir = stage.weir(narrow(stage.upstream(turns)))
    clients = queue_up(weir, ("first", None))
    response = weir.post(chat.PATH, chat.question("late"), {"x-weir-timeout": "300ms"})
    assert response.status == 504
    assert finish(weir, turns, clients) == [200] and len(turns.order) == 1


def test_a_client_that_leaves_the_queue_leaves_no_trace(stage):
    turns = Turns()
    upstream = stage.upstream(turns)
    weir = stage.weir(narrow(upstream))
    clients = queue_up(weir, *[(f"q{n}", None) for n in range(6)])
    for client in clients[1:5]:
        client.reset()
    weir.metrics.wait("weir_queue_depth", 1)
    turns.go(2)
    assert [clients[0].response().status, clients[5].response().status] == [200, 200]
    assert_nothing_left(weir)
    assert len(upstream.calls) == 2
    clients[0].close(), clients[5].close()


def test_the_limit_holds_over_all_workers(stage):
    peak, under_way, lock = [0], [0], threading.Lock()

    def counted(call):
        with lock:
            under_way[0] += 1
            peak[0] = max(peak[0], under_way[0])
        call.pause(0.02)
        with lock:
            under_way[0] -= 1
        chat.says()(call)

    weir = stage.weir(narrow(stage.upstream(counted), limit=3))
    jobs = [lambda n=n: weir.post(chat.PATH, chat.question(str(n))).status for n in range(40)]
    assert in_parallel(jobs) == [200] * 40
    assert peak[0] <= 3
    assert_nothing_left(weir)


# -- cold starts -----------------------------------------------------------------------------


def test_a_pool_that_refuses_is_waited_for_until_it_is_up(stage):
    asleep = Refusing()
    weir = stage.weir(narrow(asleep, limit=8, cold_start="20s"))
    with Client(weir.address) as client:
        client.ask("POST", chat.PATH, chat.question())
        weir.metrics.wait("weir_in_flight", 1)
        until(lambda: weir.metrics.sum("weir_upstream_attempts_total", result="unreachable") >= 2)
        awake = stage.keep(asleep.wake(chat.says()))
        response = client.response()
        assert response.status == 200 and len(awake.calls) == 1
    assert_nothing_left(weir)


def is_woken_in_time(stage):
    """It knocks after 0, 0.25 and 0.75 s, and would again after 1.75 s."""
    asleep = Refusing()
    weir = stage.weir(narrow(asleep, cold_start="20s"))
    with Client(weir.address) as client:
        client.ask("POST", chat.PATH, chat.question(), {"x-weir-timeout": "1700ms"})
        until(lambda: weir.metrics.sum("weir_upstream_attempts_total", result="unreachable") >= 3)
        awake = stage.keep(asleep.wake(chat.says()))
        status = client.response().status
    assert_nothing_left(weir)
    return status == 200 and len(awake.calls) == 1


def test_whose_deadline_comes_before_the_next_knock_has_a_last_one(stage):
    assert any(is_woken_in_time(stage) for _ in range(5)), "a busy machine is late for once"


def test_one_call_at_a_time_wakes_a_pool_that_says_503(stage):
    awake, peak, under_way, lock = threading.Event(), [0], [0], threading.Lock()

    def warming(call):
        if awake.is_set():
            chat.says()(call)
            return
        with lock:
            under_way[0] += 1
            peak[0] = max(peak[0], under_way[0])
        call.pause(0.1)
        with lock:
            under_way[0] -= 1
        chat.fails(503)(call)

    upstream = stage.upstream(warming)
    weir = stage.weir(narrow(upstream, limit=50, cold_start="20s"))
    with Client(weir.address) as first:
        first.ask("POST", chat.PATH, chat.question())
        until(lambda: len(upstream.calls) >= 1 and upstream.calls[0].ended.is_set())
        clients = [Client(weir.address) for _ in range(10)]
        for client in clients:
            client.ask("POST", chat.PATH, chat.question())
        weir.metrics.wait("weir_in_flight", 11)
        until(lambda: len(upstream.calls) >= 4)
        assert peak[0] == 1, "several calls woke it at once"
        awake.set()
        assert [client.response().status for client in [first, *clients]] == [200] * 11
    for client in clients:
        client.close()
    assert_nothing_left(weir)


def test_a_pool_that_does_not_wake_in_its_time_is_down(stage):
    weir = stage.weir(narrow(stage.keep(Refusing()), cold_start="700ms"))
    began = time.monotonic()
    response = weir.post(chat.PATH, chat.question())
    assert response.status in (502, 503) and 0.5 < time.monotonic() - began < 15
    assert_nothing_left(weir)
