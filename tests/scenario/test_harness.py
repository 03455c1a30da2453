# SPDX-License-Identifier: Apache-2.0
"""The stage itself is sound: client and upstream play with each other, no gateway between."""

import threading
import time

import pytest

from weirtest import chat
from weirtest.certs import Authority
from weirtest.client import Client, request_bytes, sse_data
from weirtest.patience import await_event, in_parallel, until
from weirtest.redis import Liar, Link, RedisError
from weirtest.upstream import BlackHole, Refusing, tls_context


def to(upstream, **settings):
    return Client(("127.0.0.1", upstream.port), **settings)


def test_an_upstream_records_exact_bytes_and_keeps_the_connection(stage):
    upstream = stage.upstream(chat.says("one two"))
    with to(upstream) as client:
        first = client.post(chat.PATH, chat.question())
        second = client.post(chat.PATH, chat.question("again", stream=True))
    assert first.json()["choices"][0]["message"]["content"] == "one two"
    assert chat.text_of(second.events) == "onetwo" and second.events[-1] == b"[DONE]"
    assert upstream.requests[0].body == chat.question()
    assert (len(upstream.calls), upstream.accepted) == (2, 1)


def test_an_upstream_reads_chunked_bodies_sent_byte_by_byte(stage):
    upstream = stage.upstream(chat.says())
    head = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with to(upstream) as client:
        client.send(head + b"2\r\n{}\r\n0\r\n\r\n", split=1)
        assert client.response().status == 200
    assert upstream.requests[0].body == b"{}"


def test_a_stream_waits_for_its_event_and_tells_when_the_peer_left(stage):
    go = threading.Event()
    upstream = stage.upstream(chat.stream(chat.event({"content": "a"}), go, then="hang"))
    with to(upstream) as client:
        client.ask("POST", chat.PATH, b"{}")
        assert len(client.until_event(client.head(), 1)) == 1
        left = time.monotonic()
    await_event(upstream.call().gone, what="the peer's leaving")
    assert upstream.call().gone_at - left < 5


@pytest.mark.parametrize("end", ["reset", "close"])
def test_an_unfinished_body_is_not_complete(stage, end):
    upstream = stage.upstream(chat.stream(chat.event({"content": "a"}), then=end))
    with to(upstream) as client:
        client.ask("POST", chat.PATH, b"{}")
        response = client.head()
        try:
            client.rest(response)
        except ConnectionResetError:
            pass
    assert not response.complete


def test_an_upstream_serves_many_connections_at_once(stage):
    gate = threading.Barrier(8)

    def script(call):
        gate.wait(30)
        chat.says()(call)

    upstream = stage.upstream(script)

    def job():
        with to(upstream) as client:
            return client.post(chat.PATH, b"{}").status

    assert in_parallel([job] * 8) == [200] * 8


def test_refusing_and_black_hole_addresses_do_what_they_say(stage):
    with pytest.raises(ConnectionRefusedError):
        to(stage.keep(Refusing()))
    with pytest.raises(TimeoutError):
        to(stage.keep(BlackHole()), timeout=0.3)


def test_tls_upstreams_present_their_certificate(stage, tmp_path):
    import socket
    import ssl

    authority = Authority(tmp_path)
    upstream = stage.upstream(chat.says(), tls=tls_context(*authority.leaf("good")))
    context = ssl.create_default_context(cafile=authority.ca)
    with socket.create_connection(("127.0.0.1", upstream.port)) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(request_bytes("POST", "/x", b"{}"))
            assert secure.recv(100).startswith(b"HTTP/1.1 200")
    expired = stage.upstream(chat.says(), tls=tls_context(*authority.leaf("old", days=-1)))
    with socket.create_connection(("127.0.0.1", expired.port)) as plain:
        with pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(plain, server_hostname="localhost")


def test_sse_is_read_strictly():
    assert sse_data(b": x\ndata: a\ndata: b\n\ndata:c\r\n\r\ndata: open\n") == [b"a\nb", b"c"]


def test_redis_can_be_asked_frozen_killed_and_restarted(stage):
    redis = stage.redis()
    redis("SET", "k", "v")
    assert redis.keys() == ["k"]
    with pytest.raises(RedisError):
        redis("HGETALL", "k")
    redis.freeze()
    with pytest.raises(TimeoutError):
        Link(redis.port, timeout=0.2)("PING")
    redis.thaw()
    until(lambda: redis("PING") == b"PONG")
    redis.kill()
    assert redis.start()("DBSIZE") == 0


def test_a_liar_says_the_same_to_everybody(stage):
    liar = stage.keep(Liar(b":1\r\n"))
    assert Link(liar.port)("GET", "k") == 1
