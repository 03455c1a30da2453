# SPDX-License-Identifier: Apache-2.0
"""What goes on though nobody waits for it: it takes nobody's place, is bounded, and ends first."""

import json
import threading
import time

import pytest

from weirtest import chat, config
from weirtest.client import Client
from weirtest.patience import in_parallel, until

pytestmark = pytest.mark.limit(300)
RULES = {"simple": [{"label": "guess", "score": 0.5}]}


def predicting(stage, servers, within="200ms", around=(), overlay=None, **server):
    """A model at each server, `slow` behind respond_within and the rest without."""
    upstreams = {
        name: {"dialect": "json", "endpoints": [one.origin + "/predict"]}
        for name, one in servers.items()
    }
    models = {name: {"routes": [{"upstream": name}]} for name in servers}
    models["slow"].update({"respond_within": within, "fallback": [{"rules": "simple"}]})
    base = config.gateway(rules=RULES, server=server, upstreams=upstreams)
    settings = config.merged({**base, "models": models}, overlay or {})
    return stage.weir(settings, around=around)


def ask(client, model, text):
    return client.post(f"/v1/predict/{model}", json.dumps({"text": text}).encode())


def says(label):
    return lambda call: call.answer(200, json.dumps({"label": label}).encode())


def test_a_hanging_upstream_takes_nobody_elses_place(stage):
    hung = stage.upstream(lambda call: call.hang(120))
    sound = stage.upstream(says("fine"))
    drain = {"delay": "0s", "timeout": "30s"}
    weir = predicting(stage, {"slow": hung, "sound": sound}, max_in_flight=50, drain=drain)
    answers, others, over = [], [], threading.Event()

    def ask_slow(number):
        with Client(weir.address, timeout=60) as client:
            answers.extend(ask(client, "slow", f"{number} {i}") for i in range(50))

    def ask_sound():
        with Client(weir.address, timeout=60) as client:
            while not over.is_set():
                others.append(ask(client, "sound", str(len(others))).status)

    beside = threading.Thread(target=ask_sound)
    beside.start()
    in_parallel([lambda n=n: ask_slow(n) for n in range(40)], timeout=240)
    over.set()
    beside.join()

    assert [r.status for r in answers] == [200] * 2000
    assert {r.header("x-weir-degraded") for r in answers} == {"heuristic"}
    assert set(others) == {200}
    assert weir.metrics.sum("weir_shed_total") == 0
    weir.metrics.wait("weir_in_flight", 0)
    assert 0 < weir.metrics.sum("weir_background_in_flight") <= 12
    assert weir.metrics.sum("weir_late_answers_total", result="called_off") >= 1900
    assert weir.metrics.sum("weir_upstream_breaker_total", upstream="slow", to="open") >= 1
    began = time.monotonic()
    weir.drain()
    assert weir.wait_exit() == 0 and time.monotonic() - began < 15
    assert not weir.logged("drain_cut")


@pytest.mark.parametrize("frozen", [False, True], ids=["up", "frozen"])
def test_calls_that_hang_are_bounded_where_other_gateways_may_follow(stage, frozen):
    hung, store = stage.upstream(lambda call: call.hang(120)), stage.redis()
    drain = {"delay": "0s", "timeout": "30s"}
    overlay = config.redis(store, timeout="50ms")
    weir = predicting(stage, {"slow": hung}, overlay=overlay, max_in_flight=40, drain=drain)
    weir.metrics.wait("weir_redis_up", 1)

    def some(number):
        with Client(weir.address, timeout=60) as client:
            return [ask(client, "slow", f"{number} {i}").status for i in range(10)]

    if frozen:
        store.freeze()
    told = in_parallel([lambda n=n: some(n) for n in range(20)], timeout=240)
    assert told == [[200] * 10] * 20
    weir.metrics.wait("weir_in_flight", 0)
    until(lambda: weir.metrics.sum("weir_upstream_in_flight") <= 10, what="few calls")
    began = time.monotonic()
    weir.drain()
    assert weir.wait_exit() == 0 and time.monotonic() - began < 15
    assert not weir.logged("drain_cut")


def test_calls_that_hang_do_not_use_up_the_files(stage):
    hung = stage.upstream(lambda call: call.hang(120))
    few = ["prlimit", "--nofile=700:700"]
    weir = predicting(stage, {"slow": hung}, around=few)

    def some(number):
        with Client(weir.address, timeout=60) as client:
            return [ask(client, "slow", f"{number} {i}").status for i in range(20)]

    told = in_parallel([lambda n=n: some(n) for n in range(50)], timeout=240)
    assert told == [[200] * 20] * 50
    assert weir.metrics.sum("weir_fallbacks_total", reason="error") == 0


def test_who_is_only_slow_still_lands_in_the_cache(stage):
    """Twice as slow as may be waited for, and more of it than has room."""
    slow = stage.upstream(lambda call: (call.pause(0.4), says("slow")(call)))
    weir = predicting(stage, {"slow": slow}, max_in_flight=20)

    def some(number):
        with Client(weir.address, timeout=60) as client:
            return [ask(client, "slow", f"{number} {i}").status for i in range(10)]

    told = in_parallel([lambda n=n: some(n) for n in range(12)], timeout=240)
    assert told == [[200] * 10] * 12
    weir.metrics.wait("weir_background_in_flight", 0)
    assert weir.metrics.sum("weir_late_answers_total", result="stored") >= 5
    assert weir.metrics.sum("weir_upstream_breaker_total") == 0


def test_followers_of_a_call_that_hangs_are_told_and_end(stage):
    hung = stage.upstream(lambda call: call.hang(120))
    weir = predicting(stage, {"slow": hung}, max_in_flight=100)
    told = in_parallel([lambda: weir.post("/v1/predict/slow", b'{"text":"x"}')] * 40)
    assert {r.header("x-weir-degraded") for r in told} == {"heuristic"}
    weir.metrics.wait("weir_in_flight", 0)
    weir.metrics.wait("weir_background_in_flight", 1)
    assert weir.metrics.sum("weir_flight_followers") == 0
    assert len(hung.calls) == 1


def test_a_refresh_does_not_hold_up_a_drain(stage):
    upstream = stage.upstream(chat.says("first words"))
    short = {"ttl": "1s", "stale": "1h", "revalidate": True}
    drain = {"drain": {"delay": "0s", "timeout": "30s"}}
    weir = stage.weir(config.gateway(upstream, server=drain, **config.chat(cache=short)))
    assert weir.post(chat.PATH, chat.stable()).status == 200
    threading.Event().wait(1.2)
    upstream.next(lambda call: call.hang(60))
    assert weir.post(chat.PATH, chat.stable()).header("x-weir-degraded") == "stale"
    upstream.call(1)
    weir.metrics.wait("weir_background_in_flight", 1)
    began = time.monotonic()
    weir.drain()
    assert weir.wait_exit() == 0 and time.monotonic() - began < 15
    assert weir.logged("refresh_end", result="called_off") and not weir.logged("drain_cut")
