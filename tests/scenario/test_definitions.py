# SPDX-License-Identifier: Apache-2.0
"""A prediction that keeps its name and gets another meaning: its counts are not held against what
was counted by the old one, nobody is alarmed, and all of it is told.

Ticks are a second long, as in test_drift.py."""

import json

import pytest

from test_drift import SOON, INTENT, Model, Traffic, alarms, command, intent, page, settings, settled
from weirtest import config
from weirtest.patience import until

pytestmark = pytest.mark.limit(150)

# Most of what is said is on no list then: against a baseline of the old words, a drift.
OTHERWISE = {**INTENT, "labels": ["invoice", "delivery"]}
# The same words in another order, as somebody might tidy a file.
TIDIED = {"labels": INTENT["labels"][::-1], **{k: v for k, v in INTENT.items() if k != "labels"}}


def gateway(upstream, prediction, redis=None, **drift):
    whole = config.gateway(upstream, **settings(redis, **drift))
    whole["models"]["chat"]["predictions"] = [prediction]
    return whole


def reconfigure(weir, whole):
    before = len(weir.logged("reload", result="ok"))
    weir.configure(whole)
    weir.reload()
    weir.wait_logged("reload", before + 1, result="ok")


def baseline_of(weir):
    return (intent(weir)["baseline"] or {}).get("id")


def ticks_pass(*gateways, count=3):
    """So many ticks more are judged, by whichever of them."""
    def judged():
        return sum(weir.metrics.sum("weir_drift_ticks_total") for weir in gateways)

    before = judged()
    until(lambda: judged() >= before + count, SOON, "some ticks")


def told(weir):
    """Whatever was ever said of the prediction."""
    return [alarm for alarm in page(weir, "alarms")["alarms"] if alarm["prediction"] == "intent"]


@pytest.mark.parametrize("kept", ["in redis", "by itself"])
def test_a_redefined_prediction_is_not_judged_until_its_definition_is_back(stage, kept):
    redis = stage.redis() if kept == "in redis" else None
    upstream = stage.upstream(Model())
    weir = stage.weir(gateway(upstream, INTENT, redis, baseline="manual"))
    stage.keep(Traffic(weir))
    until(lambda: intent(weir).get("n", 0) > 400, SOON, "answers")
    made = command(weir, "create", "--model", "chat", "--prediction", "intent", "--last", "60s",
                   "--pin")
    assert made.returncode == 0, made.stderr
    settled(weir)
    old = baseline_of(weir)
    reconfigure(weir, gateway(upstream, TIDIED, redis, baseline="manual", tolerance=1.3))
    ticks_pass(weir)
    assert baseline_of(weir) == old and not weir.logged("prediction_redefined")

    reconfigure(weir, gateway(upstream, OTHERWISE, redis, baseline="manual"))
    until(lambda: "was redefined" in intent(weir).get("reason", ""), SOON, "it to be told")
    row = intent(weir)
    assert row["state"] == "insufficient_data" and row["baseline"] is None
    assert "weir baseline create" in row["reason"]
    ticks_pass(weir)
    assert told(weir) == []
    listed = command(weir, "list")
    assert "not judged by: it is of another definition" in listed.stdout, listed.stdout
    shown = json.loads(command(weir, "show", old).stdout)
    assert "defined otherwise" in shown["not_judged"] and len(shown["baseline"]["definition"]) == 8
    refused = command(weir, "pin", old)
    assert refused.returncode == 1 and "defined otherwise" in refused.stderr, refused.stderr

    reconfigure(weir, gateway(upstream, INTENT, redis, baseline="manual"))
    until(lambda: baseline_of(weir) == old, SOON, "the old baseline")
    settled(weir)
    assert told(weir) == [] and "reason" not in intent(weir)


def test_a_new_baseline_is_made_of_the_new_definition_alone_and_both_are_kept(stage):
    redis = stage.redis()
    model = Model()
    upstream = stage.upstream(model)
    weir = stage.weir(gateway(upstream, INTENT, redis))
    stage.keep(Traffic(weir))
    settled(weir)
    old = baseline_of(weir)
    reconfigure(weir, gateway(upstream, OTHERWISE, redis))
    until(lambda: baseline_of(weir) not in (None, old), SOON, "a new baseline")
    new = baseline_of(weir)
    made = json.loads(command(weir, "show", new).stdout)["baseline"]
    assert made["values"] == ["other"] and made["counts"] == [made["n"]]
    settled(weir)
    reconfigure(weir, gateway(upstream, INTENT, redis))
    until(lambda: baseline_of(weir) == old, SOON, "the old baseline")
    assert told(weir) == []
    model.changed.set()
    until(lambda: alarms(weir, "firing"), SOON, "a real change is still one")
    reconfigure(weir, gateway(upstream, OTHERWISE, redis))
    until(lambda: alarms(weir, "resolved"), SOON, "the alarm to end")
    assert alarms(weir, "resolved")[0]["ended"] == "redefined"
    until(lambda: baseline_of(weir) == new, SOON, "the new baseline")
    dropped = command(weir, "drop", old)
    assert dropped.returncode == 0, dropped.stderr


def test_gateways_of_two_definitions_on_one_redis_alarm_nobody(stage):
    redis = stage.redis()
    upstream = stage.upstream(Model())
    one = stage.weir(gateway(upstream, INTENT, redis))
    stage.keep(Traffic(one))
    settled(one)
    old = baseline_of(one)
    two = stage.weir(gateway(upstream, OTHERWISE, redis))
    stage.keep(Traffic(two))
    for weir in (one, two):
        until(lambda weir=weir: "different definitions" in intent(weir).get("reason", ""), SOON,
              "both to tell of it")
        assert intent(weir)["state"] == "insufficient_data"
    ticks_pass(one, two)
    assert told(one) == [] and told(two) == []
    reconfigure(two, gateway(upstream, INTENT, redis))
    for weir in (one, two):
        settled(weir)
        assert baseline_of(weir) == old
    assert told(one) == []
