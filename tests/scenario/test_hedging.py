# SPDX-License-Identifier: Apache-2.0
"""Hedging from outside: who is asked twice, when, how often, whose words are shown, who pays."""

import json
import threading
import time

import pytest

from weirtest import chat, config
from weirtest.client import Client
from weirtest.patience import PROMPTLY, in_parallel, until

ALWAYS = {"after": "60ms", "at_most": "100%"}
PRICE = {"input": 1.5, "output": 6}
USUAL_USD = (chat.USAGE["prompt_tokens"] * PRICE["input"] +
             chat.USAGE["completion_tokens"] * PRICE["output"]) / 1e6  # fmt: skip
both_forms = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


class Heats:
    """A pool of `size` endpoints: each call that comes, to any of them, plays the next script."""

    def __init__(self, stage, *scripts, size=2):
        self.calls, self.scripts, self._lock = [], list(scripts), threading.Lock()
        self.two = threading.Event()  # have come
        self.servers = [stage.upstream(self.play) for _ in range(size)]

    def play(self, call):
        with self._lock:
            self.calls.append(call)
            script = self.next(call)
            if len(self.calls) == 2:
                self.two.set()
        script(call)

    def next(self, _call):
        return self.scripts.pop(0) if self.scripts else chat.says("as usual")

    def when_two(self, script):
        """Only once a second call has come."""

        def late(call):
            call.wait(self.two)
            script(call)

        return late

    def start(self, stage, hedge=ALWAYS, model=None, **route):
        chat_model = config.chat(**{"max_attempts": 2, **(model or {})})
        setup = config.gateway(self.servers[0], **chat_model)
        setup["upstreams"]["up"] = config.upstream(*self.servers, hedge=hedge)
        setup["models"]["chat"]["routes"][0].update(route)
        return stage.weir(setup)


def after(seconds, script):
    def late(call):
        call.pause(seconds)
        script(call)

    return late


def left(call):
    """So soon that it was let go on purpose, with nothing said."""
    return call.gone.wait(PROMPTLY) and call.sent == 0


def hangs(call):
    call.hang()


def hedged(weir, *results):
    return sum(weir.metrics.sum("weir_hedges_total", result=result) for result in results)


def assert_over(weir):
    for gauge in ("weir_in_flight", "weir_upstream_in_flight", "weir_queue_depth"):
        weir.metrics.wait(gauge, 0)


# -- who wins --------------------------------------------------------------------------------


@both_forms
def test_the_seconds_content_is_the_answer_and_the_first_is_left(stage, stream):
    heats = Heats(stage, after(20, chat.says("too late")), chat.says("in time"))
    weir = heats.start(stage)
    response = weir.post(chat.PATH, chat.question(stream=stream))
    assert response.status == 200 and response.header("x-weir-attempts") == "2"
    told = chat.text_of(response.events) if stream else response.body.decode()
    assert told == "intime" if stream else "in time" in told
    first, second = heats.calls
    assert first.connection.upstream is not second.connection.upstream
    assert left(first), "it was let go on"
    weir.metrics.wait("weir_hedges_total", 1, result="won")
    until(lambda: weir.logged("exchange_end", outcome="ok", attempts=2), what="its line in the log")
    assert_over(weir)


@both_forms
def test_the_firsts_content_is_the_answer_if_it_comes_before_the_seconds(stage, stream):
    heats = Heats(stage)
    heats.scripts = [heats.when_two(chat.says("first")), after(20, chat.says("second"))]
    weir = heats.start(stage)
    response = weir.post(chat.PATH, chat.question(stream=stream))
    assert response.status == 200 and b"first" in response.body
    first, second = heats.calls
    assert left(second)
    weir.metrics.wait("weir_hedges_total", 1, result="lost")
    assert_over(weir)


def test_who_is_quick_is_asked_alone(stage):
    heats = Heats(stage)
    weir = heats.start(stage, {"after": "15s", "at_most": "100%"})
    for number in range(20):
        response = weir.post(chat.PATH, chat.question(str(number)))
        assert response.status == 200 and response.header("x-weir-attempts") == "1"
    assert len(heats.calls) == 20 and not weir.metrics.samples("weir_hedges_total")


@both_forms
def test_when_the_first_fails_the_second_goes_on(stage, stream):
    def well(call):
        call.wait(heats.calls[0].ended)
        after(0.1, chat.says("well"))(call)

    heats = Heats(stage)
    heats.scripts = [heats.when_two(chat.fails(500)), well]
    weir = heats.start(stage)
    response = weir.post(chat.PATH, chat.question(stream=stream))
    assert response.status == 200 and b"well" in response.body and len(heats.calls) == 2
    assert_over(weir)


