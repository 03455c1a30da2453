# SPDX-License-Identifier: Apache-2.0
"""What is no change of the model: answers that go by the hour, and questions that move for two
versions at once; and numbers whose bins come from what was counted.

Ticks are a second long. Two weeks cannot be waited for, so they are written to Redis as a
gateway would have: one row of counts for each hour; or into the state that a gateway has left
there after its first seconds of gathering."""

import collections
import hashlib
import itertools
import json
import random
import time

import pytest

from test_drift import Traffic, alarms, command, page
from weirtest import chat, config
from weirtest.patience import until

pytestmark = pytest.mark.limit(500)
SOON = 90
HOUR_S, ROW_TICKS, ROWS_A_DAY = 3600, 60, 24
MEMBER = "chat:real-model:intent"

INTENT = {"name": "intent", "from": "/choices/0/message/content", "kind": "label",
          "labels": ["refund", "shipping"]}


def row_of(weir, prediction, version="real-model"):
    for row in page(weir, "drift")["histograms_list"]:
        if row["prediction"] == prediction and row["version"] == version:
            return row
    return {"state": "unknown", "baseline": None, "n": 0}


def state(weir, prediction="intent", version="real-model"):
    return row_of(weir, prediction, version)["state"]


def drift(redis=None, predictions=(INTENT,), **settings):
    overlay = config.merged(config.chat(predictions=list(predictions)),
                            {"drift": {"tick": "1s", **settings}})
    return config.merged(overlay, config.redis(redis, timeout="500ms") if redis else {})


class Mix:
    """Answers refund or shipping by a share of refunds that may be changed."""

    def __init__(self, share):
        self.share, self.dice = share, random.Random(7)

    def __call__(self, call):
        chat.says("refund" if self.dice.random() < self.share else "shipping")(call)


# -- by the hour of the week ------------------------------------------------------------------


def write_two_weeks(redis, now_s, share_at):
    """A minute's row in each hour of two weeks; shares of refunds by the hour from now."""
    for back in range(14 * 24, 0, -1):
        tick = now_s - back * HOUR_S
        row = tick // ROW_TICKS
        refunds = round(600 * share_at(back))
        redis("HSET", f"weir:v1:hours:{MEMBER}:{row // ROWS_A_DAY}", row % ROWS_A_DAY,
              f"refund={refunds} shipping={600 - refunds}")


def is_near(back):
    """The hour of the day that it is now, or the next: the test may see it begin."""
    return back % 24 in (0, 23)


def test_what_goes_by_the_hour_is_no_alarm_and_a_change_of_the_hour_is(stage):
    model, redis = Mix(0.8), stage.redis()
    weir = stage.weir(config.gateway(stage.upstream(model), **drift(redis, baseline="manual")))
    stage.keep(Traffic(weir))
    until(lambda: state(weir) == "no_baseline", SOON, "the histogram")
    write_two_weeks(redis, int(time.time()), lambda back: 0.8 if is_near(back) else 0.2)
    words = ("create", "--model", "chat", "--prediction", "intent", "--last", "14d", "--pin")

    made = command(weir, *words, "--hour-of-week")
    assert made.returncode == 0, made.stderr
    assert "168 shared, 0 as the whole" in made.stdout
    until(lambda: state(weir) == "ok", SOON, "a verdict by the hour")
    hours = row_of(weir, "intent")["baseline"]["hour_of_week"]
    assert hours == {"alone": 0, "shared": 168, "whole": 0}
    time_left = time.monotonic() + 8
    until(lambda: time.monotonic() > time_left or alarms(weir, "firing"), 60, "some ticks")
    assert not alarms(weir, "firing")

    model.share = 0.25  # what all hours together say, but not this one
    until(lambda: alarms(weir, "firing"), SOON, "the alarm of this hour")
    (alarm,) = alarms(weir, "firing")
    refund = next(v for v in alarm["evidence"]["values"] if v["value"] == "refund")
    assert 0.75 < refund["before"] < 0.85

    model.share = 0.8
    plain = command(weir, *words)
    assert plain.returncode == 0, plain.stderr
    until(lambda: row_of(weir, "intent")["baseline"].get("hour_of_week") is None, SOON, "it")
    until(lambda: alarms(weir, "firing"), SOON, "what a baseline of all hours says")


