# SPDX-License-Identifier: Apache-2.0
"""The official OpenAI Python SDK against the gateway in front of the real model service.

weirtest/sdk.py says how it is installed, and when these tests are skipped.
"""

import re
import subprocess

import pytest

from weirtest import config, process, sdk
from weirtest.patience import until

SERVICE = process.ROOT / "deploy" / "model-service" / "main.py"
MODEL, EMBED = "support", "vectors"


class ModelService:
    """deploy/model-service on a free port."""

    def __init__(self, version):
        self.said = []
        self.process = subprocess.Popen(
            ["/usr/bin/python3", str(SERVICE), "--port", "0", "--version", str(version)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        for line in self.process.stdout:
            self.said.append(line)
            found = re.search(r"listening on (http://[\d.]+:\d+)", line)
            if found:
                self.origin, self.url = found[1], found[1] + "/v1"
                return
        raise AssertionError("the model service did not start:\n" + "".join(self.said))

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture(scope="module")
def house(shared_stage):
    python = sdk.python_with("openai")
    if not SERVICE.exists():
        pytest.fail(f"no model service at {SERVICE}")
    service = shared_stage.keep(ModelService(1))
    setup = config.gateway(service, tenants={"acme": {"keys": ["sdk-key"]}})
    setup["models"] = {
        MODEL: {"routes": [{"upstream": "up", "model": "support-desk"}]},
        EMBED: {"routes": [{"upstream": "up", "model": "support-desk-embed"}]},
    }
    return python, shared_stage.weir(setup)


PROLOGUE = """
import json, openai
client = openai.OpenAI(base_url={base!r}, api_key={key!r}, max_retries=0)
ask = dict(model={model!r}, messages=[{{"role": "user", "content": "Where is my parcel?"}}])
def say(value): print(json.dumps(value))
"""


def run(house, text, key="sdk-key"):
    """Runs a few lines with `client` at hand; returns what they said."""
    python, weir = house
    base = "http://%s:%d/v1" % weir.address
    script = PROLOGUE.format(base=base, key=key, model=MODEL) + text
    return sdk.run(python, script)


PLAIN_AND_STREAM = """
plain = client.chat.completions.create(temperature=0, **ask)
say([plain.model, plain.choices[0].finish_reason, plain.usage.total_tokens > 0])
text, finish, usage = "", None, None
options = dict(stream=True, stream_options={"include_usage": True})
for chunk in client.chat.completions.create(temperature=TEMPERATURE, **options, **ask):
    if chunk.choices:
        text += chunk.choices[0].delta.content or ""
        finish = chunk.choices[0].finish_reason or finish
    usage = chunk.usage or usage
say([text == plain.choices[0].message.content, finish, usage.total_tokens > 0])
"""


@pytest.mark.limit(400)
@pytest.mark.parametrize("temperature", ["0", "1"], ids=["cached", "fresh"])
def test_the_sdk_reads_the_same_answer_plain_and_streamed(house, temperature):
    first, second = run(house, PLAIN_AND_STREAM.replace("TEMPERATURE", temperature))
    assert first == [MODEL, "stop", True] and second == [True, "stop", True]


def test_the_sdk_reads_a_cached_stream(house):
    for _ in range(2):
        run(house, "for chunk in client.chat.completions.create(temperature=0, stream=True, "
                   "seed=5, **ask): pass")  # fmt: skip
    until(lambda: house[1].metrics.sum("weir_requests_total", outcome="cache_hit") >= 1)


def test_the_sdk_reads_embeddings_in_their_order(house):
    said = run(house, f"""
rows = client.embeddings.create(model={EMBED!r}, input=["parcel", "money back"]).data
again = client.embeddings.create(model={EMBED!r}, input=["parcel", "money back"]).data
say([[row.index for row in rows], len(rows[0].embedding) > 1,
     rows[0].embedding == again[0].embedding, rows[0].embedding != rows[1].embedding])
""")
    assert said == [[[0, 1], True, True, True]]


def test_the_sdk_lists_models(house):
    assert run(house, "say(sorted(m.id for m in client.models.list()))") == [[MODEL, EMBED]]


def test_the_sdk_raises_its_own_errors(house):
    said = run(house, """
def name(call):
    try:
        call()
    except openai.APIStatusError as error:
        say([type(error).__name__, error.status_code, error.code, bool(error.request_id)])
name(lambda: client.chat.completions.create(**{**ask, "model": "nobody"}))
name(lambda: client.with_options(api_key="bad").chat.completions.create(**ask))
""")
    assert said[0] == ["NotFoundError", 404, "model_not_found", True]
    assert said[1] == ["AuthenticationError", 401, "invalid_api_key", True]


def test_the_sdk_may_leave_a_stream_in_the_middle(house):
    run(house, """
for chunk in client.chat.completions.create(stream=True, **ask):
    break
client.close()
""")
    house[1].metrics.wait("weir_in_flight", 0)


def test_the_async_sdk_reads_many_at_once(house):
    said = run(house, """
import asyncio
async def main():
    client = openai.AsyncOpenAI(base_url=str(globals()["client"].base_url), api_key="sdk-key")
    answers = await asyncio.gather(*[
        client.chat.completions.create(temperature=0, seed=9, **ask) for _ in range(20)])
    say([len({a.choices[0].message.content for a in answers}), len(answers)])
asyncio.run(main())
""")
    assert said == [[1, 20]]
