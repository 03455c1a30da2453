# SPDX-License-Identifier: Apache-2.0
"""`weir top`, beside a gateway that runs: in a pipe, and in a real pseudo-terminal."""

import os
import pty
import re
import select
import subprocess
import time

import pytest

from weirtest import chat, config
from weirtest.process import binary
from weirtest.redis import free_port

TOKEN = "a-secret-of-operators"


def gateway(stage, **settings):
    weir = stage.weir(config.gateway(stage.upstream(chat.says("hello")), **settings))
    for number in (1, 1, 2):
        assert weir.post(chat.PATH, chat.stable(f"q{number}")).status == 200
    return weir


def admin(weir):
    return "{}:{}".format(*weir.admin)


def top(*words, **env):
    return subprocess.run([binary(), "top", *words], capture_output=True, text=True, timeout=20,
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


def test_in_a_terminal_it_goes_on_until_q(weir):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(binary(), [binary(), "top", "--admin", admin(weir)])
    shown, deadline = b"", time.monotonic() + 20
    while shown.count(b"UPSTREAM") < 2 and time.monotonic() < deadline:
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
    assert shown.count(b"UPSTREAM") >= 2
    assert shown.endswith(b"\033[?1049l"), "the terminal is given back"


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
