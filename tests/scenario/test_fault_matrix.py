# SPDX-License-Identifier: Apache-2.0
"""Every fault of an upstream, plain and as a stream, alone and with each thing that may help.

One gateway for each setting, one model for each fault, all models at once: the cells of
weirtest/faults.py, which docs/resilience.md shows.
"""

import pathlib

import pytest

import resilience
from weirtest import chat, config
from weirtest.certs import Authority
from weirtest.faults import CUT, FAULTS, FORMS, SETTINGS
from weirtest.patience import in_parallel, until
from weirtest.upstream import BlackHole, Refusing, Upstream, tls_context

pytestmark = pytest.mark.limit(400)
ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMITS = {"connect": "2s", "headers": "2s", "first_data": "2s", "data_gap": "2s"}
RULES = {"any": [{"label": "none", "reply": "from the rules"}]}


class NoName:
    url, calls = "http://no-such-host.invalid:9/v1", []

    def stop(self):
        pass


def server_for(stage, fault, authority):
    kind = fault.special.get("server")
    if kind == "refusing":
        return stage.keep(Refusing())
    if kind == "black hole":
        return stage.keep(BlackHole())
    if kind == "no name":
        return NoName()
    if kind == "bad certificate":
        context = tls_context(*authority.leaf("other", host="elsewhere.example"))
        return stage.keep(Upstream(chat.says(), tls=context))
    return stage.upstream(fault.script, on_connect=fault.special.get("on_connect"))


def model_of(name, setting):
    routes = [{"upstream": name, "model": "real-model"}]
    if setting == "two routes":
        routes.append({"upstream": "well", "model": "real-model"})
    return {
        "routes": routes,
        "max_attempts": 2,
        "deadline": "30s",
        "cache": {"ttl": "1s" if setting == "stale" else "1h", "stale": "1h"},
        "fallback": [{"rules": "any"}] if setting == "rules" else ["stale"],
    }


def settings_for(setting, urls, well, authority):
    """Each cell has a pool of its own: what one has learnt does not tell another's outcome."""
    pools = {
        f"{form} {i}": {"endpoints": [url], "timeouts": LIMITS, "tls": {"ca": authority.ca}}
        for i, url in enumerate(urls)
        for form in FORMS
    }
    return config.merged(config.gateway(), {
        "rules": RULES,
        "upstreams": {**pools, "well": config.upstream(well)},
        "models": {
            "chat": {"routes": [{"upstream": "well"}]},
            **{name: model_of(name, setting) for name in pools},
        },
    })  # fmt: skip


def question(number, form, **members):
    return chat.stable("what now?", model=f"{form} {number}", **members)


def judge(fault, form, setting, response):
    outcome, degraded = fault.outcome(form, setting)
    where = f"{fault.name}, {form}, {setting}: {response.status} {response.body[:200]!r}"
    assert response.header("x-weir-degraded") == degraded, where
    if outcome == CUT:
        assert response.status == 200 and response.complete, where
        assert len(chat.errors_in(response.events)) == 1, where
        assert response.events[-1] != b"[DONE]", where
        return
    assert response.status == outcome, where
    if outcome in (429, 503, 529) or "Retry-After" in fault.name and outcome == 500:
        assert int(response.header("retry-after")) == (7 if "Retry" in fault.name else 1), where
    if outcome == 200 and form == "stream":
        assert response.events[-1] == b"[DONE]" and not chat.errors_in(response.events), where
    elif outcome == 200:
        assert response.json()["choices"], where
    elif outcome != 400:
        assert response.error["message"], where


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_fault_has_the_outcome_of_the_table(stage, tmp_path, setting):
    authority, well = Authority(tmp_path), stage.upstream(chat.says("from another"))
    servers = [server_for(stage, fault, authority) for fault in FAULTS]
    bad = settings_for(setting, [server.url for server in servers], well, authority)
    if setting == "stale":
        # Kept while all are well; then the same upstreams move to where they are not.
        weir = stage.weir(settings_for(setting, [well.url] * len(FAULTS), well, authority))
        for number in range(len(FAULTS)):
            for form in FORMS:
                assert weir.post(chat.PATH, question(number, form)).status == 200
        weir.configure(bad)
        weir.reload()
        weir.wait_logged("reload", result="ok")
        last = question(len(FAULTS) - 1, FORMS[-1])
        until(lambda: weir.post(chat.PATH, last, {"cache-control": "only-if-cached"}).status == 504)
    else:
        weir = stage.weir(bad)

    def play(number):
        fault, server = FAULTS[number], servers[number]
        for form in FORMS:
            before = len(server.calls)
            body = question(number, form, stream=form == "stream")
            response = weir.post(chat.PATH, body, timeout=60)
            judge(fault, form, setting, response)
            assert len(server.calls) - before <= fault.calls, f"{fault.name}, {form}, {setting}"

    in_parallel([lambda n=n: play(n) for n in range(len(FAULTS))], timeout=240)
    weir.metrics.wait("weir_in_flight", 0)
    weir.metrics.wait("weir_upstream_in_flight", 0)


def test_the_page_shows_the_table():
    assert (ROOT / "docs" / "resilience.md").read_text() == resilience.page()
