# SPDX-License-Identifier: Apache-2.0
"""X1 and the process: start, reload, drain, exit; log forms; nothing left open."""

import json
import os
import re
import signal
import threading
import time

import pytest

from weirtest import chat, config
from weirtest.client import Client
from weirtest.patience import PROMPTLY, await_event, in_parallel, until
from weirtest.process import Weir
from weirtest.upstream import Refusing


def refused(address):
    try:
        Client(address, timeout=1).close()
    except OSError:
        return True
    return False


# -- start -------------------------------------------------------------------------------


def test_the_first_line_names_both_addresses_and_the_loops(stage):
    weir = stage.weir(config.gateway(stage.upstream(chat.says()), server={"workers": 2}))
    assert re.fullmatch(
        r"weir: serving on http://127\.0\.0\.1:\d+, admin on http://127\.0\.0\.1:\d+, "
        r"2 event loops",
        weir.said[0],
    )
    assert weir.loops == 2


def test_it_accepts_at_once_with_redis_and_every_upstream_away(stage):
    away = stage.keep(Refusing())
    setup = config.gateway(stage.keep(Refusing()))
    setup["cache"]["redis"] = {"url": f"redis://127.0.0.1:{away.port}/0"}
    started = time.monotonic()
    weir = stage.weir(setup)
    assert weir.get("/livez").status == 200
    assert time.monotonic() - started < 15


def test_the_command_line_overrides_both_addresses(stage):
    setup = config.gateway(stage.upstream(chat.says()))
    setup["server"]["listen"] = setup["admin"]["listen"] = "127.0.0.1:1"
    weir = stage.weir(setup, args=["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
    assert weir.get("/livez").status == 200 and weir.ask_admin("/metrics").status == 200


def test_an_address_in_use_is_told_and_exits_1(stage):
    weir = stage.weir(config.gateway(stage.upstream(chat.says())))
    setup = config.gateway(stage.upstream(chat.says()))
    setup["admin"]["listen"] = "%s:%d" % weir.admin
    second = stage.keep(Weir(setup))
    assert second.wait_exit() == 1
    assert str(weir.admin[1]) in second.stderr


def test_log_lines_are_json_or_logfmt_as_configured(stage):
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(upstream, log={"format": "logfmt"}))
    weir.post(chat.PATH, chat.question())
    line = until(lambda: [said for said in weir.said if "exchange_end" in said])[0]
    assert "event=exchange_end" in line and "outcome=ok" in line and not line.startswith("{")


# -- held up -----------------------------------------------------------------------------


def test_a_process_that_was_stopped_for_a_while_hears_first_what_has_come_meanwhile(stage):
    """No upstream was silent: it was the gateway that did not listen, for longer than a limit."""
    go, said = threading.Event(), []

    def counts(call):
        call.head(200, {"Content-Type": "text/event-stream"})
        while not go.wait(0.05):
            said.append(len(said))
            call.chunk(chat.event({"content": f"{said[-1]} "}))
        call.chunk(chat.event({}, "stop"))
        call.chunk(chat.DONE)
        call.end()

    limits = config.timeouts(data_gap="3s")
    weir = stage.weir(config.gateway(stage.upstream(counts), **limits))
    with Client(weir.address) as client:
        client.ask("POST", chat.PATH, chat.question(stream=True))
        response = client.head()
        client.until_event(response, 3)
        weir.signal(signal.SIGSTOP)
        try:
            before, began = len(said), time.monotonic()
            until(lambda: len(said) > before + 5 and time.monotonic() - began > 4)
        finally:
            weir.signal(signal.SIGCONT)
        before = len(said)
        until(lambda: len(said) > before + 5)
        go.set()
        client.rest(response)
    assert chat.text_of(response.events).split() == [str(n) for n in said]
    assert response.events[-1] == b"[DONE]" and not chat.errors_in(response.events)


# -- reload ------------------------------------------------------------------------------


def test_reload_takes_the_new_routes(stage):
    old, new = stage.upstream(chat.says("old")), stage.upstream(chat.says("new"))
    weir = stage.weir(config.gateway(old))
    assert b"old" in weir.post(chat.PATH, chat.question()).body
    setup = config.gateway(new)
    setup["models"]["fresh"] = setup["models"]["chat"]
    weir.configure(setup)
    weir.reload()
    until(lambda: b"new" in weir.post(chat.PATH, chat.question()).body, what="the new route")
    until(lambda: weir.get("/v1/models/fresh").status == 200, what="it on every loop")


@pytest.mark.parametrize(
    "fault", ["models: [", "server: {listne: 127.0.0.1:0}", "", "models: {m: {routes: []}}"]
)
def test_a_faulty_file_keeps_the_old_configuration_and_says_why(stage, fault):
    weir = stage.weir(config.gateway(stage.upstream(chat.says())))
    lines = len(weir.said)
    weir.configure(fault)
    weir.reload()
    until(lambda: len(weir.said) > lines, what="a word about the fault")
    said = "\n".join(weir.said[lines:])
    assert "weir.yaml" in said or "reload" in said
    assert weir.post(chat.PATH, chat.question()).status == 200


def test_a_reload_reaches_the_admin_address_too(stage):
    setup = config.gateway(stage.upstream(chat.says()))
    weir = stage.weir(setup)
    large = chat.question("x" * 4096)
    assert weir.ask_admin("/admin/cache/explain", "POST", large).status == 200
    weir.configure(config.merged(setup, {"server": {"max_body": "1KiB"}}))
    weir.reload()
    weir.wait_logged("reload", result="ok")
    until(lambda: weir.ask_admin("/admin/cache/explain", "POST", large).status == 413)


def test_a_running_request_ends_on_the_configuration_it_began_with(stage):
    go = threading.Event()
    old = stage.upstream(chat.says("old"))  # whoever asks before the reload is in force
    old.next(chat.stream(*chat.stream_of("a", "b")[:2], go, *chat.stream_of("a", "b")[2:]))
    new = stage.upstream(chat.says("new"))
    weir = stage.weir(config.gateway(old))
    with Client(weir.address) as client:
        client.ask("POST", chat.PATH, chat.question(stream=True))
        response = client.head()
        client.until_event(response, 2)
        setup = config.gateway(new)
        setup["upstreams"] = {"other": setup["upstreams"]["up"]}
        setup["models"]["chat"]["routes"] = [{"upstream": "other", "model": "m"}]
        weir.configure(setup)
        weir.reload()
        until(lambda: b"new" in weir.post(chat.PATH, chat.question()).body)
        go.set()
        client.rest(response)
    assert chat.text_of(response.events) == "ab" and response.events[-1] == b"[DONE]"


@pytest.mark.limit(300)
def test_a_hundred_reloads_under_load_fail_no_request(stage):
    upstream = stage.upstream(chat.says("a b c"))
    setup = config.gateway(upstream)
    weir = stage.weir(setup)
    stop, statuses = threading.Event(), []

    def load(number):
        with Client(weir.address) as client:
            while not stop.is_set():
                body = chat.question(str(number), stream=number % 2 == 0)
                response = client.post(chat.PATH, body)
                statuses.append(response.status if response.complete else 0)

    def reloads():
        for number in range(100):
            setup["models"][f"extra-{number}"] = setup["models"]["chat"]
            weir.configure(setup)
            weir.reload()
            until(lambda n=number: weir.get(f"/v1/models/extra-{n}").status == 200)
            del setup["models"][f"extra-{number}"]
        stop.set()

    in_parallel([lambda n=n: load(n) for n in range(3)] + [reloads], timeout=240)
    assert set(statuses) == {200} and len(statuses) > 50


def test_a_tenants_key_can_be_changed_by_reload(stage):
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(upstream, tenants={"a": {"keys": ["old-key"]}}))
    weir.configure(config.gateway(upstream, tenants={"a": {"keys": ["new-key"]}}))
    weir.reload()

    def status(key):
        return weir.post(chat.PATH, chat.question(), {"x-api-key": key}).status

    until(lambda: status("new-key") == 200)
    until(lambda: status("old-key") == 401, what="it on every loop")


