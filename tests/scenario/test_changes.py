# SPDX-License-Identifier: Apache-2.0
"""A provider changes the model behind a name: it is told once, as an event with before and after.

Ticks are a second long. Names are learned in ten of them, lengths in twenty."""

import itertools
import json
import signal
import threading
import time

import pytest
from test_alerts import SECRET, verify
from test_drift import judge_of, page

from weirtest import chat, config
from weirtest.alertmanager import Alertmanager
from weirtest.client import Client
from weirtest.patience import until

pytestmark = pytest.mark.limit(500)
SOON = 120  # seconds: some thirty ticks, on a machine that has much else to do
PAUSE_S = 0.02

SHORT, LONG = (60, 150, 212, 300, 700), (400, 900, 1500, 2500, 6000)  # tokens of an answer
OLD = {"model": "gpt-4o-2024-05-13", "fingerprint": "fp_old", "tokens": SHORT}
NEW = {"model": "gpt-4o-2024-08-06", "fingerprint": "fp_new"}


class Provider:
    """Answers under the names, at the length, and as late as it is told to."""

    def __init__(self, **members):
        self.says, self.turn = {**OLD, **members}, itertools.count()

    def change(self, **members):
        self.says = {**self.says, **members}

    def __call__(self, call):
        says, turn = self.says, next(self.turn)
        if says.get("down"):
            call.answer(503, b"{}")
            return
        names = {"model": says["model"], "system_fingerprint": says["fingerprint"]}
        if callable(says["fingerprint"]):
            names["system_fingerprint"] = says["fingerprint"](turn)
        time.sleep(says.get("wait_s", 0))  # is what it takes to answer, and no waiting for it
        usage = {"prompt_tokens": 9, "completion_tokens": says["tokens"][turn % 5]}
        if json.loads(call.request.body).get("stream"):
            chat.stream(chat.event({"role": "assistant", "content": ""}, **names),
                        chat.event({"content": "Hi"}, **names), chat.event({}, "stop", **names),
                        chat.usage_event(usage), chat.DONE)(call)
        else:
            call.answer(200, chat.completion("Hi", usage=usage, **names))


class Traffic:
    """One asker for each gateway, by turns for a stream and a plain answer."""

    def __init__(self, *gateways, kinds=(True, False)):
        self.gateways, self.kinds = gateways, kinds
        self._start()

    def _start(self):
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._ask, args=(weir.address,), daemon=True)
                        for weir in self.gateways]
        for thread in self.threads:
            thread.start()

    def rest(self, change):
        """Nothing is asked for two ticks: then no tick has both what was and what is. An answer
        that a busy machine gives late would be one of several names that are in use."""
        self.stop()
        threading.Event().wait(2.5)
        change()
        self._start()

    def _ask(self, address):
        try:
            with Client(address) as client:
                for number in itertools.count():
                    if self.over.wait(PAUSE_S):
                        return
                    stream = self.kinds[number % len(self.kinds)]
                    client.post(chat.PATH, chat.question(f"{number}", stream=stream))
        except (OSError, AssertionError):
            pass  # its gateway is gone

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(40)


def settings(provider, redis=None, alerts=None, **drift):
    overlay = config.merged({"drift": {"tick": "1s", "baseline": "manual", **drift}},
                            config.redis(redis, timeout="500ms") if redis else {})
    return config.gateway(provider, **overlay, **({"alerts": alerts} if alerts else {}))


def of_provider(listed):
    """How long answers take does change with what else the machine does: that is true, and no
    fault of the provider's."""
    return [c for c in listed if c["kind"] != "latency"]


def changes(weir, kind=None):
    listed = page(weir, "changes")["changes"]
    return [c for c in listed if c["kind"] == kind] if kind else of_provider(listed)


def told(*gateways):
    """The lines of their logs."""
    return of_provider(line for weir in gateways for line in weir.logged("model_changed"))


def judged(*gateways):
    return sum(weir.metrics.sum("weir_drift_ticks_total") for weir in gateways)