class Gathering:
    """What a gateway has written of a histogram whose baseline is still to come, to be read
    and, as if it had gone on for two weeks, written: the checksum, the tick and others, then
    ticks|more of them|what is no tick yet|hours of the week, then the hour's counts."""

    KEY = f"weir:v1:drift:{MEMBER}"

    def __init__(self, redis):
        _, self.head, draft, self.hour, *self.more = redis("HGET", self.KEY,
                                                           "state").decode().split("\n")
        self.ticks, self.rest, self.pending, *self.week = draft.split("|")

    def of_two_weeks(self, now_s, share_at):
        """All but the hour that runs."""
        this_hour, hours, all_of_it = now_s // HOUR_S, {}, collections.Counter()
        for back in range(14 * 24 - 1, 0, -1):
            hour, refunds = this_hour - back, round(600 * share_at(back))
            counts = collections.Counter(refund=refunds, shipping=600 - refunds)
            of_week = (hour + 3 * 24) % 168  # 1970 began on a Thursday
            seen, _, before = hours.get(of_week, (0, 0, collections.Counter()))
            hours[of_week] = (seen + 1, hour, before + counts)
            all_of_it += counts
        self.ticks = ";".join((self.ticks.split(";") * 60)[:60])  # as many as are told apart
        self.rest = words_of(all_of_it)
        self.week = [";".join([f"{this_hour - 14 * 24 + 1},{this_hour - 1}"] + [
            f"{of_week}:{seen}:{last}:{words_of(counts)}"
            for of_week, (seen, last, counts) in sorted(hours.items())])]

    def write(self, redis):
        draft = "|".join([self.ticks, self.rest, self.pending, *self.week])
        body = "\n".join([self.head, draft, self.hour, *self.more]).encode()
        mark = hashlib.sha256(body).hexdigest()[:16].encode()
        redis("HSET", self.KEY, "state", mark + b"\n" + body)


def words_of(counts):
    return " ".join(f"{value}={n}" for value, n in sorted(counts.items()) if n)


def has_gathered(redis, ticks):
    if not redis("HGET", Gathering.KEY, "state"):
        return None
    found = Gathering(redis)
    return found if found.ticks.count(";") >= ticks and found.week else None


def test_a_baseline_by_the_hour_makes_itself_of_two_weeks(stage):
    model, redis, plain = Mix(0.8), stage.redis(), stage.redis()
    upstream = stage.upstream(model)
    by_itself = {"min_n": 1000, "baseline_ticks": 100}  # more than are told apart by the hour
    whole = config.gateway(upstream, **drift(redis, hour_of_week=True, **by_itself))
    first = stage.weir(whole)
    traffic = stage.keep(Traffic(first))
    found = until(lambda: has_gathered(redis, 4), SOON, "some ticks to be gathered")
    assert state(first) == "no_baseline", "an hour is no two weeks"
    traffic.stop()
    first.drain()
    assert first.wait_exit() == 0
    found = Gathering(redis)
    found.of_two_weeks(int(time.time()), lambda back: 0.8 if is_near(back) else 0.2)
    found.write(redis)
    found.write(plain)

    weir = stage.weir(whole)
    stage.keep(Traffic(weir))
    until(lambda: state(weir) == "ok", SOON, "a baseline that made itself, and a verdict")
    baseline = row_of(weir, "intent")["baseline"]
    assert baseline["hour_of_week"] == {"alone": 0, "shared": 168, "whole": 0}
    assert baseline["n"] > 335 * 600
    listed = command(weir, "list")
    (line,) = [line for line in listed.stdout.splitlines() if "intent" in line]
    assert line.split()[0] == baseline["id"] and " auto " in line
    ticks = weir.metrics.sum("weir_drift_ticks_total")
    until(lambda: weir.metrics.sum("weir_drift_ticks_total") >= ticks + 10, SOON, "ten ticks")
    assert not page(weir, "alarms")["alarms"] and not weir.logged("drift_alarm")

    # Who gathers without the hour has the same two weeks, of which the hour is no part.
    other = stage.weir(config.gateway(upstream, **drift(plain, **{**by_itself,
                                                                  "baseline_ticks": 4})))
    stage.keep(Traffic(other))
    until(lambda: alarms(other, "firing"), SOON, "what a baseline of all hours says")
    assert "hour_of_week" not in row_of(other, "intent")["baseline"]

    model.share = 0.25  # what all hours together say, but not this one
    until(lambda: alarms(weir, "firing"), SOON, "the alarm of this hour")
    (alarm,) = alarms(weir, "firing")
    assert alarm["baseline"] == baseline["id"] and alarm["severity"] == "confirmed"
    refund = next(v for v in alarm["evidence"]["values"] if v["value"] == "refund")
    assert 0.75 < refund["before"] < 0.85 and refund["after"] < 0.5


