# SPDX-License-Identifier: Apache-2.0
"""The gateway as a process: configured, started, listened to, signalled, and always stopped.

Standard error is read by a thread: the one start line gives both addresses, the JSON lines
after it are kept as `lines`. A sanitizer's report, or an exit status other than 0 after a
stop, fails the test.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading

from .client import ask
from .patience import LONG, until

ROOT = pathlib.Path(__file__).resolve().parents[3]
START = re.compile(
    r"weir: serving on http://([^:]+):(\d+), admin on http://([^:]+):(\d+), (\d+) event loops?"
)
REPORTS = ("Sanitizer", "runtime error:", "ensure failed", "Assertion")


def binary():
    return os.environ.get("WEIR_BIN") or str(ROOT / "build" / "asan" / "weir")


def environment(extra=None):
    env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    env.setdefault("ASAN_OPTIONS", "quarantine_size_mb=4:exitcode=99:detect_leaks=1")
    env.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
    env.setdefault("TSAN_OPTIONS", "halt_on_error=1:exitcode=99")
    return {**env, **(extra or {})}


def written(config):
    """A configuration as text: a dict becomes JSON, which is YAML too."""
    return config if isinstance(config, str) else json.dumps(config, indent=1)


class Weir:
    def __init__(self, config, env=None, args=(), around=(), pass_fds=()):
        self.folder = tempfile.TemporaryDirectory(prefix="weir-scenario-")
        self.path = pathlib.Path(self.folder.name) / "weir.yaml"
        self.lines, self.said, self.killed = [], [], False
        self._ready = threading.Event()
        self.configure(config)
        self.process = subprocess.Popen(
            [*around, binary(), "serve", "-c", str(self.path), *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment(env),
            pass_fds=pass_fds,
        )
        self.pid = self.process.pid
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def configure(self, config):
        """Writes the file anew; SIGHUP makes the gateway read it."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(written(config))
        fresh.rename(self.path)

    def wait_ready(self, timeout=LONG):
        until(lambda: self._ready.is_set() or self.process.poll() is not None, timeout, "start")
        assert self._ready.is_set(), f"did not start: {self.stderr[-3000:]}"
        return self

    @property
    def stderr(self):
        return "\n".join(self.said)

    def ask(self, method, target, body=None, headers=None, timeout=LONG):
        return ask(self.address, method, target, body, headers, timeout)

    def post(self, target, body, headers=None, timeout=LONG):
        return ask(self.address, "POST", target, body, headers, timeout)

    def get(self, target, headers=None):
        return ask(self.address, "GET", target, None, headers)

    def ask_admin(self, target, method="GET", body=None, headers=None):
        return ask(self.admin, method, target, body, headers)

    # -- the log -----------------------------------------------------------------------

    def logged(self, event, **fields):
        return [
            line
            for line in list(self.lines)
            if line.get("event") == event and all(line.get(k) == v for k, v in fields.items())
        ]

    def wait_logged(self, event, count=1, timeout=LONG, **fields):
        def enough():
            found = self.logged(event, **fields)
            return found if len(found) >= count else None

        return until(enough, timeout, f"log line {event} {fields}")

    # -- signals and the end -----------------------------------------------------------

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self):
        self.signal(signal.SIGHUP)

    def drain(self):
        self.signal(signal.SIGTERM)

    def wait_exit(self, timeout=LONG):
        status = self.process.wait(timeout)
        self._reader.join(timeout)
        return status

    def rss_bytes(self, field="VmRSS"):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"no {field}")

    def stop(self):
        """Ends it as an operator would; kills it if it does not listen, and says so."""
        try:
            status, hung = self._end()
        finally:
            self._reader.join(5)
            self.folder.cleanup()
        self._judge(status, hung)

    def _end(self):
        for patience in (5, LONG):  # the second signal is heard at once
            if self.process.poll() is None:
                self.drain()
                try:
                    self.process.wait(patience)
                except subprocess.TimeoutExpired:
                    continue
        if self.process.poll() is None:
            self.process.kill()
            return self.process.wait(5), True
        return self.process.returncode, False

    def _judge(self, status, hung):
        reports = [line for line in self.said if any(word in line for word in REPORTS)]
        assert not reports, "a sanitizer spoke:\n" + self.stderr[-6000:]
        if self.killed:
            return
        assert not hung, "did not end on SIGTERM"
        assert status >= 0, f"killed by signal {-status}:\n{self.stderr[-3000:]}"

    def _listen(self):
        for raw in self.process.stderr:
            line = raw.decode("utf-8", "replace").rstrip("\n")
            self.said.append(line)
            found = START.search(line)
            if found:
                host, port, admin_host, admin_port, loops = found.groups()
                self.address, self.admin = (host, int(port)), (admin_host, int(admin_port))
                self.loops = int(loops)
                self._ready.set()
            elif line.startswith("{"):
                try:
                    self.lines.append(json.loads(line))
                except ValueError:
                    pass


def run(*args, config=None, env=None, around=(), timeout=60):
    """Runs a verb to its end; `{file}` in an argument becomes the configuration's path."""
    with tempfile.TemporaryDirectory(prefix="weir-scenario-") as folder:
        path = pathlib.Path(folder) / "weir.yaml"
        if config is not None:
            path.write_text(written(config))
        words = [*around, binary(), *(a.replace("{file}", str(path)) for a in args)]
        return subprocess.run(
            words, env=environment(env), capture_output=True, text=True, timeout=timeout
        )
