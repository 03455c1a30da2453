# SPDX-License-Identifier: Apache-2.0
"""What is watched of answers and requests, and in which parts of the traffic."""

import json

import pytest

from weirtest import chat, config, process
from weirtest.patience import until

SEGMENTS = [
    {"name": "plan", "from": "header:x-plan"},
    {"name": "country", "from": "/metadata/country"},
    {"together": ["plan", "country"]},
]


def started(stage, script=None, redis=None, **model):
    upstream = stage.upstream(script or chat.says("refund"))
    settings = config.merged(config.chat(**model), config.redis(redis) if redis else {})
    return upstream, stage.weir(config.gateway(upstream, **settings))


def counted(weir, requests):
    until(lambda: weir.metrics.sum("weir_requests_total") == requests, what="all to be counted")


def counts(weir, prediction):
    found = {}
    for labels, value in weir.metrics.samples("weir_predictions_total", prediction=prediction):
        found[labels["value"]] = found.get(labels["value"], 0) + value
    return {name: count for name, count in found.items() if count}


def ended(weir):
    """What was counted is told to Redis at the latest when the gateway ends."""
    weir.drain()
    assert weir.wait_exit() == 0


def told(redis, name):
    """The counts of a histogram in Redis, its minutes added up."""
    found = {}
    for key in redis.keys("weir:v1:histogram:*"):
        if key.rsplit(":", 1)[0] != "weir:v1:histogram:chat:real-model:" + name:
            continue
        for value, count in redis.hash(key).items():
            found[value] = found.get(value, 0) + int(count)
    return found


# -- quantities --------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["plain", "stream"])
def test_a_pattern_takes_the_label_out_of_a_text(stage, way):
    _, weir = started(
        stage, chat.says("I think:\nIntent: refund. Good?"),
        predictions=[{"name": "intent", "kind": "label", "match": "intent: ?(\\w+)",
                      "labels": ["refund"]}],
    )  # fmt: skip
    weir.post(chat.PATH, chat.question(stream=way == "stream"))
    counted(weir, 1)
    assert counts(weir, "intent") == {"refund": 1}


