# SPDX-License-Identifier: Apache-2.0
"""Whether answers are of the form that their requests ask for: the prediction `schema_fit`."""

import json

import pytest

from weirtest import chat, config, message
from weirtest.patience import until

SCHEMA = {
    "type": "object",
    "required": ["label"],
    "additionalProperties": False,
    "properties": {"label": {"enum": ["refund", "shipping"]}},
}
FITTING = '{"label": "refund"}'


def asks(schema=SCHEMA, kind="json_schema"):
    """The members of a chat that ask for a form."""
    if kind != "json_schema":
        return {"response_format": {"type": kind}}
    return {"response_format": {
        "type": kind, "json_schema": {"name": "label", "strict": True, "schema": schema}}}  # fmt: skip


@pytest.fixture
def chatting(stage):
    def start(text=FITTING, script=None, **overlay):
        upstream = stage.upstream(script or chat.says(text))
        return upstream, stage.weir(config.gateway(upstream, **overlay))

    return start


def words(weir, requests, **labels):
    until(lambda: weir.metrics.sum("weir_requests_total") == requests, what="all to be counted")
    found = {}
    for sample, value in weir.metrics.samples(
            "weir_predictions_total", prediction="schema_fit", **labels):  # fmt: skip
        found[sample["value"]] = found.get(sample["value"], 0) + value
    return {word: count for word, count in found.items() if count}


# -- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["plain", "stream"])
@pytest.mark.parametrize(("text", "word"), [
    (FITTING, "yes"),
    ('{"label": "other"}', "no"),
    ("Here it is: " + FITTING, "not_json"),
])  # fmt: skip
def test_a_chat_is_held_against_its_schema(chatting, way, text, word):
    _, weir = chatting(text)
    response = weir.post(chat.PATH, chat.question(**asks(), stream=way == "stream"))
    assert response.status == 200
    assert words(weir, 1, source="fresh") == {word: 1}


def test_json_may_be_asked_for_without_a_schema(chatting):
    _, weir = chatting("[1]")
    assert weir.post(chat.PATH, chat.question(**asks(kind="json_object"))).status == 200
    assert words(weir, 1) == {"no": 1}


def test_a_schema_that_is_not_understood_is_unknown_and_the_answer_comes_all_the_same(chatting):
    _, weir = chatting()
    for schema in ({"if": True}, {"$ref": "https://example.com/a"}, {"$ref": "#"}, 7):
        response = weir.post(chat.PATH, chat.question(**asks(schema)))
        assert response.status == 200 and b"refund" in response.body
    assert words(weir, 4) == {"unknown": 4}


def test_who_asks_for_no_form_is_not_counted(chatting):
    _, weir = chatting()
    for members in ({}, asks(kind="text"), {"response_format": None}):
        assert weir.post(chat.PATH, chat.question(**members)).status == 200
    assert words(weir, 3) == {}


@pytest.mark.parametrize("body", [
    chat.completion(None, message={"refusal": "I would rather not."}),
    chat.completion('{"lab', finish="content_filter"),
    chat.completion(None, finish="tool_calls", message={"tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "find", "arguments": "{}"}}]}),
], ids=["refusal", "filter", "tool"])  # fmt: skip
def test_what_is_no_answer_in_that_form_is_not_counted(chatting, body):
    _, weir = chatting(script=chat.says(body=body))
    assert weir.post(chat.PATH, chat.question(**asks())).status == 200
    assert words(weir, 1) == {}


# -- other dialects ------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "word"), [(FITTING, "yes"), ("{}", "no")])
def test_a_response_is_held_against_its_text_format(chatting, text, word):
    body = {"id": "resp_1", "object": "response", "status": "completed", "output": [
        {"type": "reasoning", "summary": []},
        {"type": "message", "content": [{"type": "output_text", "text": text}]}]}  # fmt: skip
    _, weir = chatting(script=chat.says(body=json.dumps(body).encode()))
    asked = {"model": "chat", "input": "x", "text": {
        "format": {"type": "json_schema", "name": "label", "schema": SCHEMA}}}  # fmt: skip
    assert weir.post("/v1/responses", json.dumps(asked).encode()).status == 200
    assert words(weir, 1) == {word: 1}


@pytest.mark.parametrize("stream", [False, True])
def test_a_message_is_held_against_its_output_format(stage, stream):
    setup = config.gateway(stage.upstream(message.says('{"label": "other"}')))
    setup["upstreams"]["up"]["dialect"] = "anthropic"
    setup["models"] = {"claude": setup["models"]["chat"]}
    weir = stage.weir(setup)
    asked = message.question(
        stream=stream, output_config={"format": {"type": "json_schema", "schema": SCHEMA}})
    assert weir.post(message.PATH, asked, message.HEADERS).status == 200
    assert words(weir, 1) == {"no": 1}


# -- hits ----------------------------------------------------------------------------------------


def test_a_hit_says_what_was_said_when_it_came(chatting):
    upstream, weir = chatting('{"label": "other"}')
    for _ in range(3):
        assert weir.post(chat.PATH, chat.stable(**asks())).status == 200
    assert len(upstream.requests) == 1
    assert words(weir, 3, source="fresh") == {"no": 1}
    assert words(weir, 3, source="cached") == {"no": 2}


def test_another_schema_is_another_question(chatting):
    upstream, weir = chatting()
    for schema in (SCHEMA, {"type": "array"}):
        assert weir.post(chat.PATH, chat.stable(**asks(schema))).status == 200
    assert len(upstream.requests) == 2
    assert words(weir, 2) == {"yes": 1, "no": 1}


# -- where it is seen ----------------------------------------------------------------------------


def test_it_is_a_histogram_like_the_others(stage, chatting):
    redis = stage.redis()
    _, weir = chatting(**config.redis(redis))
    assert weir.post(chat.PATH, chat.question(**asks())).status == 200
    assert words(weir, 1) == {"yes": 1}
    (row,) = [row for row in weir.ask_admin("/admin/predictions").json()["predictions"]
              if row["prediction"] == "schema_fit"]  # fmt: skip
    assert row["values"]["yes"] == 1
    weir.drain()
    assert weir.wait_exit() == 0
    assert any(":chat:real-model:schema_fit:" in key for key in redis.keys("weir:v1:histogram:*"))


# -- bounds --------------------------------------------------------------------------------------


def hostile():
    deep = {"type": "object"}
    for _ in range(20):
        deep = {"properties": {"a": deep}}
    yield "deep", deep
    yield "names", {"required": [str(n) for n in range(12000)]}
    yield "references", {"allOf": [{"$ref": f"#/x/{n}"} for n in range(5000)], "x": [True] * 5000}
    yield "patterns", {"allOf": [{"pattern": "((a{1,90}){1,90}){1,9}"}] * 2000}
    yield "alternatives", {"$ref": "#/$defs/n", "$defs": {"n": {"anyOf": [
        {"items": {"$ref": "#/$defs/n"}, "minItems": 1}] * 50}}}  # fmt: skip
    yield "values", {"items": {"enum": list(range(20000))}}
    yield "large", {"description": "x" * 1000000}


@pytest.mark.parametrize("schema", [s for _, s in hostile()], ids=[n for n, _ in hostile()])
def test_a_hostile_schema_is_answered_like_any_other(chatting, schema):
    _, weir = chatting("[" * 30 + "]" * 30)
    assert weir.post(chat.PATH, chat.question(**asks(schema))).status == 200
    assert sum(words(weir, 1).values()) == 1
