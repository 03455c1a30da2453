# SPDX-License-Identifier: Apache-2.0
"""Real Alertmanagers that come and go, as gateways do: whoever is there knows what stands.

An Alertmanager keeps alerts in memory alone, so one that was restarted knows of none until it is
told again, which is done each minute."""

import json

import pytest
from test_alerts import CONFIRMED, INTENT, begun, gateway, over
from test_drift import SOON, Model, Traffic, alarms, judge_of, settled

from weirtest.alertmanager import Alertmanager
from weirtest.patience import LONG, until

pytestmark = pytest.mark.limit(400)

MINUTE = 60


class Told:
    """Whom an Alertmanager tells."""

    def __init__(self, stage):
        self.heard = []
        self.hook = stage.upstream(self._hear)

    def _hear(self, call):
        self.heard += json.loads(call.request.body)["alerts"]
        call.answer(200, b"")

    def of(self, status):
        return [alert for alert in list(self.heard) if alert["status"] == status
                and CONFIRMED.items() <= alert["labels"].items()]  # fmt: skip


def all_know(managers, what="the alert"):
    for manager in managers:
        until(lambda manager=manager: manager.alerts(**CONFIRMED), SOON, what)


def all_forget(managers):
    for manager in managers:
        until(lambda manager=manager: not manager.alerts(**INTENT), SOON, "its end")


def test_two_hear_of_an_alarm_and_of_its_end_though_one_is_killed_meanwhile(stage):
    told = Told(stage)
    managers = one, two = stage.keep(Alertmanager(told.hook)), stage.keep(Alertmanager())
    weir, model = begun(stage, alertmanager=[one.url, two.url])
    model.changed.set()
    all_know(managers)
    one.kill()
    one.start()
    until(lambda: one.alerts(**CONFIRMED), SOON + MINUTE, "the alert, again")
    (again,), (ever,) = (manager.alerts(**CONFIRMED) for manager in managers)
    (alarm,) = alarms(weir, "firing")
    assert again["labels"] == ever["labels"] and again["labels"]["alarm"] == alarm["id"]
    assert again["startsAt"] == ever["startsAt"], "it is the same, and did not begin anew"
    over(weir)
    all_forget(managers)
    until(lambda: told.of("resolved"), SOON, "the news of its end")


def test_what_ended_while_one_was_away_ends_there_too(stage):
    told = Told(stage)
    one, two = stage.keep(Alertmanager(told.hook)), stage.keep(Alertmanager())
    weir, model = begun(stage, alertmanager=[one.url, two.url])
    model.changed.set()
    all_know((one, two))
    until(lambda: told.of("firing"), SOON, "the news of it")
    one.shut_down()
    over(weir)
    all_forget([two])
    weir.wait_logged("alert_failed", receiver="alertmanager", to=f"127.0.0.1:{one.port}",
                     timeout=SOON)  # fmt: skip
    assert not told.of("resolved")
    one.start()
    until(lambda: told.of("resolved"), SOON + MINUTE, "the news of its end")
    assert not one.alerts(**INTENT)


def test_an_alert_outlives_the_gateway_that_raised_it(stage):
    manager, model, redis = stage.keep(Alertmanager()), Model(), stage.redis()
    whole = gateway(stage.upstream(model), redis, alertmanager=[manager.url])
    gateways = stage.weir(whole), stage.weir(whole)
    stage.keep(Traffic(*gateways))
    for weir in gateways:
        settled(weir)
    judge, (other,) = judge_of(*gateways)
    model.changed.set()
    all_know([manager])
    until(lambda: alarms(other, "firing"), SOON, "the alarm on both")
    judge.drain()
    judge.wait_exit(LONG * 3)
    (alert,) = manager.alerts(**CONFIRMED)
    until(lambda: manager.alerts(**CONFIRMED)[0]["endsAt"] > alert["endsAt"], SOON + MINUTE,
          "another push")  # fmt: skip
    (later,) = manager.alerts(**CONFIRMED)
    assert later["fingerprint"] == alert["fingerprint"]
    over(other)
    all_forget([manager])
