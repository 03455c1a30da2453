# SPDX-License-Identifier: Apache-2.0
"""Models made of patterns: as a route of their own, as what answers when nobody else does."""

import json
import time

import pytest

from weirtest import chat, config, process
from weirtest.patience import until
from weirtest.upstream import Refusing

RULES = [
    {"match": "refund|money back", "label": "refund", "score": 0.8, "reply": "We refund \"all\"."},
    {"keywords": ["c++"], "label": "language"},
    {"match": "^raw$", "answer": '{ "own": [1.0, 1e2] }'},
]
REPLY = RULES[0]["reply"]
COSTLY = "a" * 5000 + "!"


def first_route(rules=None, **overlay):
    """Rules alone, under the names `chat` and `intent`."""
    route = {"routes": [{"upstream": "patterns", "model": "v1"}]}
    return config.merged(config.gateway(), {
        "rules": {"support": RULES if rules is None else rules},
        "upstreams": {"patterns": {"dialect": "rules", "rules": "support"}},
        "models": {"chat": route, "intent": route},
    }, overlay)  # fmt: skip


@pytest.fixture(scope="module")
def weir(shared_stage):
    return shared_stage.weir(first_route())


def ask(weir, path, **members):
    return weir.post(path, json.dumps({"model": "chat", **members}).encode())


def predict(weir, body):
    return weir.post("/v1/predict/intent", json.dumps(body).encode())


# -- first ---------------------------------------------------------------------------------


def test_a_chat_is_answered_by_rules(weir):
    response = weir.post(chat.PATH, chat.question("MONEY BACK, please"))
    assert response.status == 200 and response.complete
    assert response.header("content-type").startswith("application/json")
    answer = response.json()
    assert answer["object"] == "chat.completion" and answer["model"] == "chat"
    assert answer["id"].startswith("chatcmpl-")
    choice = answer["choices"][0]
    assert choice["message"] == {"role": "assistant", "content": REPLY}
    assert choice["finish_reason"] == "stop"
    assert answer["usage"]["total_tokens"] == 0


def test_as_a_first_route_it_is_an_answer_like_any_other(weir):
    response = weir.post(chat.PATH, chat.question("refund"))
    assert response.header("x-weir-upstream") == "patterns"
    assert response.header("x-weir-degraded") is None
    assert response.header("x-weir-attempts") is not None


def test_the_last_words_of_the_user_count(weir):
    turns = [("user", "refund"), ("assistant", "Anything else?"), ("user", "I write C++.")]
    messages = [{"role": role, "content": text} for role, text in turns]
    answer = ask(weir, chat.PATH, messages=messages).json()
    assert answer["choices"][0]["message"]["content"] == "language"


def test_a_chat_may_be_a_stream(weir):
    response = weir.post(chat.PATH, chat.question("refund", stream=True))
    assert response.status == 200 and response.complete
    assert response.header("content-type").startswith("text/event-stream")
    assert chat.text_of(response.events) == REPLY
    assert response.events[-1] == b"[DONE]"
    chunks = [json.loads(e) for e in response.events[:-1]]
    assert {c["model"] for c in chunks} == {"chat"} and len({c["id"] for c in chunks}) == 1
    assert [c["choices"][0]["finish_reason"] for c in chunks][-1] == "stop"


