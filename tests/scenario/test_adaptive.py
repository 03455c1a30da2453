# SPDX-License-Identifier: Apache-2.0
"""Adaptive limits against a model server whose knee is known: found, followed, worth it.

The server's work is waiting, so what the machine is busy with shows little. A limit is tried
and judged by what it does, so it is never quite the knee: within two fifths of it, mostly. What
a busy machine does to one look is as if the server had done it; so there is patience for a while
in which all is as it shall be, which a limit that stands still or runs away never has.
"""

import heapq
import statistics
import threading
import time

import pytest

from weirtest import chat, config
from weirtest.client import Client
from weirtest.patience import until

WORK_S = 0.08
NEAR = 0.4
WINDOW_S, SETTLE_S = 6.0, 150.0


class Kneed:
    """Works on `knee` calls at once, each for WORK_S; the others wait in line, or are refused."""

    def __init__(self, knee, refuses=False):
        self.refuses, self.done, self.refused, self.took = refuses, 0, 0, []
        self._free_at, self._lock, self._never = [0.0] * knee, threading.Lock(), threading.Event()

    def turn_to(self, knee):
        with self._lock:
            now = time.monotonic()
            self._free_at = heapq.nlargest(knee, [*self._free_at, *[now] * knee])
            heapq.heapify(self._free_at)

    def _ends_at(self, now):
        """When a call that comes now is done; None: there is no room."""
        with self._lock:
            if self.refuses and self._free_at[0] > now:
                return None
            ends = max(now, self._free_at[0]) + WORK_S
            heapq.heapreplace(self._free_at, ends)
        return ends

    def __call__(self, call):
        now = time.monotonic()
        ends = self._ends_at(now)
        if ends is None:
            self.refused += 1
            chat.fails(429)(call)
            return
        self._never.wait(ends - now)
        self.took.append(time.monotonic() - now)
        self.done += 1
        chat.says()(call)


class Load:
    """So many callers, each asking again as soon as it has its answer."""

    def __init__(self, weir, callers, statuses=(200,), headers=None):
        self.weir, self.statuses, self.headers = weir, statuses, headers
        self.over, self.faults, self.took = threading.Event(), [], []
        self.threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(callers)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(60)

    def _ask(self):
        try:
            with Client(self.weir.address, timeout=60) as client:
                while not self.over.is_set():
                    began = time.monotonic()
                    response = client.post(chat.PATH, chat.question(), self.headers)
                    assert response.status in self.statuses, response.body
                    self.took.append(time.monotonic() - began)
        except (AssertionError, OSError) as fault:
            self.faults.append(fault)


def start(stage, server, limit="adaptive"):
    upstream = stage.upstream(server)
    setup = config.gateway(upstream, **config.chat(max_attempts=1))
    setup["upstreams"]["up"] = config.upstream(
        upstream, max_in_flight=limit, queue={"timeout": "60s"}, timeouts={"headers": "60s"}
    )
    return stage.weir(setup)


def limit_of(weir):
    return weir.metrics.sum("weir_upstream_limit")


def watch(weir, seconds=WINDOW_S):
    """The limit as it is over that time, often a second."""
    limits, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        limits.append(limit_of(weir))
        threading.Event().wait(0.1)
    return limits


def is_near(limits, knee):
    return abs(statistics.median(limits) - knee) <= NEAR * knee


def assert_finds(weir, server, knee, least):
    """It comes near the knee, and is there while most of what the server can do is done."""
    told = []

    def holds():
        began, done = time.monotonic(), server.done
        limits = watch(weir)
        share = (server.done - done) / (time.monotonic() - began) / (knee / WORK_S)
        told[:] = [f"{share:.2f} of what a knee of {knee} can do: {limits}"]
        return share >= least and is_near(limits, knee)

    try:
        until(holds, SETTLE_S)
    except AssertionError:
        raise AssertionError(told[0]) from None


@pytest.mark.limit(500)
def test_the_limit_finds_the_knee_and_follows_it(stage):
    """Of a knee of three, one call is a third: trying one fewer is felt."""
    server = Kneed(6)
    weir = start(stage, server)
    with Load(weir, 30) as load:
        assert_finds(weir, server, 6, least=0.6)
        server.turn_to(3)
        assert_finds(weir, server, 3, least=0.5)
        server.turn_to(12)
        assert_finds(weir, server, 12, least=0.6)
    assert not load.faults
    for gauge in ("weir_in_flight", "weir_upstream_in_flight", "weir_queue_depth"):
        weir.metrics.wait(gauge, 0)


@pytest.mark.limit(300)
def test_who_waits_waits_here_and_not_in_the_servers_line(stage):
    """So the server answers about as quickly as if it were idle, and urgent questions overtake."""
    server = Kneed(6)
    weir = start(stage, server)
    with Load(weir, 30, headers={"x-weir-priority": "low"}) as bulk:
        until(lambda: is_near(watch(weir), 6), SETTLE_S, "a limit near 6")
        del server.took[:], bulk.took[:]
        with Load(weir, 1, headers={"x-weir-priority": "high"}) as urgent:
            watch(weir)
        in_the_server, at_all = statistics.median(server.took), statistics.median(bulk.took)
    assert not bulk.faults and not urgent.faults
    assert in_the_server <= 2.5 * WORK_S, "half of what it is where all thirty wait there"
    assert at_all >= 3 * WORK_S, "nobody had to wait: this test shows nothing"
    assert statistics.median(urgent.took) <= 0.75 * at_all


@pytest.mark.limit(300)
def test_a_server_that_refuses_is_asked_for_little_more_than_it_takes(stage):
    server = Kneed(6, refuses=True)
    weir = start(stage, server)
    with Load(weir, 24, statuses=(200, 429)) as load:

        def refuses_few():
            server.done = server.refused = 0
            return is_near(watch(weir), 6) and server.refused <= 0.2 * server.done

        until(refuses_few, SETTLE_S, "a limit near 6")
    assert not load.faults
