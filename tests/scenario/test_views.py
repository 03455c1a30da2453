# SPDX-License-Identifier: Apache-2.0
"""The course of the last hours: what is counted by model, version and segment, and asked for."""

import json
from urllib.parse import urlencode

import pytest

from weirtest import chat, config
from weirtest.patience import until

TICK = {"drift": {"tick": "1s"}}
PREDICTIONS = [{"name": "intent", "from": "/choices/0/message/content", "kind": "label",
                "labels": ["refund", "shipping"]}]  # fmt: skip
SEGMENTS = [{"name": "plan", "from": "header:x-plan", "values": ["free", "pro"]}]
PRICE = {"input": 1000, "output": 1000}  # dollars for a million tokens: 18 are 1.8 cents


def settings(*servers, **overlay):
    setup = config.gateway(*servers, **TICK, **overlay)
    model = setup["models"]["chat"]
    model.update(predictions=PREDICTIONS, segments=SEGMENTS)
    for route in model["routes"]:
        route["price"] = PRICE
    return setup


def ask(weir, text, plan=None, **members):
    headers = {"X-Plan": plan} if plan else {}
    return weir.post(chat.PATH, chat.stable(text, **members), headers=headers)


def history(weir, status=200, **query):
    answer = weir.ask_admin("/admin/history?" + urlencode(query))
    assert answer.status == status, answer.body
    return json.loads(answer.body)


def whole(weir, **query):
    """All of the last hours as one point; None: there was nothing."""
    ticks = {"from": 1, "to": 9 * 10**13, "step": 9 * 10**13}
    points = history(weir, **{**ticks, **query})["points"]
    return points[0] if points else None


def settled(weir, requests, **query):
    """That point, once it has so many requests in it."""
    return until(lambda: (p := whole(weir, **query)) and p["requests"] == requests and p, 60)


@pytest.fixture(scope="module")
def weir(shared_stage):
    """Four requests of `free` and `pro`, of which one is a hit, and one that fails."""
    upstream = shared_stage.upstream(chat.says("refund"))
    broken = shared_stage.upstream(chat.fails(500))
    setup = settings(upstream)
    setup["upstreams"]["broken"] = config.upstream(broken)
    setup["models"]["failing"] = {"routes": [{"upstream": "broken", "model": "bad-model"}],
                                  "max_attempts": 1}  # fmt: skip
    weir = shared_stage.weir(setup)
    for text, plan in (("a", "free"), ("a", "pro"), ("b", "pro"), ("c", None)):
        assert ask(weir, text, plan).status == 200
    assert ask(weir, "x", model="failing").status >= 500
    settled(weir, 5)
    return weir


# -- what is counted -------------------------------------------------------------------------


def test_requests_are_told_by_their_source(weir):
    point = settled(weir, 4, model="chat")
    assert (point["fresh"], point["cached"], point["failed"]) == (3, 1, 0)


def test_each_segment_has_a_course_of_its_own(weir):
    free, pro = (whole(weir, segment=f"plan={plan}") for plan in ("free", "pro"))
    assert (free["fresh"], free["cached"]) == (1, 0)
    assert (pro["fresh"], pro["cached"]) == (1, 1)


def test_each_version_has_one_too(weir):
    assert whole(weir, version="real-model")["requests"] == 4
    assert whole(weir, version="bad-model")["requests"] == 1
    assert whole(weir, version="nobody's") is None


def test_failures_are_told_by_their_class(weir):
    point = whole(weir, model="failing")
    assert point["failed"] == 1 and point["errors"] == {"upstream_error": 1}


def test_money_is_told_where_it_was_spent_and_saved(weir):
    point = whole(weir, model="chat")
    assert point["spent_usd"] == pytest.approx(3 * 0.018)
    assert point["saved_usd"] == pytest.approx(0.018)
    assert whole(weir, segment="plan=pro")["saved_usd"] == pytest.approx(0.018)
    assert whole(weir, segment="plan=free")["saved_usd"] == 0


def test_what_fresh_answers_said_is_told_by_prediction(weir):
    assert "said" not in whole(weir)
    assert whole(weir, prediction="intent")["said"] == {"intent": {"refund": 3}}
    said = whole(weir, prediction="*", segment="plan=pro")["said"]
    assert said["intent"] == {"refund": 1}
    assert {"finish_reason", "output_tokens", "latency", "cost"} < set(said)


