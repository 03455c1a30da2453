# SPDX-License-Identifier: Apache-2.0
"""L1-L9, V*: a message that two parsers could read in two ways is refused whole.

Each file of smuggling/ is sent with a good request right behind it. There must be exactly one
JSON error, then the close; nothing reaches upstream, and the good request is not executed.
"""

import pathlib
import random

import pytest

from weirtest import chat, config, corpus
from weirtest.client import Client, request_bytes

MESSAGES = corpus.messages(pathlib.Path(__file__).parent / "smuggling")
POISON = request_bytes("POST", chat.PATH, chat.question("poison"))


@pytest.fixture(scope="module")
def house(shared_stage):
    upstream = shared_stage.upstream(chat.says())
    limits = {"header_timeout": "10s", "body_timeout": "10s", "idle_timeout": "30s"}
    return upstream, shared_stage.weir(config.gateway(upstream, server=limits))


@pytest.fixture(params=MESSAGES, ids=lambda message: message.name)
def message(request):
    return request.param


def says_why(response):
    """In OpenAI's shape, or as problem JSON where the path speaks no dialect."""
    kind = response.header("content-type")
    if kind.startswith("application/problem+json"):
        return response.json()["detail"]
    return kind.startswith("application/json") and response.error["message"]


def assert_refused(house, message, split):
    upstream, weir = house
    before = len(upstream.calls)
    with Client(weir.address) as client:
        try:
            client.send(message.bytes + POISON, split)
        except (BrokenPipeError, ConnectionResetError):
            pass
        response = client.response()
        assert response.status in message.statuses, f"{message.title}: {response.head!r}"
        assert says_why(response), f"{message.title}: {response.body!r}"
        assert response.header("connection") == "close"
        assert client.at_eof(), f"{message.title}: more came: {client.buffer[:200]!r}"
    assert len(upstream.calls) == before, f"{message.title}: it reached the upstream"


def test_l8_an_ambiguous_message_is_refused_and_what_follows_is_not_executed(house, message):
    assert_refused(house, message, None)


def test_l5_an_ambiguous_message_is_refused_in_any_pieces(house, message):
    assert_refused(house, message, 1)


def test_l8_the_same_message_without_its_trick_is_served(house):
    body = b'{"model":"chat","messages":[]}'
    with Client(house[1].address) as client:
        client.send(request_bytes("POST", chat.PATH, body) + POISON)
        assert (client.response().status, client.response().status) == (200, 200)


def test_l9_the_gateway_still_serves_after_the_whole_corpus(house):
    assert house[1].post(chat.PATH, chat.question()).status == 200
    house[1].metrics.wait("weir_in_flight", 0)


def test_l9_random_bytes_are_never_executed_and_never_hurt(house):
    upstream, weir = house
    before = len(upstream.calls)
    chance = random.Random(20)
    for _ in range(60):
        mess = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 400)))
        with Client(weir.address) as client:
            try:
                client.send(mess + b"\r\n\r\n" + POISON)
                said = client.read_all()
            except (BrokenPipeError, ConnectionResetError):
                continue
        assert said.count(b"HTTP/1.1 ") <= 1 and b"HTTP/1.1 200" not in said
    assert len(upstream.calls) == before and weir.get("/livez").status == 200