def test_a_stream_tells_usage_where_it_is_asked_for(weir):
    question = chat.question("refund", stream=True, stream_options={"include_usage": True})
    chunks = [json.loads(e) for e in weir.post(chat.PATH, question).events[:-1]]
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["total_tokens"] == 0


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_completion_is_answered_by_rules(weir, stream):
    response = ask(weir, "/v1/completions", prompt="a refund", stream=stream)
    assert response.status == 200
    bodies = [json.loads(e) for e in response.events[:-1]] if stream else [response.json()]
    assert "".join(b["choices"][0]["text"] for b in bodies) == REPLY
    assert bodies[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_response_is_answered_by_rules(weir, stream):
    response = ask(weir, "/v1/responses", input="a refund", store=False, stream=stream)
    assert response.status == 200
    answer = json.loads(response.events[-1])["response"] if stream else response.json()
    assert answer["status"] == "completed" and answer["model"] == "chat"
    assert answer["output"][0]["content"][0]["text"] == REPLY


def test_a_prediction_says_label_score_and_rule(weir):
    response = predict(weir, {"text": "a refund", "id": 7})
    assert response.status == 200
    assert response.json() == {"label": "refund", "score": 0.8, "reply": REPLY, "rule": 1}
    assert predict(weir, {"text": "C++"}).json() == {"label": "language", "rule": 2}


def test_an_answer_of_the_rules_own_goes_byte_for_byte(weir):
    assert predict(weir, ["raw"]).body == b'{ "own": [1.0, 1e2] }'


def test_where_no_rule_fits_there_is_an_error(weir):
    assert predict(weir, {"text": "hello"}).status == 422
    response = weir.post(chat.PATH, chat.question("hello", stream=True))
    assert response.status == 422 and response.error["message"]


def test_vectors_are_not_its_business(weir):
    assert ask(weir, "/v1/embeddings", input="refund").status in range(400, 600)


def test_its_answers_may_be_kept(weir):
    first = weir.post(chat.PATH, chat.stable("refund, kept"))
    again = weir.post(chat.PATH, chat.stable("refund, kept"))
    assert again.header("x-weir-cache") == "hit" and again.body == first.body
    streamed = weir.post(chat.PATH, chat.stable("refund, kept", stream=True))
    assert streamed.header("x-weir-cache") == "hit"
    assert chat.text_of(streamed.events) == REPLY


# -- configured --------------------------------------------------------------------------------


def test_rules_may_lie_in_a_file_and_look_at_one_field(stage, tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text(json.dumps(RULES[:1]))
    weir = stage.weir(first_route({"file": str(file), "field": "/text"}))
    assert predict(weir, {"text": "refund"}).json()["label"] == "refund"
    assert predict(weir, {"note": "refund", "text": "x"}).status != 200


def test_a_fault_in_a_pattern_is_told_with_its_place():
    setup = first_route([{"match": "a(b", "label": "x"}])
    ended = process.run("check", "-c", "{file}", config=setup)
    assert ended.returncode == 2
    assert "rules.support[0].match" in ended.stdout + ended.stderr


@pytest.mark.parametrize("before", [RULES, [{"match": "parcel", "label": "post"}]])
def test_new_rules_answer_after_a_reload_and_no_kept_answer_of_the_old_ones(stage, before):
    weir = stage.weir(first_route(before))
    old = [predict(weir, {"text": "parcel"}) for _ in range(2)][-1]
    assert old.status != 200 or old.header("x-weir-cache") == "hit"
    weir.configure(first_route([{"match": "parcel", "label": "shipping"}]))
    weir.reload()
    weir.wait_logged("reload", result="ok")
    # On every loop, whichever gets the connection.
    until(lambda: {predict(weir, {"text": "parcel"}).json().get("label") for _ in range(20)} ==
          {"shipping"}, what="the new rules")  # fmt: skip


def test_no_pattern_holds_up_the_others(stage):
    """A question on which patterns would run for hours, and others at the same time."""
    costly = [{"match": p, "label": "costly"} for p in ("(a+)+$", r"(?:(?!\w+x)\w)*y", r"\w++-?x")]
    rules = [*costly, {"label": "rest"}]
    weir = stage.weir(first_route(rules, server={"workers": 1}))
    began = time.monotonic()
    assert predict(weir, {"text": COSTLY + " x y"}).json()["label"] in ("costly", "rest")
    assert predict(weir, {"text": COSTLY}).json() == {"label": "rest", "rule": 4}
    assert time.monotonic() - began < 20
    weir.wait_logged("rule_too_costly", rules="support")
    assert len(weir.logged("rule_too_costly")) == 1


# -- when nobody else answers ---------------------------------------------------------------------


def behind(*servers, **model):
    return config.gateway(*servers, rules={"support": RULES},
                          **config.chat(fallback=[{"rules": "support"}], **model))  # fmt: skip


def assert_heuristic(response, attempts):
    assert response.status == 200
    assert response.header("x-weir-degraded") == "heuristic"
    assert response.header("x-weir-upstream") == "support"
    assert response.header("x-weir-attempts") == str(attempts)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_rules_stand_in_for_routes_that_fail(stage, stream):
    weir = stage.weir(behind(stage.upstream(chat.fails(500)), max_attempts=1))
    response = weir.post(chat.PATH, chat.question("refund", stream=stream))
    assert_heuristic(response, 1)
    said = response.json()["choices"][0]["message"]["content"] if not stream else None
    assert (chat.text_of(response.events) if stream else said) == REPLY
    weir.metrics.wait("weir_fallbacks_total", 1, kind="heuristic", reason="error")
    weir.metrics.wait("weir_requests_total", 1, outcome="fallback")


def test_rules_stand_in_for_a_completion(stage):
    weir = stage.weir(behind(stage.keep(Refusing())))
    response = ask(weir, "/v1/completions", prompt="refund")
    assert response.status == 200 and response.json()["choices"][0]["text"] == REPLY
    assert response.header("x-weir-degraded") == "heuristic"


def test_a_fallbacks_answer_is_not_kept(stage):
    upstream = stage.upstream(chat.says("the real one"))
    upstream.next(chat.fails(500))
    weir = stage.weir(behind(upstream, max_attempts=1))
    assert_heuristic(weir.post(chat.PATH, chat.stable("refund")), 1)
    response = weir.post(chat.PATH, chat.stable("refund"))
    assert response.header("x-weir-degraded") is None
    assert "the real one" in response.body.decode()


def test_where_no_rule_fits_the_routes_error_is_told(stage):
    weir = stage.weir(behind(stage.upstream(chat.fails(500, message="it broke")), max_attempts=1))
    response = weir.post(chat.PATH, chat.question("hello"))
    assert response.status >= 500 and response.header("x-weir-degraded") is None
    assert response.error["message"]
