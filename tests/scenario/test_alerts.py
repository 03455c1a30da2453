# SPDX-License-Identifier: Apache-2.0
"""Who is told of an alarm: a real Alertmanager, webhooks, a command; and who is not."""

import base64
import hashlib
import hmac
import json
import pathlib
import signal
import time

import pytest
from test_drift import SOON, Model, Traffic, alarms, intent, judge_of, page, settings, settled

from weirtest import config
from weirtest.alertmanager import Alertmanager
from weirtest.patience import LONG, until

pytestmark = pytest.mark.limit(400)

SECRET = "tell-nobody-of-this"
INTENT = {"alertname": "WeirDrift", "model": "chat", "prediction": "intent"}
CONFIRMED = {**INTENT, "severity": "confirmed"}


def gateway(model, redis=None, **alerts):
    return config.gateway(model, **settings(redis), alerts=alerts)


def begun(stage, **alerts):
    """One gateway that knows what is usual, and the model that can change."""
    model = Model()
    weir = stage.weir(gateway(stage.upstream(model), **alerts))
    stage.keep(Traffic(weir))
    settled(weir)
    return weir, model


def over(weir):
    """Whoever says that this is how it shall be ends the alarm."""
    usual = {"model": "chat", "version": "real-model", "prediction": "intent", "pin": True,
             "counts": {"complaint": 2000, "refund": 2}}
    answer = weir.ask_admin("/admin/baselines", "POST", json.dumps(usual).encode())
    assert answer.status == 200, answer.body


class Hook:
    """A webhook, which answers with these statuses one after the other, then with 200."""

    def __init__(self, stage, *statuses, always=200):
        self.statuses, self.always = list(statuses), always
        self.server = stage.upstream(self._answer)
        self.url = f"http://127.0.0.1:{self.server.port}/hook/T0KEN"

    def _answer(self, call):
        """What else a busy machine gives cause to tell, the latency say, is taken at once."""
        if json.loads(call.request.body)["data"].get("prediction") != "intent":
            call.answer(200, b"{}")
        else:
            call.answer(self.statuses.pop(0) if self.statuses else self.always, b"{}")

    def heard(self, state, prediction="intent"):
        requests = [call.request for call in list(self.server.calls)]
        return [request for request in requests
                if (body := json.loads(request.body))["type"] == f"drift.{state}"
                and body["data"]["prediction"] == prediction]


def verify(request, secret):
    """As a receiver would, by the Standard Webhooks convention."""
    name, stamp = request.header("webhook-id"), request.header("webhook-timestamp")
    assert abs(time.time() - int(stamp)) < 300
    text = f"{name}.{stamp}.".encode() + request.body
    made = base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()
    assert request.header("webhook-signature") == f"v1,{made}"


# -- Alertmanager --------------------------------------------------------------------------


def test_an_alertmanager_hears_of_an_alarm_from_two_replicas_as_one_and_of_its_end(stage):
    told = []
    hook = stage.upstream(lambda call: (told.append(json.loads(call.request.body)),
                                        call.answer(200, b"")))
    manager = stage.keep(Alertmanager(hook))
    model, redis = Model(), stage.redis()
    whole = gateway(stage.upstream(model), redis, alertmanager=[manager.url + "/"])
    one, two = stage.weir(whole), stage.weir(whole)
    stage.keep(Traffic(one, two))
    settled(one)
    assert manager.alerts() == []
    model.changed.set()
    until(lambda: manager.alerts(**CONFIRMED), SOON, "the alert")
    for weir in (one, two):
        weir.wait_logged("alert_sent", receiver="alertmanager", timeout=SOON)
    (alert,) = manager.alerts(**CONFIRMED)
    (alarm,) = alarms(one, "firing")
    assert alert["labels"]["alarm"] == alarm["id"]
    assert alert["annotations"]["summary"] == alarm["sentence"]
    assert "complaint" in alert["annotations"]["description"]
    assert alert["generatorURL"].startswith("http://127.0.0.1:")
    assert manager.alerts(**INTENT, severity="suspected") == []
    over(one)
    until(lambda: not manager.alerts(**INTENT), SOON, "its end")
    until(lambda: any(group["status"] == "resolved" for group in told), SOON, "the news of it")
    assert told[0]["status"] == "firing"
    sent = {"receiver": "alertmanager", "result": "ok"}
    until(lambda: one.metrics.sum("weir_alerts_sent_total", **sent) >= 2, SOON, "both to be counted")


def test_an_alertmanager_that_is_away_is_told_when_it_is_back(stage):
    manager = stage.keep(Alertmanager())
    weir, model = begun(stage, alertmanager=["http://127.0.0.1:1", manager.url])
    model.changed.set()
    until(lambda: manager.alerts(**CONFIRMED), SOON, "the alert")
    weir.wait_logged("alert_failed", receiver="alertmanager", to="127.0.0.1:1")


