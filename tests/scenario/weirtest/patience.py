# SPDX-License-Identifier: Apache-2.0
"""Bounded waiting: until something is true, and never longer than the caller allows."""

import threading
import time

# A busy two-core machine under a sanitizer may leave a process alone for a second or two. What
# is promised within 200 ms is given PROMPTLY: the limits that would bring it about as well, if
# the promise were broken, are far longer than this. LONG is for what comes in the end.
PROMPTLY = 5.0
LONG = 30.0

_never = threading.Event()


def until(true, timeout=LONG, what="the awaited state"):
    """Returns the first truthy value of `true()`; fails when `timeout` seconds pass first."""
    deadline = time.monotonic() + timeout
    while True:
        value = true()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come within {timeout} s")
        _never.wait(0.01)


def await_event(event, timeout=LONG, what="the awaited event"):
    assert event.wait(timeout), f"{what} did not come within {timeout} s"


def in_parallel(jobs, timeout=30):
    """Runs the callables at once, each in its thread; returns their values in order."""
    values, faults = [None] * len(jobs), []

    def run(place, job):
        try:
            values[place] = job()
        except BaseException as fault:  # told to the caller's thread below
            faults.append(fault)

    threads = [
        threading.Thread(target=run, args=(i, job), daemon=True) for i, job in enumerate(jobs)
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    if faults:
        raise faults[0]
    assert not any(thread.is_alive() for thread in threads), "a parallel job did not end"
    return values