def test_there_are_series_to_choose_from(weir):
    names = [(s["model"], s["version"], s["segment"]) for s in history(weir)["series"]]
    assert len(set(names)) == len(names)
    assert set(names) == {
        ("chat", "real-model", ""), ("chat", "real-model", "plan=free"),
        ("chat", "real-model", "plan=pro"), ("chat", "real-model", "plan=none"),
        ("failing", "bad-model", "")}  # fmt: skip


def test_waiting_is_told_as_callers_felt_it(stage):
    def slow(call):
        call.pause(1)
        chat.says()(call)

    weir = stage.weir(settings(stage.upstream(slow)))
    for _ in range(9):
        ask(weir, "slow once, then kept")
    point = settled(weir, 9)
    assert point["p50_ms"] < 500 and 900 < point["p99_ms"] < 15000


# -- how it is asked -------------------------------------------------------------------------


def test_points_are_steps_of_whole_ticks(weir):
    answer = history(weir, step=14_500)
    assert answer["step_ms"] == 15_000 and answer["tick_ms"] == 1000
    assert all(p["at_ms"] % 1000 == 0 for p in answer["points"])
    assert sum(p["requests"] for p in answer["points"]) == 5


def test_the_past_before_and_after_a_moment_are_two_points(weir):
    last = max(p["at_ms"] for p in history(weir)["points"])
    span = 600_000
    sides = history(weir, **{"from": last + 1000 - span, "to": last + 1000 + span, "step": span})
    assert len(sides["points"]) == 1 and sides["points"][0]["requests"] == 5


@pytest.mark.parametrize("query, told", [
    ({"step": 1000, "from": 1, "to": 10**10}, "points"),
    ({"from": 10**12, "to": 10**12 + 400_000, "step": 1000, "prediction": "*"}, "at most 360"),
    ({"from": 10**12, "to": 10**12 - 5000}, "before"),
    ({"to": "yesterday"}, "to=yesterday"),
    ({"from": 10**15}, "14 digits"),
    ({"colour": "red"}, "colour"),
])  # fmt: skip
def test_what_cannot_be_answered_is_said(weir, query, told):
    assert told in json.dumps(history(weir, 400, **query))


# -- of all gateways -------------------------------------------------------------------------


def test_gateways_that_share_a_redis_show_one_course(stage):
    upstream, redis = stage.upstream(chat.says("refund")), stage.redis()
    one, two = (stage.weir(settings(upstream, **config.redis(redis))) for _ in range(2))
    for number in range(3):
        ask(one, f"one {number}", "free")
    for number in range(4):
        ask(two, f"two {number}", "pro")
    for weir in (one, two):
        assert settled(weir, 7)["fresh"] == 7
        assert whole(weir, segment="plan=pro")["fresh"] == 4


def test_who_starts_hears_of_the_hours_before(stage):
    upstream, redis = stage.upstream(chat.says("refund")), stage.redis()
    first = stage.weir(settings(upstream, **config.redis(redis)))
    for number in range(3):
        ask(first, f"q{number}")
    settled(first, 3)
    first.drain()
    assert first.wait_exit() == 0
    second = stage.weir(settings(upstream, **config.redis(redis)))
    assert settled(second, 3, prediction="intent")["said"] == {"intent": {"refund": 3}}


def test_without_its_redis_a_gateway_shows_its_own_and_tells_it_later(stage):
    upstream, redis = stage.upstream(chat.says("refund")), stage.redis()
    one, two = (stage.weir(settings(upstream, **config.redis(redis))) for _ in range(2))
    redis.kill()
    for number in range(3):
        ask(one, f"q{number}")
    settled(one, 3)
    assert whole(two) is None
    redis.start()
    settled(two, 3)


def test_how_many_values_there_were_is_counted_over_gateways(stage):
    def echoes(call):
        asked = json.loads(call.request.body)["messages"][-1]["content"]
        call.answer(200, chat.completion(asked))

    upstream, redis = stage.upstream(echoes), stage.redis()
    one, two = (stage.weir(settings(upstream, **config.redis(redis))) for _ in range(2))
    for number in range(12):
        ask(one, f"value {number}")
        ask(two, f"value {number + 6}")

    def today(weir):
        rows = weir.ask_admin("/admin/predictions/distinct").json()["distinct"]
        return sum(row["today"] for row in rows)

    for weir in (one, two):
        until(lambda weir=weir: today(weir) == 18, 60, "the values of both")
