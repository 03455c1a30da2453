# SPDX-License-Identifier: Apache-2.0
"""Pools of endpoints: who is asked, who is left alone, who waits, and how a pool starts."""

import json
import statistics
import threading
import time

import pytest

from weirtest import chat, config, dns
from weirtest.client import Client
from weirtest.patience import until


def pool(*servers, model=None, **settings):
    """One model `chat`, one upstream, and the servers as its endpoints."""
    setup = config.gateway(servers[0], **config.chat(**{"max_attempts": 1, **(model or {})}))
    setup["upstreams"]["up"] = config.upstream(*servers, **settings)
    return setup


def on_one_loop(setup):
    """There a call is over before who asks next is heard: who is busy is no matter of chance."""
    return config.merged(setup, {"server": {"workers": 1}})


def ask_many(weir, count, question=chat.question, headers=None):
    for number in range(count):
        assert weir.post(chat.PATH, question(f"q{number}"), headers).status == 200


def counts(*servers):
    return [len(server.calls) for server in servers]


def seen(weir, server, upstream="up"):
    """What /admin/upstreams says of one endpoint."""
    listed = weir.ask_admin("/admin/upstreams").json()["upstreams"]
    endpoints = next(u for u in listed if u["name"] == upstream)["endpoints"]
    return next(e for e in endpoints if str(server.port) in e["url"])


def label(server):
    return f"127.0.0.1:{server.port}"


def assert_nothing_left(weir):
    for name in ("weir_in_flight", "weir_queue_depth", "weir_upstream_in_flight"):
        weir.metrics.wait(name, 0)


class Held:
    """A script that holds each call until `go` is set."""

    def __init__(self, text="held"):
        self.go, self.text = threading.Event(), text

    def __call__(self, call):
        call.wait(self.go, 60)
        chat.says(self.text)(call)


# -- balance ---------------------------------------------------------------------------------


@pytest.mark.parametrize("balance", ["round_robin", "least_outstanding"])
def test_endpoints_get_calls_by_their_weights(stage, balance):
    one, three = stage.upstream(chat.says()), stage.upstream(chat.says())
    setup = pool(one, three, balance=balance)
    setup["upstreams"]["up"]["endpoints"] = [{"url": one.url, "weight": 1},
                                             {"url": three.url, "weight": 3}]  # fmt: skip
    weir = stage.weir(on_one_loop(setup))
    ask_many(weir, 40)
    assert counts(one, three) == [10, 30]


def test_least_outstanding_passes_over_the_endpoint_that_is_busy(stage):
    held = Held()
    busy, free = stage.upstream(held), stage.upstream(held)
    weir = stage.weir(on_one_loop(pool(busy, free)))
    with Client(weir.address) as waiting:
        waiting.ask("POST", chat.PATH, chat.question())
        until(lambda: sum(counts(busy, free)) == 1)
        idle = free if busy.calls else busy
        idle.script = chat.says()
        ask_many(weir, 10)
        assert len(idle.calls) == 10
        held.go.set()
        assert waiting.response().status == 200


def test_p2c_ewma_prefers_the_quicker_endpoint(stage):
    def slowly(call):
        call.pause(0.5)
        chat.says()(call)

    slow, quick = stage.upstream(slowly), stage.upstream(chat.says())
    weir = stage.weir(pool(slow, quick, balance="p2c_ewma"))
    ask_many(weir, 40)
    assert len(quick.calls) > 3 * len(slow.calls)


def dialog(subject, turns=1):
    messages = [{"role": "system", "content": f"You know all about {subject}."}]
    for turn in range(turns):
        messages.append({"role": "user", "content": f"{subject}, question {turn}"})
        messages.append({"role": "assistant", "content": f"answer {turn}"})
    return json.dumps({"model": "chat", "messages": messages[:-1]}).encode()


def test_prefix_affinity_sends_a_conversation_to_the_endpoint_that_knows_it(stage):
    servers = [stage.upstream(chat.says()) for _ in range(3)]
    weir = stage.weir(on_one_loop(pool(*servers, balance="prefix_affinity")))
    homes = set()
    for subject in [f"subject {number}" for number in range(12)]:
        before = counts(*servers)
        for turns in (1, 2, 3):
            assert weir.post(chat.PATH, dialog(subject, turns)).status == 200
        gained = [now - was for now, was in zip(counts(*servers), before)]
        assert sorted(gained) == [0, 0, 3], f"{subject} went to {gained}"
        homes.add(gained.index(3))
    assert len(homes) > 1


def test_prefix_affinity_spreads_a_hot_prefix(stage):
    held = Held()
    servers = [stage.upstream(held) for _ in range(3)]
    weir = stage.weir(pool(*servers, balance="prefix_affinity"))
    bodies = [json.dumps({"model": "chat", "messages": [
        {"role": "system", "content": "hot"}, {"role": "user", "content": f"user {n}"}]}).encode()
        for n in range(30)]  # fmt: skip
    clients = [Client(weir.address) for _ in bodies]
    for client, body in zip(clients, bodies):
        client.ask("POST", chat.PATH, body)
    until(lambda: sum(counts(*servers)) == 30)
    assert max(counts(*servers)) <= 14, "one replica was overloaded"
    held.go.set()
    assert [client.response().status for client in clients] == [200] * 30
    for client in clients:
        client.close()


