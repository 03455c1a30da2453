# SPDX-License-Identifier: Apache-2.0
"""A user of Redis who may do what docs/operations.md says, and nothing else."""

import pathlib
import threading

import pytest

from weirtest import chat, config
from weirtest.client import Client
from weirtest.patience import until

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"


def line_of_docs():
    lines = (DOCS / "operations.md").read_text().splitlines()
    (line,) = [text.split() for text in lines if text.strip().startswith("ACL SETUSER weir ")]
    return [">secret" if word == ">PASSWORD" else word for word in line]


@pytest.fixture
def fleet(stage):
    """Two gateways that use Redis as this user, what they ask, and when it answers."""
    redis, go = stage.redis(), threading.Event()
    redis(*line_of_docs())
    url = redis.url.replace("redis://", "redis://weir:secret@")
    upstream = stage.upstream(chat.says())
    settings = config.merged(
        config.gateway(upstream),
        {"cache": {"redis": {"url": url, "timeout": "5s"}, "coalesce_streams": "fleet"}},
    )
    return redis, upstream, go, [stage.weir(settings) for _ in range(2)]


def nothing_was_refused(redis, weirs):
    assert redis("ACL", "LOG") == []
    for weir in weirs:
        assert weir.metrics.sum("weir_redis_operations_total", result="error") == 0


def test_answers_are_shared_by_it(fleet):
    redis, upstream, _, (one, two) = fleet
    assert one.post(chat.PATH, chat.stable()).status == 200
    until(lambda: redis("KEYS", "weir:v1:answer:*"), what="the answer in Redis")
    response = two.post(chat.PATH, chat.stable())
    assert response.status == 200 and response.header("x-weir-cache") == "hit"
    assert len(upstream.calls) == 1
    until(lambda: redis("KEYS", "weir:v1:histogram:*;cached:*"), what="what was counted, in Redis")
    nothing_was_refused(redis, (one, two))


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_question_is_one_call_by_it(fleet, stream):
    redis, upstream, go, (one, two) = fleet

    def script(call):
        call.wait(go, timeout=60)
        chat.says()(call)

    upstream.next(script)
    with Client(one.address, timeout=60) as first, Client(two.address, timeout=60) as second:
        first.ask("POST", chat.PATH, chat.stable(stream=stream))
        upstream.call()
        second.ask("POST", chat.PATH, chat.stable(stream=stream))
        two.metrics.wait("weir_fleet_waiting", 1)
        go.set()
        assert first.response().status == second.response().status == 200
    assert len(upstream.calls) == 1
    nothing_was_refused(redis, (one, two))