# -- numbers without bins ---------------------------------------------------------------------


class Scores:
    """Answers a score, from 0 to 1, higher by `lift`."""

    def __init__(self):
        self.lift, self.dice = 0.0, random.Random(11)

    def __call__(self, call):
        score = min(1, self.dice.betavariate(6, 3) * (1 - self.lift) + self.lift)
        chat.says(json.dumps({"score": round(score, 3)}))(call)


def test_a_number_without_bins_is_judged_by_the_deciles_of_its_baseline(stage):
    model = Scores()
    score = {"name": "score", "kind": "number", "from": "/choices/0/message/content#/score"}
    weir = stage.weir(config.gateway(stage.upstream(model),
                                     **drift(predictions=[score], min_n=1000,
                                             baseline_ticks=4)))
    stage.keep(Traffic(weir))
    until(lambda: row_of(weir, "score")["n"] > 100, SOON, "answers")
    assert all(v["value"].startswith("upto_") for v in row_of(weir, "score")["values"])
    until(lambda: state(weir, "score") == "ok", SOON, "a baseline and a verdict")
    values = row_of(weir, "score")["values"]
    bins = [v["value"] for v in values if v["value"].startswith(("le_", "gt_"))]
    assert 6 <= len(bins) <= 12 and bins[-1].startswith("gt_"), bins
    shares = [v["before"] for v in values if v["value"] in bins[1:-1]]
    assert max(shares) < 0.25, shares
    distances = row_of(weir, "score")["distances"]
    assert distances["ks"] is not None
    assert 0 <= distances["wasserstein"] < 1 and distances["floors"]["wasserstein"] > 0

    model.lift = 0.5
    until(lambda: any(a["prediction"] == "score" for a in page(weir, "alarms")["alarms"]),
          SOON, "the alarm")
    (alarm,) = [a for a in page(weir, "alarms")["alarms"] if a["prediction"] == "score"]
    assert alarm["evidence"]["moved"][0]["value"].startswith(("le_", "gt_"))
    assert not [u for u in alarm["evidence"]["unseen"] if u["value"].startswith("upto_")]


def test_a_reload_that_gives_a_prediction_other_words_says_so(stage):
    score = {"name": "score", "kind": "number", "from": "/choices/0/message/content#/score"}
    size = {"name": "size", "kind": "length"}

    def with_bins(**bins):
        return config.gateway(up, **drift(predictions=[{**score, **bins}, size]))

    up = stage.upstream(Scores())
    weir = stage.weir(with_bins())
    for whole, told in ((with_bins(), 0), (with_bins(bins=[0.5, 0.7]), 1)):
        before = len(weir.logged("reload"))
        weir.configure(whole)
        weir.reload()
        weir.wait_logged("reload", before + 1)
        until(lambda told=told: [(line["model"], line["prediction"])
                                 for line in weir.logged("prediction_redefined")] ==
              [("chat", "score")] * told)  # fmt: skip


