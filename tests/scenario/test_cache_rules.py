# SPDX-License-Identifier: Apache-2.0
"""C1-C4: which requests share an answer, which answers are kept, and what the caller may say."""

import json
import re
import threading

import pytest

from weirtest import chat, config
from weirtest.patience import until

BASE = {
    "model": "chat",
    "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}],
    "temperature": 0,
}

# Every one of these changes the answer, or might: an unknown member counts as one that does.
CHANGES = [
    {"temperature": 0.0, "max_tokens": 5},
    {"max_completion_tokens": 5},
    {"top_p": 0.5},
    {"stop": ["x"]},
    {"seed": 7},
    {"frequency_penalty": 1},
    {"presence_penalty": 1},
    {"logit_bias": {"50256": -100}},
    {"logprobs": True},
    {"top_logprobs": 2},
    {"response_format": {"type": "json_object"}},
    {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
    {"tool_choice": "none"},
    {"parallel_tool_calls": False},
    {"reasoning_effort": "low"},
    {"verbosity": "low"},
    {"prediction": {"type": "content", "content": "x"}},
    {"modalities": ["text"]},
    {"functions": [{"name": "f"}]},
    {"min_p": 0.1},
    {"chat_template_kwargs": {"enable_thinking": False}},
    {"a_member_of_the_future": 1},
    {"messages": BASE["messages"][::-1]},
    {"messages": [{"role": "user", "content": "Hi"}]},
    {"messages": [BASE["messages"][0], {"role": "user", "content": "hi"}]},
    {"messages": [BASE["messages"][0], {"role": "user", "content": "Hi "}]},
    {"messages": [BASE["messages"][0], {"role": "user", "content": "Hi", "name": "bob"}]},
]

# None of these can change the answer.
SAME = [
    {"stream": True},
    {"stream": False},
    {"stream": True, "stream_options": {"include_usage": True}},
    {"user": "bob"},
    {"metadata": {"a": "b"}},
    {"store": False},
    {"service_tier": "flex"},
    {"safety_identifier": "x"},
    {"prompt_cache_key": "k"},
    {"prompt_cache_retention": "24h"},
    {"prompt_cache_options": {"mode": "implicit"}},
    {"temperature": 0.0},
]

# The same request written another way.
SPELLINGS = [
    b'{"temperature":0,"messages":[{"content":"Be kind.","role":"system"},'
    b'{"role":"user","content":"Hi"}],"model":"chat"}',
    b'{ "model" : "chat" ,\n\t"messages": [ {"role":"system","content":"Be kind."},'
    b' {"role":"user","content":"Hi"} ], "temperature": 0e0 }',
    b'{"model":"chat","messages":[{"role":"system","content":"Be\\u0020kind."},'
    b'{"role":"user","content":"\\u0048i"}],"temperature":0.000}',
]


def key_id(value):
    return json.dumps(value)[:60] if isinstance(value, dict) else value.decode()[:30]


@pytest.fixture(scope="module")
def primed(shared_stage):
    """A gateway that has the base request's answer in memory."""
    upstream = shared_stage.upstream(chat.says())
    weir = shared_stage.weir(config.gateway(upstream))
    assert weir.post(chat.PATH, json.dumps(BASE).encode()).header("x-weir-cache") == "miss"
    return weir


def word(weir, body, headers=None, path=chat.PATH):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return weir.post(path, body, headers).header("x-weir-cache")


@pytest.mark.parametrize("change", CHANGES, ids=key_id)
def test_c1_any_member_that_can_change_the_answer_is_another_key(primed, change):
    assert word(primed, {**BASE, **change}) == "miss"


@pytest.mark.parametrize("change", SAME, ids=key_id)
def test_c1_members_that_cannot_change_the_answer_share_it(primed, change):
    assert word(primed, {**BASE, **change}) == "hit"


@pytest.mark.parametrize("spelling", SPELLINGS, ids=key_id)
def test_c2_member_order_white_space_escapes_and_number_forms_share_the_key(primed, spelling):
    assert word(primed, spelling) == "hit"


def test_c2_numbers_agree_by_value_and_order_inside_tools_matters(primed):
    def asked(seed, schema):
        tools = '[{"type":"function","function":{"name":"f","parameters":%s}}]' % schema
        return (
            '{"model":"chat","messages":[],"temperature":0,"seed":%s,"tools":%s}' % (seed, tools)
        ).encode()

    assert word(primed, asked("1", '{"a":1,"b":2}')) == "miss"
    assert word(primed, asked("1.0", '{"a":1,"b":2}')) == "hit"
    assert word(primed, asked("1e0", '{"a":1,"b":2}')) == "hit"
    assert word(primed, asked("1", '{"b":2,"a":1}')) == "miss"


def test_c1_the_endpoint_is_part_of_the_key(primed):
    body = {"model": "chat", "prompt": "x", "messages": [], "temperature": 0, "seed": 99}
    assert word(primed, body) == "miss"
    assert word(primed, body, path="/v1/completions") == "miss"


def test_c1_the_public_model_name_is_part_of_the_key(stage):
    upstream = stage.upstream(chat.says())
    setup = config.gateway(upstream)
    setup["models"]["other"] = setup["models"]["chat"]
    weir = stage.weir(setup)
    assert word(weir, BASE) == "miss"
    assert word(weir, {**BASE, "model": "other"}) == "miss"
    assert word(weir, BASE) == "hit"


def test_c3_tenants_never_share_an_answer(stage):
    upstream = stage.upstream(chat.says())
    tenants = {"acme": {"keys": ["key-a"]}, "globex": {"keys": ["key-b"]}}
    weir = stage.weir(config.gateway(upstream, tenants=tenants))
    a, b = {"Authorization": "Bearer key-a"}, {"Authorization": "Bearer key-b"}
    assert word(weir, BASE, a) == "miss"
    assert word(weir, BASE, b) == "miss"
    assert (word(weir, BASE, a), word(weir, BASE, b)) == ("hit", "hit")
    assert word(weir, {**BASE, "user": "acme", "scope": "acme"}, b) == "miss"


# -- when --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "when, members, second",
    [
        ("deterministic", {}, "hit"),
        ("deterministic", {"temperature": 0.7}, "bypass"),
        ("deterministic", {"temperature": None}, "bypass"),
        ("deterministic", {"n": 2}, "bypass"),
        ("deterministic", {"n": 1}, "hit"),
        ("always", {"temperature": 0.7}, "hit"),
        ("always", {"temperature": None}, "hit"),
        ("always", {"web_search_options": {}}, "bypass"),
        ("never", {}, "bypass"),
    ],
)
def test_c1_when_decides_what_is_cached(stage, when, members, second):
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(upstream, **config.chat(cache={"when": when})))
    body = {name: v for name, v in {**BASE, **members}.items() if v is not None}
    word(weir, body)
    found = word(weir, body)
    assert found == second if second == "hit" else found in ("bypass", "miss")
    assert len(upstream.calls) == (1 if second == "hit" else 2)


