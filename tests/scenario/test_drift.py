# SPDX-License-Identifier: Apache-2.0
"""A model begins to answer differently: who notices, once, and whatever dies meanwhile.

Ticks are a second long, so that a day's work takes half a minute: counts settle three quarters
of a second behind a tick's end, and a baseline is made of a few hundred answers."""

import itertools
import json
import re
import signal
import threading
import time

import pytest

from weirtest import chat, config, process
from weirtest.client import Client
from weirtest.patience import until

pytestmark = pytest.mark.limit(150)
SOON = 40  # seconds: some ten ticks, on a machine that has much else to do
PAUSE_S = 0.008  # between two questions of one asker

INTENT = {"name": "intent", "from": "/choices/0/message/content", "kind": "label",
          "labels": ["refund", "shipping", "other", "complaint"]}


class Model:
    """Refunds, shipping and other questions by turns, and seldom a complaint, until it takes
    everything for complaints."""

    def __init__(self):
        self.changed, self.turn = threading.Event(), itertools.count()

    def __call__(self, call):
        turn = next(self.turn)
        usual = ("refund", "refund", "shipping", "other")[turn % 4]
        seldom = turn % 41 == 0 or self.changed.is_set()
        chat.says("complaint" if seldom else usual)(call)


class Traffic:
    """Two askers for each gateway, who mind no gateway's death."""

    def __init__(self, *gateways):
        self.over, self.number = threading.Event(), itertools.count()
        self.threads = [threading.Thread(target=self._ask, args=(weir.address,), daemon=True)
                        for weir in gateways for _ in range(2)]
        for thread in self.threads:
            thread.start()

    def _ask(self, address):
        try:
            with Client(address) as client:
                while not self.over.wait(PAUSE_S):
                    client.post(chat.PATH, chat.question(f"{next(self.number)}"))
        except (OSError, AssertionError):
            pass  # its gateway is gone

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(10)


def settings(redis=None, **drift):
    drift = {"tick": "1s", "min_n": 200, "baseline_ticks": 4, **drift}
    overlay = config.merged(config.chat(predictions=[INTENT]), {"drift": drift})
    return config.merged(overlay, config.redis(redis, timeout="500ms") if redis else {})


def started(stage, model, redis=None, **drift):
    upstream = stage.upstream(model)
    return stage.weir(config.gateway(upstream, **settings(redis, **drift)))


def replicas(stage, model, redis):
    upstream = stage.upstream(model)
    whole = config.gateway(upstream, **settings(redis))
    return stage.weir(whole), stage.weir(whole)


def page(weir, name):
    answer = weir.ask_admin("/admin/" + name)
    assert answer.status == 200, answer.body
    return answer.json()


def intent(weir):
    """What is known of the prediction, or nothing yet."""
    for row in page(weir, "drift")["histograms_list"]:
        if row["prediction"] == "intent":
            return row
    return {"state": "unknown", "baseline": None}


def settled(weir):
    """It has a baseline, and enough has come since to say that all is well."""
    until(lambda: intent(weir)["state"] == "ok", SOON, "a baseline and a verdict")


def alarms(weir, state):
    return [alarm for alarm in page(weir, "alarms")["alarms"]
            if alarm["prediction"] == "intent" and alarm["state"] == state]


def fired(*gateways):
    return [line for weir in gateways
            for line in weir.logged("drift_alarm", state="firing", prediction="intent")]


def judge_of(*gateways):
    """Who judges, and the others."""
    def found():
        judging = [weir for weir in gateways if page(weir, "drift")["judge"] == "this replica"]
        return judging[0] if len(judging) == 1 else None

    judge = until(found, SOON, "exactly one judge")
    return judge, [weir for weir in gateways if weir is not judge]


# -- the fleet ----------------------------------------------------------------------------


def test_a_change_is_noticed_once_by_one_of_two_replicas_and_seen_on_both(stage):
    model, redis = Model(), stage.redis()
    one, two = replicas(stage, model, redis)
    stage.keep(Traffic(one, two))
    settled(one)
    settled(two)
    model.changed.set()
    until(lambda: alarms(one, "firing") and alarms(two, "firing"), SOON, "the alarm on both")
    (alarm,) = alarms(one, "firing")
    assert alarms(two, "firing") == [alarm]
    assert alarm["severity"] == "confirmed"
    assert re.match(r"intent=complaint \d\.\d % → \d\d\.\d %", alarm["sentence"])
    assert alarm["evidence"]["moved"][0]["value"] == "complaint"
    until(lambda: fired(one, two), SOON, "its line in the log")
    assert len(fired(one, two)) == 1
    assert intent(two)["state"] == "confirmed"
    until(lambda: one.metrics.sum("weir_drift_alarm", prediction="intent") == 1, 5, "the gauge")


