# SPDX-License-Identifier: Apache-2.0
"""The Redis tier: readable with redis-cli, shared by every gateway, obedient to DEL."""

import json
import threading
import time

import pytest

from weirtest import chat, config
from weirtest.client import Client
from weirtest.patience import PROMPTLY, in_parallel, until

HISTOGRAMS = {"predictions": [{"name": "intent", "from": "/choices/0/message/content",
                               "kind": "label", "labels": ["refund", "shipping"]}]}  # fmt: skip


def started(stage, redis, script=None, **overlay):
    upstream = stage.upstream(script or chat.says())
    setup = config.gateway(upstream, **config.merged(config.redis(redis), overlay))
    return upstream, linked(stage.weir(setup))


def answer_keys(redis):
    return redis.keys("weir:v1:answer:*")


def stored(redis, count=1):
    return until(lambda: len(answer_keys(redis)) == count and answer_keys(redis), what="a stored key")


def linked(weir):
    """A gateway serves before Redis answers it; this waits until every link does."""
    until(lambda: weir.metrics.sum("weir_redis_up") >= 1, what="links to Redis")
    return weir


def word(weir, body=None):
    return weir.post(chat.PATH, body or chat.stable()).header("x-weir-cache")


def test_an_answer_is_one_readable_hash_with_a_ttl(stage):
    redis = stage.redis()
    _, weir = started(stage, redis, **config.chat(cache={"stale": "0s"}))
    first = weir.post(chat.PATH, chat.stable("readable?"))
    key = stored(redis)[0]
    prefix, scope, model, digest = key.rsplit(":", 3)
    assert (prefix, scope, model) == ("weir:v1:answer", "public", "chat")
    assert len(digest) == 64 and int(digest, 16) >= 0
    fields = redis.hash(key)
    assert json.loads(fields["body"])["choices"] == first.json()["choices"]
    assert fields["status"] == b"200" and fields["content_type"] == b"application/json"
    assert fields["model"] == b"real-model" and fields["upstream"] == b"up"
    assert abs(int(fields["created_ms"]) / 1000 - time.time()) < 60
    assert int(fields["fresh_ms"]) == 3600_000
    assert (fields["prompt_tokens"], fields["completion_tokens"]) == (b"11", b"7")
    assert b"readable?" in fields["request"] and b"stream" not in fields["request"]
    assert 0 < redis("TTL", key) <= 3600 + 60


def test_the_ttl_covers_the_stale_time(stage):
    redis = stage.redis()
    _, weir = started(stage, redis, **config.chat(cache={"ttl": "1h", "stale": "24h"}))
    word(weir)
    assert 24 * 3600 <= redis("TTL", stored(redis)[0]) <= 25 * 3600 + 60


def test_store_requests_false_leaves_the_request_out(stage):
    redis = stage.redis()
    _, weir = started(stage, redis, cache={"store_requests": False})
    word(weir)
    assert "request" not in redis.hash(stored(redis)[0])


def test_the_prefix_is_configurable(stage):
    redis = stage.redis()
    _, weir = started(stage, redis, cache={"redis": {"prefix": "mine:"}})
    word(weir)
    until(lambda: redis.keys("mine:v1:answer:*"))
    assert not answer_keys(redis)


def test_scope_and_model_are_escaped_in_the_key(stage):
    redis = stage.redis()
    setup = config.gateway(stage.upstream(chat.says()), **config.redis(redis))
    setup["models"] = {"vendor/chat:v1": setup["models"]["chat"]}
    weir = linked(stage.weir(setup))
    body = json.dumps({"model": "vendor/chat:v1", "messages": [], "temperature": 0}).encode()
    assert word(weir, body) == "miss"
    key = stored(redis)[0]
    assert key.count(":") == 5 and "%3A" in key.upper()


def test_the_tenant_is_the_scope_in_the_key(stage):
    redis = stage.redis()
    _, weir = started(stage, redis, tenants={"acme": {"keys": ["key-a"]}})
    weir.post(chat.PATH, chat.stable(), {"Authorization": "Bearer key-a"})
    assert ":acme:chat:" in stored(redis)[0]