def test_c1_bodies_that_only_the_scanner_can_read_are_forwarded_and_not_cached(stage):
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(upstream))
    body = b'{"model":"chat","messages":[],"temperature":0,"seed":18446744073709551616}'
    for _ in range(2):
        assert weir.post(chat.PATH, body).status == 200
    assert len(upstream.calls) == 2
    assert b"18446744073709551616" in upstream.requests[0].body


# -- C4: what is stored ------------------------------------------------------------------

TOOL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}

KEPT = {
    "stop": chat.completion(),
    "tool_calls": chat.completion(None, "tool_calls", message={"tool_calls": [TOOL]}),
    "function_call": chat.completion(
        None, "function_call", message={"function_call": {"name": "f", "arguments": "{}"}}
    ),
}

NOT_KEPT = {
    "length": chat.completion(finish="length"),
    "content_filter": chat.completion(finish="content_filter"),
    "no finish": chat.completion(finish=None),
    "odd finish": chat.completion(finish="error"),
    "empty text": chat.completion(""),
    "null text": chat.completion(None),
    "no choices": chat.completion(choices=[]),
    "no answer": b'{"id":"x","object":"chat.completion"}',
}


def twice(stage, script, body=None):
    upstream = stage.upstream(script)
    weir = stage.weir(config.gateway(upstream, **config.chat(max_attempts=1)))
    for _ in range(2):
        weir.post(chat.PATH, body or chat.stable())
    return len(upstream.calls)


@pytest.mark.parametrize("kind", KEPT)
def test_c4_good_answers_are_kept(stage, kind):
    assert twice(stage, chat.says(body=KEPT[kind])) == 1


@pytest.mark.parametrize("kind", NOT_KEPT)
def test_c4_bad_answers_are_not_kept(stage, kind):
    assert twice(stage, chat.says(body=NOT_KEPT[kind])) == 2


@pytest.mark.parametrize("status", [201, 400, 422, 429, 500])
def test_c4_other_statuses_are_not_kept(stage, status):
    assert twice(stage, chat.says(status=status, body=chat.completion())) == 2


def test_c4_another_good_status_reaches_the_caller_as_it_is(stage):
    body = chat.completion(model="chat")
    weir = stage.weir(config.gateway(stage.upstream(chat.says(status=201, body=body))))
    response = weir.post(chat.PATH, chat.stable())
    assert (response.status, response.body) == (201, body)
    assert response.header("cache-status") == "weir; fwd=miss"


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_c4_streams_that_ended_badly_are_not_kept(stage, finish):
    script = chat.stream(*chat.stream_of("a", finish=finish))
    assert twice(stage, script, chat.stable(stream=True)) == 2


def test_c4_an_empty_stream_is_not_kept(stage):
    assert twice(stage, chat.stream(*chat.stream_of()), chat.stable(stream=True)) == 2


