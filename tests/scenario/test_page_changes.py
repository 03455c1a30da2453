# SPDX-License-Identifier: Apache-2.0
"""A provider changes the model behind a name: people see it on the page and in `weir top`."""

import re

import pytest
from test_changes import NEW, OLD, SOON, Provider, Traffic, learned, settings
from test_top import admin, top

from weirtest.browser import Browser, axe_violations
from weirtest.patience import until

pytestmark = pytest.mark.limit(500)
EVIL = "<img src=x onerror='window.pwned = 1'>"

MARKED = """
const violet = [...document.getElementById(arguments[0]).querySelectorAll('canvas')].some(c => {
  const [r, g, b] = color('violet').match(/[0-9a-f]{2}/g).map(n => parseInt(n, 16));
  const all = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
  const near = (x, y) => Math.abs(x - y) < 8;
  for (let i = 0; i < all.length; i += 4)
    if (near(all[i], r) && near(all[i + 1], g) && near(all[i + 2], b) && all[i + 3] > 60) return true;
  return false;
});
return violet;"""


@pytest.fixture(scope="module")
def provider():
    return Provider()


@pytest.fixture(scope="module")
def weir(shared_stage, provider):
    return shared_stage.weir(settings(shared_stage.upstream(provider)))


@pytest.fixture(scope="module")
def traffic(shared_stage, weir):
    traffic = shared_stage.keep(Traffic(weir))
    learned(weir)
    return traffic


@pytest.fixture(scope="module")
def browser(shared_stage, weir):
    browser = shared_stage.keep(Browser())
    browser.open(weir)
    browser.await_text("#status", "ready")
    return browser


@pytest.fixture(scope="module")
def changed(provider, weir, traffic, browser):
    """The page is open when it happens."""
    assert "system_fingerprint" not in top("--admin", admin(weir)).stdout
    assert "system_fingerprint" not in browser.text("#change-list")
    traffic.rest(lambda: provider.change(model=NEW["model"], fingerprint=EVIL))
    browser.await_text("#change-list", "system_fingerprint fp_old → <img", SOON)
    browser.await_text("#change-list", NEW["model"], SOON)
    return browser


def test_a_change_is_listed_with_before_and_after(changed):
    said = changed.text("#change-list")
    assert f"chat · returned_model {OLD['model']} → {NEW['model']}" in said
    assert "before\nfp_old 100.0 %" in said
    assert re.search(r"after\n[^\n]*" + re.escape(EVIL) + " ", said)
    assert "version real-model · upstream up · noticed at " in said


def test_a_change_is_marked_in_each_chart(changed):
    changed.await_text("#marks", "system_fingerprint fp_old → <img")
    for chart in ("requests", "latency", "errors", "money", "shares"):
        until(lambda chart=chart: changed.run(MARKED, chart), 60)


def test_what_changed_then_is_asked_for_with_one_click(changed):
    when = changed.run("const button = document.querySelector('#change-list button');"
                       "button.click(); return button.innerText")  # fmt: skip
    until(lambda: changed.text("#moved-title") == f"What changed at {when.strip()}", 60)


def test_words_of_an_upstream_are_nothing_but_words(changed):
    assert not changed.run("return window.pwned")
    assert changed.complaints() == []


def test_axe_finds_nothing(changed):
    assert axe_violations(changed) == []


def test_a_phone_has_room_for_it(changed):
    phone = {"width": 360, "height": 780, "deviceScaleFactor": 2, "mobile": True}
    changed.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        assert changed.run("return document.documentElement.scrollWidth") <= 360
    finally:
        changed.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_top_tells_it_for_an_hour(changed, weir):
    seen = top("--admin", admin(weir)).stdout
    lines = [line.split(" min ago: ")[1] for line in seen.split("\n") if "CHANGED" in line]
    assert f"chat returned_model {OLD['model']} → {NEW['model']}" in lines
    assert any(line.startswith("chat system_fingerprint fp_old → <img") for line in lines)