def test_two_gateways_share_answers_under_the_same_key(stage):
    redis = stage.redis()
    upstream, one = started(stage, redis)
    two = linked(stage.weir(config.gateway(upstream, **config.redis(redis))))
    assert word(one) == "miss"
    stored(redis)
    response = two.post(chat.PATH, chat.stable())
    assert response.header("x-weir-cache") == "hit"
    assert "detail=redis" in response.header("cache-status")
    assert len(upstream.calls) == 1 and len(answer_keys(redis)) == 1
    again = two.post(chat.PATH, chat.stable())
    assert "detail=memory" in again.header("cache-status")


def test_an_answer_survives_a_restart_of_the_gateway(stage):
    redis = stage.redis()
    upstream, one = started(stage, redis)
    word(one)
    stored(redis)
    one.drain()
    assert one.wait_exit() == 0
    two = linked(stage.weir(config.gateway(upstream, **config.redis(redis))))
    assert word(two) == "hit"


def test_a_stream_replays_from_redis_alone(stage):
    redis = stage.redis()
    upstream, weir = started(stage, redis, chat.says("one two"), cache={"memory": 0})
    weir.post(chat.PATH, chat.stable())
    stored(redis)
    response = weir.post(chat.PATH, chat.stable(stream=True))
    assert response.header("x-weir-cache") == "hit"
    assert chat.text_of(response.events) == "one two" and response.events[-1] == b"[DONE]"
    assert len(upstream.calls) == 1


@pytest.mark.parametrize("memory", ["16MiB", 0], ids=["memory", "redis only"])
def test_del_is_honoured_by_every_gateway_within_a_second(stage, memory):
    redis = stage.redis()
    upstream, one = started(stage, redis, cache={"memory": memory})
    two = linked(stage.weir(config.gateway(upstream, **config.redis(redis))))
    word(one)
    key = stored(redis)[0]
    assert (word(one), word(two)) == ("hit", "hit")
    redis("DEL", key)
    only = {"Cache-Control": "only-if-cached"}
    for weir in (one, two):
        until(lambda: weir.post(chat.PATH, chat.stable(), only).status == 504, PROMPTLY, "the DEL")
    assert word(one) == "miss" and len(upstream.calls) == 2


def test_del_is_honoured_by_two_gateways_while_everybody_asks_for_the_key(stage):
    redis = stage.redis()
    upstream, one = started(stage, redis, chat.says("old"))
    two = linked(stage.weir(config.gateway(upstream, **config.redis(redis))))
    word(one)
    key = stored(redis)[0]
    seen, over = {one: [], two: []}, threading.Event()

    def ask(weir):
        with Client(weir.address) as client:
            while not over.is_set():
                response = client.post(chat.PATH, chat.stable())
                seen[weir].append((time.monotonic(), response.body))

    def delete():
        until(lambda: all(len(answers) > 50 for answers in seen.values()), what="hot keys")
        upstream.script = chat.says("new")
        redis("DEL", key)
        deleted = time.monotonic()
        until(lambda: all(b"new" in answers[-1][1] for answers in seen.values()), what="new")
        over.wait(0.5)
        over.set()
        return deleted

    deleted = in_parallel([delete, lambda: ask(one), lambda: ask(two), lambda: ask(two)], timeout=100)[0]
    last_old = max(at for answers in seen.values() for at, body in answers if b"old" in body)
    assert last_old - deleted < PROMPTLY
    assert 2 <= len(upstream.calls) <= 3


def test_no_cache_at_one_gateway_renews_the_answer_of_the_other(stage):
    redis = stage.redis()
    upstream, one = started(stage, redis, chat.says("old"))
    two = linked(stage.weir(config.gateway(upstream, **config.redis(redis))))
    word(one)
    stored(redis)
    assert word(two) == "hit"
    upstream.script = chat.says("new")
    one.post(chat.PATH, chat.stable(), {"Cache-Control": "no-cache"})
    until(lambda: b"new" in two.post(chat.PATH, chat.stable()).body, PROMPTLY, "the renewed answer")
    assert word(two) == "hit" and len(upstream.calls) == 2