def test_json_tools_and_scripts_are_told(stage):
    upstream, weir = started(
        stage,
        predictions=[{"name": "valid", "kind": "json"}, {"name": "language", "kind": "script"},
                     {"name": "called", "kind": "tool"},
                     {"name": "tool", "kind": "tool", "labels": ["find"]}],
    )  # fmt: skip
    call = {"id": "c", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    for number, script in enumerate([
        chat.says('{"a": 1}'), chat.says("Где посылка?"),
        chat.says(body=chat.completion(None, "tool_calls", message={"tool_calls": [call]})),
    ]):  # fmt: skip
        upstream.script = script
        weir.post(chat.PATH, chat.question(str(number)))
    counted(weir, 3)
    assert counts(weir, "valid") == {"yes": 1, "no": 1, "missing": 1}
    assert counts(weir, "language") == {"latin": 1, "cyrillic": 1, "missing": 1}
    assert counts(weir, "called") == {"yes": 1, "no": 2}
    assert counts(weir, "tool") == {"find": 1, "missing": 2}


def test_confidence_is_told_where_log_probabilities_are_given(stage):
    body = json.loads(chat.completion("refund"))
    body["choices"][0]["logprobs"] = {"content": [{"token": "re", "logprob": -0.5},
                                                  {"token": "fund", "logprob": -0.7}]}  # fmt: skip
    upstream, weir = started(
        stage, chat.says(body=json.dumps(body).encode()),
        predictions=[{"name": "sure", "kind": "confidence"}],
    )  # fmt: skip
    weir.post(chat.PATH, chat.question("one"))
    upstream.script = chat.says("refund")
    weir.post(chat.PATH, chat.question("two"))
    counted(weir, 2)
    assert counts(weir, "sure") == {"le_0.6": 1, "missing": 1}  # exp(-0.6) = 0.549


def test_what_is_asked_is_watched_as_well(stage):
    _, weir = started(
        stage,
        predictions=[{"name": "asked", "of": "request", "kind": "script"},
                     {"name": "long", "of": "request", "kind": "length", "bins": [10]},
                     {"name": "tier", "of": "request", "from": "/metadata/tier", "kind": "label",
                      "labels": ["gold"]}],
    )  # fmt: skip
    weir.post(chat.PATH, chat.question("我的包裹在哪里", metadata={"tier": "gold"}))
    weir.post(chat.PATH, chat.question("and where is mine?"))
    counted(weir, 2)
    assert counts(weir, "asked") == {"han": 1, "latin": 1}
    assert counts(weir, "long") == {"le_10": 1, "gt_10": 1}
    assert counts(weir, "tier") == {"gold": 1, "missing": 1}
    assert counts(weir, "input_tokens") == {"le_16": 2}


def test_fields_of_a_predict_body_are_watched(stage):
    upstream = stage.upstream(lambda call: call.answer(200, b'{"label": "a"}'))
    setup = config.gateway(upstream)
    setup["upstreams"]["up"] = {"dialect": "json", "endpoints": [upstream.origin + "/predict"]}
    setup["models"]["chat"]["predictions"] = [
        {"name": "age", "of": "request", "from": "/age", "kind": "number", "bins": [30, 60]},
    ]
    weir = stage.weir(setup)
    for age in (b"17", b"42", b"null", b'"42"'):
        weir.post("/v1/predict/chat", b'{"age":' + age + b"}")
    counted(weir, 4)
    assert counts(weir, "age") == {"le_30": 1, "le_60": 1, "missing": 1, "invalid": 1}


def test_different_values_are_counted(stage):
    upstream, weir = started(
        stage, predictions=[{"name": "intent", "kind": "label", "labels": ["refund"]}]
    )
    for text in ("refund", "Refund", "refunds", "refund"):
        upstream.script = chat.says(text)
        weir.post(chat.PATH, chat.question(text))
    counted(weir, 4)
    (row,) = weir.ask_admin("/admin/predictions/distinct").json()["distinct"]
    assert (row["model"], row["prediction"]) == ("chat", "intent")
    assert row["today"] + row["yesterday"] in (3, 4)  # 4: midnight in between
    assert counts(weir, "intent") == {"refund": 2, "other": 2}


def test_hits_count_as_the_answer_did(stage):
    _, weir = started(
        stage, predictions=[{"name": "intent", "kind": "label", "labels": ["refund"]}]
    )
    for _ in range(10):
        weir.post(chat.PATH, chat.stable())
    counted(weir, 10)
    for name, word in (("intent", "refund"), ("finish_reason", "stop"), ("input_tokens", "le_16")):
        rows = weir.metrics.samples("weir_predictions_total", prediction=name, value=word)
        assert {labels["source"]: value for labels, value in rows} == {"fresh": 1, "cached": 9}


def test_after_a_reload_hits_count_by_the_new_predictions(stage):
    upstream, weir = started(
        stage, predictions=[{"name": "old", "kind": "label", "labels": ["refund"]}]
    )
    for _ in range(3):
        weir.post(chat.PATH, chat.stable())
    setup = config.gateway(
        upstream, **config.chat(predictions=[{"name": "new", "kind": "json"}])
    )
    weir.configure(setup)
    weir.reload()
    weir.wait_logged("reload", result="ok")
    for _ in range(3):
        weir.post(chat.PATH, chat.stable())
    counted(weir, 6)
    assert counts(weir, "old") == {"refund": 3} and counts(weir, "new") == {"no": 3}


# -- segments ----------------------------------------------------------------------------


def ask(weir, text, plan=None, country=None):
    members = {"metadata": {"country": country}} if country else {}
    headers = {"x-plan": plan} if plan else {}
    assert weir.post(chat.PATH, chat.question(text, **members), headers=headers).status == 200


def test_each_answer_counts_once_for_all_and_once_in_each_segment(stage):
    redis = stage.redis()
    _, weir = started(stage, redis=redis, segments=SEGMENTS)
    ask(weir, "1", "pro", "de")
    ask(weir, "2", "pro", "fr")
    ask(weir, "3", "free")
    ask(weir, "4")
    ended(weir)
    assert told(redis, "finish_reason") == {"stop": 4}
    assert told(redis, "finish_reason@plan=pro") == {"stop": 2}
    assert told(redis, "finish_reason@plan=free") == {"stop": 1}
    assert told(redis, "finish_reason@plan=none") == {"stop": 1}
    assert told(redis, "finish_reason@country=none") == {"stop": 2}
    assert told(redis, "finish_reason@plan=pro,country=de") == {"stop": 1}
    assert told(redis, "finish_reason@plan=free,country=none") == {"stop": 1}


def test_segments_are_no_series(stage):
    _, weir = started(stage, segments=SEGMENTS)
    ask(weir, "1", "pro", "de")
    counted(weir, 1)
    assert counts(weir, "finish_reason") == {"stop": 1}
    assert "plan" not in weir.metrics.text()


def test_a_hit_counts_in_the_segments_of_who_asked(stage):
    redis = stage.redis()
    _, weir = started(stage, redis=redis, segments=SEGMENTS)
    for plan in ("pro", "free", "free", None):
        headers = {"x-plan": plan} if plan else {}
        for _ in range(2):
            weir.post(chat.PATH, chat.stable(metadata={"country": "de"}), headers=headers)
    ended(weir)
    assert told(redis, "finish_reason@plan=pro") == {"stop": 1}
    assert told(redis, "finish_reason@plan=pro;cached") == {"stop": 1}
    assert told(redis, "finish_reason@plan=free;cached") == {"stop": 4}
    assert told(redis, "finish_reason@plan=none;cached") == {"stop": 2}
    assert told(redis, "finish_reason@country=de;cached") == {"stop": 7}
    assert told(redis, "finish_reason@plan=free,country=de;cached") == {"stop": 4}


def test_values_that_are_not_listed_are_other(stage):
    redis = stage.redis()
    _, weir = started(
        stage, redis=redis,
        segments=[{"name": "plan", "from": "header:X-Plan", "values": ["free", "pro"]}],
    )  # fmt: skip
    for number, plan in enumerate(["pro", "gold", "PRO"]):
        ask(weir, str(number), plan)
    ended(weir)
    assert told(redis, "finish_reason@plan=pro") == {"stop": 1}
    assert told(redis, "finish_reason@plan=other") == {"stop": 2}


def test_beyond_64_values_a_segment_has_no_more(stage):
    redis = stage.redis()
    _, weir = started(
        stage, redis=redis, segments=[{"name": "plan", "from": "header:x-plan"}]
    )
    for number in range(70):
        weir.post(chat.PATH, chat.stable(), headers={"x-plan": f"p{number}"})
    ended(weir)
    names = {key.split("@")[1].split(";")[0].split(":")[0]
             for key in redis.keys("weir:v1:histogram:*finish_reason@*")}  # fmt: skip
    assert len(names) == 65 and "plan=other" in names
    assert told(redis, "finish_reason@plan=other;cached") == {"stop": 6}


def test_a_tenant_is_a_segment(stage):
    redis = stage.redis()
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(
        upstream, tenants={"acme": {"keys": ["k1"]}, "b.corp": {"keys": ["k2"]}},
        **config.merged(config.redis(redis),
                        config.chat(segments=[{"name": "who", "from": "tenant"}])),
    ))  # fmt: skip
    for key in ("k1", "k1", "k2"):
        weir.post(chat.PATH, chat.stable(), headers={"Authorization": f"Bearer {key}"})
    ended(weir)
    assert told(redis, "finish_reason@who=acme") == {"stop": 1}
    assert told(redis, "finish_reason@who=acme;cached") == {"stop": 1}
    assert told(redis, "finish_reason@who=b.corp") == {"stop": 1}


