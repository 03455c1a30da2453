# SPDX-License-Identifier: Apache-2.0
"""Anthropic's dialect from end to end: messages, their streams, their errors, their cache."""

import json
import threading

import pytest

from weirtest import chat, config, message
from weirtest.client import Client, ask, get
from weirtest.patience import in_parallel, until
from weirtest.upstream import Refusing


def gateway(*servers, **overlay):
    """One model `claude` at upstreams that speak its dialect."""
    setup = config.gateway(*servers)
    for upstream in setup["upstreams"].values():
        upstream["dialect"] = "anthropic"
    setup["models"] = {"claude": setup["models"]["chat"]}
    return config.merged(setup, overlay)


def post(weir, body, path=message.PATH, headers=None):
    return weir.post(path, body, {**message.HEADERS, **(headers or {})})


def assert_error(response, status, kind):
    said = response.json()
    assert response.status == status, response.body
    assert said["type"] == "error" and said["error"]["type"] == kind
    assert said["error"]["message"]
    assert said["request_id"] == response.header("request-id") == response.header("x-request-id")
    return said["error"]["message"]


# -- plain answers ---------------------------------------------------------------------------


def test_a_plain_answer_passes_byte_for_byte_but_for_its_model(stage):
    body = message.answer(extra={"n": 2**64}).replace(b'"end_turn"', b'"end\\u005fturn"')
    limits = {"request-id": "req_1", "anthropic-ratelimit-tokens-remaining": "9"}
    upstream = stage.upstream(message.says(body=body, headers=limits))
    weir = stage.weir(gateway(upstream))
    response = post(weir, message.question(metadata={"user_id": "u"}))
    assert response.status == 200 and response.body == message.as_asked(body)
    assert response.all("request-id") == response.all("x-request-id") != ["req_1"]
    assert response.header("x-upstream-request-id") == "req_1"
    assert response.header("anthropic-ratelimit-tokens-remaining") == "9"
    asked = upstream.call().request
    assert asked.target == "/v1/messages"
    assert asked.body == message.question(metadata={"user_id": "u"}).replace(b"claude", b"real-model")


def test_tokens_are_counted_with_those_of_the_prompts_cache(stage):
    weir = stage.weir(gateway(stage.upstream(message.says())))
    post(weir, message.question())
    total = "gen_ai_client_token_usage_sum"
    weir.metrics.wait(total, 111, gen_ai_token_type="input")
    weir.metrics.wait(total, 7, gen_ai_token_type="output")


@pytest.mark.parametrize("path", ["/messages", "/v1/v1/messages", "/v1/messages?beta=true"])
def test_the_path_is_known_in_every_spelling_of_the_base_url(stage, path):
    weir = stage.weir(gateway(stage.upstream(message.says())))
    assert post(weir, message.question(), path).status == 200


def test_an_endpoint_may_leave_out_the_version(stage):
    upstream = stage.upstream(message.says())
    setup = gateway(upstream)
    setup["upstreams"]["up"]["endpoints"] = [upstream.origin]
    weir = stage.weir(setup)
    post(weir, message.question())
    assert upstream.call().request.target == "/v1/messages"


def test_versions_and_betas_go_up_and_credentials_are_exchanged(stage):
    upstream = stage.upstream(message.says())
    setup = gateway(upstream, tenants={"ann": {"keys": ["ann-key"]}})
    setup["upstreams"]["up"]["auth"] = {"header": "x-api-key", "value": "ours"}
    weir = stage.weir(setup)
    beta = {"anthropic-beta": "a,b"}
    assert post(weir, message.question(), headers={"x-api-key": "ann-key", **beta}).status == 200
    bearer = {"Authorization": "Bearer ann-key"}
    assert post(weir, message.question(), headers=bearer).status == 200
    first, second = upstream.requests
    assert first.all("x-api-key") == second.all("x-api-key") == ["ours"]
    assert first.header("anthropic-version") == "2023-06-01"
    assert first.header("anthropic-beta") == "a,b"
    assert second.header("authorization") is None
    assert_error(post(weir, message.question()), 401, "authentication_error")


