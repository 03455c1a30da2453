# SPDX-License-Identifier: Apache-2.0
"""`weir top`, beside a gateway that runs: in a pipe, and in a real pseudo-terminal."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata

import pytest

from weirtest import chat, config
from weirtest.process import binary
from weirtest.redis import free_port

TOKEN = "a-secret-of-operators"
CLEAR = b"\033[H\033[2J"


def gateway(stage, **settings):
    weir = stage.weir(config.gateway(stage.upstream(chat.says("hello")), **settings))
    for number in (1, 1, 2):
        assert weir.post(chat.PATH, chat.stable(f"q{number}")).status == 200
    weir.metrics.wait("weir_requests_total", 3)
    return weir


def admin(weir):
    return "{}:{}".format(*weir.admin)


def top(*words, **env):
    return subprocess.run([binary(), "top", *words], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **env})  # fmt: skip


@pytest.fixture(scope="module")
def weir(shared_stage):
    return gateway(shared_stage)


def test_in_a_pipe_it_looks_once(weir):
    seen = top("--admin", admin(weir))
    assert seen.returncode == 0, seen.stderr
    assert re.search(r"^weir \S+ at 127\.0\.0\.1:\d+ .* ready$", seen.stdout, re.M)
    assert re.search(r"^chat +\d+\.\d +33\.3 +0\.00 ", seen.stdout, re.M)
    assert "\033[" not in seen.stdout


def test_the_configuration_says_where_the_gateway_is(stage):
    weir = gateway(stage, admin={"listen": f"127.0.0.1:{free_port()}"})
    seen = top("-c", str(weir.path))
    assert seen.returncode == 0, seen.stderr
    assert "chat" in seen.stdout


def watched(weir, looks, columns=None, rows=None):
    """What it draws in a terminal of that size, until it has looked so often and is told to quit."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(binary(), [binary(), "top", "--admin", admin(weir)])
    if columns:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    shown, deadline = b"", time.monotonic() + 60
    while shown.count(CLEAR) < looks + 1 and time.monotonic() < deadline:
        if select.select([terminal], [], [], 1)[0]:
            shown += os.read(terminal, 65536)
    os.write(terminal, b"q")
    while True:
        try:
            more = os.read(terminal, 65536)
        except OSError:  # its end of the terminal is closed
            break
        if not more:
            break
        shown += more
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return shown


def test_in_a_terminal_it_goes_on_until_q(weir):
    shown = watched(weir, 2)
    assert shown.count(CLEAR) >= 2
    assert b"UPSTREAM" in shown
    assert shown.endswith(b"\033[?1049l"), "the terminal is given back"


class Watching:
    """`weir top` in a terminal of its own, by itself or out of a shell that has jobs."""

    def __init__(self, words):
        self.ours, self.its = pty.openpty()
        self.before, self.shown = termios.tcgetattr(self.its), b""
        self.process = subprocess.Popen(words, stdin=self.its, stdout=self.its, stderr=self.its,
                                        start_new_session=True, preexec_fn=self._own)  # fmt: skip

    @staticmethod
    def _own():
        """As a shell does; what whoever started the tests ignores is not to be ignored here."""
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def shows(self, *words):
        """Reads on until it has shown these, one after the other; forgets them."""
        for word in words:
            deadline = time.monotonic() + 60
            while word not in self.shown:
                assert time.monotonic() < deadline, (word, self.shown[-300:])
                if select.select([self.ours], [], [], 1)[0]:
                    self.shown += os.read(self.ours, 65536)
            self.shown = self.shown.split(word, 1)[1]

    def echoes(self):
        return bool(termios.tcgetattr(self.its)[3] & termios.ECHO)

    def press(self, keys):
        os.write(self.ours, keys)

    def stop(self):
        self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self.its)


TAKEN, GIVEN_BACK = b"\033[?1049h\033[?25l", b"\033[?25h\033[?1049l"


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM])
def test_what_ends_it_gives_the_terminal_back(stage, weir, number):
    top = stage.keep(Watching([binary(), "top", "--admin", admin(weir)]))
    top.shows(TAKEN, CLEAR, b"UPSTREAM")
    assert not top.echoes()
    top.process.send_signal(number)
    top.shows(GIVEN_BACK)
    assert top.process.wait(60) == 0
    assert termios.tcgetattr(top.its) == top.before


