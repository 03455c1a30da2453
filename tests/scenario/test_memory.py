# SPDX-License-Identifier: Apache-2.0
"""Large bodies, many at once: they cannot take all the memory there is."""

from weirtest import chat, config
from weirtest.client import Client, request_bytes
from weirtest.patience import until

MIB = 1 << 20
BODY = 8 * MIB


def status_of(weir, body):
    """None: it was refused before it had sent all."""
    try:
        answer = weir.post(chat.PATH, body)
    except OSError:
        return None
    assert answer.status == 200 or int(answer.header("retry-after")) >= 1
    return answer.status


def test_bodies_together_stay_within_their_share(stage):
    """A quarter of max_memory, but no less than the largest body that is allowed."""
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(
        upstream, server={"max_memory": "128MiB", "max_body": "16MiB"}))  # fmt: skip
    before = weir.rss_bytes()
    body = chat.question("x" * BODY)
    message = request_bytes("POST", chat.PATH, body)
    clients = [Client(weir.address) for _ in range(20)]
    for client in clients:
        client.send(message[:1000])
    refused = 0
    for client in clients:
        try:
            client.send(message[1000:-1])
        except OSError:  # refused before it had sent all
            refused += 1
    until(lambda: weir.metrics.sum("weir_malformed_requests_total") >= 15)
    assert weir.rss_bytes() - before < 100 * MIB
    for client in clients:
        client.close()
    until(lambda: status_of(weir, body) == 200, what="the room to be given back")


def test_who_is_refused_for_want_of_room_may_come_again(stage):
    weir = stage.weir(config.gateway(
        stage.upstream(chat.says()), server={"max_memory": "64MiB", "max_body": "16MiB"}))  # fmt: skip
    body = chat.question("x" * BODY)
    message = request_bytes("POST", chat.PATH, body)

    with Client(weir.address) as first:
        first.send(message[:-1])
        # Once it has been read there is no room for a second one.
        until(lambda: status_of(weir, body) == 503, what="a refusal")
    until(lambda: status_of(weir, body) == 200, what="room for it")