# -- active health ---------------------------------------------------------------------------


class Patient:
    """A model server with a health page that the test turns well or ill."""

    def __init__(self, stage, path="/health", well=True):
        self.path, self.well, self.probes, self.posts = path, well, [], []
        self.upstream = stage.upstream(self.answer)
        self.url, self.port = self.upstream.url, self.upstream.port

    def answer(self, call):
        if call.request.method == "GET":
            self.probes.append(call.request)
            good = self.well and call.request.target == self.path
            call.answer(200 if good else 503, b"{}")
        else:
            self.posts.append(call)
            chat.says()(call)


QUICK_HEALTH = {"path": "/health", "interval": "100ms", "timeout": "10s"}


def test_an_endpoint_whose_probes_fail_gets_no_calls_and_comes_back(stage):
    ill, well = Patient(stage, well=False), Patient(stage)
    setup = pool(ill, well, health=QUICK_HEALTH, breaker={"slow_start": "0s"})
    weir = stage.weir(on_one_loop(setup))
    weir.metrics.wait("weir_upstream_healthy", 0, endpoint=label(ill))
    assert seen(weir, ill)["state"] == "down"
    before = len(ill.posts)
    ask_many(weir, 10)
    assert (len(ill.posts), len(well.posts)) == (before, 10)
    weir.wait_logged("endpoint_down")
    ill.well = True
    weir.metrics.wait("weir_upstream_healthy", 1, endpoint=label(ill))
    weir.wait_logged("endpoint_up")
    ask_many(weir, 10)
    assert len(ill.posts) == before + 5
    assert {r.target for r in ill.probes} == {"/health"} and not any(r.body for r in ill.probes)
    assert weir.metrics.sum("weir_upstream_probes_total", result="status") >= 2


def test_when_all_are_unhealthy_they_are_asked_anyway(stage):
    servers = [Patient(stage, well=False) for _ in range(2)]
    weir = stage.weir(on_one_loop(pool(*servers, health=QUICK_HEALTH)))
    for server in servers:
        until(lambda server=server: seen(weir, server)["state"] == "down", what="a look at it")
    ask_many(weir, 6)
    assert [len(server.posts) for server in servers] == [3, 3]


@pytest.mark.parametrize("preset, path", [
    ("vllm", "/health"), ("llamacpp", "/health"), ("tgi", "/health"),
    ("triton", "/v2/health/ready"), ("ollama", "/api/version"),
])  # fmt: skip
def test_a_preset_knows_where_its_server_tells_its_health(stage, preset, path):
    server = Patient(stage, path)
    stage.weir(pool(server, health={"preset": preset, "interval": "100ms"}))
    until(lambda: server.probes)
    assert (server.probes[0].method, server.probes[0].target) == ("GET", path)


# -- the breaker -----------------------------------------------------------------------------


def breaker(**settings):
    return {"breaker": {"faults": 3, "rest": "1s", "max_ejected": "100%", "slow_start": "0s",
                        **settings}}  # fmt: skip


def open_breaker(weir, ill):
    until(lambda: weir.post(chat.PATH, chat.question()) and seen(weir, ill)["state"] == "open")
    weir.metrics.wait("weir_upstream_breaker_total", 1, to="open", endpoint=label(ill))


def test_a_breaker_opens_after_faults_and_closes_after_one_good_trial(stage):
    ill, well = stage.upstream(chat.fails(500)), stage.upstream(chat.says())
    weir = stage.weir(on_one_loop(pool(ill, well, **breaker(rest="5s"))))
    open_breaker(weir, ill)
    assert len(ill.calls) == 3
    assert weir.metrics.sum("weir_upstream_healthy", endpoint=label(ill)) == 0
    assert seen(weir, ill)["faults"] == 3 and not seen(weir, ill)["healthy"]
    ask_many(weir, 4)
    assert len(ill.calls) == 3, "it was asked although its breaker was open"
    held = Held()
    ill.script = held
    until(lambda: seen(weir, ill)["rest_ms"] == 0)
    before = sum(counts(ill, well))
    clients = [Client(weir.address) for _ in range(6)]
    for client in clients:
        client.ask("POST", chat.PATH, chat.question())
    until(lambda: sum(counts(ill, well)) == before + 6)
    assert len(ill.calls) == 4 and seen(weir, ill)["state"] == "half_open"
    held.go.set()
    assert [client.response().status for client in clients] == [200] * 6
    until(lambda: seen(weir, ill)["state"] == "closed")
    for to in ("half_open", "closed"):
        weir.metrics.wait("weir_upstream_breaker_total", 1, to=to, endpoint=label(ill))
    for client in clients:
        client.close()


