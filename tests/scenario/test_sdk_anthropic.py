# SPDX-License-Identifier: Apache-2.0
"""The official Anthropic Python SDK against the gateway in front of a scripted upstream."""

import json

import pytest

from weirtest import config, message, sdk

CALL = [{"type": "tool_use", "id": "toolu_1", "name": "find", "input": {"q": "x", "n": 1.5}}]


def upstream_script(call):
    """Answers in the way that the question names: a call, an overload, or words."""
    asked = json.loads(call.request.body)
    said = asked["messages"][0]["content"]
    if call.request.target.endswith("/count_tokens"):
        call.answer(200, b'{"input_tokens": 14}')
    elif said == "overload":
        call.answer(529, message.error("overloaded_error", "Overloaded"))
    elif said == "call":
        call.answer(200, message.answer(content=CALL, stop="tool_use"))
    else:
        message.says("Hello you")(call)


@pytest.fixture(scope="module")
def house(shared_stage):
    python = sdk.python_with("anthropic")
    setup = config.gateway(shared_stage.upstream(upstream_script))
    setup["tenants"] = {"acme": {"keys": ["sdk-key"]}}
    setup["upstreams"]["up"]["dialect"] = "anthropic"
    setup["models"] = {"claude-test": setup["models"]["chat"]}
    setup["models"]["claude-test"]["max_attempts"] = 1
    setup["models"]["claude-test"]["cache"]["when"] = "always"
    return python, shared_stage.weir(setup)


PROLOGUE = """
import json, anthropic
client = anthropic.Anthropic(base_url={base!r}, api_key="sdk-key", max_retries=0)
def ask(words, **more):
    return dict(model="claude-test", max_tokens=64, messages=[{{"role": "user", "content": words}}], **more)
def say(value): print(json.dumps(value))
"""


def run(house, text):
    python, weir = house
    return sdk.run(python, PROLOGUE.format(base="http://%s:%d" % weir.address) + text)


STREAM = """
with client.messages.stream(**ask(WORDS)) as stream:
    text = "".join(stream.text_stream)
    last = stream.get_final_message()
say([text, last.model, last.stop_reason, last.usage.input_tokens, last.usage.output_tokens])
"""


@pytest.mark.limit(400)
def test_the_sdk_reads_the_same_answer_streamed_kept_and_plain(house):
    wanted = ["Helloyou", "claude-test", "end_turn", 11, 7]
    first, second, plain = run(house, 2 * STREAM.replace("WORDS", "'hi'") + """
m = client.messages.create(**ask("hi"))
say([m.content[0].text, m.model, m.stop_reason, m.usage.input_tokens, m.usage.output_tokens])
""")
    assert first == second == plain == wanted
    house[1].metrics.wait("weir_requests_total", 2, outcome="cache_hit")


def test_the_sdk_reads_a_kept_call_as_a_stream(house):
    plain, streamed = run(house, """
def show(m):
    say([m.stop_reason, [[b.type, b.id, b.name, b.input] for b in m.content]])
show(client.messages.create(**ask("call")))
with client.messages.stream(**ask("call")) as stream:
    show(stream.get_final_message())
""")
    assert plain == streamed == ["tool_use", [["tool_use", "toolu_1", "find", {"q": "x", "n": 1.5}]]]


def test_the_sdk_counts_tokens_and_lists_models(house):
    said = run(house, """
asked = ask("hi")
del asked["max_tokens"]
say(client.messages.count_tokens(**asked).input_tokens)
say([[m.id, m.type, m.display_name] for m in client.models.list()])
say(client.models.retrieve("claude-test").id)
""")
    assert said == [14, [["claude-test", "model", "claude-test"]], "claude-test"]


def test_the_sdk_raises_its_own_errors(house):
    said = run(house, """
def name(call):
    try:
        call()
    except anthropic.APIStatusError as error:
        say([type(error).__name__, error.status_code, error.body["error"]["type"], bool(error.request_id)])
name(lambda: client.messages.create(**{**ask("hi"), "model": "nobody"}))
name(lambda: client.with_options(api_key="bad").messages.create(**ask("hi")))
name(lambda: client.messages.create(**ask("overload")))
""")
    assert said[0] == ["NotFoundError", 404, "not_found_error", True]
    assert said[1] == ["AuthenticationError", 401, "authentication_error", True]
    assert said[2][1:] == [529, "overloaded_error", True]