def test_a_client_that_leaves_ends_both_calls(stage):
    heats = Heats(stage, hangs, hangs)
    weir = heats.start(stage)
    with Client(weir.address) as client:
        client.ask("POST", chat.PATH, chat.question())
        until(lambda: len(heats.calls) == 2)
    assert all(left(call) for call in heats.calls)
    assert_over(weir)


# -- streams ---------------------------------------------------------------------------------


def stream_by(name, pauses, start=b""):
    """Events that bear their sender's name; a pause before each content."""

    def script(call):
        call.head(200, {"Content-Type": "text/event-stream"})
        call.chunk(chat.event({"role": "assistant", "content": ""}, id=name, model=name) + start)
        for pause in pauses:
            call.pause(pause)
            call.chunk(chat.event({"content": name}, id=name, model=name))
        call.chunk(chat.event({}, "stop", id=name, model=name))
        call.chunk(chat.DONE)
        call.end()

    return script


def test_a_stream_that_has_begun_is_hedged_until_its_first_content(stage):
    """A head and a role are no content: what was held back of them is not shown."""
    heats = Heats(stage, stream_by("late", [20]), stream_by("prompt", [0] * 3))
    weir = heats.start(stage)
    response = weir.post(chat.PATH, chat.question(stream=True))
    assert response.header("x-weir-attempts") == "2"
    assert response.events[-1] == b"[DONE]" and b"late" not in response.body
    assert chat.text_of(response.events) == "prompt" * 3
    assert heats.calls[0].gone.wait(PROMPTLY)


def test_a_stream_that_has_shown_content_is_not_hedged_however_slow(stage):
    heats = Heats(stage, stream_by("slow", [0, 2.2, 0.1]))
    weir = heats.start(stage, {"after": "2s", "at_most": "100%"})
    response = weir.post(chat.PATH, chat.question(stream=True))
    assert chat.text_of(response.events) == "slow" * 3 and len(heats.calls) == 1


def test_two_streams_that_come_at_once_are_never_mixed(stage):
    """Both show their first content as the other one does; one of them is told, from its first
    event to its last."""
    gaps, count = [0.06, 0.075, 0.09, 0.1], 24
    scripts = {str(number): [stream_by("one", [gaps[number % 4], 0, 0.005]),
                             stream_by("two", [0.02, 0, 0.005])] for number in range(count)}
    heats = Heats(stage)
    heats.next = lambda call: scripts[asked(call)].pop(0)  # also of a call that comes late
    weir = heats.start(stage, {"after": "50ms", "at_most": "100%"})
    for number in range(count):
        response = weir.post(chat.PATH, chat.question(str(number), stream=True))
        chunks = [json.loads(event) for event in response.events[:-1]]
        assert response.complete and response.events[-1] == b"[DONE]"
        assert len({chunk["id"] for chunk in chunks}) == 1, response.body
        assert chat.text_of(response.events) == chunks[0]["id"] * 3
        assert len(chunks) == 5, "a role, three pieces, a reason"
    assert hedged(weir, "won", "lost") > 0
    assert_over(weir)


def asked(call):
    return json.loads(call.request.body)["messages"][0]["content"]


# -- when, and how often ---------------------------------------------------------------------


def test_the_delay_is_the_percentile_of_the_times_to_the_first_content(stage):
    usual_s, few, enough = 0.4, 10, 30
    heats = Heats(stage)
    weir = heats.start(stage, {"after": "p95", "at_most": "100%"})

    def ask_usually(count):
        heats.scripts += [after(usual_s, chat.says("as usual"))] * count
        asks = [lambda n=n: weir.post(chat.PATH, chat.question(str(n))) for n in range(count)]
        assert {response.status for response in in_parallel(asks)} == {200}

    ask_usually(few)
    heats.scripts += [after(1.2, chat.says("late"))]
    assert weir.post(chat.PATH, chat.question()).header("x-weir-attempts") == "1", "too few to tell"
    ask_usually(enough)
    slow = [after(20, chat.says("too late"))]
    heats.next = lambda call: slow.pop() if slow and asked(call) == "last" else chat.says("now")
    assert b"now" in weir.post(chat.PATH, chat.question("last")).body
    first, second = (call for call in heats.calls if asked(call) == "last")
    assert 0.5 * usual_s <= second.arrived_at - first.arrived_at <= 10


