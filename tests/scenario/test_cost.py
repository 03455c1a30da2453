# SPDX-License-Identifier: Apache-2.0
"""What an answer cost, and what one from the cache did not."""

import threading

import pytest

from weirtest import chat, config
from weirtest.client import Client
from weirtest.patience import until

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


def test_what_was_saved_is_counted(stage):
    weir = priced(stage, stage.upstream(chat.says()))
    for _ in range(4):
        weir.post(chat.PATH, chat.stable())
    for name, count in (("weir_cost_usd_total", 1), ("weir_cost_saved_usd_total", 3)):
        goal = pytest.approx(count * float(COST))
        until(lambda: weir.metrics.sum(name, model="chat") == goal, what=name)


def test_who_waits_for_an_equal_question_saves_it(stage):
    go = threading.Event()

    def script(call):
        call.wait(go)
        chat.says()(call)

    weir = priced(stage, stage.upstream(script))
    with Client(weir.address) as first, Client(weir.address) as second:
        for client in (first, second):
            client.ask("POST", chat.PATH, chat.stable())
        weir.metrics.wait("weir_flight_followers", 1)
        go.set()
        told = [costs(client.response()) for client in (first, second)]
    assert set(told) == {(COST, None), (None, COST)}


# -- a chain of routes -----------------------------------------------------------------------


def chain(stage, dear, cheap, **model):
    """A dear model first, then one that costs a hundredth."""
    routes = [
        {"upstream": "up", "model": "dear", "price": {"input": 200, "output": 600}},
        {"upstream": "up2", "model": "cheap", "price": {"input": 2, "output": 6}},
    ]
    routes[0].update(model.pop("first", {}))
    settings = config.gateway(dear, cheap, **config.chat(routes=routes, **model))
    return stage.weir(settings)


DEAR = f"{100 * float(COST):.6f}"
BOTH = f"{101 * float(COST):.6f}"
SURE = {"accept_if": {"pointer": "/choices/0/message/content", "is": ["sure"]}}


def test_a_route_that_is_too_dear_is_passed_over(stage):
    dear, cheap = stage.upstream(chat.says("dear")), stage.upstream(chat.says("cheap"))
    weir = chain(stage, dear, cheap, max_cost=0.01)
    response = weir.post(chat.PATH, chat.question(max_tokens=100))
    assert response.header("x-weir-upstream") == "up2" and costs(response) == (COST, None)
    assert not dear.calls and len(cheap.calls) == 1


def test_where_every_route_is_too_dear_nobody_is_called(stage):
    dear, cheap = stage.upstream(chat.says("dear")), stage.upstream(chat.says("cheap"))
    weir = chain(stage, dear, cheap, max_cost=0.0001)
    response = weir.post(chat.PATH, chat.question(max_tokens=100))
    assert response.status == 400 and response.error["code"] == "max_cost_exceeded"
    assert "max_cost" in response.error["message"]
    assert response.header("x-should-retry") == "false"
    assert not dear.calls and not cheap.calls


def test_all_calls_of_a_chain_are_counted(stage):
    dear, cheap = stage.upstream(chat.says("hm")), stage.upstream(chat.says("sure"))
    weir = chain(stage, dear, cheap, first=SURE)
    assert costs(weir.post(chat.PATH, chat.stable())) == (BOTH, None)
    goal = pytest.approx(float(BOTH))
    until(lambda: weir.metrics.sum("weir_cost_usd_total") == goal, what="the cost of both")
    assert costs(weir.post(chat.PATH, chat.stable())) == (None, COST), "of the answer's own call"


def test_what_a_call_has_cost_is_taken_off_what_the_next_may(stage):
    dear, cheap = stage.upstream(chat.says("hm")), stage.upstream(chat.says("sure"))
    first = {**SURE, "price": {"input": 2, "output": 6}}
    ask = chat.question(max_tokens=100)
    estimate = (len(ask) / 4 * 2 + 100 * 6) / 1e6
    weir = chain(stage, dear, cheap, first=first, max_cost=estimate + float(COST) / 2)
    response = weir.post(chat.PATH, ask)
    assert len(dear.calls) == 1 and not cheap.calls
    assert response.status == 200 and response.header("x-weir-degraded") == "fallback"


def test_an_unsure_answer_that_serves_in_the_end_has_saved_nothing(stage):
    dear, cheap = stage.upstream(chat.says("hm")), stage.upstream(chat.fails(500))
    weir = chain(stage, dear, cheap, first=SURE, max_attempts=2)
    response = weir.post(chat.PATH, chat.question())
    assert response.header("x-weir-degraded") == "fallback" and costs(response) == (DEAR, None)
    until(lambda: weir.metrics.sum("weir_requests_total") == 1, what="the books")
    assert weir.metrics.sum("weir_cost_saved_usd_total") == 0
