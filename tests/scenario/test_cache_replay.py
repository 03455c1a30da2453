# SPDX-License-Identifier: Apache-2.0
"""C5, C7: a hit says what the first answer said, in whichever form it is asked for."""

import json
import re

import pytest

from weirtest import chat, config

EMBED = "/v1/embeddings"
DETAILS = {**chat.USAGE, "completion_tokens_details": {"reasoning_tokens": 3}}
TOOLS = [
    {"id": "c1", "type": "function", "function": {"name": "pay", "arguments": '{"a": 1}'}},
    {"id": "c2", "type": "function", "function": {"name": "ask", "arguments": '{"b": "é"}'}},
]


def started(stage, script, **overlay):
    upstream = stage.upstream(script)
    return upstream, stage.weir(config.gateway(upstream, **overlay))


def hit(weir, body, path=chat.PATH):
    response = weir.post(path, body)
    assert response.header("x-weir-cache") == "hit"
    return response


def chunks_of(response):
    assert response.complete and response.events[-1] == b"[DONE]"
    return [json.loads(event) for event in response.events[:-1]]


def assembled_tools(chunks):
    """Tool calls as an SDK puts them together: by index, ids once, arguments joined."""
    calls = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            for part in choice["delta"].get("tool_calls") or []:
                call = calls.setdefault(part["index"], {"id": "", "name": "", "arguments": ""})
                call["id"] += part.get("id") or ""
                call["name"] += part["function"].get("name") or ""
                call["arguments"] += part["function"].get("arguments") or ""
    return [calls[index] for index in sorted(calls)]


def test_c5_a_plain_hit_is_the_first_answer_byte_for_byte(stage):
    body = chat.completion('naïve  "x"\n', usage=DETAILS)
    upstream, weir = started(stage, chat.says(body=body))
    first = weir.post(chat.PATH, chat.stable())
    second = hit(weir, chat.stable())
    assert second.body == first.body and len(upstream.calls) == 1
    assert second.header("content-type") == first.header("content-type")


def test_c5_a_plain_answer_replays_as_a_well_formed_stream(stage):
    _, weir = started(stage, chat.says(body=chat.completion("one two", usage=DETAILS)))
    weir.post(chat.PATH, chat.stable())
    chunks = chunks_of(hit(weir, chat.stable(stream=True)))
    assert "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks) == "one two"
    assert {c["object"] for c in chunks} == {"chat.completion.chunk"}
    assert {c["id"] for c in chunks} == {"chatcmpl-1"}
    assert {c["created"] for c in chunks} == {1700000000}
    assert {c["model"] for c in chunks} == {"chat"}
    finishes = [c["choices"][0]["finish_reason"] for c in chunks]
    assert finishes[-1] == "stop" and not any(finishes[:-1])
    assert sum("role" in c["choices"][0]["delta"] for c in chunks) == 1
    assert not any(c.get("usage") for c in chunks)


def test_c5_a_stream_replay_carries_usage_only_when_asked(stage):
    _, weir = started(stage, chat.says(body=chat.completion(usage=DETAILS)))
    weir.post(chat.PATH, chat.stable())
    ask = chat.stable(stream=True, stream_options={"include_usage": True})
    last = chunks_of(hit(weir, ask))[-1]
    assert last["choices"] == [] and last["usage"] == DETAILS


def test_c5_a_streamed_answer_replays_as_a_plain_one(stage):
    events = chat.stream_of("one ", "two", " naïve 😀")
    events.insert(-1, chat.usage_event(DETAILS))
    _, weir = started(stage, chat.stream(*events))
    weir.post(chat.PATH, chat.stable(stream=True))
    answer = hit(weir, chat.stable()).json()
    assert answer["object"] == "chat.completion" and answer["model"] == "chat"
    assert (answer["id"], answer["created"]) == ("chatcmpl-1", 1700000000)
    choice = answer["choices"][0]
    assert choice["message"]["content"] == "one two naïve 😀"
    assert choice["message"]["role"] == "assistant" and choice["finish_reason"] == "stop"
    assert answer["usage"] == DETAILS


def test_c5_a_streamed_answer_replays_as_a_stream_with_the_same_text(stage):
    upstream, weir = started(stage, chat.stream(*chat.stream_of("a", "b", "c")))
    first = weir.post(chat.PATH, chat.stable(stream=True))
    second = hit(weir, chat.stable(stream=True))
    assert chat.text_of(second.events) == chat.text_of(first.events) == "abc"
    assert chunks_of(second)[-1]["choices"][0]["finish_reason"] == "stop"
    assert len(upstream.calls) == 1


def test_c5_tool_calls_survive_from_plain_to_stream(stage):
    body = chat.completion(None, "tool_calls", message={"tool_calls": TOOLS})
    _, weir = started(stage, chat.says(body=body))
    weir.post(chat.PATH, chat.stable())
    chunks = chunks_of(hit(weir, chat.stable(stream=True)))
    assert assembled_tools(chunks) == [{"id": t["id"], **t["function"]} for t in TOOLS]
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_c5_tool_calls_survive_from_stream_to_plain(stage):
    def part(index, **members):
        return chat.event({"tool_calls": [{"index": index, **members}]})

    def begin(index):
        tool = TOOLS[index]
        function = {"name": tool["function"]["name"], "arguments": ""}
        return part(index, id=tool["id"], type="function", function=function)

    def more(index, start, end):
        arguments = TOOLS[index]["function"]["arguments"][start:end]
        return part(index, function={"arguments": arguments})

    events = [begin(0), more(0, 0, 4), begin(1), more(1, 0, 3), more(0, 4, 99), more(1, 3, 99)]
    events += [chat.event({}, "tool_calls"), chat.DONE]
    _, weir = started(stage, chat.stream(*events))
    weir.post(chat.PATH, chat.stable(stream=True))
    choice = hit(weir, chat.stable()).json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"] == TOOLS


