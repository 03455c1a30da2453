# SPDX-License-Identifier: Apache-2.0
"""D1, D2: Redis refused, frozen, killed, full, read-only or lying costs a request little."""

import socket
import time

import pytest

from weirtest import chat, config
from weirtest.patience import PROMPTLY, in_parallel, until
from weirtest.redis import Liar
from weirtest.upstream import BlackHole, Refusing

FAILURES = 5  # in a row, on one link, and it is left alone


def started(stage, redis, **settings):
    upstream = stage.upstream(chat.says())
    settings = {"timeout": "50ms", **settings}
    setup = config.gateway(upstream, **config.without_memory(redis, **settings))
    return upstream, stage.weir(setup)


def timed(weir, text):
    start = time.monotonic()
    response = weir.post(chat.PATH, chat.stable(text))
    assert response.status == 200
    return time.monotonic() - start, response.header("x-weir-cache")


def word(weir, text):
    return weir.post(chat.PATH, chat.stable(text)).header("x-weir-cache")


def back_to_hits(weir, since):
    """Hits resume within 2 s of Redis' return (and some for a slow machine)."""
    until(lambda: word(weir, "again") == "hit", what="hits after Redis came back")
    assert time.monotonic() - since < 2 + PROMPTLY


def up(weir):
    return weir.metrics.sum("weir_redis_up")


class Address:
    """Looks like a Redis to the configuration."""

    def __init__(self, port):
        self.url = f"redis://127.0.0.1:{port}/0"


@pytest.mark.parametrize("kind", [Refusing, BlackHole])
def test_d1_an_unreachable_redis_delays_neither_start_nor_requests(stage, kind):
    away = stage.keep(kind())
    begun = time.monotonic()
    _, weir = started(stage, Address(away.port), timeout="10s")
    assert time.monotonic() - begun < 15
    assert all(timed(weir, str(number))[0] < PROMPTLY for number in range(12))
    assert up(weir) == 0
    assert weir.get("/livez").status == 200


def test_d1_a_frozen_redis_costs_the_timeout_then_nothing_and_hits_resume(stage):
    redis = stage.redis()
    _, weir = started(stage, redis)
    word(weir, "again")
    until(lambda: word(weir, "again") == "hit")
    redis.freeze()
    assert all(timed(weir, "again")[0] < PROMPTLY for _ in range(20))
    assert weir.get("/livez").status == 200
    redis.thaw()
    back_to_hits(weir, time.monotonic())


def test_d1_a_frozen_redis_costs_no_more_than_its_timeout_and_no_more_than_a_few_times(stage):
    """On one loop: each pays for itself, and which one gets a connection is chance."""
    redis = stage.redis()
    overlay = config.merged(config.without_memory(redis), {"server": {"workers": 1}})
    weir = stage.weir(config.gateway(stage.upstream(chat.says()), **overlay))
    until(lambda: up(weir) >= 1)
    redis.freeze()
    times = [timed(weir, str(number))[0] for number in range(30)]
    redis.thaw()
    paid = [spent for spent in times if spent > 1.8]  # of the two seconds
    assert 1 <= len(paid) <= FAILURES, times
    assert max(paid) < 2 + PROMPTLY
    assert max(times[-20:]) < 1.8, "by now nobody waits for it"


def test_d1_a_killed_redis_is_a_miss_and_hits_resume_after_its_restart(stage):
    redis = stage.redis()
    _, weir = started(stage, redis)
    word(weir, "again")
    until(lambda: word(weir, "again") == "hit" and up(weir) >= 1)
    redis.kill()
    for number in range(10):
        spent, found = timed(weir, str(number))
        assert spent < PROMPTLY and found == "miss"
    until(lambda: up(weir) == 0)
    redis.start()
    back_to_hits(weir, time.monotonic())


def test_d1_requests_under_load_do_not_fail_while_redis_comes_and_goes(stage):
    redis = stage.redis()
    _, weir = started(stage, redis)
    failed, stop = [], []

    def ask(worker):
        number = 0
        while not stop:
            number += 1
            response = weir.post(chat.PATH, chat.stable(f"{worker}-{number % 5}"))
            if response.status != 200:
                failed.append(response.status)

    def trouble():
        for _ in range(2):
            redis.freeze()
            for number in range(4):
                timed(weir, f"frozen {number}")
            redis.thaw()
            timed(weir, "thawed")
            redis.kill()
            timed(weir, "killed")
            redis.start()
        stop.append(True)

    in_parallel([lambda w=w: ask(w) for w in range(4)] + [trouble], timeout=110)
    assert not failed
    back_to_hits(weir, time.monotonic())


def test_d1_one_log_line_for_each_change_of_state(stage):
    redis = stage.redis()
    _, weir = started(stage, redis, timeout="2s")
    until(lambda: up(weir) >= 1)
    redis.kill()
    for number in range(30):
        timed(weir, str(number))
    until(lambda: up(weir) == 0)
    for events in (("redis_up", "redis_down"), ("redis_news_up", "redis_news_down")):
        about = [line for line in list(weir.lines) if line.get("event") in events]
        assert 1 <= len(about) <= 2 * weir.loops + 2


