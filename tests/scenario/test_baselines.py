# SPDX-License-Identifier: Apache-2.0
"""Baselines as people handle them: made, listed, pinned and dropped, and what they are told."""

import json
import time

import pytest

from test_drift import SOON, Model, Traffic, command, intent, replicas, settled, started
from test_redis_user import line_of_docs
from weirtest import config, process
from weirtest.patience import until

pytestmark = pytest.mark.limit(400)
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
    redis(*line_of_docs())  # a user who may do what the gateways need, and no more
    redis.url = redis.url.replace("redis://", "redis://weir:secret@")
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
    until(lambda: one.logged("drift_written_again") or two.logged("drift_written_again"))
    assert redis("ACL", "LOG") == []


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
    # A new one may just be under way, and is taken away again.
    until(lambda: [path.name for path in tmp_path.iterdir()] == [file.name], SOON)
    file.rmdir()
    weir.wait_logged("drift_state_written", timeout=SOON)
    assert file.is_file()


# -- counts that people bring --------------------------------------------------------------

WRONG = [
    ({"refnud": 500}, 'has no value "refnud" (did you mean "refund"?)'),
    ({"banana": 500}, 'has no value "banana": there is refund, shipping, other, complaint'),
    ({f"v{i}": 9 for i in range(100)}, 'has no value "v0"'),
    ({"refund": -1}, '"refund" is -1: expected a whole number from 0 to'),
    ({"refund": 1.5}, '"refund" is 1.5: expected'),
    ({"refund": 10**18}, '"refund" is 1000000000000000000: expected'),
    ({"refund": "500"}, '"refund" is no number: expected'),
    ({"refund": 0, "shipping": 0}, "0 answers together are too few"),
    ({"refund": 150}, "150 answers together are too few: a baseline takes 200"),
    ({}, "0 answers together"),
    ('{"refund": 300, "refund": 1}', '"refund" stands twice'),
    ('{"refund": 300, "\\u0072efund": 1}', '"refund" stands twice'),
]


def test_counts_that_cannot_be_are_refused_by_name_and_file(stage, tmp_path):
    weir = started(stage, Model(), baseline="manual")
    file = tmp_path / "counts.json"
    words = ("create", "--model", "chat", "--prediction", "intent", "--counts", str(file))
    for counts, sentence in WRONG:
        file.write_text(counts if isinstance(counts, str) else json.dumps(counts))
        done = command(weir, *words)
        assert done.returncode == 1, (counts, done)
        assert done.stderr.startswith(f"weir baseline: {file}: ") and sentence in done.stderr
        body = f'{{"model":"chat","prediction":"intent","counts":{file.read_text()}}}'
        answer = weir.ask_admin("/admin/baselines", "POST", body.encode())
        assert answer.status == 400 and sentence in answer.json()["detail"]
    assert listed(weir) == {}


def test_counts_of_a_model_or_prediction_that_there_is_not_are_refused(stage, tmp_path):
    weir = started(stage, Model(), baseline="manual")
    file = tmp_path / "counts.json"
    file.write_text('{"refund": 500}')
    for names, sentence in (
        (("chta", "intent"), '--model: there is none of the name "chta" (did you mean "chat"?)'),
        (("chat", "intnt"), "(did you mean \"intent\"?)"),
        (("chat", "zebra"), '"zebra": there is intent, finish_reason'),
        (("chat", "latency"), 'no value "refund": there is le_0.01'),
    ):
        done = command(weir, "create", "--model", names[0], "--prediction", names[1],
                       "--counts", str(file))
        assert done.returncode == 1 and sentence in done.stderr, done.stderr


def test_a_file_of_counts_that_is_none_is_told_by_name_and_line(stage, tmp_path):
    weir = started(stage, Model(), baseline="manual")
    file = tmp_path / "counts.json"
    words = ("create", "--model", "chat", "--prediction", "intent", "--counts", str(file))
    missing = command(weir, *words)
    assert missing.returncode == 2 and f"{file}: No such file" in missing.stderr
    for text, sentence in (("{\n\"a\": 1,,}", f"{file}:2: this is no JSON"),
                           ("[1]", f"{file}: expected one JSON object")):
        file.write_text(text)
        done = command(weir, *words)
        assert done.returncode == 2 and sentence in done.stderr, done.stderr


# -- what is said of other slips -------------------------------------------------------------


def test_a_time_without_answers_makes_no_baseline_and_says_so(stage):
    weir = started(stage, Model(), baseline="manual")
    nothing = command(weir, "create", "--model", "chat", "--last", "1h")
    assert nothing.returncode == 1
    assert 'nothing was counted so far of "chat"' in nothing.stderr
    stage.keep(Traffic(weir))
    until(lambda: intent(weir).get("n", 0) > 50, SOON, "answers")
    empty = command(weir, "create", "--model", "chat", "--from", "1", "--to", "5000000")
    assert empty.returncode == 1
    assert "No baseline was made: a baseline takes 200 answers" in empty.stderr
    near = command(weir, "create", "--model", "chat", "--prediction", "intnt", "--last", "1h")
    assert near.returncode == 1
    assert '--prediction: nothing was counted so far of "intnt" (did you mean "intent"?)' in near.stderr
    unknown = command(weir, "show", "0123456789abcdef")
    assert unknown.returncode == 1 and "no baseline of that id" in unknown.stderr


def test_without_the_right_token_it_says_so(stage):
    overlay = {"admin": {"token": "t0ken"}}
    weir = stage.weir(config.gateway(stage.upstream(Model()), **overlay))
    address = "{}:{}".format(*weir.admin)
    none = process.run("baseline", "list", "--admin", address)
    assert none.returncode == 1 and "asks for a token" in none.stderr
    wrong = process.run("baseline", "list", "--admin", address, env={"WEIR_ADMIN_TOKEN": "no"})
    assert wrong.returncode == 1 and "does not take the token of WEIR_ADMIN_TOKEN" in wrong.stderr
    right = process.run("baseline", "list", "--admin", address,
                        env={"WEIR_ADMIN_TOKEN": "t0ken"})
    assert right.returncode == 0 and right.stdout == "There are no baselines yet.\n"
    data = process.run("baseline", "list", "--admin", "{}:{}".format(*weir.address))
    assert data.returncode == 1 and "is no admin address" in data.stderr


def test_a_gateway_that_is_not_there_is_told():
    done = process.run("baseline", "list", "--admin", "127.0.0.1:1")
    assert done.returncode == 1 and "127.0.0.1:1 does not answer" in done.stderr


# -- silences --------------------------------------------------------------------------------


def test_a_silence_is_bounded_in_its_texts_and_its_number(stage):
    weir = started(stage, Model())
    ahead = int(time.time() * 1000) + 3_600_000

    def ask(**members):
        body = json.dumps({"until_ms": ahead, **members}).encode()
        answer = weir.ask_admin("/admin/silences", "POST", body)
        return answer.status, answer.json().get("detail", "")

    assert ask(until_ms=ahead - 7_200_000)[0] == 400
    assert ask(why="x" * 501) == (400, "why: has 501 bytes, and may have 500")
    assert ask(model="x" * 257) == (400, "model: has 257 bytes, and may have 256")
    assert ask(modle="chat") == (400, 'there is no member "modle" (did you mean "model"?)')
    assert all(ask(why="x" * 500)[0] == 200 for _ in range(100))
    assert ask() == (400, "There are 100 silences. End one of them first.")
