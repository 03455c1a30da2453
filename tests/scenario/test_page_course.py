# SPDX-License-Identifier: Apache-2.0
"""What happened, on the page: two hours planted in Redis as another gateway would have told them."""

import math
import re
import time
from urllib.parse import quote

import pytest
from selenium.webdriver.common.action_chains import ActionChains

from weirtest import chat, config
from weirtest.browser import Browser, axe_violations
from weirtest.patience import until

EVIL = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'>"
RTL = "\u202eלדומ"
EMOJI = "\U0001f600" * 16  # 64 bytes
LONG = "a-model-whose-name-goes-on-" + "and-on-" * 12
SINCE = 20  # minutes ago another version came, and more was refused
NOW = int(time.time() // 60)  # for all that follows, however long it takes
ALONE = 60  # minutes ago one plan, and nobody else, was refused more

STUBS = """
const real = window.fetch;
window.fetch = (path, options) => {
  const now = NOW_MS, minute = 60000;
  const told = path === "/admin/changes" ? {changes: [{id: "1", kind: "model", model: "support",
      before: "v1", after: "v2", since_ms: now - 20 * minute, sentence: "v2 answers, not v1"}]}
    : path === "/admin/alarms" ? {alarms: [{id: "2", model: "support", prediction: "refusal",
      segment: "", severity: "confirmed", state: "firing", began_ms: now - 19 * minute,
      since_ms: now - 18 * minute, baseline: "b", evidence: {moved: []}}]} : null;
  return told ? Promise.resolve(new Response(JSON.stringify(told))) : real(path, options);
};"""


def escaped(text):
    return quote(text, safe="-._~")


def series(model, version, requests, refused, segment=""):
    """A minute of one series: two of three come from the cache."""
    fresh = requests // 3
    no = fresh - fresh * refused // 100
    at = f"{escaped(model)}:{escaped(version)}{segment}"
    return (f"{at}\n ~outcome=ok {fresh}\n ~outcome=cache_hit {requests - fresh}\n"
            f" ~seconds=40 {requests - fresh}\n ~seconds={80 + (version == 'v2') * 4} {fresh}\n"
            f" ~microusd=spent {fresh * 900}\n ~microusd=saved {(requests - fresh) * 900}\n"
            f" refusal=no {no}\n refusal=yes {fresh - no}\n intent={escaped(EVIL)} {fresh}\n"
            f" intent={escaped(EMOJI)} 2\n")  # fmt: skip


@pytest.fixture(scope="module")
def weir(shared_stage):
    redis = shared_stage.redis()
    for minute in range(NOW - 119, NOW):
        late = minute >= NOW - SINCE
        text = series("support", "v2" if late else "v1", 90, 20 if late else 4)
        text += series("support", "v2" if late else "v1", 30, 4, "@plan=" + escaped(RTL))
        text += series("support", "v2" if late else "v1", 30, 60 if minute >= NOW - ALONE else 0,
                       "@plan=team")
        text += series(LONG, EVIL, 12, 0) + series(EVIL, RTL, 9, 0) + series(EMOJI, EMOJI, 6, 0)
        redis("HSET", f"weir:v1:course:{minute}", "another", text)
    return shared_stage.weir(
        config.gateway(shared_stage.upstream(chat.says()), **config.redis(redis))
    )


@pytest.fixture(scope="module")
def browser(shared_stage):
    browser = shared_stage.keep(Browser())
    browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": STUBS.replace("NOW_MS", str(NOW * 60000))})
    return browser


@pytest.fixture(autouse=True)
def opened(weir, browser):
    browser.open(weir)
    browser.await_text("#model", "support", 60)
    browser.await_text("#moved-rows", "→", 60)


def pick(browser, select, value):
    browser.run("const e = document.getElementById(arguments[0]); e.value = arguments[1];"
                "e.dispatchEvent(new Event('change'))", select, value)  # fmt: skip


def requests(browser):
    told = browser.text("#hours").split(" ")[0].replace(",", "")
    return int(told) if told.isdigit() else math.inf


def test_a_model_a_version_and_a_segment_are_picked(browser):
    everything = requests(browser)
    pick(browser, "model", "support")
    until(lambda: requests(browser) < everything, 60)
    model = requests(browser)
    pick(browser, "version", "v2")
    until(lambda: requests(browser) < model, 60)
    version = requests(browser)
    pick(browser, "segment", "plan=" + escaped(RTL))
    until(lambda: requests(browser) < version, 60)
    assert version == pytest.approx(90 * (SINCE - 1), abs=180)


def test_alarms_and_changes_are_told_and_the_last_is_looked_at(browser):
    browser.await_text("#marks", "v2 answers, not v1")
    browser.await_text("#marks", "confirmed alarm: refusal")
    until(lambda: browser.text("#moved-title").startswith("What changed at "))


def test_what_moved_most_about_a_time_stands_first(browser):
    pick(browser, "model", "support")
    browser.run("document.querySelector('#marks .change button').click()")
    strongest = ("version v2", "latency p95", "refusal: yes")

    def told():
        rows = browser.text("#moved-rows")
        return "0 of 900 → 900 of 900" in rows and all(w in rows for w in strongest) and rows

    rows = until(told, 60, "what moved then")  # the alarm's time was looked at before
    order = [rows.index(what) for what in strongest]
    assert order == sorted(order)
    assert "100.0 %" in rows


def look_at(browser, minutes_ago):
    browser.run("const e = document.getElementById('moment');"
                "const t = new Date(arguments[1] - arguments[0] * 6e4);"
                "e.value = new Date(t - t.getTimezoneOffset() * 6e4).toISOString().slice(0, 16);"
                "e.dispatchEvent(new Event('change'))", minutes_ago, NOW * 60000)  # fmt: skip


def test_a_change_in_one_plan_alone_is_found(browser):
    pick(browser, "model", "support")
    look_at(browser, ALONE)
    until(lambda: "in plan=team" in browser.text("#moved-rows"), 60)
    first = browser.text("#moved-rows tr:first-child")
    assert first.startswith("refusal: ") and "in plan=team" in first
    assert "in plan=" + RTL not in browser.text("#moved-rows")
    assert "A segment has a row where" in browser.text("#moved-about")


def test_what_moved_in_a_plan_as_in_the_whole_is_told_once(browser):
    pick(browser, "model", "support")
    look_at(browser, SINCE)

    def told():
        rows = browser.text("#moved-rows")
        return "version v2" in rows and rows.count("latency p95") == 1

    until(told, 60, "one row of it")


def test_one_plan_alone_has_no_rows_of_others(browser):
    pick(browser, "model", "support")
    pick(browser, "segment", "plan=team")
    was = browser.text("#moved-title")
    look_at(browser, ALONE)
    until(lambda: browser.text("#moved-title") != was, 60)

    def told():
        rows = browser.text("#moved-rows")
        return "refusal: yes" in rows and "in plan=" not in rows

    until(told, 60, "its own rows")


def test_a_time_is_chosen_by_hand(browser):
    was = browser.text("#moved-title")
    look_at(browser, 50)
    until(lambda: browser.text("#moved-title") != was, 60)
    browser.await_text("#moved-about", "10 minutes before it (")


def test_what_is_pointed_at_is_told_in_numbers(browser):
    browser.complaints()
    for chart in ("requests", "latency", "errors", "money", "shares"):
        place = browser.driver.find_element("id", chart)
        browser.run("arguments[0].scrollIntoView({block: 'center'})", place)
        ActionChains(browser.driver).move_to_element(place).perform()
        until(lambda chart=chart: re.match(r"\d\d:\d\d", browser.text(f"#{chart}-key")), 60)
    assert browser.complaints() == []


def test_names_are_nothing_but_names(browser):
    for select in ("model", "version"):
        names = f"return [...document.getElementById('{select}').options].map(o => o.value)"
        until(lambda names=names: EVIL in browser.run(names))
    browser.await_text("#shares-key", EVIL)
    assert not browser.run("return window.pwned")


def test_axe_finds_nothing_in_the_light_and_the_dark(browser):
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        try:
            assert axe_violations(browser) == []
        finally:
            browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_phone_has_room_for_long_names(browser, weir):
    phone = {"width": 360, "height": 780, "deviceScaleFactor": 2, "mobile": True}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        browser.open(weir)
        browser.await_text("#moved-rows", "→", 60)
        browser.await_text("#shares-key", EVIL)
        assert browser.run("return document.documentElement.scrollWidth") <= 360
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_script_has_nothing_to_complain_of(browser, weir):
    browser.complaints()
    browser.open(weir)
    browser.await_text("#moved-rows", "→", 60)
    assert browser.complaints() == []