def test_a_count_of_tokens_is_passed_through_and_never_kept(stage):
    upstream = stage.upstream(message.says(body=b'{"input_tokens": 14}'))
    weir = stage.weir(gateway(upstream, models={"claude": {"cache": {"when": "always"}}}))
    for _ in range(2):
        response = post(weir, message.question(), message.COUNT)
        assert response.body == b'{"input_tokens": 14}'
        assert response.header("x-weir-cache") == "bypass"
    assert [r.target for r in upstream.requests] == ["/v1/messages/count_tokens"] * 2
    until(lambda: weir.metrics.sum("weir_requests_total") == 2, what="both to be counted")
    assert weir.metrics.sum("weir_predictions_total") == 0


# -- errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status, kind", [(400, "invalid_request_error"), (413, "x"), (429, "y")])
def test_an_upstreams_error_comes_byte_for_byte(stage, status, kind):
    body = message.error(kind, "Extra inputs are not permitted") + b" "
    upstream = stage.upstream(message.says(body=body, status=status))
    weir = stage.weir(gateway(upstream, models={"claude": {"max_attempts": 1}}))
    response = post(weir, message.question())
    assert response.status == status and response.body == body


def test_our_own_errors_have_the_dialects_form(stage):
    upstream = stage.upstream(message.says())
    weir = stage.weir(gateway(upstream, server={"max_body": "64KiB"}))
    assert_error(post(weir, b"{"), 400, "invalid_request_error")
    assert_error(post(weir, b'{"model":"nobody"}'), 404, "not_found_error")
    assert_error(post(weir, message.question("x" * 70000)), 413, "request_too_large")
    assert_error(get(weir.address, message.PATH, message.HEADERS), 405, "invalid_request_error")
    assert_error(get(weir.address, "/v1/nothing", message.HEADERS), 404, "not_found_error")
    assert not upstream.calls


def test_an_upstream_that_is_away_is_an_api_error(stage):
    upstream = stage.upstream(lambda call: call.reset())
    weir = stage.weir(gateway(upstream, models={"claude": {"max_attempts": 1}}))
    assert_error(post(weir, message.question()), 502, "api_error")


def test_an_upstream_that_says_nothing_is_a_timeout(stage):
    upstream = stage.upstream(lambda call: call.hang())
    setup = gateway(upstream, models={"claude": {"max_attempts": 1}})
    setup["upstreams"]["up"]["timeouts"]["headers"] = "200ms"
    assert_error(post(stage.weir(setup), message.question()), 504, "timeout_error")


def test_a_full_queue_is_529_with_a_whole_retry_after(stage):
    go = threading.Event()

    def script(call):
        call.wait(go)
        message.says()(call)

    upstream = stage.upstream(script)
    setup = gateway(upstream, models={"claude": {"max_attempts": 1}})
    setup["upstreams"]["up"].update(max_in_flight=1, queue={"size": 0, "timeout": "5s"})
    weir = stage.weir(setup)
    with Client(weir.address) as first:
        first.ask("POST", message.PATH, message.question("one"), message.HEADERS)
        upstream.call()
        refused = post(weir, message.question("two"))
        assert_error(refused, 529, "overloaded_error")
        assert int(refused.header("retry-after")) >= 1
        go.set()
        assert first.response().status == 200


def test_a_model_whose_upstreams_speak_another_dialect_says_so(stage):
    openai, anthropic = stage.upstream(chat.says()), stage.upstream(message.says())
    setup = config.gateway(openai)
    setup["upstreams"]["claude"] = config.upstream(anthropic, dialect="anthropic")
    setup["models"]["claude"] = {"routes": [{"upstream": "claude", "model": "real-model"}]}
    weir = stage.weir(setup)
    wrong = post(weir, message.question(model="chat"))
    assert "dialect" in assert_error(wrong, 400, "invalid_request_error")
    other = weir.post(chat.PATH, chat.question(model="claude"))
    assert other.status == 400 and other.error["code"] == "unsupported_endpoint"
    assert not openai.calls and not anthropic.calls


def mixed(openai, anthropic, **settings):
    """A model with routes of both dialects."""
    setup = config.gateway(openai)
    setup["upstreams"]["other"] = config.upstream(anthropic, dialect="anthropic", **settings)
    setup["models"]["chat"]["routes"].append({"upstream": "other", "model": "real-model"})
    return setup