def learned(*gateways, ticks=14):
    """So many ticks have been judged by now as it takes to know what is usual."""
    begin = judged(*gateways)
    until(lambda: judged(*gateways) >= begin + ticks, SOON, "the usual to be learned")


def events(hook):
    heard = [(call.request, json.loads(call.request.body)) for call in list(hook.calls)]
    return [(request, event) for request, event in heard if of_provider([event["data"]])]


def test_another_model_is_told_once_by_two_replicas_and_seen_on_both(stage):
    provider, redis = Provider(), stage.redis()
    hook = stage.upstream(lambda call: call.answer(200, b"{}"))
    whole = settings(stage.upstream(provider), redis, alerts={
        "webhooks": [{"url": f"http://127.0.0.1:{hook.port}/hook", "secret": SECRET}]})
    one, two = stage.weir(whole), stage.weir(whole)
    traffic = stage.keep(Traffic(one, two))
    learned(one, two)
    assert changes(one) == []

    traffic.rest(lambda: provider.change(**NEW))
    until(lambda: len(changes(one)) == len(changes(two)) == 2, SOON, "the change on both")
    assert changes(one) == changes(two)
    (model,), (build,) = changes(one, "returned_model"), changes(one, "fingerprint")
    assert model["sentence"] == f"returned_model {OLD['model']} → {NEW['model']}"
    assert build["sentence"] == "system_fingerprint fp_old → fp_new"
    assert (build["model"], build["version"]) == ("chat", "real-model")
    assert build["upstream"] == "up" and build["since_ms"] < build["at_ms"]
    assert build["before"] == {"values": [{"value": "fp_old", "share": 1}]}
    assert {"value": "fp_new"}.items() <= build["after"]["values"][-1].items()

    until(lambda: len(events(hook)) >= 2, SOON, "the webhook")
    learned(one, two, ticks=12)  # long enough for the old one to have gone once more
    assert len(changes(one)) == 2
    for request, event in events(hook):
        verify(request, SECRET)
        assert event["type"] == "model.changed" and event["data"] in (model, build)
        assert request.header("webhook-id") == event["data"]["id"] + ":changed"
    until(lambda: len(told(one, two)) >= 2, SOON, "both in the log")
    assert sorted(line["kind"] for line in told(one, two)) == ["fingerprint", "returned_model"]
    for what in ("fingerprint", "returned_model"):
        of = {"model": "chat", "upstream": "up", "what": what}
        until(lambda of=of: sum(weir.metrics.sum("weir_model_changes_total", **of)
                                for weir in (one, two)) == 1, SOON, what)
    assert of_provider(one.ask_admin("/admin/overview").json()["changes"]) == changes(one)
    assert page(one, "alarms")["alarms"] == []
    assert all(row["prediction"] not in ("returned_model", "system_fingerprint")
               for row in page(one, "drift")["histograms_list"])
    assert 0 < redis("TTL", "weir:v1:changes") <= 35 * 24 * 3600


def test_who_judges_next_does_not_tell_it_again(stage):
    provider, redis = Provider(), stage.redis()
    whole = settings(stage.upstream(provider), redis)
    one, two = stage.weir(whole), stage.weir(whole)
    traffic = stage.keep(Traffic(one, two))
    learned(one, two)
    traffic.rest(lambda: provider.change(fingerprint="fp_new"))
    until(lambda: changes(one) and changes(two), SOON, "the change")
    judge, (other,) = judge_of(one, two)
    judge.drain()
    assert judge.wait_exit() == 0
    learned(other, ticks=12)
    assert len(changes(other)) == 1


def test_a_killed_judge_loses_no_change(stage):
    provider, redis = Provider(), stage.redis()
    whole = settings(stage.upstream(provider), redis)
    one, two = stage.weir(whole), stage.weir(whole)
    traffic = stage.keep(Traffic(one, two))
    learned(one, two)
    judge, (other,) = judge_of(one, two)
    traffic.rest(lambda: provider.change(fingerprint="fp_new"))
    judge.killed = True
    judge.signal(signal.SIGKILL)
    judge.wait_exit()
    until(lambda: changes(other), SOON, "the change")
    learned(other, ticks=12)
    assert len(changes(other)) == 1


