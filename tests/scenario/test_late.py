# SPDX-License-Identifier: Apache-2.0
"""What goes on though nobody waits for it: it takes nobody's place, is bounded, and ends first."""

import json
import threading
import time

from weirtest import chat, config
from weirtest.client import Client
from weirtest.patience import in_parallel, until

RULES = {"simple": [{"label": "guess", "score": 0.5}]}


def predicting(stage, servers, within="200ms", **server):
    """A model at each server, `slow` behind respond_within and the rest without."""
    upstreams = {
        name: {"dialect": "json", "endpoints": [one.origin + "/predict"]}
        for name, one in servers.items()
    }
    models = {name: {"routes": [{"upstream": name}]} for name in servers}
    models["slow"].update({"respond_within": within, "fallback": [{"rules": "simple"}]})
    base = config.gateway(rules=RULES, server=server, upstreams=upstreams)
    return stage.weir({**base, "models": models})


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
        with Client(weir.address, timeout=20) as client:
            answers.extend(ask(client, "slow", f"{number} {i}") for i in range(50))

    def ask_sound():
        with Client(weir.address, timeout=20) as client:
            while not over.is_set():
                others.append(ask(client, "sound", str(len(others))).status)

    beside = threading.Thread(target=ask_sound)
    beside.start()
    in_parallel([lambda n=n: ask_slow(n) for n in range(40)], timeout=120)
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
    assert weir.wait_exit() == 0 and time.monotonic() - began < 2
    assert not weir.logged("drain_cut")