def test_a_killed_judge_loses_no_alarm(stage):
    model, redis = Model(), stage.redis()
    one, two = replicas(stage, model, redis)
    stage.keep(Traffic(one, two))
    settled(one)
    settled(two)
    judge, (other,) = judge_of(one, two)
    model.changed.set()
    judge.killed = True
    judge.signal(signal.SIGKILL)
    judge.wait_exit()
    until(lambda: alarms(other, "firing"), SOON, "the alarm of who is left")
    until(lambda: fired(judge, other), SOON, "its line in the log")
    assert len(alarms(other, "firing")) == len(fired(judge, other)) == 1
    assert page(other, "drift")["judge"] == "this replica"


def test_every_key_has_a_time_to_live(stage):
    model, redis = Model(), stage.redis()
    weir = started(stage, model, redis)
    stage.keep(Traffic(weir))
    settled(weir)
    model.changed.set()
    until(lambda: alarms(weir, "firing"), SOON, "the alarm")
    keys = [key for key in redis.keys("weir:v1:*")]
    assert any(key.startswith("weir:v1:drift:chat:") for key in keys)
    assert any(key.startswith("weir:v1:alarm:") for key in keys)
    lives = {key: redis("PTTL", key) for key in keys}
    assert not [key for key, left in lives.items() if left == -1], lives


# -- alone -------------------------------------------------------------------------------


def test_without_redis_a_state_file_outlives_the_process(stage, tmp_path):
    model, file = Model(), str(tmp_path / "drift.state")
    first = started(stage, model, state_file=file)
    traffic = stage.keep(Traffic(first))
    settled(first)
    baseline = intent(first)["baseline"]
    traffic.stop()
    first.drain()
    assert first.wait_exit() == 0

    second = started(stage, model, state_file=file)
    traffic = stage.keep(Traffic(second))
    until(lambda: intent(second)["baseline"] == baseline, SOON, "the same baseline")
    model.changed.set()
    until(lambda: alarms(second, "firing"), SOON, "the alarm")
    (alarm,) = alarms(second, "firing")
    traffic.stop()
    second.drain()
    assert second.wait_exit() == 0

    third = started(stage, model, state_file=file)
    stage.keep(Traffic(third))
    until(lambda: alarms(third, "firing"), SOON, "the alarm from before")
    until(lambda: page(third, "drift")["judge"] == "this replica", SOON, "the judge")
    assert alarms(third, "firing") == [alarm]
    assert not fired(third)


def test_a_damaged_state_file_is_refused_and_told(stage, tmp_path):
    file = tmp_path / "drift.state"
    file.write_text("weir-drift 1\nbaseline {}\nstate a:b:c 99\n")
    weir = started(stage, Model(), state_file=str(file))
    weir.wait_logged("drift_state_refused")
    stage.keep(Traffic(weir))
    settled(weir)


def test_of_few_answers_nothing_is_said(stage):
    weir = started(stage, Model())
    for number in range(20):
        weir.post(chat.PATH, chat.question(f"{number}"))
    until(lambda: intent(weir)["state"] == "no_baseline", SOON, "it to be counted")
    assert intent(weir)["n"] <= 20
    assert weir.metrics.sum("weir_drift_alarm") == 0


# -- what people do -------------------------------------------------------------------------


def command(weir, *words):
    host, port = weir.admin
    return process.run("baseline", *words, "--admin", f"{host}:{port}")


def test_baselines_are_made_pinned_and_dropped_by_hand(stage, tmp_path):
    weir = started(stage, Model(), baseline="manual")
    counts = tmp_path / "counts.json"
    counts.write_text(json.dumps({"refund": 500, "shipping": 250, "other": 250}))
    words = ("create", "--model", "chat", "--prediction", "intent", "--counts", str(counts))
    made = command(weir, *words, "--json")
    assert made.returncode == 0, made.stderr
    (baseline,) = json.loads(made.stdout)["baselines"]
    assert baseline["version"] == "*"
    assert command(weir, "pin", baseline["id"]).returncode == 0
    listed = command(weir, "list")
    assert baseline["id"] in listed.stdout and "in force" in listed.stdout
    refused = command(weir, "drop", baseline["id"])
    assert refused.returncode == 1 and "in force" in refused.stderr
    assert json.loads(command(weir, "show", baseline["id"]).stdout)["pinned"]

    stage.keep(Traffic(weir))
    until(lambda: (intent(weir)["baseline"] or {}).get("id") == baseline["id"], SOON, "the pin")
    until(lambda: intent(weir)["state"] == "ok", SOON, "a verdict")
    counts.write_text(json.dumps({"refund": 50, "complaint": 950}))
    other = command(weir, *words, "--pin", "--json")
    assert other.returncode == 0, other.stderr
    until(lambda: alarms(weir, "firing"), SOON, "an alarm against the other one")
    dropped = command(weir, "drop", baseline["id"])
    assert dropped.returncode == 0, dropped.stderr
    assert baseline["id"] not in command(weir, "list").stdout