def test_a_model_of_both_dialects_answers_each_caller_in_its_own(stage):
    openai, anthropic = stage.upstream(chat.says("one")), stage.upstream(message.says("two"))
    weir = stage.weir(mixed(openai, anthropic))
    assert post(weir, message.question(model="chat")).json()["content"][0]["text"] == "two"
    answer = weir.post(chat.PATH, chat.question()).json()
    assert answer["choices"][0]["message"]["content"] == "one"


def test_a_route_of_another_dialect_does_not_hide_why_there_is_no_answer(stage):
    openai = stage.upstream(chat.says("one"))
    weir = stage.weir(mixed(openai, stage.keep(Refusing())))
    assert_error(post(weir, message.question(model="chat")), 502, "api_error")

    busy = stage.upstream(lambda call: call.hang())
    weir = stage.weir(mixed(openai, busy, max_in_flight=1, queue={"size": 0}))
    with Client(weir.address) as first:
        first.ask("POST", message.PATH, message.question(model="chat"), message.HEADERS)
        busy.call()
        refused = post(weir, message.question("two", model="chat"))
        assert_error(refused, 529, "overloaded_error")


# -- streams ---------------------------------------------------------------------------------


def test_a_stream_passes_byte_for_byte_but_for_the_first_events_model(stage):
    events = message.stream_of("Hello", " you")
    upstream = stage.upstream(chat.stream(*events, split=7))
    weir = stage.weir(gateway(upstream))
    response = post(weir, message.question(stream=True))
    assert response.complete and response.body == message.as_asked(b"".join(events))
    assert response.header("content-type") == "text/event-stream"
    weir.metrics.wait("weir_requests_total", 1, outcome="ok", endpoint="messages")
    weir.metrics.wait("gen_ai_client_token_usage_sum", 111, gen_ai_token_type="input")


def test_events_are_passed_on_as_they_arrive(stage):
    go = threading.Event()
    rest = message.stream_of("a")[4:]
    upstream = stage.upstream(
        chat.stream(*message.OPENING, message.text("a"), message.PING, go, *rest)
    )
    weir = stage.weir(gateway(upstream))
    with Client(weir.address) as client:
        client.ask("POST", message.PATH, message.question(stream=True), message.HEADERS)
        response = client.head()
        client.until_event(response, 5)
        assert response.body.endswith(message.PING)
        go.set()
        assert client.rest(response).body.endswith(message.STOP)


@pytest.mark.parametrize("end", ["reset", "close", "end"])
def test_a_cut_stream_ends_in_one_error_event_and_no_message_stop(stage, end):
    upstream = stage.upstream(chat.stream(*message.OPENING, message.text("Hello"), then=end))
    weir = stage.weir(gateway(upstream))
    response = post(weir, message.stable(stream=True))
    events = message.named_events(response.body)
    assert response.status == 200 and response.complete
    assert [name for name, _ in events][-2:] == ["content_block_delta", "error"]
    assert [name for name, _ in events].count("error") == 1
    assert events[-1][1]["error"]["type"] == "api_error"
    upstream.next(message.says())
    assert post(weir, message.stable()).header("x-weir-cache") == "miss"


def test_a_stream_cut_before_its_content_is_a_plain_error(stage):
    upstream = stage.upstream(chat.stream(*message.OPENING, then="close"))
    weir = stage.weir(gateway(upstream, models={"claude": {"max_attempts": 1}}))
    assert_error(post(weir, message.question(stream=True)), 502, "api_error")


def test_an_error_event_before_content_goes_elsewhere_and_behind_it_to_the_client(stage):
    fault = b"event: error\ndata: " + message.error("overloaded_error") + b"\n\n"
    first = stage.upstream(chat.stream(*message.OPENING, fault))
    second = stage.upstream(message.says("from two"))
    weir = stage.weir(gateway(first, second))
    response = post(weir, message.question(stream=True))
    assert message.text_of(response.body) == "fromtwo"
    assert response.header("x-weir-attempts") == "2"
    first.next(chat.stream(*message.OPENING, message.text("Hello"), fault))
    response = post(weir, message.question(stream=True))
    if message.text_of(response.body) == "Hello":
        assert response.body.endswith(fault) and response.body.count(b"event: error") == 1


# -- the cache -------------------------------------------------------------------------------

