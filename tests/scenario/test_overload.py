# SPDX-License-Identifier: Apache-2.0
"""The whole gateway at its limit: who is turned away, and what is told of it."""

import contextlib

import pytest

from weirtest import chat, config
from weirtest.client import Client


@contextlib.contextmanager
def asking(weir, count):
    """So many who wait for an answer that does not come."""
    clients = [Client(weir.address) for _ in range(count)]
    for number, client in enumerate(clients):
        client.ask("POST", chat.PATH, chat.question(str(number)))
    yield
    for client in clients:
        client.close()


@pytest.mark.parametrize("priority, let_in", [("low", 8), ("normal", 10), ("high", 10)])
def test_the_models_own_priority_says_how_far_it_is_let_in(stage, priority, let_in):
    upstream = stage.upstream(lambda call: call.hang())
    weir = stage.weir(config.gateway(
        upstream, server={"max_in_flight": 10}, **config.chat(priority=priority)))  # fmt: skip
    with asking(weir, 12):
        weir.metrics.wait("weir_shed_total", 12 - let_in, priority=priority, reason="in_flight")
        weir.metrics.wait("weir_in_flight", let_in)
        refused = weir.post(chat.PATH, chat.question("one more"))
        assert refused.status == 503 and refused.error["code"] == "overloaded"
        assert int(refused.header("retry-after")) >= 1
        weir.wait_logged("exchange_end", err="ERR_OVERLOADED", why="in_flight")


def test_one_of_high_priority_has_a_gateway_for_one(stage):
    weir = stage.weir(config.gateway(
        stage.upstream(chat.says()), server={"max_in_flight": 1},
        **config.chat(priority="high")))  # fmt: skip
    assert weir.post(chat.PATH, chat.question()).status == 200
