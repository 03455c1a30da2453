# SPDX-License-Identifier: Apache-2.0
"""Calls that are made again, and those that are not: rounds, budgets, keys, hedging, cold starts."""

import json
import threading
import time

import pytest

from weirtest import chat, config
from weirtest.client import Client
from weirtest.patience import PROMPTLY, until
from weirtest.upstream import Refusing


def pool(stage, *servers, model=None, **settings):
    """One upstream with all these endpoints."""
    base = config.gateway(servers[0], **config.chat(**(model or {})))
    base["upstreams"]["up"]["endpoints"] = [server.url for server in servers]
    return stage.weir(config.merged(base, {"upstreams": {"up": settings}}))


def breaks_off(head):
    """Thinks for a moment, says so much of an answer's head, and leaves."""

    def script(call):
        call.pause(0.03)
        call.raw(head)
        call.close()

    return script


PARTS_OF_A_HEAD = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: appl",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 20",
]


def bearer(call):
    return call.request.header("authorization")


def test_a_single_endpoint_is_asked_once_more_after_a_pause(stage):
    upstream = stage.upstream(chat.says("better"))
    upstream.next(chat.fails(500))
    response = pool(stage, upstream).post(chat.PATH, chat.question())
    assert response.status == 200 and response.header("x-weir-attempts") == "2"


def test_a_client_that_retries_itself_gets_no_second_round(stage):
    upstream = stage.upstream(chat.fails(500))
    response = pool(stage, upstream).post(
        chat.PATH, chat.question(), {"x-stainless-retry-count": "1"}
    )
    assert response.status == 500 and len(upstream.calls) == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("head", PARTS_OF_A_HEAD)
def test_an_answer_that_breaks_off_in_its_head_may_have_been_paid_for(stage, head, stream):
    """On a new connection, or one that has served before: nobody in its pool is asked again."""
    servers = [stage.upstream(chat.says()), stage.upstream(chat.says())]
    weir = pool(stage, *servers, balance="round_robin")
    for number in range(2):
        assert weir.post(chat.PATH, chat.question(str(number))).status == 200
    for server in servers:
        server.next(*[breaks_off(head)] * 2)
    for number in range(3):
        before = sum(len(server.calls) for server in servers)
        response = weir.post(chat.PATH, chat.question(f"again {number}", stream=stream))
        assert response.status == 502 and response.error["code"] == "stream_incomplete"
        assert sum(len(server.calls) for server in servers) == before + 1
    weir.metrics.wait("weir_requests_total", 3, outcome="upstream_truncated")


def test_an_answer_that_breaks_off_in_its_head_is_asked_for_on_the_next_route(stage):
    first, second = stage.upstream(breaks_off(PARTS_OF_A_HEAD[2])), stage.upstream(chat.says())
    response = stage.weir(config.gateway(first, second)).post(chat.PATH, chat.question())
    assert response.status == 200 and response.header("x-weir-attempts") == "2"
    assert len(first.calls) == 1 and len(second.calls) == 1


def test_an_answer_that_breaks_off_in_its_head_is_asked_for_again_where_that_is_allowed(stage):
    upstream = stage.upstream(chat.says())
    upstream.next(breaks_off(PARTS_OF_A_HEAD[2]))
    weir = pool(stage, upstream, retry_after_send=True)
    assert weir.post(chat.PATH, chat.question()).status == 200
    assert len(upstream.calls) == 2


def test_who_said_later_is_not_asked_earlier(stage):
    upstream = stage.upstream(chat.says())
    upstream.next(chat.fails(503, headers={"Retry-After": "1"}))
    weir = pool(stage, upstream)
    assert weir.post(chat.PATH, chat.question()).status == 200
    first, second = upstream.calls
    assert second.arrived_at - first.arrived_at >= 0.95


def test_a_long_retry_after_is_told_and_others_are_turned_away_at_once(stage):
    upstream = stage.upstream(chat.fails(503, headers={"Retry-After": "30"}))
    weir = pool(stage, upstream)
    assert weir.post(chat.PATH, chat.question()).header("retry-after") == "30"
    began = time.monotonic()
    response = weir.post(chat.PATH, chat.question("another"))
    assert response.status == 503 and time.monotonic() - began < PROMPTLY
    assert 5 <= int(response.header("retry-after")) <= 30
    assert len(upstream.calls) == 1


