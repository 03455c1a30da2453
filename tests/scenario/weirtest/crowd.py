# SPDX-License-Identifier: Apache-2.0
"""Callers that ask without a pause, and streams whose tokens come at a steady pace all the
while; each is looked at as it ends."""

import threading
import time

from . import chat
from .client import Client
from .patience import until

ASKERS, STREAMS = 8, 40
PACE_S = 0.2  # between two tokens
STEADY_S = 5.0  # no gap is longer
BEAT_S = 0.05
# What a busy machine may take is no fault of an upstream's, nor of a gateway's.
PATIENT = {"timeouts": {"headers": "30s", "first_data": "30s", "data_gap": "30s"}}


def tells_and_counts(go):
    """An upstream's script: streams count their tokens until `go`, and then say how many they
    were; plain answers come at once."""

    def script(call):
        if b'"stream": true' not in call.request.body:
            return chat.says()(call)
        said = 0
        call.head(200, {"Content-Type": "text/event-stream"})
        call.chunk(chat.event({"role": "assistant", "content": ""}))
        while not go.wait(PACE_S) and not call.connection.stopping():
            said += 1
            call.chunk(chat.event({"content": f"{said} "}))
        for last in (chat.event({"content": f"of {said}"}), chat.event({}, "stop"), chat.DONE):
            call.chunk(last)
        call.end()

    return script


def is_whole(events):
    """Every token, once, in order, and the end."""
    if not events or events[-1] != b"[DONE]":
        return False
    *tokens, of, count = chat.text_of(events).split() or ["", ""]
    return of == "of" and tokens == [str(n + 1) for n in range(int(count))]


class Crowd:
    """Questions have a connection each. `go` ends the streams, which `tells_and_counts`."""

    def __init__(self, address, go):
        self.address, self.go, self.over = address, go, threading.Event()
        self.asked, self.faults = 0, []
        self.longest_gap, self.longest_stall = 0.0, 0.0
        self.lock = threading.Lock()
        jobs = [self._beat] + [self._ask] * ASKERS + [self._follow] * STREAMS
        self.threads = [threading.Thread(target=job, daemon=True) for job in jobs]
        for thread in self.threads:
            thread.start()

    def _beat(self):
        """How long the machine did not let this process go on: no fault of the gateway's."""
        before = time.monotonic()
        while not self.over.wait(BEAT_S):
            now = time.monotonic()
            self.longest_stall = max(self.longest_stall, now - before - BEAT_S)
            before = now

    def _ask(self):
        number = 0
        while not self.over.is_set():
            number += 1
            try:
                with Client(self.address, timeout=60) as client:
                    status = client.post(chat.PATH, chat.question(f"{id(client)} {number}")).status
                fault = None if status == 200 else status
            except (OSError, AssertionError) as error:
                fault = repr(error)
            with self.lock:
                self.asked += 1
                self.faults += [fault] if fault else []

    def _follow(self):
        gap, fault = 0.0, None
        try:
            with Client(self.address, timeout=60) as client:
                client.ask("POST", chat.PATH, chat.question(stream=True))
                response = client.head()
                before = time.monotonic()
                while client.some(response):
                    gap, before = max(gap, time.monotonic() - before), time.monotonic()
            if response.status != 200 or not response.complete or not is_whole(response.events):
                fault = f"a stream was not whole: {response.body[-200:]!r}"
        except (OSError, AssertionError) as error:
            fault = repr(error)
        with self.lock:
            self.longest_gap = max(self.longest_gap, gap)
            self.faults += [fault] if fault else []

    def asked_more(self, count):
        with self.lock:
            goal = self.asked + count
        until(lambda: self.asked >= goal, 90, "more questions")

    def end(self):
        """All have ended, none has failed, and tokens came at a steady pace."""
        self.over.set()
        self.go.set()
        for thread in self.threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self.threads)
        about = f"the longest gap was {self.longest_gap:.1f} s, the machine's {self.longest_stall:.1f} s"
        assert not self.faults, (about, len(self.faults), self.faults[:3])
        assert self.longest_gap < STEADY_S + self.longest_stall, about
