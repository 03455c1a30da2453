# SPDX-License-Identifier: Apache-2.0
"""A bad day, played by a seed: two gateways, three model servers, Redis and HAProxy under load,
while parts are killed, stopped, slowed down and cut off.

Each answer carries an echo of its question, so a wrong one is seen. Every request ends, with an
answer or an error, within its deadline and some change; when it is over every gauge is back at
zero. WEIR_CHAOS_SECONDS (20) and WEIR_CHAOS_SEED (1) choose the day; the log of what was done,
printed at a failure, is the same for the same seed.
"""

import hashlib
import json
import os
import pathlib
import random
import signal
import sys
import threading
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "scenario"))

import test_replicas  # noqa: E402
from conftest import Stage  # noqa: E402
from weirtest import chat, config  # noqa: E402
from weirtest.client import Client  # noqa: E402
from weirtest.patience import until  # noqa: E402
from weirtest.redis import free_port  # noqa: E402

SECONDS = float(os.environ.get("WEIR_CHAOS_SECONDS", "20"))
SEED = int(os.environ.get("WEIR_CHAOS_SEED", "1"))
CLIENTS, QUESTIONS, DEADLINE = 12, 40, 4
SERVED = {200, 429, 500, 502, 503, 504}


def echo(text):
    return "echo " + hashlib.sha256(text.encode()).hexdigest()[:16]


class Model:
    """A model server that answers with an echo, or as badly as it is told to."""

    def __init__(self, stage):
        self.mood = "well"
        self.upstream = stage.upstream(self.answer)

    def answer(self, call):
        body = json.loads(call.request.body)
        words = echo(body["messages"][-1]["content"])
        mood = self.mood
        if mood == "slow":
            call.pause(0.7)
        if mood == "hangs":
            call.hang(30)
        elif mood == "fails":
            chat.fails(500)(call)
        elif mood == "busy":
            chat.fails(503, headers={"Retry-After": "1"})(call)
        elif mood == "cuts" and body.get("stream"):
            chat.stream(*chat.stream_of(words)[:2], then="reset")(call)
        elif mood == "cuts":
            call.reset()
        elif body.get("stream"):
            chat.stream(*chat.stream_of(words))(call)
        else:
            call.answer(200, chat.completion(words))


class Day:
    """What is done to whom, in an order that the seed decides."""

    def __init__(self, stage, folder):
        self.stage, self.random, self.log = stage, random.Random(SEED), []
        self.models = [Model(stage) for _ in range(3)]
        self.redis = stage.redis()
        self.ports = [free_port(), free_port()]
        self.weirs = [self.gateway(port) for port in self.ports]
        self.balancer = stage.keep(test_replicas.Balancer("haproxy", folder, self.ports))

    def gateway(self, port):
        pool = config.upstream(
            *[m.upstream for m in self.models],
            timeouts={"connect": "500ms", "headers": "1500ms", "first_data": "1500ms", "data_gap": "1500ms"},
            breaker={"faults": 3, "rest": "500ms", "max_rest": "2s", "slow_start": "1s"},
            max_in_flight=16, queue={"size": 64, "timeout": "1s"},
            hedge={"after": "300ms", "at_most": "20%"},
        )  # fmt: skip
        return self.stage.weir(config.merged(
            config.gateway(),
            config.redis(self.redis, timeout="50ms"),
            {"server": {"listen": f"127.0.0.1:{port}"},
             "upstreams": {"pool": pool},
             "models": {"chat": {"routes": [{"upstream": "pool", "model": "m"}], "deadline": f"{DEADLINE}s",
                                 "cache": {"ttl": "2s", "stale": "1m", "revalidate": True}}}},
        ))  # fmt: skip

    def one_thing(self):
        return self.random.choice([self.model_mood] * 5 + [self.redis_trouble, self.gateway_killed, self.gateway_stopped, self.cut_off])

    def note(self, text):
        self.log.append(text)

    def model_mood(self):
        i, mood = self.random.randrange(3), self.random.choice(
            ["well", "well", "slow", "hangs", "fails", "busy", "cuts"])  # fmt: skip
        self.note(f"model {i} is {mood}")
        self.models[i].mood = mood

    def redis_trouble(self):
        way = self.random.choice(["freeze", "kill"])
        self.note(f"redis: {way}")
        getattr(self.redis, way)()
        rest(self.random.uniform(0.3, 1.5))
        self.redis.thaw() if way == "freeze" else self.redis.start()

    def gateway_killed(self):
        i = self.random.randrange(2)
        self.note(f"gateway {i} is killed")
        self.weirs[i].killed = True
        self.weirs[i].signal(signal.SIGKILL)
        self.weirs[i].process.wait(10)
        self.weirs[i] = self.gateway(self.ports[i])

    def gateway_stopped(self):
        i = self.random.randrange(2)
        self.note(f"gateway {i} stands still")
        self.weirs[i].signal(signal.SIGSTOP)
        rest(self.random.uniform(0.2, 0.8))
        self.weirs[i].signal(signal.SIGCONT)

    def cut_off(self):
        i = self.random.randrange(3)
        self.note(f"model {i} loses its connections")
        self.models[i].upstream.drop_connections()

    def play(self, end):
        while time.monotonic() < end:
            self.one_thing()()
            rest(self.random.uniform(0.1, 0.5))
        for model in self.models:
            model.mood = "well"


