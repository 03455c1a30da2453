# SPDX-License-Identifier: Apache-2.0
"""Redis with a replica and sentinels: its master dies, answers go on, and are kept again."""

import threading

import pytest

from weirtest import chat, config
from weirtest.patience import await_event, in_parallel, until
from weirtest.redis import Trio

FAILOVER_S = 60  # sentinels need one to three seconds; a busy machine gets more


@pytest.fixture
def trio(stage):
    return stage.keep(Trio())


def gateway(stage, trio, script=None):
    upstream = stage.upstream(script or chat.says("kept words"))
    overlay = config.without_memory(trio, timeout="300ms", **trio.settings)
    weir = stage.weir(config.gateway(upstream, **overlay))
    until(lambda: up(weir) >= 1, what="links to the master")
    return upstream, weir


def up(weir):
    return weir.metrics.sum("weir_redis_up")


def word(weir, text):
    response = weir.post(chat.PATH, chat.stable(text))
    assert response.status == 200
    assert b"kept words" in response.body
    return response.header("x-weir-cache")


def hits(weir, text):
    """Kept, though what was asked right before may have found nobody to keep it."""
    until(lambda: word(weir, text) == "hit", FAILOVER_S, f"a hit for {text}")


def test_answers_are_found_and_kept_through_sentinels(stage, trio):
    _, weir = gateway(stage, trio)
    word(weir, "one")
    hits(weir, "one")
    assert trio.master.keys("weir:*")


@pytest.mark.limit(300)
@pytest.mark.parametrize("way", ["kill", "freeze"])
def test_requests_are_served_while_the_master_is_replaced_and_kept_after_it(stage, trio, way):
    _, weir = gateway(stage, trio)
    word(weir, "before")
    hits(weir, "before")
    trio.master("WAIT", 1, 5000)  # so that the replica has it
    getattr(trio.master, way)()
    asked = 0
    while not trio.promoted():
        word(weir, f"meanwhile {asked}")  # fails the test if it is not served
        asked += 1
        assert asked < 100_000
    hits(weir, "after")
    assert trio.replica.keys("weir:*")
    weir.metrics.wait("weir_redis_up", 1)
    hits(weir, "before")
    until(lambda: up(weir) >= 1, FAILOVER_S, "all links")


@pytest.mark.limit(300)
def test_an_old_master_that_comes_back_gets_no_writes(stage, trio):
    _, weir = gateway(stage, trio)
    word(weir, "before")
    trio.master.freeze()
    trio.wait_promoted(FAILOVER_S)
    hits(weir, "after")
    trio.master.thaw()
    until(lambda: trio.master.role() == b"slave", FAILOVER_S, "it to follow")
    word(weir, "later")
    hits(weir, "later")


@pytest.mark.limit(300)
def test_identical_requests_are_one_call_again_after_the_failover(stage, trio):
    opened = threading.Event()

    def script(call):
        call.wait(opened)
        chat.says("kept words")(call)

    upstream, weir = gateway(stage, trio, script)
    trio.master.kill()
    trio.wait_promoted(FAILOVER_S)
    until(lambda: up(weir) >= 1, FAILOVER_S, "links to the new master")
    results, jobs = [], [lambda: word(weir, "together")] * 10
    asking = threading.Thread(target=lambda: results.extend(in_parallel(jobs, timeout=60)))
    asking.start()
    weir.metrics.wait("weir_flight_followers", 9)
    opened.set()
    asking.join(60)
    assert len(results) == 10
    assert len(upstream.calls) == 1
    hits(weir, "together")


def test_no_sentinel_at_all_costs_answers_nothing(stage):
    """Neither the start nor a request waits for one."""
    upstream = stage.upstream(chat.says("kept words"))
    settings = {"sentinels": ["127.0.0.1:1", "127.0.0.1:2"], "master": "weir"}

    class Nowhere:
        url = "redis://127.0.0.1:3/0"

    overlay = config.without_memory(Nowhere, **settings)
    weir = stage.weir(config.gateway(upstream, **overlay))
    done = threading.Event()

    def ask():
        word(weir, "one")
        done.set()

    threading.Thread(target=ask, daemon=True).start()
    await_event(done)
    assert up(weir) == 0
