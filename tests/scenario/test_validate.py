# SPDX-License-Identifier: Apache-2.0
"""Requests and answers are held against the schemas of their model."""

import json

import pytest
from test_coalescing import Gate, answers, asking, following

from weirtest import chat, config, message, process
from weirtest.patience import in_parallel, until

PATH = "/v1/predict/intent"

TICKET = {
    "type": "object",
    "required": ["text"],
    "additionalProperties": False,
    "properties": {
        "text": {"type": "string", "minLength": 1},
        "plan": {"enum": ["free", "pro"]},
        "customer": {"$ref": "#/$defs/customer"},
    },
    "$defs": {"customer": {"properties": {"age": {"type": "integer", "minimum": 0}}}},
}
LABEL = {
    "type": "object",
    "required": ["label"],
    "properties": {"label": {"enum": ["refund", "shipping"]}, "score": {"type": ["number", "null"]}},
}


def labelled(label, **more):
    body = json.dumps({"label": label, **more}).encode()
    return lambda call: call.answer(200, body, {"Content-Type": "application/json"})


@pytest.fixture
def predicting(stage, tmp_path):
    """Starts a gateway whose model `intent` has both schemas, and one upstream for each script."""

    def start(mode, *scripts, request=TICKET, answer=LABEL, overlay=None, **model):
        upstreams = [stage.upstream(script) for script in scripts or [labelled("refund")]]
        (tmp_path / "ticket.json").write_text(json.dumps(request, indent=1))
        (tmp_path / "label.json").write_text(json.dumps(answer, indent=1))
        names = [f"service{i}" for i in range(len(upstreams))]
        base = config.gateway(upstreams[0])
        weir = stage.weir(config.merged(base, {
            "upstreams": {name: {"dialect": "json", "endpoints": [upstream.origin + "/predict"]}
                          for name, upstream in zip(names, upstreams)},
            "models": {"intent": {
                "routes": [{"upstream": name} for name in names],
                "schema": {"request": str(tmp_path / "ticket.json"),
                           "answer": str(tmp_path / "label.json"), "mode": mode},
                **model}},
        }, overlay or {}))  # fmt: skip
        return weir, upstreams

    return start


def verdicts(weir, side):
    return {labels["result"]: value for labels, value
            in weir.metrics.samples("weir_validation_total", model="intent", side=side) if value}


def fields(weir, name):
    return {labels["value"]: value for labels, value
            in weir.metrics.samples("weir_predictions_total", prediction="field:" + name) if value}


def counted(weir, requests):
    until(lambda: weir.metrics.sum("weir_requests_total") == requests, what="all to be counted")


# -- observe -------------------------------------------------------------------------------------


def test_what_does_not_fit_is_counted_and_goes_its_way(predicting):
    weir, [service] = predicting("observe", labelled("other"), overlay={"log": {"level": "debug"}})
    response = weir.post(PATH, b'{"text": "", "customer": {"age": -1}}')
    assert response.status == 200 and response.json() == {"label": "other"}
    assert service.calls[0].request.body == b'{"text": "", "customer": {"age": -1}}'
    counted(weir, 1)
    assert verdicts(weir, "request") == {"violation": 1}
    assert verdicts(weir, "answer") == {"violation": 1}
    [asked] = weir.wait_logged("schema_violation", side="request")
    assert asked["pointer"] == "/text" and "minLength" in asked["what"]


def test_what_fits_is_counted_too(predicting):
    weir, _ = predicting("observe")
    assert weir.post(PATH, b'{"text": "where is it?", "plan": "pro"}').status == 200
    counted(weir, 1)
    assert verdicts(weir, "request") == verdicts(weir, "answer") == {"ok": 1}


def test_a_hit_is_not_looked_at_again(predicting):
    weir, [service] = predicting("observe")
    for _ in range(3):
        assert weir.post(PATH, b'{"text": "a"}').json() == {"label": "refund"}
    counted(weir, 3)
    assert len(service.calls) == 1
    assert verdicts(weir, "request") == verdicts(weir, "answer") == {"ok": 1}


# -- reject --------------------------------------------------------------------------------------


