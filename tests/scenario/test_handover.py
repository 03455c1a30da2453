# SPDX-License-Identifier: Apache-2.0
"""One gateway is replaced by another on its own address, and what it and a service manager say
to each other meanwhile."""

import contextlib
import os
import socket
import threading
import time

import pytest

from weirtest import chat, config
from weirtest.client import Client, get, post
from weirtest.crowd import PATIENT, STREAMS, Crowd, tells_and_counts
from weirtest.patience import LONG, until
from weirtest.redis import free_port

pytestmark = pytest.mark.limit(400)

# Becomes its arguments, with the descriptors as a service manager hands them down: from 3 on.
HAND_DOWN = """
import fcntl, os, sys
names, fds, program = sys.argv[1], sys.argv[2].split(","), sys.argv[3:]
copies = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in fds]
for place, copy in enumerate(copies):
    os.dup2(copy, 3 + place)
    os.close(copy)
os.environ.update(LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=names, LISTEN_PID=str(os.getpid()))
os.execvp(program[0], program)
"""


def settings_of(upstream, **server):
    server = {"drain": {"delay": "0s", "timeout": "120s"}, **server}
    return config.gateway(upstream, server=server, upstreams={"up": PATIENT},
                          **config.chat(deadline="200s"))  # fmt: skip


def streaming(weir):
    until(lambda: weir.metrics.sum("weir_in_flight") >= STREAMS, 60, "streams")


def serves(weir):
    until(lambda: weir.metrics.sum("weir_requests_total") > 0, 60, "its first request")


class Manager:
    """Listening sockets that outlive who serves on them, by name."""

    def __init__(self, stage, *names):
        self.stage, self.names = stage, names
        self.sockets = [socket.create_server(("127.0.0.1", 0), backlog=1024) for _ in names]
        stage.keep(self)

    def address(self, name):
        return self.sockets[self.names.index(name)].getsockname()

    def start(self, settings):
        fds = [each.fileno() for each in self.sockets]
        around = ["/usr/bin/python3", "-c", HAND_DOWN, ":".join(self.names),
                  ",".join(map(str, fds))]  # fmt: skip
        return self.stage.weir(settings, around=around, pass_fds=fds)

    def stop(self):
        for each in self.sockets:
            each.close()


def test_a_new_process_takes_over_a_shared_port_without_a_gap(stage):
    go = threading.Event()
    upstream = stage.upstream(tells_and_counts(go))
    settings = settings_of(upstream, listen=f"127.0.0.1:{free_port()}", share_port=True)
    old = stage.weir(settings)
    crowd = Crowd(old.address, go)
    streaming(old)
    serves(stage.weir(settings))
    crowd.asked_more(50)
    old.drain()
    crowd.asked_more(300)
    crowd.end()
    assert old.wait_exit(60) == 0


def test_an_inherited_socket_outlives_the_process_that_served_on_it(stage):
    go = threading.Event()
    upstream = stage.upstream(tells_and_counts(go))
    manager = Manager(stage, "data")
    old = manager.start(settings_of(upstream))
    crowd = Crowd(manager.address("data"), go)
    streaming(old)
    serves(manager.start(settings_of(upstream)))
    old.drain()
    crowd.asked_more(300)
    crowd.end()
    assert old.wait_exit(60) == 0


def test_who_comes_while_nobody_serves_waits_in_the_inherited_socket(stage):
    upstream = stage.upstream(chat.says())
    manager = Manager(stage, "data")
    old = manager.start(settings_of(upstream))
    assert post(manager.address("data"), chat.PATH, chat.question()).status == 200
    old.drain()
    assert old.wait_exit() == 0
    with Client(manager.address("data")) as client:
        client.ask("POST", chat.PATH, chat.question())
        manager.start(settings_of(upstream))
        assert client.response().status == 200


@pytest.mark.parametrize("names", [("data", "admin"), ("admin", "data")], ids=":".join)
def test_inherited_sockets_are_told_apart_by_their_names(stage, names):
    manager = Manager(stage, *names)
    weir = manager.start(settings_of(stage.upstream(chat.says())))
    data, admin = manager.address("data"), manager.address("admin")
    assert (weir.address, weir.admin) == (data, admin)
    assert post(data, chat.PATH, chat.question()).status == 200
    assert get(data, "/metrics").status == 404
    assert get(admin, "/metrics").status == 200


def test_the_admin_socket_alone_leaves_the_data_plane_where_the_file_says(stage):
    manager = Manager(stage, "admin")
    port = free_port()
    settings = settings_of(stage.upstream(chat.says()), listen=f"127.0.0.1:{port}")
    weir = manager.start(settings)
    assert weir.address == ("127.0.0.1", port)
    assert post(weir.address, chat.PATH, chat.question()).status == 200
    assert get(manager.address("admin"), "/metrics").status == 200


# ---- what a service manager is told ---------------------------------------------------


@contextlib.contextmanager
def notified(name):
    """A manager's datagram socket; yields a function that returns the next message."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(name.replace("@", "\0", 1))
        heard.settimeout(LONG)
        yield lambda: heard.recv(4096).decode()


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_the_service_manager_hears_when_a_start_a_reload_and_a_stop_are_what_they_are(
    stage, tmp_path, kind
):
    name = str(tmp_path / "n") if kind == "path" else f"@weir-test-{os.getpid()}"
    go = threading.Event()
    upstream = stage.upstream(tells_and_counts(go))
    with notified(name) as hear:
        weir = stage.weir(settings_of(upstream), env={"NOTIFY_SOCKET": name})
        assert hear() == "READY=1"
        assert weir.post(chat.PATH, chat.question()).status == 200
        began_us = time.monotonic_ns() // 1000
        weir.reload()
        state, clock = hear().split("\n")
        assert state == "RELOADING=1"
        assert began_us <= int(clock.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
        assert hear() == "READY=1"
        with Client(weir.address) as client:
            client.ask("POST", chat.PATH, chat.question(stream=True))
            client.until_event(client.head(), 1)
            weir.drain()
            assert hear() == "STOPPING=1"
            assert weir.process.poll() is None
            go.set()
        assert weir.wait_exit() == 0


def test_a_refused_reload_ends_as_well_for_the_service_manager(stage, tmp_path):
    with notified(str(tmp_path / "n")) as hear:
        settings = settings_of(stage.upstream(chat.says()))
        weir = stage.weir(settings, env={"NOTIFY_SOCKET": str(tmp_path / "n")})
        assert hear() == "READY=1"
        weir.configure("upstreams: nonsense")
        weir.reload()
        assert hear().startswith("RELOADING=1\n")
        assert hear() == "READY=1"
        assert weir.post(chat.PATH, chat.question()).status == 200
