# SPDX-License-Identifier: Apache-2.0
"""Requests and answers are held against the schemas of their model."""

import json

import pytest

from weirtest import chat, config, process
from weirtest.patience import until

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
    until(lambda: weir.metrics.sum("weir_requests_total") == requests, 5, "all to be counted")


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
    assert verdicts(weir, "request") == {"violation": 1}


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
    assert weir.post(PATH, b'{"text": "a", "z": 1}').status == 200