def test_who_stops_it_has_the_terminal_meanwhile(stage, weir):
    script = f"{binary()} top --admin {admin(weir)}; echo is-stopped; read go; fg; echo is-over"
    top = stage.keep(Watching(["/bin/sh", "-mc", script]))
    top.shows(TAKEN, CLEAR, b"UPSTREAM")
    top.press(b"\x1a")  # control and Z
    top.shows(GIVEN_BACK, b"is-stopped")
    assert termios.tcgetattr(top.its) == top.before
    top.press(b"\n")
    top.shows(TAKEN, CLEAR, b"UPSTREAM")
    assert not top.echoes()
    top.press(b"q")
    top.shows(GIVEN_BACK, b"is-over")
    assert termios.tcgetattr(top.its) == top.before


def test_in_the_background_it_can_be_ended(stage, weir):
    script = f"{binary()} top --admin {admin(weir)}; bg; echo is-behind; read go; kill %1; wait; echo is-over"
    top = stage.keep(Watching(["/bin/sh", "-mc", script]))
    top.shows(TAKEN, CLEAR, b"UPSTREAM")
    top.press(b"\x1a")
    top.shows(GIVEN_BACK, b"is-behind")
    top.press(b"\n")
    top.shows(b"is-over")
    assert TAKEN not in top.shown
    assert termios.tcgetattr(top.its) == top.before


def test_a_stop_that_nobody_can_end_is_none(stage, weir):
    top = stage.keep(Watching([binary(), "top", "--admin", admin(weir)]))
    top.shows(TAKEN, CLEAR, b"UPSTREAM")
    top.process.send_signal(signal.SIGTSTP)  # no shell is there to go on with it
    top.shows(GIVEN_BACK, TAKEN, CLEAR, b"UPSTREAM")
    assert not top.echoes()


def width(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1
               for c in line)  # fmt: skip


@pytest.mark.parametrize("columns, rows", [(80, 24), (40, 12), (20, 5)])
def test_it_fits_the_terminal_whatever_models_are_called(stage, columns, rows):
    names = ["chat", "a-model-whose-name-goes-on-" + "and-on-" * 10, "\U0001f600" * 16, "\u202eלדומ"]
    setup = config.gateway(stage.upstream(chat.says("hello")))
    setup["models"].update({name: setup["models"]["chat"] for name in names[1:]})
    weir = stage.weir(setup)
    for name in names:
        assert weir.post(chat.PATH, chat.stable("q", model=name)).status == 200
    weir.metrics.wait("weir_requests_total", len(names))
    screen = watched(weir, 3, columns, rows).split(CLEAR)[-2].decode()
    lines = re.sub(r"\033\[\d*m", "", screen).split("\n")
    assert len(lines) <= rows and "\033" not in "".join(lines) and "\u202e" not in screen
    assert all(width(line.rstrip("\r")) <= columns for line in lines), lines
    if columns >= 40:
        chats = "\n".join(lines)[:2000]
        assert re.search(r"^chat .*0\.0", chats, re.M)
        assert re.search(r"\d/[\d.]+/\d|P50ms +P95ms +P99ms", chats)
        assert "saved" in chats or "SAVED" in chats


def test_a_token_is_asked_for_and_taken_from_the_environment(stage):
    weir = gateway(stage, admin={"listen": "127.0.0.1:0", "token": TOKEN})
    refused = top("--admin", admin(weir))
    assert refused.returncode == 1
    assert "WEIR_ADMIN_TOKEN" in refused.stderr
    assert top("--admin", admin(weir), WEIR_ADMIN_TOKEN=TOKEN).returncode == 0


def test_nobody_there_is_said(weir):
    seen = top("--admin", "127.0.0.1:1")
    assert seen.returncode == 1
    assert "127.0.0.1:1 does not answer" in seen.stderr


def test_a_faulty_configuration_is_told(tmp_path):
    (tmp_path / "weir.yaml").write_text("server: {lissen: 1}\n")
    seen = top("-c", str(tmp_path / "weir.yaml"))
    assert seen.returncode == 2
    assert "lissen" in seen.stderr