def test_a_request_that_does_not_fit_is_refused_with_the_places(predicting):
    weir, [service] = predicting("reject")
    response = weir.post(PATH, b'{"plan": "gold", "customer": {"age": 1.5}, "z": 1}')
    assert response.status == 400 and not service.calls
    assert response.header("content-type") == "application/problem+json"
    assert response.header("x-should-retry") == "false"
    problem = response.json()
    assert problem["code"] == "schema_violation" and problem["status"] == 400
    assert problem["errors"] == [
        {"pointer": "/plan", "detail": 'must be one of "free", "pro" (enum)'},
        {"pointer": "/customer/age", "detail": "must be an integer (type)"},
        {"pointer": "/z", "detail": "is not allowed (additionalProperties)"},
        {"pointer": "", "detail": 'must have a member "text" (required)'},
    ]
    assert "/customer/age must be an integer (type)" in problem["detail"]
    [end] = weir.wait_logged("exchange_end")
    assert end["outcome"] == "rejected" and end["err"] == "ERR_INVALID"
    assert end["why"].startswith("/plan: must be one of")
    until(lambda: verdicts(weir, "request") == {"violation": 1})


def test_a_chat_is_refused_as_its_clients_know_it(stage, tmp_path):
    (tmp_path / "chat.json").write_text(json.dumps(
        {"properties": {"messages": {"items": {"properties": {"content": {"maxLength": 5}}}}}}))
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(upstream, **config.chat(
        schema={"request": str(tmp_path / "chat.json"), "mode": "reject"})))
    response = weir.post(chat.PATH, chat.question("too long"))
    assert response.status == 400
    assert response.error["type"] == "invalid_request_error"
    assert response.error["code"] == "schema_violation"
    assert [e["pointer"] for e in response.error["errors"]] == ["/messages/0/content"]
    assert weir.post(chat.PATH, chat.question("short")).status == 200


def test_after_an_answer_that_does_not_fit_the_next_route_is_asked(predicting):
    weir, [first, second] = predicting("reject", labelled("nonsense"), labelled("shipping"))
    response = weir.post(PATH, b'{"text": "a"}')
    assert response.status == 200 and response.json() == {"label": "shipping"}
    assert response.header("x-weir-upstream") == "service1"
    assert len(first.calls) == len(second.calls) == 1
    counted(weir, 1)
    assert verdicts(weir, "answer") == {"violation": 1, "ok": 1}


def test_where_no_answer_fits_the_caller_is_told_why(predicting):
    weir, _ = predicting("reject", labelled("refund", score="high"))
    response = weir.post(PATH, b'{"text": "a"}')
    assert response.status == 502 and response.json()["code"] == "schema_violation"
    assert response.json()["errors"] == [
        {"pointer": "/score", "detail": "must be a number or null (type)"}]
    [end] = weir.wait_logged("exchange_end")
    assert end["err"] == "ERR_UPSTREAM_INVALID"
    assert end["why"] == "/score: must be a number or null (type)"
    assert weir.post(PATH, b'{"text": "a"}').status == 502  # nothing of it was kept


def test_the_fallback_answers_where_no_answer_fits(predicting):
    weir, _ = predicting(
        "reject", labelled("nonsense"), fallback=[{"rules": "support"}],
        overlay={"rules": {"support": [{"label": "shipping"}]}})
    response = weir.post(PATH, b'{"text": "a"}')
    assert response.status == 200 and response.header("x-weir-degraded") == "heuristic"


def test_a_stream_is_only_observed(stage, tmp_path):
    (tmp_path / "never.json").write_text('{"required": ["nothing has this"]}')
    upstream = stage.upstream(chat.stream(*chat.stream_of("Hi", " there.")))
    weir = stage.weir(config.gateway(upstream, **config.chat(
        schema={"answer": str(tmp_path / "never.json"), "mode": "reject"})))
    response = weir.post(chat.PATH, chat.question(stream=True))
    assert response.status == 200 and b"[DONE]" in response.body
    weir.metrics.wait("weir_validation_total", 1, side="answer", result="violation")


def test_the_model_that_steps_in_must_fit_as_well(predicting):
    weir, [_, _, other] = predicting(
        "reject", labelled("nonsense"), labelled("nonsense"), labelled("other"),
        routes=[{"upstream": "service0"}, {"upstream": "service1"}],
        fallback=[{"model": "spare"}],
        overlay={"models": {"spare": {"routes": [{"upstream": "service2"}]}}})  # fmt: skip
    assert weir.post(PATH, b'{"text": "a"}').status == 502
    other.next(labelled("refund"))
    assert weir.post(PATH, b'{"text": "a"}').json() == {"label": "refund"}
    counted(weir, 2)
    assert verdicts(weir, "answer") == {"violation": 5, "ok": 1}