@pytest.mark.parametrize("stream", [True, False])
def test_alone_an_alertmanager_is_told_for_an_hour_and_a_restart_forgets_nothing(
        stage, tmp_path, stream):
    manager = stage.keep(Alertmanager())
    provider, file = Provider(), str(tmp_path / "drift.state")
    whole = settings(stage.upstream(provider), alerts={"alertmanager": [manager.url]},
                     state_file=file)
    weir = stage.weir(whole)
    traffic = stage.keep(Traffic(weir, kinds=(stream,)))
    learned(weir)
    traffic.rest(lambda: provider.change(fingerprint="fp_new"))
    until(lambda: changes(weir), SOON, "the change")
    of = {"alertname": "WeirModelChanged", "what": "fingerprint"}
    until(lambda: manager.alerts(**of), SOON, "the alert")
    (alert,), (change,) = manager.alerts(**of), changes(weir)
    assert alert["labels"] == {"alertname": "WeirModelChanged", "severity": "info",
                               "model": "chat", "version": "real-model", "upstream": "up",
                               "what": "fingerprint", "change": change["id"]}
    assert alert["annotations"]["summary"] == "system_fingerprint fp_old → fp_new"
    hours = [int(alert[name][11:13]) for name in ("startsAt", "endsAt")]
    assert (hours[1] - hours[0]) % 24 == 1
    traffic.stop()
    weir.drain()
    assert weir.wait_exit() == 0

    again = stage.weir(whole)
    stage.keep(Traffic(again, kinds=(stream,)))
    learned(again, ticks=12)
    assert changes(again) == [change]
    assert not told(again)


def test_a_fingerprint_of_its_own_for_each_answer_is_told_once(stage):
    provider = Provider(fingerprint=lambda turn: f"fp_{turn}")
    weir = stage.weir(settings(stage.upstream(provider)))
    stage.keep(Traffic(weir))
    until(lambda: changes(weir), SOON, "the event")
    learned(weir)
    (change,) = changes(weir)
    assert change["sentence"].startswith("system_fingerprint changes with each answer: ")
    assert len(told(weir)) == 1


def test_answers_from_the_cache_do_not_count(stage):
    provider, redis = Provider(), stage.redis()
    upstream = stage.upstream(provider)
    weir = stage.weir(settings(upstream, redis))
    for number in range(3):
        for _ in range(20):
            assert weir.post(chat.PATH, chat.stable(f"{number}")).status == 200

    def counted(name):
        keys = redis.keys(f"weir:v1:histogram:chat:real-model:{name}@upstream=up:*")
        return sum(int(redis("HGET", key, value) or 0) for key in keys
                   for value in redis("HKEYS", key))

    until(lambda: counted("system_fingerprint") == 3, SOON, "three fresh answers")
    until(lambda: counted("returned_model") == 3, SOON, "their model")
    assert len(upstream.calls) == 3


def test_words_of_an_upstream_stay_words(stage):
    rude = 'fp "<script>"\n\x01\u2028' + "x" * 500
    provider = Provider()
    weir = stage.weir(settings(stage.upstream(provider)))
    traffic = stage.keep(Traffic(weir))
    learned(weir)
    traffic.rest(lambda: provider.change(fingerprint=rude))
    until(lambda: changes(weir), SOON, "the change")
    value = changes(weir)[0]["after"]["values"][-1]["value"]
    assert value.startswith('fp "<script>"??') and len(value.encode()) <= 96
    assert "script" not in weir.metrics.text()


def test_it_can_be_turned_off(stage):
    provider, redis = Provider(), stage.redis()
    weir = stage.weir(settings(stage.upstream(provider), redis, changes=False))
    stage.keep(Traffic(weir))
    learned(weir)
    assert not [key for key in redis.keys("weir:v1:*") if "fingerprint" in key]
    provider.change(**NEW)
    learned(weir, ticks=6)
    assert changes(weir) == []