def test_what_is_silenced_reaches_nobody_until_it_is_not(stage):
    manager, hook = stage.keep(Alertmanager()), Hook(stage)
    weir, model = begun(stage, alertmanager=[manager.url], webhooks=[hook.url])
    wish = {"until_ms": int(time.time() * 1000) + 600_000, "prediction": "intent"}
    silence = weir.ask_admin("/admin/silences", "POST", json.dumps(wish).encode()).json()
    model.changed.set()
    until(lambda: alarms(weir, "firing"), SOON, "the alarm")
    assert manager.alerts(**INTENT) == [] and hook.heard("firing") == []
    answer = weir.ask_admin("/admin/silences/" + silence["id"], "DELETE")
    assert answer.status == 200, answer.body
    until(lambda: manager.alerts(**CONFIRMED), SOON, "the alert")
    until(lambda: hook.heard("firing"), SOON, "the event")


def test_what_is_taken_out_of_the_configuration_ends_its_alarm(stage):
    hook, redis, model = Hook(stage), stage.redis(), Model()
    whole = gateway(stage.upstream(model), redis, webhooks=[hook.url])
    one, two = stage.weir(whole), stage.weir(whole)
    stage.keep(Traffic(one, two))
    settled(one)
    model.changed.set()
    until(lambda: alarms(one, "firing"), SOON, "the alarm")
    (alarm,) = alarms(one, "firing")
    watched = page(one, "drift")["judged"]
    del whole["models"]["chat"]["predictions"]
    for weir in (one, two):
        weir.configure(whole)
        weir.reload()
        weir.wait_logged("reload", result="ok")
    assert alarms(one, "firing") == [alarm], "who has yet to be changed may still count"
    for weir in (one, two):
        until(lambda weir=weir: alarms(weir, "resolved"), SOON + 60, "its end")
    (resolved,) = alarms(one, "resolved")
    assert resolved["ended"] == "gone" and resolved["sentence"] == alarm["sentence"]
    until(lambda: hook.heard("resolved"), SOON, "the event")
    assert json.loads(hook.heard("resolved")[0].body)["data"] == resolved
    until(lambda: intent(one)["state"] == "unknown", SOON, "it to be no longer watched")
    until(lambda: page(one, "drift")["judged"] < watched, SOON, "less to be judged")


# -- webhooks ------------------------------------------------------------------------------


def test_a_webhook_is_tried_until_it_takes_the_event_under_one_id(stage):
    hook = Hook(stage, 500, 500)
    silent = stage.upstream(lambda call: call.hang())
    weir, model = begun(stage, webhooks=[{"url": hook.url, "secret": SECRET},
                                         f"http://127.0.0.1:{silent.port}/x"])
    model.changed.set()
    until(lambda: len(hook.heard("firing")) >= 3, SOON, "the event")
    weir.wait_logged("alert_sent", receiver="webhook", timeout=SOON)
    for request in (call.request for call in hook.server.calls):
        verify(request, SECRET)
    tries = hook.heard("firing")
    assert len(tries) >= 3 and len({request.header("webhook-id") for request in tries}) == 1
    data = json.loads(hook.heard("firing")[0].body)["data"]
    assert [data] == alarms(weir, "firing")
    until(lambda: silent.calls, SOON, "a call of the other one as well")
    failed = {"receiver": "webhook", "result": "failed"}
    until(lambda: weir.metrics.sum("weir_alerts_sent_total", **failed) >= 2, SOON, "the failures")
    over(weir)
    until(lambda: hook.heard("resolved"), SOON, "its end")
    assert SECRET not in weir.stderr and "T0KEN" not in weir.stderr


def test_an_event_that_a_killed_judge_could_not_bring_is_brought_by_the_next(stage):
    hook, redis, model = Hook(stage, always=503), stage.redis(), Model()
    whole = gateway(stage.upstream(model), redis, webhooks=[hook.url])
    one, two = stage.weir(whole), stage.weir(whole)
    stage.keep(Traffic(one, two))
    settled(one)
    settled(two)
    judge, (other,) = judge_of(one, two)
    model.changed.set()
    until(lambda: alarms(judge, "firing") and hook.server.calls, SOON, "the alarm")
    judge.killed = True
    judge.signal(signal.SIGKILL)
    judge.wait_exit()
    hook.always = 200
    other.wait_logged("alert_sent", receiver="webhook", timeout=SOON)
    (alarm,) = alarms(other, "firing")
    until(lambda: hook.heard("firing"), SOON, "the event")
    names = {request.header("webhook-id") for request in hook.heard("firing")}
    assert names == {alarm["id"] + ":firing"}
    field = f"{alarm['id']}:firing"
    until(lambda: redis("HGET", "weir:v1:deliveries", field) is None, SOON, "its settling")