def test_after_a_reload_segments_go_on_with_their_values(stage):
    redis = stage.redis()
    upstream, weir = started(
        stage, redis=redis, segments=[{"name": "plan", "from": "header:x-plan"}]
    )
    for number in range(64):
        weir.post(chat.PATH, chat.stable(), headers={"x-plan": f"p{number}"})
    weir.reload()
    weir.wait_logged("reload", result="ok")
    for plan in ("p7", "new"):
        weir.post(chat.PATH, chat.stable(), headers={"x-plan": plan})
    ended(weir)
    assert told(redis, "finish_reason@plan=p7;cached") == {"stop": 2}
    assert told(redis, "finish_reason@plan=other;cached") == {"stop": 1}


# -- the index ---------------------------------------------------------------------------


def test_the_index_names_the_histograms_with_their_last_minute(stage):
    redis = stage.redis()
    _, weir = started(
        stage, redis=redis, segments=[{"name": "plan", "from": "header:x-plan"}]
    )
    ask(weir, "1", "pro")
    ended(weir)
    names = [name.decode() for name in redis("ZRANGE", "weir:v1:histograms", "0", "-1")]
    assert "chat:real-model:finish_reason" in names
    assert "chat:real-model:finish_reason@plan=pro" in names
    assert all(";" not in name for name in names)
    for name in names:
        minute = int(redis("ZSCORE", "weir:v1:histograms", name))
        assert redis("EXISTS", f"weir:v1:histogram:{name}:{minute}") == 1
    assert 34 * 86400 < redis("TTL", "weir:v1:histograms") <= 35 * 86400


# -- what is wrong with a configuration ----------------------------------------------------


def test_a_pattern_at_fault_is_told_with_its_line(stage):
    upstream = stage.upstream(chat.says())
    setup = config.gateway(upstream, **config.chat(
        predictions=[{"name": "a", "kind": "label", "labels": ["x"], "match": "(x"}],
        segments=[{"name": "p", "from": "x-plan"}]))  # fmt: skip
    done = process.run("check", "-c", "{file}", config=setup)
    assert done.returncode == 2
    assert "models.chat.predictions[0].match: " in done.stderr
    assert "models.chat.segments[0].from: " in done.stderr