def test_the_retry_budget_bounds_the_extra_load(stage):
    upstream = stage.upstream(chat.fails(500))
    weir = pool(stage, upstream, breaker={"faults": 0}, retry={"backoff": "1ms", "at_least": 2})
    count = 60
    for number in range(count):
        assert weir.post(chat.PATH, chat.question(str(number))).status == 500
    assert len(upstream.calls) <= count + max(2, count * 0.1) + 3
    assert weir.metrics.sum("weir_retries_refused_total") > 0


def test_a_call_that_is_made_again_after_a_pause_is_no_call_that_the_budget_is_a_share_of(stage):
    upstream = stage.upstream(chat.fails(500))
    retry = {"backoff": "1ms", "at_least": 0, "budget": "50%"}
    weir, count = pool(stage, upstream, breaker={"faults": 0}, retry=retry), 40
    for number in range(count):
        assert weir.post(chat.PATH, chat.question(str(number))).status == 500
    assert count < len(upstream.calls) <= 1.5 * count


def test_keys_are_used_by_turns_rest_after_a_429_and_are_dropped_after_a_401(stage):
    trouble = {}

    def script(call):
        trouble.get(bearer(call), chat.says())(call)

    upstream = stage.upstream(script)
    weir = pool(stage, upstream, keys=["one", "two", "three"])
    for number in range(6):
        weir.post(chat.PATH, chat.question(str(number)))
    used = [bearer(call) for call in upstream.calls]
    assert {used.count(f"Bearer {key}") for key in ("one", "two", "three")} == {2}

    trouble["Bearer one"] = chat.fails(429, headers={"Retry-After": "60"})
    trouble["Bearer two"] = chat.fails(401)
    for number in range(9):
        assert weir.post(chat.PATH, chat.question(f"again {number}")).status == 200
    used = [bearer(call) for call in upstream.calls[6:]]
    assert used.count("Bearer one") == 1 and used.count("Bearer two") == 1
    weir.metrics.wait("weir_upstream_keys", 1, state="resting")
    weir.metrics.wait("weir_upstream_keys", 1, state="dropped")
    weir.wait_logged("upstream_key_dropped")


def test_an_endpoint_that_hangs_is_left_alone_although_others_answer_for_it(stage):
    hung, well = stage.upstream(lambda call: call.hang()), stage.upstream(chat.says())
    weir = pool(
        stage, hung, well,
        balance="round_robin",
        hedge={"after": "400ms", "at_most": "100%"},
        breaker={"faults": 2, "rest": "60s"},
    )  # fmt: skip
    for number in range(20):
        assert weir.post(chat.PATH, chat.question(str(number))).status == 200
    weir.metrics.wait("weir_upstream_breaker_total", 1, to="open")
    # Three losses for the doubt, two for the breaker; and what a busy machine lets wait that long.
    assert 5 <= len(hung.calls) < 9


@pytest.mark.limit(300)
def test_the_winners_headers_are_told_however_many_race_at_once(stage):
    """More transfers than are kept for later: those of winners are gone when the losers' end."""
    count, asked, lock, answer = 300, set(), threading.Lock(), threading.Event()

    def script(call):
        with lock:
            is_first = call.request.body not in asked
            asked.add(call.request.body)
        if is_first:
            call.hang()
        call.wait(answer, 120)
        name = json.loads(call.request.body)["messages"][0]["content"]
        call.answer(200, chat.completion(name), {"x-ratelimit-of": name})

    servers = stage.upstream(script), stage.upstream(script)
    hedge = {"after": "50ms", "at_most": "100%"}
    weir = pool(stage, *servers, hedge=hedge, timeouts={"headers": "120s"}, model={"deadline": "200s"})
    clients = [Client(weir.address, timeout=120) for _ in range(count)]
    for number, client in enumerate(clients):
        client.ask("POST", chat.PATH, chat.question(str(number)))
    until(lambda: sum(len(server.calls) for server in servers) == 2 * count, 100)
    answer.set()
    for number, client in enumerate(clients):
        response = client.response()
        assert response.status == 200 and response.header("x-ratelimit-of") == str(number)