def test_d1_memory_still_hits_while_redis_is_away(stage):
    redis = stage.redis()
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(upstream, **config.redis(redis)))
    word(weir, "kept")
    redis.kill()
    until(lambda: up(weir) == 0)
    assert word(weir, "kept") == "hit" and len(upstream.calls) == 1


def test_d1_what_memory_took_while_redis_was_away_is_asked_anew_so_that_del_reaches_it(stage):
    redis = stage.redis()
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(upstream, **config.redis(redis)))
    until(lambda: up(weir) == 1)
    redis.kill()
    until(lambda: up(weir) == 0)
    assert [word(weir, "meanwhile") for _ in range(2)] == ["miss", "hit"]
    redis.start()
    until(lambda: up(weir) == 1)
    until(lambda: word(weir, "meanwhile") == "hit" and redis.keys("weir:v1:answer:*"))
    assert len(upstream.calls) == 2


@pytest.mark.parametrize(
    "trouble, told",
    [("full", "OOM"), ("read only", "READONLY"), ("no permission", "NOPERM")],
)
def test_d2_a_redis_that_refuses_writes_fails_no_request_and_is_told_by_class(
    stage, trouble, told
):
    redis = stage.redis()
    _, weir = started(stage, redis)
    word(weir, "before")
    if trouble == "full":
        redis("CONFIG", "SET", "maxmemory", "1")
    elif trouble == "read only":
        redis("REPLICAOF", "127.0.0.1", str(unused_port()))
    else:
        redis("ACL", "SETUSER", "default", "-@write")
    for number in range(8):
        assert timed(weir, f"{trouble} {number}")[0] < PROMPTLY
    assert weir.get("/livez").status == 200
    weir.wait_logged("redis_error", **{"class": told})
    # What is refused inside a script, Redis tells as ERR.
    assert {line["class"] for line in weir.logged("redis_error")} <= {told, "ERR"}
    if trouble == "no permission":
        redis("ACL", "SETUSER", "default", "+@all")
    elif trouble == "full":
        redis("CONFIG", "SET", "maxmemory", "0")
    else:
        redis("REPLICAOF", "NO", "ONE")
    back_to_hits(weir, time.monotonic())


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_d2_a_wrong_password_is_told_and_costs_no_request(stage):
    redis = stage.redis()
    redis("CONFIG", "SET", "requirepass", "right")
    setup = {"url": f"redis://:mist4ken@127.0.0.1:{redis.port}/0"}
    _, weir = started(stage, redis, **setup)
    for number in range(6):
        assert timed(weir, str(number))[0] < PROMPTLY
    assert up(weir) == 0
    told = weir.wait_logged("redis_down")
    assert "WRONGPASS" in told[0]["why"] and len(told) <= weir.loops + 1  # and the judge's
    assert "mist4ken" not in weir.stderr


def test_d2_a_server_that_repeats_the_password_does_not_bring_it_into_the_log(stage):
    words = b"-ERR unknown command `AUTH`, with args beginning with: `mist4ken`, \r\n"
    liar = stage.keep(Liar(words))
    _, weir = started(stage, liar, url=f"redis://:mist4ken@127.0.0.1:{liar.port}/0")
    assert "unknown command" in weir.wait_logged("redis_down")[0]["why"]
    assert "mist4ken" not in weir.stderr


def test_d2_a_password_in_the_url_is_used(stage):
    redis = stage.redis()
    redis("CONFIG", "SET", "requirepass", "s3cret")
    setup = {"url": f"redis://:s3cret@127.0.0.1:{redis.port}/0"}
    _, weir = started(stage, redis, **setup)
    word(weir, "again")
    back_to_hits(weir, time.monotonic())
    assert "s3cret" not in weir.stderr


LIES = {
    "status": b"+OK\r\n",
    "number": b":7\r\n",
    "error": b"-ERR something odd\r\n",
    "nil": b"$-1\r\n",
    "short array": b"*1\r\n$3\r\nabc\r\n",
    "odd array": b"*3\r\n:1\r\n$-1\r\n*0\r\n",
    "deep array": b"*1\r\n" * 200,
    "unknown type": b"%3\r\n",
    "garbage": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "huge bulk": b"$2147483647\r\nabc",
    "negative bulk": b"$-77\r\n",
    "huge array": b"*2147483647\r\n",
    "half a reply": b"$100\r\nabc",
    "too many replies": b"+OK\r\n" * 50,
    "nothing": b"",
}


@pytest.mark.parametrize("greets", [False, True], ids=["at once", "once believed"])
@pytest.mark.parametrize("lie", LIES)
def test_d2_a_redis_that_lies_is_a_miss_and_costs_no_request(stage, lie, greets):
    liar = stage.keep(Liar(LIES[lie], greets))
    _, weir = started(stage, liar)
    if greets:
        until(lambda: up(weir) >= 1, what="belief")
    for number in range(8):
        spent, found = timed(weir, str(number % 2))
        assert spent < PROMPTLY and found == "miss"
    until(lambda: liar.links >= 1)