def test_a_reload_names_what_waits_for_the_next_start(stage):
    setup = config.gateway(stage.upstream(chat.says()))
    weir = stage.weir(setup)
    weir.reload()
    weir.wait_logged("reload", result="ok")
    assert not weir.logged("reload_needs_restart")
    changed = {
        "server": {
            "workers": 1, "max_connections": 99, "max_in_flight": 98, "max_memory": "1GiB",
            "share_port": True, "drain": {"delay": "1s", "timeout": "3s"},
        },
        "log": {"format": "logfmt", "level": "debug"},
        "cache": {
            "memory": "8MiB", "max_entry": "2KiB", "store_requests": False,
            "coalesce": "process", "coalesce_streams": "fleet",
            "redis": {"url": "redis://127.0.0.1:1"},
        },
    }  # fmt: skip
    weir.configure(config.merged(setup, changed))
    weir.reload()
    weir.wait_logged("reload", count=2, result="ok")
    wanted = {
        *("server.workers", "server.max_connections", "server.max_in_flight"),
        *("server.max_memory", "server.share_port"),
        *("server.drain.delay", "server.drain.timeout"),
        *("log.format", "log.level"),
        *("cache.memory", "cache.max_entry", "cache.store_requests"),
        *("cache.coalesce", "cache.coalesce_streams", "cache.redis"),
    }
    named = [line["setting"] for line in weir.wait_logged("reload_needs_restart", len(wanted))]
    assert set(named) == wanted


# -- drain -------------------------------------------------------------------------------