def rest(seconds):
    threading.Event().wait(seconds)


class Caller(threading.Thread):
    """Asks one thing after the other and checks what comes."""

    def __init__(self, address, number, over):
        super().__init__(daemon=True)
        self.address, self.over, self.random = address, over, random.Random(SEED * 1000 + number)
        self.right, self.errors, self.broken, self.wrong = 0, 0, 0, []

    def run(self):
        while not self.over.is_set():
            text = f"question {self.random.randrange(QUESTIONS)}"
            stream = self.random.random() < 0.4
            began = time.monotonic()
            try:
                with Client(self.address, timeout=DEADLINE + 20) as client:
                    response = client.post(chat.PATH, chat.stable(text, stream=stream))
                self.judge(response, text, stream)
            except TimeoutError:
                self.wrong.append(f"{text}: no end after {time.monotonic() - began:.1f} s")
            except (OSError, AssertionError):
                self.broken += 1  # its gateway was killed, or stood still
                rest(0.05)

    def judge(self, response, text, stream):
        if response.status not in SERVED:
            self.wrong.append(f"{text}: status {response.status}")
        elif response.status != 200:
            self.errors += 1
        elif stream and response.header("content-type").startswith("text/event-stream"):
            said = chat.text_of([e for e in response.events if b'"error"' not in e])
            whole = response.events[-1:] == [b"[DONE]"]
            if said != echo(text) and (whole or not echo(text).startswith(said)):
                self.wrong.append(f"{text}: {said!r}")
            self.right += whole
            self.errors += not whole
        elif response.json()["choices"][0]["message"]["content"] != echo(text):
            self.wrong.append(f"{text}: {response.body[:200]!r}")
        else:
            self.right += 1


@pytest.fixture
def stage():
    stage = Stage()
    yield stage
    stage.clear()


def test_a_bad_day_gives_no_wrong_answer_and_no_request_without_an_end(stage, tmp_path):
    day, over = Day(stage, tmp_path), threading.Event()
    callers = [Caller(day.balancer.address, i, over) for i in range(CLIENTS)]
    for caller in callers:
        caller.start()
    try:
        day.play(time.monotonic() + SECONDS)
        rest(1)
    finally:
        over.set()
    for caller in callers:
        caller.join(DEADLINE + 30)
    told = "\n".join(day.log)
    assert not any(caller.is_alive() for caller in callers), f"a request without an end\n{told}"
    wrong = [w for caller in callers for w in caller.wrong]
    assert not wrong, f"{wrong[:5]}\n{told}"
    right = sum(caller.right for caller in callers)
    errors = sum(caller.errors for caller in callers)
    broken = sum(caller.broken for caller in callers)
    print(f"{right} right, {errors} errors, {broken} broken; {len(day.log)} things were done")
    assert right > 2 * SECONDS, f"{right} right, {errors} errors, {broken} broken\n{told}"
    for weir in day.weirs:
        for gauge in ("weir_in_flight", "weir_queue_depth", "weir_upstream_in_flight",
                      "weir_flights", "weir_flight_followers", "weir_fleet_waiting"):  # fmt: skip
            weir.metrics.wait(gauge, 0, timeout=60)
    until(lambda: all(not w.logged("ensure_failed") for w in day.weirs))