# -- Cache-Control from the caller -------------------------------------------------------


def control(words):
    return {"Cache-Control": words}


def test_no_cache_does_not_read_and_no_store_does_not_write(stage):
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(upstream))
    word(weir, BASE, control("no-store"))
    assert word(weir, BASE) == "miss" and len(upstream.calls) == 2
    assert word(weir, BASE) == "hit"
    assert word(weir, BASE, control("no-cache")) != "hit"
    assert word(weir, BASE, control("no-store")) != "hit"
    assert len(upstream.calls) == 4


def test_no_cache_still_renews_the_stored_answer(stage):
    upstream = stage.upstream(chat.says("old"))
    weir = stage.weir(config.gateway(upstream))
    word(weir, BASE)
    upstream.script = chat.says("new")
    word(weir, BASE, control("no-cache"))
    response = weir.post(chat.PATH, json.dumps(BASE).encode())
    assert response.header("x-weir-cache") == "hit" and b"new" in response.body


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_an_answer_is_kept_before_its_client_has_the_last_of_it(stage, stream):
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(upstream))
    for number in range(30):
        asked = chat.stable(str(number), stream=stream)
        assert word(weir, asked) == "miss"
        assert word(weir, asked, control("only-if-cached")) == "hit"
    assert len(upstream.calls) == 30


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_an_answer_above_max_entry_is_passed_on_and_not_kept(stage, stream):
    upstream = stage.upstream(chat.says("x" * 2000))
    weir = stage.weir(config.gateway(upstream, cache={"max_entry": "1KiB"}))
    for _ in range(2):
        response = weir.post(chat.PATH, chat.stable(stream=stream))
        assert response.header("x-weir-cache") == "miss" and b"x" * 2000 in response.body
        assert "stored" not in response.header("cache-status")
    upstream.script = chat.says("short")
    weir.post(chat.PATH, chat.stable(stream=stream))
    assert word(weir, chat.stable(stream=stream)) == "hit"


def test_only_if_cached_asks_nobody(stage):
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(upstream))
    response = weir.post(chat.PATH, json.dumps(BASE).encode(), control("only-if-cached"))
    assert response.status == 504 and response.error["message"]
    assert len(upstream.calls) == 0
    word(weir, BASE)
    assert word(weir, BASE, control("only-if-cached")) == "hit"


def test_max_age_does_not_take_an_answer_older_than_that(stage):
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(upstream))
    word(weir, BASE)
    until(lambda: aged(weir), what="an answer older than a second")
    assert word(weir, BASE, control("max-age=3600")) == "hit"
    assert len(upstream.calls) == 1


def aged(weir):
    """True once the stored answer is too old for a caller that allows one second."""
    headers = control("max-age=1, only-if-cached")
    return weir.post(chat.PATH, json.dumps(BASE).encode(), headers).status == 504


def expired(weir):
    """The stored answer is past its ttl; asking for it meanwhile might have renewed it."""
    threading.Event().wait(1.2)
    headers = control("only-if-cached")
    assert weir.post(chat.PATH, json.dumps(BASE).encode(), headers).status == 504


def test_an_answer_is_fresh_for_its_ttl_only(stage):
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(upstream, **config.chat(cache={"ttl": "1s"})))
    word(weir, BASE)
    expired(weir)
    assert word(weir, BASE) == "miss" and len(upstream.calls) == 2


def test_max_stale_takes_an_answer_past_its_ttl(stage):
    upstream = stage.upstream(chat.says())
    kept = config.chat(cache={"ttl": "1s", "stale": "1h"})
    weir = stage.weir(config.gateway(upstream, **kept))
    word(weir, BASE)
    expired(weir)

    def ask():
        return weir.post(chat.PATH, json.dumps(BASE).encode(), control("max-stale=600"))

    response = ask()
    assert response.header("x-weir-cache") == "stale" and len(upstream.calls) == 1
    assert re.search(r"ttl=-\d", response.header("cache-status"))


def test_stale_if_error_serves_the_old_answer_when_upstream_fails(stage):
    upstream = stage.upstream(chat.says())
    kept = config.chat(cache={"ttl": "1s", "stale": "1h"})
    weir = stage.weir(config.gateway(upstream, **kept))
    word(weir, BASE)
    expired(weir)
    upstream.script = chat.fails(503)
    response = weir.post(chat.PATH, json.dumps(BASE).encode(), control("stale-if-error=600"))
    assert response.status == 200 and response.header("x-weir-cache") == "stale"
    assert "detail=stale-if-error" in response.header("cache-status")
    assert response.header("x-weir-degraded") == "stale"


def test_headers_cannot_allow_what_the_configuration_forbids(stage):
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(upstream, **config.chat(cache={"when": "never"})))
    word(weir, BASE, control("max-age=600"))
    assert word(weir, BASE, control("max-stale=600")) != "hit" and len(upstream.calls) == 2
