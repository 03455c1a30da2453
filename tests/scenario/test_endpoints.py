# SPDX-License-Identifier: Apache-2.0
"""The data plane's table of requests, the shape of each error, and the headers of an answer."""

import json
import re

import pytest

from weirtest import chat, config

OPENAI = ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses",
          "/v1/moderations"]  # fmt: skip
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


USAGE = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
PART = {"type": "output_text", "text": "Hi", "annotations": []}
MESSAGE = {"type": "message", "id": "m", "role": "assistant", "status": "completed",
           "content": [PART]}  # fmt: skip

ANSWERS = {
    "completions": {"id": "c", "object": "text_completion", "created": 1, "choices": [
        {"index": 0, "text": "Hi", "logprobs": None, "finish_reason": "stop"}]},
    "embeddings": {"object": "list", "data": [
        {"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}]},
    "moderations": {"id": "m", "results": [{"flagged": False, "categories": {}}]},
    "responses": {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed",
                  "output": [MESSAGE], "usage": USAGE},
}  # fmt: skip


def service(call):
    """Answers as the endpoint that was asked: a model service and an OpenAI API in one."""
    asked = json.loads(call.request.body or b"{}")
    target = call.request.target
    word = target.split("?")[0].rsplit("/", 1)[1]
    if target.startswith("/infer"):
        call.answer(200, b'{"label": "refund", "score": 0.9}')
    elif target.startswith("/v1/chat"):
        chat.says("a b")(call)
    elif word == "responses" and asked.get("stream"):
        response_stream(call)
    else:
        call.answer(200, json.dumps({**ANSWERS[word], "model": "real-model"}).encode())


def response_events():
    """A whole stream of the Responses API: named events and no [DONE]."""
    base = {"id": "resp_1", "object": "response", "model": "real-model", "output": []}
    kinds = [
        ("response.created", {"response": {**base, "status": "in_progress"}}),
        ("response.output_text.delta", {"item_id": "m", "output_index": 0, "delta": "Hi"}),
        ("response.completed", {"response": {
            **base, "status": "completed", "output": [MESSAGE], "usage": USAGE}}),
    ]  # fmt: skip
    for number, (kind, members) in enumerate(kinds):
        data = json.dumps({"type": kind, "sequence_number": number, **members})
        yield f"event: {kind}\ndata: {data}\n\n".encode()


def response_stream(call):
    chat.stream(*response_events())(call)


@pytest.fixture(scope="module")
def house(shared_stage):
    upstream = shared_stage.upstream(service)
    setup = config.gateway(upstream)
    setup["upstreams"]["service"] = {"dialect": "json", "endpoints": [upstream.origin + "/infer"]}
    setup["models"]["intent"] = {"routes": [{"upstream": "service", "model": "v1"}]}
    setup["models"]["org/name"] = setup["models"]["chat"]
    return upstream, shared_stage.weir(setup)


@pytest.mark.parametrize("path", OPENAI)
def test_openai_endpoints_reach_upstream_under_the_same_path(house, path):
    upstream, weir = house
    response = weir.post(path, json.dumps({"model": "chat", "input": "x"}).encode())
    assert response.status == 200 and response.json()["model"] == "chat"
    assert (upstream.requests[-1].method, upstream.requests[-1].target) == ("POST", path)
    assert json.loads(upstream.requests[-1].body)["model"] == "real-model"


def test_the_query_is_no_part_of_the_match(house):
    assert house[1].post(chat.PATH + "?beta=true", chat.question()).status == 200


def test_responses_stream_in_their_own_form(house):
    ask = json.dumps({"model": "chat", "input": "x", "stream": True}).encode()
    response = house[1].post("/v1/responses", ask)
    assert b"[DONE]" not in response.body and response.complete
    assert response.body == b"".join(response_events()).replace(b'"real-model"', b'"chat"')


def test_a_cut_responses_stream_ends_in_one_error(house):
    upstream, weir = house
    upstream.next(chat.stream(*list(response_events())[:2], then="reset"))
    ask = json.dumps({"model": "chat", "input": "x", "stream": True}).encode()
    response = weir.post("/v1/responses", ask)
    assert response.complete and b"response.completed" not in response.body
    assert response.body.count(b"event: error") == 1


def test_predict_posts_the_body_unchanged_to_the_endpoint_as_written(house):
    upstream, weir = house
    body = b'{"text": "caf\\u00e9",  "n": 0.10, "model": "mine"}'
    response = weir.post("/v1/predict/intent", body)
    assert response.status == 200 and response.json()["label"] == "refund"
    assert upstream.requests[-1].target == "/infer" and upstream.requests[-1].body == body


def test_predictions_are_cached_by_default(house):
    upstream, weir = house
    before = len(upstream.calls)
    words = [
        weir.post("/v1/predict/intent", b'{"text":"again"}').header("x-weir-cache")
        for _ in range(2)
    ]
    assert words == ["miss", "hit"] and len(upstream.calls) == before + 1


def test_predict_errors_are_problem_json(house):
    response = house[1].post("/v1/predict/nobody", b"{}")
    assert response.status == 404
    assert response.header("content-type").startswith("application/problem+json")
    assert response.json()["status"] == 404 and response.json()["title"]


def test_models_lists_the_configured_names(house):
    answer = house[1].get("/v1/models").json()
    assert answer["object"] == "list"
    assert {"chat", "intent", "org/name"} == {model["id"] for model in answer["data"]}
    for model in answer["data"]:
        assert model["object"] == "model" and isinstance(model["created"], int)
        assert isinstance(model["owned_by"], str)


@pytest.mark.parametrize("name", ["chat", "org%2Fname", "org/name"])
def test_a_model_can_be_asked_for_by_name(house, name):
    response = house[1].get("/v1/models/" + name)
    assert response.status == 200 and response.json()["id"] == name.replace("%2F", "/")


def test_an_unknown_model_is_404_in_openais_shape(house):
    response = house[1].get("/v1/models/nobody")
    assert response.status == 404 and response.error["code"] == "model_not_found"


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_is_served_on_both_addresses(house, path):
    assert house[1].get(path).status == 200
    assert house[1].ask_admin(path).status == 200


# -- errors ------------------------------------------------------------------------------


def assert_openai_error(response, status):
    assert response.status == status
    assert response.header("content-type").startswith("application/json")
    assert set(response.error) == {"message", "type", "param", "code"}
    assert isinstance(response.error["message"], str) and response.error["type"]
    return response.error


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/chat", "/v1/chat/completions/x", "/v2/x",
                                  "/V1/models", "/.env"])  # fmt: skip
def test_an_unknown_path_is_404(house, path):
    assert_openai_error(house[1].get(path), 404)


@pytest.mark.parametrize(
    "method, path",
    [("GET", chat.PATH), ("PUT", chat.PATH), ("DELETE", "/v1/models"), ("POST", "/v1/models"),
     ("PATCH", chat.PATH)],
)  # fmt: skip
def test_a_wrong_method_is_405_and_names_the_right_one(house, method, path):
    body = b"{}" if method != "GET" else None
    response = house[1].ask(method, path, body)
    assert_openai_error(response, 405)
    assert response.header("allow") == ("GET, HEAD" if "models" in path else "POST")


@pytest.mark.parametrize("method, path", [("POST", "/livez"), ("GET", "/v1/predict/chat")])
def test_a_wrong_method_where_no_dialect_is_spoken_is_problem_json(house, method, path):
    response = house[1].ask(method, path, b"{}" if method == "POST" else None)
    assert response.header("content-type").startswith("application/problem+json")
    assert response.status == response.json()["status"] == 405
    assert response.header("allow") == ("GET, HEAD" if path == "/livez" else "POST")


BAD_BODIES = {
    "empty": b"",
    "not json": b"hello",
    "cut": b'{"model":"chat"',
    "array": b"[]",
    "string": b'"chat"',
    "number": b"1",
    "null": b"null",
    "trailing garbage": b'{"model":"chat"}x',
    "two documents": b'{"model":"chat"}{"model":"chat"}',
    "trailing comma": b'{"model":"chat",}',
    "byte order mark": b'\xef\xbb\xbf{"model":"chat"}',
    "single quotes": b"{'model':'chat'}",
    "NaN": b'{"model":"chat","x":NaN}',
    "bad UTF-8": b'{"model":"chat","x":"\xff\xfe"}',
    "overlong UTF-8": b'{"model":"chat","x":"\xc0\xaf"}',
    "control in string": b'{"model":"chat","x":"a\nb"}',
    "leading zero": b'{"model":"chat","x":01}',
    "bad escape": b'{"model":"chat","x":"\\q"}',
    "too deep": b'{"model":"chat","x":' + b"[" * 2000 + b"]" * 2000 + b"}",
    "no model": b'{"messages":[]}',
    "model is a number": b'{"model":1,"messages":[]}',
    "model is null": b'{"model":null,"messages":[]}',
    "model is empty": b'{"model":"","messages":[]}',
    "stream is a string": b'{"model":"chat","messages":[],"stream":"yes"}',
}


@pytest.mark.parametrize("kind", BAD_BODIES)
def test_a_bad_body_is_400_that_says_why_and_reaches_nobody(house, kind):
    upstream, weir = house
    before = len(upstream.calls)
    response = weir.post(chat.PATH, BAD_BODIES[kind])
    if kind == "model is empty" and response.status == 404:
        return
    error = assert_openai_error(response, 400)
    assert error["type"] == "invalid_request_error"
    assert response.header("x-should-retry") == "false"
    assert len(upstream.calls) == before


def test_a_syntax_error_names_the_place(house):
    response = house[1].post(chat.PATH, b'{"model":"chat", oops}')
    assert response.error["code"] == "invalid_json"
    assert re.search(r"\d+", response.error["message"])


# -- headers -----------------------------------------------------------------------------


def test_every_answer_carries_the_headers_of_the_contract(house):
    response = house[1].post(chat.PATH, chat.question())
    for name in ("x-request-id", "cache-status", "x-weir-cache", "x-weir-upstream",
                 "x-weir-model", "x-weir-attempts", "server-timing"):  # fmt: skip
        assert len(response.all(name)) == 1, name
    assert response.header("x-weir-degraded") is None
    assert UUID7.fullmatch(response.header("x-request-id"))


def test_server_timing_names_the_four_parts_in_milliseconds(house):
    timing = house[1].post(chat.PATH, chat.question()).header("server-timing")
    parts = dict(re.findall(r"(\w+);dur=([\d.]+)", timing))
    assert set(parts) >= {"queue", "cache", "upstream", "total"}
    assert float(parts["total"]) >= float(parts["upstream"]) >= 0


def test_a_stream_carries_the_same_headers(house):
    response = house[1].post(chat.PATH, chat.question(stream=True))
    for name in ("x-request-id", "cache-status", "x-weir-cache", "x-weir-upstream",
                 "x-weir-attempts"):  # fmt: skip
        assert len(response.all(name)) == 1, name


def test_a_sane_request_id_of_the_caller_is_kept_and_logged(house):
    weir = house[1]
    response = weir.post(chat.PATH, chat.question(), {"x-request-id": "mine-42"})
    assert response.header("x-request-id") == "mine-42"
    line = weir.wait_logged("exchange_end", request_id="mine-42")[0]
    assert line["model"] == "chat" and line["outcome"] == "ok"


@pytest.mark.parametrize("odd", ["x" * 600, "a b", "\xe9\xe9"], ids=["long", "space", "bytes"])
def test_an_odd_request_id_is_replaced(house, odd):
    response = house[1].post(chat.PATH, chat.question(), {"x-request-id": odd})
    assert UUID7.fullmatch(response.header("x-request-id"))


def test_errors_carry_a_request_id_too(house):
    for response in (house[1].get("/nowhere"), house[1].post(chat.PATH, b"{")):
        assert response.header("x-request-id")


def test_one_log_line_for_each_request(house):
    weir = house[1]
    for number in range(3):
        headers = {"x-request-id": f"once-{number}"}
        weir.post(chat.PATH, chat.question(str(number), stream=number == 1), headers)
    for number in range(3):
        weir.wait_logged("exchange_end", request_id=f"once-{number}")
        assert len(weir.logged("exchange_end", request_id=f"once-{number}")) == 1
