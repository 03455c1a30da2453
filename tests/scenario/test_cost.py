# SPDX-License-Identifier: Apache-2.0
"""What an answer cost, and what one from the cache did not."""

import pytest

from weirtest import chat, config

COST = f"{(chat.USAGE['prompt_tokens'] * 2 + chat.USAGE['completion_tokens'] * 6) / 1e6:.6f}"


def priced(stage, upstream, **overlay):
    route = {"upstream": "up", "model": "real-model", "price": {"input": 2, "output": 6}}
    settings = config.gateway(upstream, **config.chat(routes=[route]))
    return stage.weir(config.merged(settings, overlay))


def costs(response):
    assert response.status == 200
    return response.header("x-weir-cost-usd"), response.header("x-weir-cost-saved-usd")


def test_a_hit_saves_what_its_call_cost(stage):
    weir = priced(stage, stage.upstream(chat.says()))
    assert costs(weir.post(chat.PATH, chat.stable())) == (COST, None)
    for _ in range(2):
        assert costs(weir.post(chat.PATH, chat.stable())) == (None, COST)


def test_a_streamed_hit_saves_it_too(stage):
    weir = priced(stage, stage.upstream(chat.says()))
    assert costs(weir.post(chat.PATH, chat.stable())) == (COST, None)
    assert costs(weir.post(chat.PATH, chat.stable(stream=True))) == (None, COST)


def test_it_is_known_to_who_has_the_answer_from_redis(stage):
    redis, upstream = stage.redis(), stage.upstream(chat.says())
    one, two = [priced(stage, upstream, **config.redis(redis)) for _ in range(2)]
    assert costs(one.post(chat.PATH, chat.stable())) == (COST, None)
    assert costs(two.post(chat.PATH, chat.stable())) == (None, COST)


@pytest.mark.parametrize("ask", [chat.stable(), chat.stable(stream=True)], ids=["plain", "stream"])
def test_without_prices_nothing_is_said(stage, ask):
    weir = stage.weir(config.gateway(stage.upstream(chat.says())))
    assert costs(weir.post(chat.PATH, ask)) == (None, None)
    assert costs(weir.post(chat.PATH, ask)) == (None, None)