@pytest.mark.parametrize("after_what", ["40ms", "p50"])
def test_no_more_than_its_share_of_calls_is_doubled(stage, after_what):
    """One of five is slow, and one of twenty may be asked twice: others are refused."""
    count, workers = 320, 8
    slow, quick = after(0.15, chat.says("slow")), after(0.01, chat.says("quick"))
    heats = Heats(stage, *[slow if n % 5 == 0 else quick for n in range(2 * count)], size=3)
    weir = heats.start(stage, {"after": after_what, "at_most": "5%"})

    def ask(worker):
        with Client(weir.address) as client:
            for number in range(count // workers):
                assert client.post(chat.PATH, chat.question(f"{worker} {number}")).status == 200

    in_parallel([lambda w=w: ask(w) for w in range(workers)], timeout=100)
    assert_over(weir)
    extra = hedged(weir, "won", "lost", "failed")
    assert 1 <= extra <= 0.05 * count, f"{extra} of {count} calls were doubled"
    assert len(heats.calls) <= count + extra, "one that was called off may not have been read"
    assert hedged(weir, "refused_share") > 0
    weir.metrics.wait("weir_requests_total", count)


@both_forms
def test_a_pool_of_one_is_never_asked_twice(stage, stream):
    heats = Heats(stage, after(0.4, chat.says("alone")), size=1)
    weir = heats.start(stage)
    response = weir.post(chat.PATH, chat.question(stream=stream))
    assert b"alone" in response.body and response.header("x-weir-attempts") == "1"
    assert len(heats.calls) == 1 and hedged(weir, "won", "lost", "failed") == 0


def test_the_last_attempt_is_not_doubled(stage):
    heats = Heats(stage, after(0.3, chat.says("alone")))
    weir = heats.start(stage, model={"max_attempts": 1})
    response = weir.post(chat.PATH, chat.question())
    assert b"alone" in response.body and response.header("x-weir-attempts") == "1"
    assert len(heats.calls) == 1 and hedged(weir, "refused_attempts") == 1


# -- money -----------------------------------------------------------------------------------


def spent_usd(weir):
    return weir.metrics.sum("weir_cost_usd_total")


def test_both_costs_are_counted_where_the_loser_has_told_its_tokens(stage):
    """It says how many before its first content, as some servers do, and then hangs."""
    loser = stream_by("late", [20], start=chat.usage_event())
    winner = chat.stream(*chat.stream_of("well")[:-1], chat.usage_event(), chat.DONE)
    heats = Heats(stage, loser, winner)
    weir = heats.start(stage, price=PRICE)
    response = weir.post(chat.PATH, chat.question(stream=True))
    assert chat.text_of(response.events) == "well" and len(heats.calls) == 2
    assert_over(weir)
    until(lambda: spent_usd(weir) == pytest.approx(2 * USUAL_USD, abs=2e-6))


def test_a_loser_that_said_nothing_was_asked_the_same(stage):
    heats = Heats(stage, after(20, chat.says("late")), chat.says("well"))
    weir = heats.start(stage, price=PRICE)
    response = weir.post(chat.PATH, chat.question())
    assert b"well" in response.body and len(heats.calls) == 2
    asked_usd = chat.USAGE["prompt_tokens"] * PRICE["input"] / 1e6
    until(lambda: spent_usd(weir) == pytest.approx(USUAL_USD + asked_usd, abs=2e-6))


def test_a_call_that_was_not_doubled_costs_what_it_costs(stage):
    heats = Heats(stage)
    weir = heats.start(stage, price=PRICE)
    response = weir.post(chat.PATH, chat.question())
    assert float(response.header("x-weir-cost-usd")) == pytest.approx(USUAL_USD, abs=1e-6)
    until(lambda: spent_usd(weir) == pytest.approx(USUAL_USD, abs=2e-6))


@pytest.mark.parametrize("calls, made", [(1.5, 1), (2.5, 2)])
def test_both_calls_must_fit_into_what_a_request_may_cost(stage, calls, made):
    heats, well = Heats(stage), chat.says("well")
    heats.scripts = [heats.when_two(well) if made == 2 else after(0.3, well), well]
    most_usd = calls * 100 * PRICE["output"] / 1e6
    weir = heats.start(stage, model={"max_cost": most_usd}, price={**PRICE, "input": 0})
    assert weir.post(chat.PATH, chat.question(max_tokens=100)).status == 200
    assert len(heats.calls) == made and hedged(weir, "refused_cost") == 2 - made