def test_an_answer_that_is_shared_is_looked_at_once(stage, tmp_path):
    (tmp_path / "never.json").write_text('{"required": ["nothing has this"]}')
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(upstream, **config.chat(
        schema={"answer": str(tmp_path / "never.json")})))
    responses = in_parallel([lambda: weir.post(chat.PATH, chat.stable())] * 8)
    assert {r.status for r in responses} == {200}
    counted(weir, 8)
    looked_at = weir.metrics.sum("weir_validation_total", side="answer", result="violation")
    assert looked_at == len(upstream.requests)


def test_an_answer_that_does_not_fit_is_refused_once_for_all_who_asked_the_same(stage, tmp_path):
    (tmp_path / "never.json").write_text('{"required": ["nothing has this"]}')
    gate = Gate()
    upstream = stage.upstream(gate)
    weir = stage.weir(config.gateway(upstream, **config.chat(
        schema={"answer": str(tmp_path / "never.json"), "mode": "reject"})))
    clients = asking(weir, chat.stable(), 8)
    following(weir, 7)
    gate.opened.set()
    responses = answers(clients)
    assert {r.status for r in responses} == {502} and len({r.body for r in responses}) == 1
    assert responses[0].error["errors"] == [
        {"pointer": "", "detail": 'must have a member "nothing has this" (required)'}]
    assert len(upstream.calls) == 1
    counted(weir, 8)
    assert weir.metrics.sum("weir_validation_total", side="answer") == 1


# -- what is no plain answer ---------------------------------------------------------------------


@pytest.fixture
def strict(stage, tmp_path):
    """A gateway whose model `chat` takes only answers with a text as its schema has it."""

    def start(script, content):
        part = {"properties": {"message": {"properties": {"content": content}}}}
        (tmp_path / "answer.json").write_text(
            json.dumps({"properties": {"choices": {"items": part}}}))
        return stage.weir(config.gateway(stage.upstream(script), **config.chat(
            schema={"answer": str(tmp_path / "answer.json"), "mode": "reject"})))

    return start