def damage(kind):
    """What a hand, another program or another version may have left under the key."""
    return {
        "another type": lambda r, key: r("SET", key, "a string"),
        "a list": lambda r, key: r("RPUSH", key, "body", "{}"),
        "another version": lambda r, key: r("HSET", key, "v", "2", "payload", "{}"),
        "no fields": lambda r, key: r("HSET", key, "odd", "1"),
        "empty body": lambda r, key: r("HSET", key, "body", ""),
        "cut body": lambda r, key: r("HSET", key, "body", '{"id":"x","choices":['),
        "binary body": lambda r, key: r("HSET", key, "body", b"\xff\x00\xfe{}"),
        "odd status": lambda r, key: r("HSET", key, "status", "banana"),
        "error status": lambda r, key: r("HSET", key, "status", "500"),
        "odd time": lambda r, key: r("HSET", key, "created_ms", "-9e99"),
        "huge freshness": lambda r, key: r("HSET", key, "fresh_ms", "9" * 40),
        "no body": lambda r, key: r("HDEL", key, "body"),
    }[kind]


STRANGERS = ["another type", "a list", "another version", "no fields"]
KINDS = [*STRANGERS, "empty body", "cut body", "binary body", "odd status",
         "error status", "odd time", "huge freshness", "no body"]  # fmt: skip


@pytest.fixture(scope="module")
def plain(shared_stage):
    """One gateway without memory tier: every look-up goes to Redis."""
    redis = shared_stage.redis()
    upstream = shared_stage.upstream(chat.says())
    weir = linked(shared_stage.weir(config.gateway(upstream, **config.without_memory(redis))))
    return redis, upstream, weir


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_value_is_a_miss_and_the_next_answer_mends_it(plain, kind):
    redis, upstream, weir = plain
    redis("FLUSHALL")
    body = chat.stable(kind)
    word(weir, body)
    until(lambda: word(weir, body) == "hit", what="a kept answer")
    # One of the test before may still have come after the flush.
    (key,) = [k for k in answer_keys(redis) if kind.encode() in (redis("HGET", k, "request") or b"")]
    before = len(upstream.calls)
    if kind in STRANGERS:
        redis("DEL", key)
    damage(kind)(redis, key)
    response = weir.post(chat.PATH, body)
    assert response.status == 200 and response.header("x-weir-cache") == "miss"
    assert len(upstream.calls) == before + 1
    until(lambda: word(weir, body) == "hit", what="a mended key")


def test_one_look_up_is_one_round_trip(plain):
    redis, _, weir = plain
    word(weir, chat.stable("round trip"))
    until(lambda: word(weir, chat.stable("round trip")) == "hit")

    def few():
        """What else is told to Redis meanwhile counts as well, more of it on a slow machine."""
        before = int(info(redis, "stats", "total_reads_processed"))
        for _ in range(20):
            assert word(weir, chat.stable("round trip")) == "hit"
        return int(info(redis, "stats", "total_reads_processed")) - before <= 20 * 2 + 10

    until(few)


def info(redis, section, name):
    text = redis("INFO", section).decode()
    return next(line.split(":")[1] for line in text.splitlines() if line.startswith(name + ":"))


def test_histograms_are_counts_per_minute_that_replicas_add_to(stage):
    redis = stage.redis()
    upstream, one = started(stage, redis, chat.says("refund"), **config.chat(**HISTOGRAMS))
    two = stage.weir(
        config.gateway(upstream, **config.merged(config.redis(redis), config.chat(**HISTOGRAMS)))
    )
    for number in range(3):
        one.post(chat.PATH, chat.question(str(number)))
        two.post(chat.PATH, chat.question(str(number)))
    upstream.script = chat.says("something else")
    one.post(chat.PATH, chat.question("odd"))
    one.drain()
    two.drain()
    assert (one.wait_exit(), two.wait_exit()) == (0, 0)
    keys = redis.keys("weir:v1:histogram:chat:real-model:intent:*")
    assert keys and all(redis("TTL", key) > 0 for key in keys)
    counts = {}
    for key in keys:
        assert key.rsplit(":", 1)[1].isdigit()
        for value, count in redis.hash(key).items():
            counts[value] = counts.get(value, 0) + int(count)
    assert counts["refund"] == 6 and counts["other"] == 1


def test_every_key_has_a_ttl(stage):
    redis = stage.redis()
    _, weir = started(stage, redis, **config.chat(**HISTOGRAMS))
    for number in range(5):
        word(weir, chat.stable(str(number)))
    stored(redis, 5)
    weir.drain()
    weir.wait_exit()
    assert redis.keys() and all(redis("TTL", key) > 0 for key in redis.keys())