# -- a control that answers meanwhile -----------------------------------------------------------


def two_versions(stage, old, new, redis):
    """Two gateways in front of one model name, whose upstream models differ; one Redis."""
    def gateway(model, version):
        whole = config.gateway(stage.upstream(model), **drift(redis, baseline="manual"))
        whole["models"]["chat"]["routes"][0]["model"] = version
        return stage.weir(whole)

    return gateway(old, "model-old"), gateway(new, "model-new")


def of_new(weir):
    return row_of(weir, "intent", "model-new")


def test_what_moves_the_control_too_is_no_alarm_and_what_does_not_is(stage):
    old, new, redis = Mix(0.8), Mix(0.8), stage.redis()
    one, two = two_versions(stage, old, new, redis)
    stage.keep(Traffic(one))
    stage.keep(Traffic(two))
    until(lambda: of_new(one)["n"] > 300, SOON, "answers of both")
    words = ("create", "--model", "chat", "--prediction", "intent", "--version", "model-new",
             "--last", "1h", "--pin")
    refused = command(one, *words, "--control", "model-new")
    assert refused.returncode == 2 and "takes --version" in refused.stderr
    refused = command(one, *words, "--control", "model-odl")
    assert refused.returncode == 1 and '--control: nothing was counted' in refused.stderr
    assert 'did you mean "model-old"?' in refused.stderr
    refused = command(one, *words, "--control", "model-old", "--hour-of-week")
    assert refused.returncode == 2 and "one of the two" in refused.stderr
    made = command(one, *words, "--control", "model-old")
    assert made.returncode == 0, made.stderr
    assert "control" in made.stdout and "against what model-old says meanwhile" in made.stdout

    old.share = new.share = 0.3  # what is asked has changed, for both
    until(lambda: of_new(two)["state"] == "ok", SOON, "a verdict")
    assert of_new(two)["baseline"]["control"] == "model-old"
    time_left = time.monotonic() + 10
    until(lambda: time.monotonic() > time_left or alarms(one, "firing"), 60, "some ticks")
    assert not page(one, "alarms")["alarms"]

    new.share = 0.9
    until(lambda: alarms(one, "firing"), 180, "the alarm of the new version alone")
    (alarm,) = alarms(one, "firing")
    assert alarm["version"] == "model-new" and alarm["severity"] == "confirmed"
    refund = next(v for v in alarm["evidence"]["values"] if v["value"] == "refund")
    assert refund["before"] < 0.5 < refund["after"]
    assert row_of(one, "intent", "model-old")["state"] == "no_baseline"


def passed(done):
    return done if done.returncode == 0 else None


def test_a_control_that_never_answers_is_told_when_it_is_ordered_and_after(stage):
    redis = stage.redis()
    weir = stage.weir(config.gateway(stage.upstream(Mix(0.8)), **drift(redis, baseline="manual")))
    redis("ZADD", "weir:v1:histograms", int(time.time()), "chat:model-odl:intent")
    stage.keep(Traffic(weir))
    until(lambda: row_of(weir, "intent")["n"] > 300, SOON, "answers")
    words = ("create", "--model", "chat", "--prediction", "intent", "--version", "real-model",
             "--control", "model-odl", "--last", "1h", "--pin")
    made = until(lambda: passed(command(weir, *words)), SOON, "a baseline")
    assert 'hint: --control: this gateway has no route to the version "model-odl"' in made.stdout
    until(lambda: row_of(weir, "intent").get("reason"), SOON, "the reason")
    row = row_of(weir, "intent")
    assert row["state"] == "insufficient_data"
    assert row["reason"] == "control version model-odl has no answers: misspelt?"
