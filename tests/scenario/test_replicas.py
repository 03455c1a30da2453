# SPDX-License-Identifier: Apache-2.0
"""Two gateways behind a real HAProxy and a real nginx, with the files that are shipped; and one
gateway replaced by another on its own port. Nothing fails and no stream is cut meanwhile."""

import getpass
import os
import pathlib
import signal
import socket
import subprocess
import threading

import pytest

from weirtest import chat, config
from weirtest.client import Client
from weirtest.patience import until
from weirtest.redis import free_port

pytestmark = pytest.mark.limit(120)
DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
ASKERS, STREAMS = 8, 40


class Balancer:
    """A load balancer as shipped, but for its addresses."""

    def __init__(self, kind, folder, ports):
        self.address = ("127.0.0.1", free_port())
        self.process = getattr(self, kind)(folder, ports)
        until(self._listens, what=kind)

    def haproxy(self, folder, ports):
        env = {
            **os.environ,
            "WEIR_LISTEN": f"127.0.0.1:{self.address[1]}",
            "WEIR_1": f"127.0.0.1:{ports[0]}",
            "WEIR_2": f"127.0.0.1:{ports[1]}",
        }
        return subprocess.Popen(
            ["haproxy", "-db", "-f", str(DEPLOY / "haproxy.cfg")],
            env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def nginx(self, folder, ports):
        text = (DEPLOY / "nginx.conf").read_text()
        for shipped, own in ((8080, ports[0]), (8180, ports[1]), (8000, self.address[1])):
            text = text.replace(f"127.0.0.1:{shipped}", f"127.0.0.1:{own}")
        temp = "".join(f" {n}_temp_path {folder}/{n};" for n in ("proxy", "fastcgi", "uwsgi", "scgi"))
        temp += f" client_body_temp_path {folder}/body; access_log off;"
        text = text.replace("http {", "http {" + temp, 1)
        (folder / "nginx.conf").write_text(
            f"user {getpass.getuser()}; pid {folder}/pid; error_log {folder}/error.log;\n" + text
        )
        return subprocess.Popen(
            ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _listens(self):
        try:
            Client(self.address).close()
        except OSError:
            return False
        return True

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Load:
    """Questions, each on a connection of its own, and streams that last; counted as they end."""

    def __init__(self, address, go):
        self.address, self.go, self.over = address, go, threading.Event()
        self.asked, self.faults = 0, []
        self.lock = threading.Lock()
        jobs = [self.ask] * ASKERS + [self.follow] * STREAMS
        self.threads = [threading.Thread(target=job, daemon=True) for job in jobs]
        for thread in self.threads:
            thread.start()

    def ask(self):
        number = 0
        while not self.over.is_set():
            number += 1
            try:
                with Client(self.address, timeout=20) as client:
                    status = client.post(chat.PATH, chat.question(f"{id(client)} {number}")).status
                fault = None if status == 200 else status
            except (OSError, AssertionError) as error:
                fault = repr(error)
            with self.lock:
                self.asked += 1
                self.faults += [fault] if fault else []

    def follow(self):
        try:
            with Client(self.address, timeout=60) as client:
                client.ask("POST", chat.PATH, chat.question(stream=True))
                response = client.head()
                client.rest(response)
            whole = response.events and response.events[-1] == b"[DONE]"
            fault = None if response.status == 200 and whole else "a stream was cut"
        except (OSError, AssertionError) as error:
            fault = repr(error)
        with self.lock:
            self.faults += [fault] if fault else []

    def asked_more(self, count):
        with self.lock:
            goal = self.asked + count
        until(lambda: self.asked >= goal, 30, "more questions")

    def end(self):
        self.over.set()
        self.go.set()
        for thread in self.threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self.threads)


def serving(stage, upstream, port, **server):
    overlay = {"listen": f"127.0.0.1:{port}", "drain": {"delay": "1500ms", "timeout": "60s"}, **server}
    return stage.weir(config.gateway(upstream, server=overlay, **config.chat(deadline="60s")))


def upstream_of(stage):
    """Streams end when the test says so; plain answers come at once."""
    go = threading.Event()
    first, *rest = chat.stream_of("Hello", "World")

    def script(call):
        if b'"stream": true' in call.request.body:
            chat.stream(first, rest[0], go, *rest[1:])(call)
        else:
            chat.says()(call)

    return stage.upstream(script), go


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
def test_a_rolling_restart_fails_nothing_and_cuts_no_stream(stage, tmp_path, kind):
    upstream, go = upstream_of(stage)
    ports = [free_port(), free_port()]
    weirs = [serving(stage, upstream, port) for port in ports]
    balancer = stage.keep(Balancer(kind, tmp_path, ports))
    load = Load(balancer.address, go)
    until(lambda: sum(w.metrics.sum("weir_in_flight") for w in weirs) >= STREAMS, 20, "streams")
    load.asked_more(100)
    for i, port in enumerate(ports):
        # The new one takes the port as soon as the old one has left it, while its streams run on.
        weirs[i].drain()
        load.asked_more(50)
        until(lambda port=port: refuses(port), 20, "the old one to leave its port")
        fresh = serving(stage, upstream, port)
        until(lambda fresh=fresh: fresh.metrics.sum("weir_requests_total") > 0, 20, "the balancer to see it")
        load.asked_more(100)
    load.end()
    assert not load.faults, load.faults[:5]
    assert load.asked > 300
    for weir in weirs:
        assert weir.wait_exit(30) == 0


def refuses(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_of_a_killed_replica_only_its_own_requests_fail_and_their_retry_succeeds(stage, tmp_path):
    upstream, go = upstream_of(stage)
    ports = [free_port(), free_port()]
    weirs = [serving(stage, upstream, port) for port in ports]
    balancer = stage.keep(Balancer("haproxy", tmp_path, ports))
    clients = [Client(balancer.address, timeout=30) for _ in range(20)]
    for client in clients:
        client.ask("POST", chat.PATH, chat.question(stream=True))
    until(lambda: all(w.metrics.sum("weir_in_flight") >= 5 for w in weirs), 20, "streams on both")
    lost = int(weirs[0].metrics.sum("weir_in_flight"))
    weirs[0].killed = True
    weirs[0].signal(signal.SIGKILL)
    weirs[0].process.wait(10)
    go.set()
    whole = 0
    for client in clients:
        try:
            response = client.response()
            whole += bool(response.events and response.events[-1] == b"[DONE]")
        except (OSError, AssertionError):
            pass
    assert whole == len(clients) - lost
    for _ in range(lost):
        with Client(balancer.address, timeout=20) as client:
            assert client.post(chat.PATH, chat.question("again")).status == 200


def test_a_new_process_takes_over_a_shared_port_without_a_gap(stage):
    upstream, go = upstream_of(stage)
    port, admin = free_port(), free_port()
    old = serving(stage, upstream, port, share_port=True)
    load = Load(old.address, go)
    until(lambda: old.metrics.sum("weir_in_flight") >= STREAMS, 20, "streams")
    serving(stage, upstream, port, share_port=True)
    load.asked_more(50)
    old.drain()
    load.asked_more(300)
    load.end()
    assert old.wait_exit(30) == 0
    assert not load.faults, load.faults[:5]


def test_an_inherited_socket_outlives_the_process_that_served_on_it(stage, tmp_path):
    upstream, go = upstream_of(stage)
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    address = listening.getsockname()
    hand_down = [
        "/usr/bin/python3", "-c",
        "import os, sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True);"
        "os.environ.update(LISTEN_FDS='1', LISTEN_FDNAMES='data', LISTEN_PID=str(os.getpid()));"
        "os.execvp(sys.argv[2], sys.argv[2:])",
        str(listening.fileno()),
    ]  # fmt: skip
    os.set_inheritable(listening.fileno(), True)
    settings = config.gateway(upstream, server={"listen": "127.0.0.1:%d" % address[1]},
                              **config.chat(deadline="60s"))  # fmt: skip
    old = stage.weir(settings, around=hand_down, pass_fds=(listening.fileno(),))
    load = Load(address, go)
    until(lambda: old.metrics.sum("weir_in_flight") >= STREAMS, 20, "streams")
    stage.weir(settings, around=hand_down, pass_fds=(listening.fileno(),))
    old.drain()
    load.asked_more(300)
    load.end()
    listening.close()
    assert not load.faults, load.faults[:5]