@pytest.mark.parametrize("body", [
    chat.completion(None, message={"refusal": "I would rather not."}),
    chat.completion(None, finish="tool_calls", message={"tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "find", "arguments": "{}"}}]}),
], ids=["refusal", "tool"])  # fmt: skip
def test_a_refusal_or_a_call_has_no_text_unless_null_fits(strict, body):
    weir = strict(chat.says(body=body), {"type": "string"})
    response = weir.post(chat.PATH, chat.question())
    assert response.status == 502
    assert response.error["errors"] == [
        {"pointer": "/choices/0/message/content", "detail": "must be a string (type)"}]
    lenient = strict(chat.says(body=body), {"type": ["string", "null"]})
    assert lenient.post(chat.PATH, chat.question()).status == 200


# -- dialects ------------------------------------------------------------------------------------


def anthropic(stage, tmp_path, script, **schemas):
    for side, schema in schemas.items():
        (tmp_path / f"{side}.json").write_text(json.dumps(schema))
    setup = config.gateway(stage.upstream(script), **config.chat(schema={
        "mode": "reject", **{side: str(tmp_path / f"{side}.json") for side in schemas}}))
    setup["upstreams"]["up"]["dialect"] = "anthropic"
    setup["models"] = {"claude": setup["models"]["chat"]}
    return stage.weir(setup)


def test_a_message_is_refused_as_its_clients_know_it(stage, tmp_path):
    weir = anthropic(stage, tmp_path, message.says(),
                     request={"properties": {"max_tokens": {"maximum": 10}}})
    response = weir.post(message.PATH, message.question(max_tokens=11), message.HEADERS)
    assert response.status == 400
    assert response.json()["error"] == {
        "type": "invalid_request_error",
        "message": "The request does not fit the model's schema: "
                   "/max_tokens must be at most 10 (maximum)."}  # fmt: skip
    assert weir.post(message.PATH, message.question(max_tokens=1e1), message.HEADERS).status == 200


def test_who_counts_tokens_is_left_alone(stage, tmp_path):
    weir = anthropic(stage, tmp_path, message.says(body=b'{"input_tokens": 14}'),
                     request={"required": ["max_tokens"]}, answer={"required": ["content"]})
    body = {"model": "claude", "messages": [{"role": "user", "content": "x"}]}
    response = weir.post(message.COUNT, json.dumps(body).encode(), message.HEADERS)
    assert response.status == 200 and response.json() == {"input_tokens": 14}
    counted(weir, 1)
    assert weir.metrics.sum("weir_validation_total") == 0


# -- fields --------------------------------------------------------------------------------------


def test_each_declared_field_is_watched_like_a_prediction(predicting):
    weir, [service] = predicting("observe")
    for number, (asked, answered) in enumerate([
        ({"text": "a", "plan": "pro"}, labelled("refund", score=0.5)),
        ({"text": "b", "plan": None}, labelled("refund", score=None)),
        ({"text": 3}, labelled("refund", score="high")),
        ({"text": "d", "plan": "gold"}, labelled("nonsense")),
    ]):  # fmt: skip
        service.next(answered)
        assert weir.post(PATH, asked).status == 200, number
    counted(weir, 4)
    assert fields(weir, "request/text") == {"ok": 3, "wrong_type": 1}
    assert fields(weir, "request/plan") == {"ok": 1, "null": 1, "missing": 1, "out_of_domain": 1}
    assert fields(weir, "answer/label") == {"ok": 3, "out_of_domain": 1}
    assert fields(weir, "answer/score") == {"ok": 1, "null": 1, "wrong_type": 1, "missing": 1}


# -- the configuration ---------------------------------------------------------------------------


def check(tmp_path, schema):
    (tmp_path / "s.json").write_text(schema)
    (tmp_path / "weir.yaml").write_text(
        "upstreams: {u: {endpoints: ['http://127.0.0.1:1']}}\n"
        "models: {m: {routes: [{upstream: u}], schema: {request: s.json}}}\n")
    return process.run("check", "-c", str(tmp_path / "weir.yaml"))


def test_a_fault_in_a_schema_is_told_with_its_line_and_place(tmp_path):
    ended = check(tmp_path, '{"properties": {\n  "age": {"minimum": "0", "minumum": 0}}}')
    assert ended.returncode == 2
    told = ended.stdout + ended.stderr
    assert f"{tmp_path}/s.json:2: /properties/age/minimum: must be a number" in told
    assert "/properties/age/minumum: is no keyword that is known" in told


def test_a_schema_lies_beside_the_configuration_and_is_read_at_a_reload(predicting, tmp_path):
    weir, _ = predicting("reject")
    assert weir.post(PATH, b'{"text": "a", "z": 1}').status == 400
    (tmp_path / "ticket.json").write_text("{}")
    weir.reload()
    weir.wait_logged("reload", result="ok")
    until(lambda: weir.post(PATH, b'{"text": "a", "z": 1}').status == 200)


def test_a_broken_schema_is_refused_at_a_reload_and_the_old_one_stays(predicting, tmp_path):
    weir, _ = predicting("reject")
    for number, text in enumerate(['{"required":', '{"type": "text"}', '{"$ref": "#"}', ""], 1):
        (tmp_path / "ticket.json").write_text(text)
        weir.reload()
        weir.wait_logged("reload", number, result="refused")
        fault = weir.wait_logged("config_fault", number)[-1]
        assert str(tmp_path / "ticket.json") in fault["what"]
        assert weir.post(PATH, b'{"text": "a", "z": 1}').status == 400
        assert weir.post(PATH, b'{"text": "a"}').status == 200


def test_of_thousands_of_properties_sixteen_are_watched(predicting):
    many = {"properties": {f"p{i}": {"type": "integer"} for i in range(3000)}}
    weir, _ = predicting("observe", request=many, answer=many)
    assert weir.post(PATH, b'{"text": "a", "p2999": "x"}').status == 200
    counted(weir, 1)
    assert verdicts(weir, "request") == {"violation": 1}
    names = {labels["prediction"] for labels, _ in weir.metrics.samples("weir_predictions_total")
             if labels["prediction"].startswith("field:")}
    assert len(names) == 32 and "field:answer/p15" in names
