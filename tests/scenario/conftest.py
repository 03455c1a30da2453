# SPDX-License-Identifier: Apache-2.0
"""Fixtures: whatever a test starts is stopped after it, and no test runs for ever."""

import os
import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from weirtest.metrics import Metrics  # noqa: E402
from weirtest.process import Weir, binary  # noqa: E402
from weirtest.redis import Redis  # noqa: E402
from weirtest.upstream import Upstream  # noqa: E402

LIMIT_S = int(os.environ.get("WEIR_TEST_LIMIT", "120"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """A test that outlives the limit fails where it stands."""
    marker = item.get_closest_marker("limit")
    seconds = marker.args[0] if marker else LIMIT_S

    def ring(*_):
        raise TimeoutError(f"the test ran longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def pytest_configure(config):
    config.addinivalue_line("markers", "limit(seconds): this test may run for so long")


class Stage:
    """Starts things and stops them in reverse order; the first fault is told, all are stopped."""

    def __init__(self):
        self._things = []

    def keep(self, thing):
        self._things.append(thing)
        return thing

    def weir(self, config, env=None, args=(), around=(), pass_fds=()):
        if not os.access(binary(), os.X_OK):
            pytest.fail(f"no gateway at {binary()}: build it, or set WEIR_BIN")
        started = self.keep(Weir(config, env, args, around, pass_fds)).wait_ready()
        started.metrics = Metrics(started)
        return started

    def upstream(self, script, **settings):
        return self.keep(Upstream(script, **settings))

    def redis(self, *options):
        return self.keep(Redis(*options))

    def clear(self):
        faults = []
        for thing in reversed(self._things):
            try:
                thing.stop()
            except Exception as fault:  # the rest must be stopped too
                faults.append(fault)
        self._things.clear()
        if faults:
            raise faults[0]


@pytest.fixture
def stage():
    stage = Stage()
    yield stage
    stage.clear()


@pytest.fixture(scope="module")
def shared_stage():
    """For facts that one gateway can show one after the other."""
    stage = Stage()
    yield stage
    stage.clear()
