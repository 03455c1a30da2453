# SPDX-License-Identifier: Apache-2.0
"""One child process: pinned to its cores, watched through /proc, and never left behind."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time

SERVER_CORES = {0}
LOAD_CORES = {(os.cpu_count() or 1) - 1}
ALL_CORES = SERVER_CORES | LOAD_CORES

START_SECONDS = 10.0  # nobody here needs one; what takes ten does not come
STOP_SECONDS = 3.0
TICKS = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None)


class Failed(Exception):
    """The measurement cannot go on; the text says why."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _settle_child(cores):
    """Runs in the child: its cores, and that it dies with us even if we are killed."""

    def settle():
        os.sched_setaffinity(0, cores)
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    return settle


def spawn(words, cores, **pipes):
    return subprocess.Popen(words, preexec_fn=_settle_child(cores), **pipes)


@contextlib.contextmanager
def attended(words, cores, **pipes):
    """A child that is gone when the `with` is left, even by an interrupt."""
    with spawn(words, cores, **pipes) as child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


class Process:
    """A server under measurement. `port` is where it is asked."""

    def __init__(self, name, words, port, folder, cores):
        self.name, self.port = name, port
        self.log = os.path.join(folder, name + ".log")
        self.begun = time.monotonic()
        with open(self.log, "wb") as log:
            self.child = spawn(words, cores, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.pid = self.child.pid

    def await_port(self):
        """Seconds from before the fork until a connection was accepted."""
        while time.monotonic() - self.begun < START_SECONDS:
            if self.child.poll() is not None:
                raise Failed(f"{self.name} ended at its start:\n{self.log_tail()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return time.monotonic() - self.begun
            except ConnectionRefusedError:
                time.sleep(0.0002)  # finer than what is measured by far
        raise Failed(f"{self.name} does not accept:\n{self.log_tail()}")

    def log_tail(self):
        with open(self.log, errors="replace") as log:
            return "".join(log.readlines()[-10:])

    def follow_worker(self):
        """For a master with one worker: measure the worker."""
        path = f"/proc/{self.child.pid}/task/{self.child.pid}/children"
        while time.monotonic() - self.begun < START_SECONDS:
            for pid in _words(path):
                if b"worker process" in _bytes(f"/proc/{pid}/cmdline"):
                    self.pid = int(pid)
                    return
            time.sleep(0.01)
        raise Failed(f"{self.name} has no worker:\n{self.log_tail()}")

    def cpu_seconds(self):
        """User and system time of all threads; steps of a hundredth."""
        fields = _bytes(f"/proc/{self.pid}/stat").rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss_kib(self):
        for line in _bytes(f"/proc/{self.pid}/status").splitlines():
            if line.startswith(b"VmRSS:"):
                return int(line.split()[1])
        raise Failed(f"{self.name} died:\n{self.log_tail()}")

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
        try:
            self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


def _bytes(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def _words(path):
    return _bytes(path).decode().split()