@pytest.mark.parametrize("where", ["redis", "alone"])
def test_a_baseline_is_made_of_ticks_that_are_past(stage, where):
    weir = started(stage, Model(), stage.redis() if where == "redis" else None,
                   baseline="manual")
    stage.keep(Traffic(weir))
    until(lambda: intent(weir).get("n", 0) > 400, SOON, "answers")
    made = command(weir, "create", "--model", "chat", "--last", "1h", "--pin", "--json")
    assert made.returncode == 0, made.stderr
    (baseline,) = [b for b in json.loads(made.stdout)["baselines"]
                   if b["prediction"] == "intent"]
    assert baseline["from"] == "ticks" and baseline["n"] > 200
    share = dict(zip(baseline["values"], baseline["counts"]))["refund"] / baseline["n"]
    assert 0.35 < share < 0.65  # half of them, as chance and the threads have it
    settled(weir)


def test_an_alarm_is_acknowledged_and_over_with_a_new_baseline(stage):
    model = Model()
    weir = started(stage, model)
    stage.keep(Traffic(weir))
    settled(weir)
    model.changed.set()
    until(lambda: alarms(weir, "firing"), SOON, "the alarm")
    (alarm,) = alarms(weir, "firing")
    answer = weir.ask_admin(f"/admin/alarms/{alarm['id']}/acknowledge", "POST", b"")
    assert answer.status == 200, answer.body
    assert [a["id"] for a in alarms(weir, "acknowledged")] == [alarm["id"]]
    counts = {"model": "chat", "version": "real-model", "prediction": "intent", "pin": True,
              "counts": {"complaint": 2000, "refund": 2}}
    answer = weir.ask_admin("/admin/baselines", "POST", json.dumps(counts).encode())
    assert answer.status == 200, answer.body
    until(lambda: alarms(weir, "resolved"), SOON, "its end")
    until(lambda: intent(weir)["state"] == "ok", SOON, "all to be well again")


def test_a_silence_for_ever_is_refused_as_a_slip(stage):
    weir = stage.weir(config.gateway(stage.upstream(chat.says())))
    wish = json.dumps({"until_ms": 1 << 63}).encode()
    answer = weir.ask_admin("/admin/silences", "POST", wish)
    assert answer.status == 400 and b"within 400 days" in answer.body


def test_silences_come_and_go(stage):
    weir = started(stage, Model())
    wish = {"until_ms": int(time.time() * 1000) + 3_600_000, "model": "chat", "why": "we are \"testing\""}
    made = weir.ask_admin("/admin/silences", "POST", json.dumps(wish).encode())
    assert made.status == 200, made.body
    assert page(weir, "silences")["silences"] == [{**wish, "id": made.json()["id"]}]
    path = "/admin/silences/" + made.json()["id"]
    assert weir.ask_admin(path, "DELETE").status == 200
    assert weir.ask_admin(path, "DELETE").status == 404
    assert page(weir, "silences")["silences"] == []


def test_what_is_no_order_is_refused(stage):
    weir = started(stage, Model())
    asked = [
        ("POST", "/admin/baselines", b"{", 400),
        ("POST", "/admin/baselines", b"[]", 400),
        ("POST", "/admin/baselines", b'{"model":"chat","from":5,"to":1}', 400),
        ("POST", "/admin/baselines", b'{"model":"chat","from":1,"to":5}', 404),
        ("POST", "/admin/baselines", b'{"model":"chat","counts":{"a":-1}}', 400),
        ("POST", "/admin/baselines", b'{"model":"chat","counts":{"a":1000}}', 400),
        ("POST", "/admin/silences", b"{}", 400),
        ("POST", "/admin/baselines/0123456789abcdef/pin", b"", 404),
        ("DELETE", "/admin/baselines/nonsense", None, 404),
        ("POST", "/admin/alarms/0123456789abcdef/acknowledge", b"", 404),
        ("GET", "/admin/alarms/0123456789abcdef", None, 404),
        ("POST", "/admin/drift", b"", 405),
        ("PUT", "/admin/baselines", b"{}", 405),
    ]
    for method, path, body, status in asked:
        assert weir.ask_admin(path, method, body).status == status, (method, path, body)


def test_a_page_of_another_site_changes_nothing(stage):
    weir = started(stage, Model())
    body = json.dumps({"until_ms": int(time.time() * 1000) + 60_000}).encode()
    foreign = weir.ask_admin("/admin/silences", "POST", body, {"Origin": "https://evil.test"})
    assert foreign.status == 403
    host, port = weir.admin
    own = {"Origin": f"http://{host}:{port}", "Host": f"{host}:{port}"}
    assert weir.ask_admin("/admin/silences", "POST", body, own).status == 200