def test_c5_reasoning_text_and_refusals_survive(stage):
    events = [
        chat.event({"role": "assistant", "content": ""}),
        chat.event({"reasoning_content": "think "}),
        chat.event({"reasoning_content": "hard"}),
        chat.event({"content": "done"}),
        chat.event({}, "stop"),
        chat.DONE,
    ]
    _, weir = started(stage, chat.stream(*events))
    weir.post(chat.PATH, chat.stable(stream=True))
    message = hit(weir, chat.stable()).json()["choices"][0]["message"]
    assert (message["content"], message.get("reasoning_content")) == ("done", "think hard")


def test_c5_a_hit_names_its_tier_its_age_and_no_upstream_call(stage):
    _, weir = started(stage, chat.says())
    first = weir.post(chat.PATH, chat.stable())
    assert first.header("cache-status") == "weir; fwd=miss; stored"
    assert first.header("x-weir-attempts") == "1" and first.header("age") is None
    second = hit(weir, chat.stable())
    assert re.fullmatch(r"weir; hit; ttl=\d+; detail=memory", second.header("cache-status"))
    assert second.header("age").isdigit() and second.header("x-weir-attempts") == "0"
    assert second.header("x-weir-model") == "real-model"


def test_c5_a_hit_counts_as_cache_hit_and_touches_no_upstream_counter(stage):
    _, weir = started(stage, chat.says())
    for _ in range(3):
        weir.post(chat.PATH, chat.stable())
    weir.metrics.wait("weir_requests_total", 2, outcome="cache_hit")
    weir.metrics.wait("weir_requests_total", 1, outcome="ok")
    assert weir.metrics.sum("weir_upstream_attempts_total") == 1
    weir.metrics.wait("weir_in_flight", 0)


def test_c5_a_bypass_says_so(stage):
    _, weir = started(stage, chat.says())
    response = weir.post(chat.PATH, chat.question())
    assert response.header("cache-status").startswith("weir; fwd=bypass")
    assert response.header("x-weir-cache") == "bypass"


def test_c5_the_memory_tier_is_bounded_and_evicts(stage):
    upstream, weir = started(
        stage, chat.says(body=chat.completion("t" * 60000)), cache={"memory": "1MiB"}
    )
    for number in range(60):
        weir.post(chat.PATH, chat.stable(str(number)))
    assert weir.metrics.sum("weir_cache_bytes") <= 1 << 20
    assert weir.post(chat.PATH, chat.stable("0")).header("x-weir-cache") == "miss"
    assert len(upstream.calls) == 61


def test_c5_memory_0_turns_the_tier_off(stage):
    upstream, weir = started(stage, chat.says(), cache={"memory": 0})
    for _ in range(2):
        assert weir.post(chat.PATH, chat.stable()).status == 200
    assert len(upstream.calls) == 2


# -- completions, predictions ------------------------------------------------------------


def test_c5_legacy_completions_replay_both_ways(stage):
    def script(call):
        choice = {"index": 0, "text": "once upon", "logprobs": None, "finish_reason": "stop"}
        base = {"id": "cmpl-1", "object": "text_completion", "created": 5, "model": "real-model"}
        body = json.dumps({**base, "choices": [choice], "usage": chat.USAGE}).encode()
        call.answer(200, body)

    _, weir = started(stage, script)
    ask = {"model": "chat", "prompt": "tell", "temperature": 0}
    path = "/v1/completions"
    first = weir.post(path, json.dumps(ask).encode())
    assert first.json()["model"] == "chat"
    assert hit(weir, json.dumps(ask).encode(), path).body == first.body
    chunks = chunks_of(hit(weir, json.dumps({**ask, "stream": True}).encode(), path))
    assert "".join(c["choices"][0]["text"] for c in chunks) == "once upon"
    assert {c["object"] for c in chunks} == {"text_completion"}


# -- C7: embeddings ----------------------------------------------------------------------


def embeds(call):
    """Vector i is [length of input i]; the rows come in reverse order."""
    inputs = json.loads(call.request.body)["input"]
    rows = [
        {"object": "embedding", "index": i, "embedding": [float(len(text)), 0.1]}
        for i, text in enumerate(inputs)
    ]
    usage = {"prompt_tokens": len(inputs), "total_tokens": len(inputs)}
    answer = {"object": "list", "data": rows[::-1], "model": "real-model", "usage": usage}
    call.answer(200, json.dumps(answer).encode())


def embed(weir, *inputs):
    body = json.dumps({"model": "chat", "input": inputs}).encode()
    return weir.post(EMBED, body)


def test_c7_a_batch_is_cached_whole_and_replayed_as_it_was(stage):
    upstream, weir = started(stage, embeds)
    first, second = embed(weir, "a", "bb"), embed(weir, "a", "bb")
    assert second.header("x-weir-cache") == "hit" and second.body == first.body
    assert first.json()["model"] == "chat" and len(upstream.calls) == 1


@pytest.mark.parametrize("inputs", [("bb", "a"), ("a",), ("a", "bb", "ccc"), ("ccc", "a")])
def test_c7_every_vector_belongs_to_its_input_whatever_was_cached(stage, inputs):
    _, weir = started(stage, embeds)
    embed(weir, "a", "bb")
    data = embed(weir, *inputs).json()["data"]
    vectors = {row["index"]: row["embedding"][0] for row in data}
    assert vectors == {i: float(len(text)) for i, text in enumerate(inputs)}
