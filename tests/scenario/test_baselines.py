# SPDX-License-Identifier: Apache-2.0
"""Baselines as people handle them: made, listed, pinned and dropped, and what they are told."""

import json

import pytest

from test_drift import SOON, Model, Traffic, command, intent, replicas, settled, started
from weirtest.patience import until

pytestmark = pytest.mark.limit(150)


def listed(weir):
    """Each baseline of the prediction: is it in force?"""
    done = command(weir, "list", "--json")
    assert done.returncode == 0, done.stderr
    return {row["baseline"]["id"]: row["pinned"] for row in json.loads(done.stdout)["baselines"]
            if row["baseline"]["prediction"] == "intent"}


# -- what Redis has lost ------------------------------------------------------------------


def test_after_redis_was_emptied_what_judges_is_in_force_and_is_not_dropped(stage):
    redis = stage.redis()
    one, two = replicas(stage, Model(), redis)
    stage.keep(Traffic(one, two))
    settled(one)
    settled(two)
    baseline = intent(one)["baseline"]["id"]
    redis("FLUSHALL")
    until(lambda: redis("HVALS", "weir:v1:baselines").count(baseline.encode()), SOON,
          "the pin to be written again")
    until(lambda: redis("EXISTS", "weir:v1:baseline:" + baseline), SOON, "and the baseline")
    for weir in (one, two):
        until(lambda: listed(weir).get(baseline), SOON, "it to be in force")
        refused = command(weir, "drop", baseline)
        assert refused.returncode == 1 and "in force" in refused.stderr
    third = stage.weir(one.path.read_text())  # which knows nothing but what Redis has
    until(lambda: (intent(third)["baseline"] or {}).get("id") == baseline, SOON, "a third one")
    assert one.logged("drift_written_again") or two.logged("drift_written_again")