def test_an_event_is_brought_though_redis_has_lost_everything_meanwhile(stage):
    hook, redis = Hook(stage, always=503), stage.redis()
    model = Model()
    weir = stage.weir(gateway(stage.upstream(model), redis, webhooks=[hook.url]))
    stage.keep(Traffic(weir))
    settled(weir)
    model.changed.set()
    until(lambda: alarms(weir, "firing") and hook.heard("firing"), SOON, "the first try")
    redis("FLUSHALL")
    judged = weir.metrics.sum("weir_drift_ticks_total")
    until(lambda: weir.metrics.sum("weir_drift_ticks_total") > judged + 2, SOON, "more ticks")
    hook.always = 200
    weir.wait_logged("alert_sent", receiver="webhook", timeout=SOON)


# -- a command -----------------------------------------------------------------------------


def script(tmp_path, text):
    file = tmp_path / "on-alarm"
    file.write_text("#!/bin/sh\n" + text)
    file.chmod(0o755)
    return str(file)


def test_a_command_gets_the_event_and_is_run_again_if_it_fails(stage, tmp_path):
    command = script(tmp_path, f"""
        cd {tmp_path} || exit
        [ "$WEIR_ALARM_PREDICTION-$WEIR_ALARM_STATE" = intent-firing ] || exit 0
        [ "$1" = retrain ] || exit 4
        [ -e failed ] || {{ touch failed; printf 'not\\nnow'; exit 3; }}
        cat >event
        env | grep ^WEIR_ALARM_ >environment
        mv event done
    """)
    weir, model = begun(stage, exec=[command, "retrain"])
    model.changed.set()
    until((tmp_path / "done").exists, SOON, "the command")
    event = json.loads((tmp_path / "done").read_text())
    (alarm,) = alarms(weir, "firing")
    assert event["data"] == alarm and event["type"] == "drift.firing"
    told = dict(line.split("=", 1)
                for line in (tmp_path / "environment").read_text().splitlines())
    assert told["WEIR_ALARM_ID"] == alarm["id"]
    assert told["WEIR_ALARM_SEVERITY"] == "confirmed"
    assert told["WEIR_ALARM_MODEL"] == "chat"
    assert told["WEIR_ALARM_SENTENCE"] == alarm["sentence"]
    weir.wait_logged("alert_failed", receiver="exec", why="exit status 3")
    weir.wait_logged("alert_said", receiver="exec", text="not\nnow", bytes=7)
    weir.wait_logged("alert_sent", receiver="exec", delivery=alarm["id"] + ":firing")


def test_receivers_that_hang_do_not_hold_up_the_end(stage, tmp_path):
    silent = stage.upstream(lambda call: call.hang())
    command = script(tmp_path, f"touch {tmp_path}/begun\nexec sleep 100\n")
    url = f"http://127.0.0.1:{silent.port}"
    weir, model = begun(stage, alertmanager=[url], webhooks=[url], exec=[command])
    model.changed.set()
    until(lambda: (tmp_path / "begun").exists() and len(silent.calls) >= 2, SOON, "all of them")
    began = time.monotonic()
    weir.drain()
    assert weir.wait_exit() == 0
    assert time.monotonic() - began < 8, "each may take ten seconds"


def test_a_command_that_does_not_listen_does_not_outlive_the_gateway(stage, tmp_path):
    command = script(tmp_path, f"""
        trap '' TERM
        sleep 100 &
        echo "$$ $!" >{tmp_path}/pids.new
        mv {tmp_path}/pids.new {tmp_path}/pids
        while :; do sleep 100; done
    """)
    weir, model = begun(stage, exec=[command])
    model.changed.set()
    until((tmp_path / "pids").exists, SOON, "the command")
    weir.drain()
    assert weir.wait_exit() == 0
    for pid in (tmp_path / "pids").read_text().split():
        until(lambda: not is_running(pid), LONG, f"the end of {pid}")


def is_running(pid):
    try:
        return "\nState:\tZ" not in pathlib.Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_without_receivers_nothing_is_kept_for_them(stage):
    model, redis = Model(), stage.redis()
    weir = stage.weir(gateway(stage.upstream(model), redis))
    stage.keep(Traffic(weir))
    settled(weir)
    model.changed.set()
    until(lambda: intent(weir)["state"] == "confirmed", SOON, "the alarm")
    until(lambda: redis("HLEN", "weir:v1:deliveries") == 0, SOON, "an empty list")
    assert page(weir, "alarms")["alarms"]
