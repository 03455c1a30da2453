# SPDX-License-Identifier: Apache-2.0
"""The page on the admin address, in a real browser."""

import json
import re

import pytest

from weirtest import chat, config
from weirtest.browser import Browser, axe_violations
from weirtest.client import Client
from weirtest.patience import until

TOKEN = "a-secret-of-operators"


@pytest.fixture(scope="module")
def browser(shared_stage):
    return shared_stage.keep(Browser())


def gateway(stage, **settings):
    upstream = stage.upstream(chat.says("refund"))
    setup = config.gateway(upstream, **settings)
    setup["models"]["chat"]["predictions"] = [
        {"name": "intent", "from": "/choices/0/message/content", "kind": "label",
         "labels": ["refund", "shipping"]}
    ]  # fmt: skip
    weir = stage.weir(setup)
    for number in (1, 1, 2):
        assert weir.post(chat.PATH, chat.stable(f"q{number}")).status == 200
    weir.metrics.wait("weir_requests_total", 3)
    return weir


@pytest.fixture(scope="module")
def weir(shared_stage):
    return gateway(shared_stage)


# -- what it shows ---------------------------------------------------------------------------


def test_the_page_shows_this_moment(weir, browser):
    browser.open(weir)
    browser.await_text("#status", "ready")
    until(lambda: re.search(r"hit rate\n33\.3 %", browser.text("#tiles")))
    assert re.search(r"Redis\noff", browser.text("#tiles"))


def test_a_models_row_has_its_numbers(weir, browser):
    browser.open(weir)
    browser.await_text("#model-rows", "chat")
    until(lambda: re.search(r"chat.*33\.3 %.*0\.00 %.* ms", browser.text("#model-rows")))


def test_endpoints_are_told_with_their_state(weir, browser):
    browser.open(weir)
    browser.await_text("#upstream-rows", "healthy")


def test_predictions_are_drawn(weir, browser):
    browser.open(weir)
    browser.await_text("#cards", "intent")
    browser.await_text("#cards", "refund")


def test_it_lives_without_a_reload(weir, browser):
    browser.open(weir)
    browser.await_text("#status", "ready")
    before = browser.text("#status")
    until(lambda: browser.text("#status") != before, 60)


def test_it_finds_its_way_back_when_the_gateway_returns(stage, browser):
    weir = gateway(stage)
    browser.open(weir)
    browser.await_text("#status", "ready")
    weir.stop()
    browser.await_text("#status", "asking again")


def test_the_script_has_nothing_to_complain_of(weir, browser):
    browser.complaints()
    browser.open(weir)
    browser.await_text("#cards", "refund")
    assert browser.complaints() == []


# -- for everyone ----------------------------------------------------------------------------


def test_axe_finds_nothing(weir, browser):
    browser.open(weir)
    browser.await_text("#cards", "refund")
    assert axe_violations(browser) == []


def test_axe_finds_nothing_in_the_dark(weir, browser):
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    try:
        browser.open(weir)
        browser.await_text("#cards", "refund")
        assert axe_violations(browser) == []
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_phone_shows_it_without_scrolling_sideways(weir, browser):
    phone = {"width": 360, "height": 780, "deviceScaleFactor": 2, "mobile": True}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        browser.open(weir)
        browser.await_text("#cards", "refund")
        assert browser.run("return document.documentElement.scrollWidth") <= 360
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


# -- for whom it is --------------------------------------------------------------------------


def test_with_a_token_the_page_asks_for_it(stage, browser):
    weir = gateway(stage, admin={"listen": "127.0.0.1:0", "token": TOKEN})
    browser.open(weir)
    browser.await_text("#door", "admin.token")
    browser.run("document.getElementById('token').value = 'wrong';"
                "document.querySelector('#door button').click()")  # fmt: skip
    browser.await_text("#refused", "not the token")
    browser.run(f"document.getElementById('token').value = '{TOKEN}';"
                "document.querySelector('#door button').click()")  # fmt: skip
    browser.await_text("#model-rows", "chat")


def test_without_the_token_events_are_refused(stage):
    weir = gateway(stage, admin={"listen": "127.0.0.1:0", "token": TOKEN})
    for path in ("/admin/events", "/admin/overview", "/admin/history"):
        assert weir.ask_admin(path).status == 401


def test_the_page_may_talk_to_nobody_else(weir):
    answer = weir.ask_admin("/")
    assert "default-src 'none'" in answer.header("content-security-policy")
    assert "connect-src 'self'" in answer.header("content-security-policy")
    assert "unsafe" not in answer.header("content-security-policy")
    assert not re.search(rb"(src|href)=[\"']?https?:", answer.body)


def test_only_what_is_in_the_page_may_run_and_be_worn(weir, browser):
    browser.open(weir)
    browser.await_text("#cards", "refund")
    browser.complaints()
    browser.run("""
      const script = document.createElement('script'), style = document.createElement('style');
      script.textContent = 'window.strange = 1';
      style.textContent = 'body { position: fixed }';
      document.body.append(script, style);
      document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.strange = 1">');""")
    said = []
    until(lambda: said.extend(browser.complaints()) or len(said) >= 3, 60)
    assert all("Content Security Policy" in line for line in said)
    assert not browser.run("return window.strange")
    assert browser.run("return getComputedStyle(document.body).position") == "static"


def test_the_charts_licence_is_kept(weir):
    assert b"dygraphs" in weir.ask_admin("/").body
    assert b"(MIT)" in weir.ask_admin("/").body


# -- events ----------------------------------------------------------------------------------


def test_events_come_each_second_as_server_sent_events(weir):
    with Client(weir.admin) as client:
        client.ask("GET", "/admin/events")
        stream = client.head()
        assert stream.header("content-type") == "text/event-stream"
        while len(stream.events) < 7:
            assert client.some(stream)
    # The first comes at once, and the others by a clock that may be running already. One may be
    # late, and the one after it is not.
    moments = [json.loads(data)["now_ms"] for data in stream.events[1:7]]
    assert moments == sorted(moments) and 500 < (moments[-1] - moments[0]) / 5 < 10000


def test_who_asks_for_the_head_of_events_does_not_listen(weir):
    with Client(weir.admin) as client:
        for _ in range(17):  # more than may listen, on one connection that goes on
            client.ask("HEAD", "/admin/events")
            answer = client.head()
            assert answer.status == 200
            assert answer.header("content-type") == "text/event-stream"
        client.ask("GET", "/admin/events")
        assert client.head().status == 200


def test_a_page_that_stays_open_does_not_hold_up_a_drain(stage):
    weir = gateway(stage)
    with Client(weir.admin) as client:
        client.ask("GET", "/admin/events")
        client.head()
        weir.drain()
        assert weir.wait_exit(15) == 0