def test_x1_an_idle_gateway_drains_at_once_and_exits_0(stage):
    drain = {"drain": {"delay": "0s", "timeout": "60s"}}
    weir = stage.weir(config.gateway(stage.upstream(chat.says()), server=drain))
    idle = Client(weir.address)
    assert idle.get("/livez").status == 200
    started = time.monotonic()
    weir.drain()
    assert weir.wait_exit() == 0 and time.monotonic() - started < 15
    assert idle.at_eof()
    idle.close()


def test_x1_drain_turns_readyz_off_at_once_and_keeps_accepting_for_the_delay(stage):
    drain = {"drain": {"delay": "6s", "timeout": "2s"}}
    weir = stage.weir(config.gateway(stage.upstream(chat.says()), server=drain))
    assert weir.get("/readyz").status == 200
    weir.drain()
    until(lambda: weir.get("/readyz").status == 503, PROMPTLY, "readiness off")
    assert weir.get("/livez").status == 200
    response = weir.post(chat.PATH, chat.question())
    assert response.status == 200 and response.header("connection") == "close"
    assert weir.wait_exit() == 0


def test_x1_streams_may_end_while_draining(stage):
    go = threading.Event()
    events = chat.stream_of("a", "b")
    upstream = stage.upstream(chat.stream(*events[:2], go, *events[2:]))
    drain = {"drain": {"delay": "0s", "timeout": "60s"}}
    weir = stage.weir(config.gateway(upstream, server=drain))
    with Client(weir.address) as client:
        client.ask("POST", chat.PATH, chat.question(stream=True))
        response = client.head()
        client.until_event(response, 2)
        weir.drain()
        until(lambda: refused(weir.address), what="a closed listener")
        go.set()
        client.rest(response)
        assert response.events[-1] == b"[DONE]" and client.at_eof()
    assert weir.wait_exit() == 0
    assert weir.logged("exchange_end", outcome="ok")


def test_x1_a_stream_past_the_drain_timeout_ends_in_the_error_event(stage):
    upstream = stage.upstream(chat.stream(chat.event({"content": "a"}), then="hang"))
    drain = {"drain": {"delay": "0s", "timeout": "500ms"}}
    weir = stage.weir(config.gateway(upstream, server=drain))
    with Client(weir.address) as client:
        client.ask("POST", chat.PATH, chat.question(stream=True))
        response = client.head()
        client.until_event(response, 1)
        weir.drain()
        client.rest(response)
    assert response.complete and len(chat.errors_in(response.events)) == 1
    assert b"[DONE]" not in response.body
    assert weir.wait_exit() == 0
    await_event(upstream.call().gone, what="cancel of the upstream call")


def test_x1_a_second_signal_exits_now(stage):
    upstream = stage.upstream(lambda call: call.hang())
    drain = {"drain": {"delay": "0s", "timeout": "30s"}}
    weir = stage.weir(config.gateway(upstream, server=drain))
    with Client(weir.address) as client:
        client.ask("POST", chat.PATH, chat.question())
        upstream.call()
        weir.drain()
        until(lambda: refused(weir.address), what="a closed listener")
        weir.signal(signal.SIGINT)
        weir.killed = True  # the exit status of a hurried end is not promised
        weir.wait_exit(15)


def test_x1_sigint_drains_too(stage):
    weir = stage.weir(config.gateway(stage.upstream(chat.says())))
    weir.signal(signal.SIGINT)
    assert weir.wait_exit() == 0


def test_x1_the_log_of_the_last_request_is_flushed(stage):
    weir = stage.weir(config.gateway(stage.upstream(chat.says())))
    for number in range(50):
        weir.post(chat.PATH, chat.question(), {"x-request-id": f"r-{number}"})
    weir.drain()
    assert weir.wait_exit() == 0
    assert {line["request_id"] for line in weir.logged("exchange_end")} == {
        f"r-{number}" for number in range(50)
    }


# -- what is left ------------------------------------------------------------------------


@pytest.mark.limit(300)
def test_a_mixed_thousand_requests_leave_no_descriptor_and_no_request_behind(stage):
    upstream = stage.upstream(chat.says("a b"))
    weir = stage.weir(config.gateway(upstream))
    folder = f"/proc/{weir.pid}/fd"
    weir.post(chat.PATH, chat.question())

    def batch(worker):
        for number in range(250):
            body = [chat.stable(str(number)), chat.question(stream=True), b"{", chat.stable()]
            weir.post(chat.PATH, body[number % 4])

    in_parallel([lambda w=w: batch(w) for w in range(4)], timeout=240)
    upstream.drop_connections()
    until(lambda: weir.metrics.sum("weir_in_flight") == 0)
    until(lambda: len(os.listdir(folder)) < 80, what="closed descriptors")
    weir.metrics.wait("weir_requests_total", 1001)
    assert json.dumps(weir.logged("exchange_end")[-1])
