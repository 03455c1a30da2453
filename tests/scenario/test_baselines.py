# SPDX-License-Identifier: Apache-2.0
"""Baselines as people handle them: made, listed, pinned and dropped, and what they are told."""

import json

import pytest

from test_drift import SOON, Model, Traffic, command, intent, replicas, settled, started
from weirtest import config, process
from weirtest.patience import until

pytestmark = pytest.mark.limit(150)
NOBODY = {"upstreams": {"up": {"endpoints": ["http://127.0.0.1:9/v1"]}},
          "models": {"chat": {"routes": [{"upstream": "up", "model": "real-model"}]}}}


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


# -- the file of a gateway that is alone ----------------------------------------------------


def refused(file, *words):
    """What `weir check` says of a state file."""
    overlay = {"drift": {"state_file": str(file)}}
    checked = process.run("check", "-c", "{file}", config={**NOBODY, **overlay})
    assert checked.returncode == 2, checked.stderr
    assert "drift.state_file: " in checked.stderr
    for word in words:
        assert word in checked.stderr, checked.stderr


def test_a_state_file_that_cannot_be_written_is_refused_with_its_line(tmp_path):
    refused(tmp_path, "weir.yaml:", "is a folder")
    refused(tmp_path / "nowhere" / "drift.state", "folder that does not exist")


def is_folder_now(file):
    """The gateway writes it anew each second, also just between these two."""
    file.unlink(missing_ok=True)
    try:
        file.mkdir()
    except FileExistsError:
        return False
    return True


def test_a_state_file_that_fails_is_told_once_and_once_when_it_is_well(stage, tmp_path):
    file = tmp_path / "drift.state"
    weir = started(stage, Model(), state_file=str(file))
    until(file.exists, SOON, "the file")
    until(lambda: is_folder_now(file), SOON, "a folder in its place")
    weir.wait_logged("drift_state_not_written", timeout=SOON)
    stage.keep(Traffic(weir))
    rounds = set()
    until(lambda: rounds.add(intent(weir).get("n")) or len(rounds) > 4, SOON, "more rounds")
    assert len(weir.logged("drift_state_not_written")) == 1
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    file.rmdir()
    weir.wait_logged("drift_state_written", timeout=SOON)
    assert file.is_file()