def test_a_pool_that_starts_up_is_waited_for_and_woken_by_one(stage):
    warm = threading.Event()

    def script(call):
        (chat.says("awake") if warm.is_set() else chat.fails(503))(call)

    upstream = stage.upstream(script)
    weir = pool(stage, upstream, cold_start="20s")
    clients = [Client(weir.address) for _ in range(10)]
    for number, client in enumerate(clients):
        client.ask("POST", chat.PATH, chat.question(str(number)))
    until(lambda: len(upstream.calls) >= 3)
    cold = len(upstream.calls)
    warm.set()
    assert {client.response().status for client in clients} == {200}
    assert cold < 25, "all of them knocked"
    weir.metrics.wait("weir_queue_depth", 0)


def test_one_deadline_holds_over_all_calls(stage):
    upstream = stage.upstream(lambda call: call.hang())
    spare = stage.upstream(lambda call: call.hang())
    weir = stage.weir(config.gateway(upstream, spare, **config.timeouts(headers="300ms")))
    began = time.monotonic()
    response = weir.post(chat.PATH, chat.question(), {"x-weir-timeout": "600ms"})
    assert response.status == 504 and 0.5 < time.monotonic() - began < 10


def drips(call):
    """A plain answer without an end, a space at a time: it never stands still."""
    call.head(200, {"Content-Type": "application/json"}, framing="length", length=1 << 20)
    while True:
        call.raw(b" ")
        call.pause(0.02)


def test_an_answer_that_drips_for_ever_ends_at_its_total_and_the_next_route_has_the_rest(stage):
    first, second = stage.upstream(drips), stage.upstream(chat.says("in time"))
    limits = config.timeouts(data_gap="5s", total="700ms")
    overlay = config.merged(config.chat(deadline="30s"), limits)
    weir = stage.weir(config.gateway(first, second, **overlay))
    began = time.monotonic()
    response = weir.post(chat.PATH, chat.question())
    assert response.status == 200 and b"in time" in response.body
    assert 0.69 < time.monotonic() - began < 15
    assert first.calls[0].gone.wait(PROMPTLY) and len(first.calls) == 1


def test_a_total_that_is_no_shorter_than_the_deadline_leaves_no_time_for_the_next_route(stage):
    first, second = stage.upstream(drips), stage.upstream(chat.says())
    limits = config.timeouts(data_gap="5s", total="9s")
    weir = stage.weir(config.gateway(first, second, **limits))
    response = weir.post(chat.PATH, chat.question(), {"x-weir-timeout": "600ms"})
    assert response.status == 504 and not second.calls


@pytest.mark.parametrize("most, status", [(0.01, 200), (0.0001, 400)])
def test_a_request_costs_no_more_than_its_limit(stage, most, status):
    upstream = stage.upstream(chat.says())
    route = {"upstream": "up", "model": "real-model", "price": {"input": 1.5, "output": 6}}
    weir = pool(stage, upstream, model={"max_cost": most, "routes": [route]})
    response = weir.post(chat.PATH, chat.question(max_tokens=100))
    assert response.status == status
    if status == 200:
        cost = (chat.USAGE["prompt_tokens"] * 1.5 + chat.USAGE["completion_tokens"] * 6) / 1e6
        assert float(response.header("x-weir-cost-usd")) == pytest.approx(cost, abs=1e-6)
    else:
        assert response.error["code"] == "max_cost_exceeded" and not upstream.calls


def test_refused_connections_cost_no_budget_and_open_the_breaker(stage):
    well = stage.upstream(chat.says())
    gone = stage.keep(Refusing())
    weir = pool(stage, gone, well, balance="round_robin", retry={"at_least": 0, "budget": "0%"})
    for number in range(20):
        assert weir.post(chat.PATH, chat.question(str(number))).status == 200
    page = json.loads(weir.ask_admin("/admin/upstreams").body)
    states = [e["state"] for u in page["upstreams"] for e in u["endpoints"]]
    assert "open" in states