BLOCKS = [
    {"type": "thinking", "thinking": "Let me see.", "signature": "EqQBCg=="},
    {"type": "text", "text": "I look \"it\" up: \u00e9 \U0001f600."},
    {"type": "tool_use", "id": "toolu_1", "name": "find", "input": {"q": "x\ny", "n": 1.5}},
]


def blocks_of(body):
    """A stream put together as a reader does it."""
    content, usage, stop = [], {}, None
    for name, data in message.named_events(body):
        if name == "message_start":
            usage.update(data["message"]["usage"])
        elif name == "content_block_start":
            assert data["index"] == len(content)
            content.append({**data["content_block"], "json": ""})
        elif name == "content_block_delta":
            delta, block = data["delta"], content[data["index"]]
            for member in ("text", "thinking", "signature"):
                if member in delta:
                    block[member] += delta[member]
            block["json"] += delta.get("partial_json", "")
        elif name == "message_delta":
            stop = data["delta"]["stop_reason"]
            usage.update(data["usage"])
    for block in content:
        text = block.pop("json")
        if text:
            block["input"] = json.loads(text)
    return content, stop, usage


def test_a_plain_answer_is_given_again_as_a_stream(stage):
    body = message.answer(content=BLOCKS, stop="tool_use")
    upstream = stage.upstream(message.says(body=body))
    weir = stage.weir(gateway(upstream))
    first = post(weir, message.stable())
    assert first.header("x-weir-cache") == "miss"
    for _ in range(2):
        again = post(weir, message.stable(stream=True))
        assert again.header("x-weir-cache") == "hit"
        assert blocks_of(again.body) == (BLOCKS, "tool_use", message.USAGE)
        assert message.named_events(again.body)[-1][0] == "message_stop"
    assert post(weir, message.stable()).body == first.body
    assert len(upstream.calls) == 1


def test_a_stream_is_given_again_as_a_plain_answer(stage):
    upstream = stage.upstream(message.says("Hello you"))
    weir = stage.weir(gateway(upstream))
    assert post(weir, message.stable(stream=True)).header("x-weir-cache") == "miss"
    again = post(weir, message.stable())
    assert again.header("x-weir-cache") == "hit"
    assert again.json() == json.loads(message.as_asked(message.answer("Helloyou")))
    assert len(upstream.calls) == 1


def test_metadata_and_cache_marks_do_not_make_another_question(stage):
    upstream = stage.upstream(message.says())
    weir = stage.weir(gateway(upstream))
    mark = {"cache_control": {"type": "ephemeral"}}
    block = {"type": "text", "text": "hello"}
    plain = {"messages": [{"role": "user", "content": [block]}], "system": [dict(block)]}
    marked = {"messages": [{"role": "user", "content": [{**block, **mark}]}],
              "system": [{**block, **mark}], "metadata": {"user_id": "u"}, **mark}  # fmt: skip
    post(weir, message.stable(**plain))
    assert post(weir, message.stable(**marked)).header("x-weir-cache") == "hit"
    schema = {"name": "f", "input_schema": {"type": "object", "properties": mark}}
    other = {"name": "f", "input_schema": {"type": "object", "properties": {}}}
    post(weir, message.stable(tools=[other]))
    assert post(weir, message.stable(tools=[schema])).header("x-weir-cache") == "miss"


def test_what_has_no_temperature_or_other_versions_is_another_question(stage):
    upstream = stage.upstream(message.says())
    weir = stage.weir(gateway(upstream))
    for _ in range(2):
        assert post(weir, message.question()).header("x-weir-cache") == "bypass"
    post(weir, message.stable())
    newer = {"anthropic-version": "2026-10-21"}
    assert post(weir, message.stable(), headers=newer).header("x-weir-cache") == "miss"