def test_a_failed_trial_makes_the_rest_longer(stage):
    ill, well = stage.upstream(chat.fails(500)), stage.upstream(chat.says())
    weir = stage.weir(on_one_loop(pool(ill, well, **breaker(rest="2s"))))
    open_breaker(weir, ill)
    until(lambda: weir.post(chat.PATH, chat.question()) and len(ill.calls) == 4)
    until(lambda: seen(weir, ill)["state"] == "open")
    assert seen(weir, ill)["rest_ms"] > 2200


def test_who_recovered_starts_slowly(stage):
    ill, well = stage.upstream(chat.fails(500)), stage.upstream(chat.says())
    weir = stage.weir(on_one_loop(pool(ill, well, **breaker(rest="200ms", slow_start="10m"))))
    open_breaker(weir, ill)
    ill.script = chat.says()
    until(lambda: weir.post(chat.PATH, chat.question()) and
          seen(weir, ill)["state"] == "slow_start")  # fmt: skip
    before = counts(ill, well)
    ask_many(weir, 33)
    gained = [now - was for now, was in zip(counts(ill, well), before)]
    assert 1 <= gained[0] <= 7, f"slow start gave it {gained}"


def test_a_reload_keeps_an_open_breaker_and_what_is_in_flight(stage):
    held = Held()
    ill, well = stage.upstream(chat.fails(500)), stage.upstream(chat.says())
    setup = pool(ill, well, **breaker(rest="60s"))
    weir = stage.weir(setup)
    open_breaker(weir, ill)
    well.script = held
    with Client(weir.address) as waiting:
        before = len(well.calls)
        waiting.ask("POST", chat.PATH, chat.question())
        well.call(before)
        third = stage.upstream(chat.says())
        setup["upstreams"]["up"]["endpoints"].append(third.url)
        weir.configure(setup)
        weir.reload()
        until(lambda: str(third.port) in weir.ask_admin("/admin/upstreams").body.decode())
        assert seen(weir, ill)["state"] == "open" and seen(weir, well)["in_flight"] == 1
        held.go.set()
        assert waiting.response().status == 200
    until(lambda: seen(weir, well)["in_flight"] == 0)
    asked = len(ill.calls)
    ask_many(weir, 6)
    assert len(ill.calls) == asked and third.calls
    assert_nothing_left(weir)


# -- the other model -------------------------------------------------------------------------


def timed(weir, count):
    body = json.dumps({"model": "fast", "messages": []}).encode()
    took = []
    with Client(weir.address) as client:
        for _ in range(count):
            began = time.monotonic()
            assert client.post(chat.PATH, body).status == 200
            took.append(time.monotonic() - began)
    return took


@pytest.mark.parametrize("settings", [{}, {"max_in_flight": 4}], ids=["free", "queue"])
def test_a_hung_upstream_does_not_slow_another_model(stage, settings):
    """What a machine that has much else to do takes now and then is no matter: half of them, and
    none of them for as long as the other upstream hangs."""
    held = Held()
    hung, quick = stage.upstream(held), stage.upstream(chat.says())
    setup = pool(hung, **settings)
    setup["upstreams"]["quick"] = config.upstream(quick)
    setup["models"]["fast"] = {"routes": [{"upstream": "quick", "model": "q"}]}
    weir = stage.weir(setup)
    alone = statistics.median(timed(weir, 400))
    stuck = [Client(weir.address) for _ in range(40)]
    for number, client in enumerate(stuck):
        client.ask("POST", chat.PATH, chat.question(str(number)))
    weir.metrics.wait("weir_in_flight", 40)
    took = timed(weir, 400)
    beside = statistics.median(took)
    assert beside <= 3 * alone + 0.050, f"median {alone:.4f} s alone, {beside:.4f} s beside"
    assert max(took) < 10
    for client in stuck:
        client.close()
    held.go.set()
    assert_nothing_left(weir)


# -- names -----------------------------------------------------------------------------------


@pytest.mark.skipif(not dns.is_possible(), reason="takes root and mount namespaces")
@pytest.mark.parametrize("each", [True, False])
def test_a_name_with_several_addresses_is_as_many_endpoints_where_it_is_told_so(stage, each):
    names = stage.keep(dns.NameServer("127.0.0.1", "127.0.0.2"))
    names.answers.set()
    server = stage.upstream(chat.says())
    setup = pool(server, model={"max_attempts": 2}, each_address=each)
    setup["upstreams"]["up"]["endpoints"] = [server.url.replace("127.0.0.1", "far.test")]
    weir = stage.weir(setup, around=names.around)

    def endpoints():
        return weir.ask_admin("/admin/upstreams").json()["upstreams"][0]["endpoints"]

    until(lambda: len(endpoints()) == (2 if each else 1))
    ask_many(weir, 4)
    told = {e["address"] for e in endpoints()}
    assert told == ({"127.0.0.1", "127.0.0.2"} if each else {None})