@pytest.mark.parametrize("stop", ["max_tokens", "refusal", "pause_turn"])
def test_what_did_not_end_well_is_not_kept(stage, stop):
    upstream = stage.upstream(message.says(body=message.answer(stop=stop)))
    weir = stage.weir(gateway(upstream))
    for _ in range(2):
        assert post(weir, message.stable()).header("x-weir-cache") == "miss"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_equal_questions_at_once_are_one_call(stage, stream):
    go = threading.Event()

    def script(call):
        call.wait(go)
        message.says("shared words")(call)

    upstream = stage.upstream(script)
    weir = stage.weir(gateway(upstream))
    clients = [Client(weir.address) for _ in range(5)]
    for client in clients:
        client.ask("POST", message.PATH, message.stable(stream=stream), message.HEADERS)
    until(lambda: weir.metrics.sum("weir_in_flight") == 5)
    go.set()
    responses = in_parallel([client.response for client in clients])
    for client in clients:
        client.close()
    assert len(upstream.calls) == 1
    assert {r.status for r in responses} == {200} and len({r.body for r in responses}) == 1
    assert "coalesced" in {r.header("x-weir-cache") for r in responses}


def test_what_is_kept_in_redis_is_given_again_in_either_form(stage):
    upstream = stage.upstream(message.says(body=message.answer(content=BLOCKS, stop="tool_use")))
    weir = stage.weir(gateway(upstream, **config.without_memory(stage.redis())))
    until(lambda: weir.metrics.sum("weir_redis_up") >= 1, what="a link to Redis")
    first = post(weir, message.stable())

    def from_redis():
        """While it is being kept, its equals share the answer that is there."""
        again = post(weir, message.stable())
        return again.header("cache-status").endswith("detail=redis") and again

    again = until(from_redis, what="an answer from Redis")
    assert again.body == first.body
    streamed = post(weir, message.stable(stream=True))
    assert blocks_of(streamed.body) == (BLOCKS, "tool_use", message.USAGE)
    assert len(upstream.calls) == 1


def test_the_admin_explains_a_messages_key(stage):
    weir = stage.weir(gateway(stage.upstream(message.says())))
    path = f"/admin/cache/explain?path={message.PATH}"
    told = ask(weir.admin, "POST", path, message.stable(), message.HEADERS).json()
    assert told["endpoint"] == "messages" and told["cached"] is True
    assert told["headers"] == "anthropic-version: 2023-06-01\n"
    path = f"/admin/cache/explain?path={message.COUNT}"
    told = ask(weir.admin, "POST", path, message.stable(), message.HEADERS).json()
    assert told["why_not"] == "a count of tokens"


def test_why_a_model_stopped_is_counted_in_the_words_of_all_dialects(stage):
    upstream = stage.upstream(message.says(body=message.answer(content=BLOCKS, stop="tool_use")))
    weir = stage.weir(gateway(upstream))
    post(weir, message.question())
    finishes = {"prediction": "finish_reason"}
    weir.metrics.wait("weir_predictions_total", 1, **finishes)
    counted = weir.metrics.samples("weir_predictions_total", **finishes)
    assert [labels["value"] for labels, _ in counted] == ["tool_calls"]


# -- models ----------------------------------------------------------------------------------


def test_models_are_listed_in_the_callers_dialect(stage):
    weir = stage.weir(gateway(stage.upstream(message.says())))
    listed = get(weir.address, "/v1/models?limit=1000", message.HEADERS)
    assert listed.status == 200 and listed.header("request-id")
    body = listed.json()
    assert [m["id"] for m in body["data"]] == ["claude"] and body["has_more"] is False
    assert body["first_id"] == body["last_id"] == "claude"
    one = get(weir.address, "/v1/models/claude", message.HEADERS).json()
    assert one == body["data"][0] and one["type"] == "model" and one["display_name"] == "claude"
    assert_error(get(weir.address, "/v1/models/x", message.HEADERS), 404, "not_found_error")
    assert get(weir.address, "/v1/models").json()["object"] == "list"


# -- rules -----------------------------------------------------------------------------------


def test_rules_answer_messages_where_nobody_else_does(stage):
    upstream = stage.upstream(lambda call: call.reset())
    setup = gateway(upstream, rules={"desk": [{"match": "hello", "reply": "Good day."}]})
    setup["models"]["claude"].update(fallback=[{"rules": "desk"}], max_attempts=1)
    weir = stage.weir(setup)
    response = post(weir, message.question("hello"))
    assert response.status == 200 and response.header("x-weir-degraded") == "heuristic"
    assert response.json()["content"] == [{"type": "text", "text": "Good day."}]
    streamed = post(weir, message.question("hello", stream=True))
    assert message.text_of(streamed.body) == "Good day."
