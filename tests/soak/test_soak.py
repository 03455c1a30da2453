# SPDX-License-Identifier: Apache-2.0
"""200,000 mixed requests, every twentieth to an upstream that fails, and all is as before.

wrk asks (see mix.lua): hits, misses, streams, JSON that is none, faults. Beside it clients
leave in the middle of heads, bodies and streams. The state after the first 10,000 is what
the state after the last is compared with: by then every cache and pool has its size.

Needs a release build: WEIR_BIN is the gateway, WEIR_BENCH the folder of the bench's tools.
"""

import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import threading

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "scenario"))

from weirtest import config  # noqa: E402
from weirtest.metrics import Metrics  # noqa: E402
from weirtest.patience import LONG, until  # noqa: E402
from weirtest.process import ROOT, Weir  # noqa: E402
from weirtest.redis import Redis  # noqa: E402

REQUESTS, WARM_UP, LEAVING = 200_000, 10_000, 5_000
CONNECTIONS = 64
SECONDS = 300  # far more than it takes
GROWTH, SPARE_BYTES = 1.10, 4 << 20  # thirty bytes of each request would be more
SPARE_FDS = 1  # the scrape's own connection may still be closing

os.environ.setdefault("WEIR_BIN", str(ROOT / "build" / "release" / "weir"))
TOOLS = pathlib.Path(os.environ.get("WEIR_BENCH", ROOT / "build" / "release" / "bench"))


class Provider:
    """bench/upstream: fast, and failing where the body asks for it."""

    def __init__(self):
        words = [str(TOOLS / "upstream"), "--port", "0", "--events", "3", "--every", "1"]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        address = self.process.stdout.readline().split()[-1]
        self.url, self.port = f"http://{address}/v1", int(address.split(":")[1])

    def stop(self):
        self.process.terminate()
        self.process.wait(LONG)


class Leavers:
    """Clients that go in the middle, one after the other, while others are served."""

    BODY = b'{"model":"chat","stream":true,"temperature":1,"messages":[{"role":"user","content":"x"}]}'
    HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: w\r\nContent-Length: %d\r\n\r\n" % len(BODY)
    WAYS = [HEAD[:30], HEAD + BODY[:20], HEAD + BODY, HEAD + BODY]

    def __init__(self, address, count):
        self.address, self.count, self.left = address, count, 0
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def join(self):
        self.thread.join(SECONDS)

    def _run(self):
        for number in range(self.count):
            way = self.WAYS[number % len(self.WAYS)]
            with socket.create_connection(self.address, LONG) as client:
                client.sendall(way)
                if number % len(self.WAYS) == 3:
                    client.recv(200)  # the stream has begun
                if number % 8 < 4:  # half of them with a reset
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.left += 1


def mix(weir, count, first):
    host, port = weir.address
    words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", str(HERE / "mix.lua"),
             f"http://{host}:{port}/v1/chat/completions", "--", str(count), str(first)]  # fmt: skip
    told = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS + LONG)
    assert told.returncode == 0, told.stdout + told.stderr
    return json.loads(told.stdout.splitlines()[-1])


def in_flight(weir):
    """Every gauge of what is under way."""
    name = re.compile(r"^(weir_\w*in_flight|weir_flights|weir_flight_followers|weir_queue_depth)\b")
    lines = [line for line in weir.metrics.text().splitlines() if name.match(line)]
    assert len(lines) >= 5, f"too few gauges: {lines}"
    return lines


def open_files(weir, provider):
    """How many, without the connections to the provider that are kept, and how many those are."""
    text = pathlib.Path(f"/proc/{weir.pid}/net/tcp").read_text()
    rows = [line.split() for line in text.splitlines()[1:]]
    port = f":{provider.port:04X}"
    kept = {f"socket:[{row[9]}]" for row in rows if row[2].endswith(port)}
    folder = f"/proc/{weir.pid}/fd"
    links = [os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)]
    of_provider = sum(link in kept for link in links)
    return len(links) - of_provider, of_provider


def rest(weir, provider):
    """The gateway with nobody asking."""
    until(lambda: all(line.endswith(" 0") for line in in_flight(weir)), LONG, "nothing in flight")
    until(lambda: weir.metrics.sum("weir_connections") <= 1, LONG, "no client connected")
    files, kept = open_files(weir, provider)
    return {"files": files, "kept": kept, "rss": weir.rss_bytes(), "gauges": in_flight(weir)}


@pytest.fixture(scope="module")
def soak():
    """What is seen at rest after the first requests and after the last, and what was answered."""
    redis = Redis("--maxmemory", "32mb", "--maxmemory-policy", "allkeys-lru")
    provider = Provider()
    settings = config.merged(
        config.gateway(provider, log={"level": "error"}, cache={"memory": "1MiB"}),
        config.redis(redis),
        config.timeouts(headers="1s", first_data="1s"),
    )
    weir = Weir(settings).wait_ready()
    weir.metrics = Metrics(weir)
    try:
        leavers = Leavers(weir.address, LEAVING * WARM_UP // REQUESTS)
        first = mix(weir, WARM_UP, 0)
        leavers.join()
        early = rest(weir, provider)
        leavers = Leavers(weir.address, LEAVING - leavers.count)
        second = mix(weir, REQUESTS - WARM_UP - LEAVING, 10 * REQUESTS)
        leavers.join()
        late = rest(weir, provider)
        outcomes = {}
        for labels, value in weir.metrics.samples("weir_requests_total"):
            outcomes[labels["outcome"]] = outcomes.get(labels["outcome"], 0) + int(value)
        seen = {"first": first, "second": second, "left": leavers.left, "early": early,
                "late": late, "outcomes": outcomes}  # fmt: skip
        print(json.dumps(seen, indent=1))
        yield seen
    finally:
        weir.stop()
        provider.stop()
        redis.stop()


def test_every_request_is_answered_as_it_deserves(soak):
    second = soak["second"]
    statuses = {int(status): count for status, count in second["statuses"].items()}
    answered, twentieth = second["answered"], second["answered"] / 20
    assert answered == REQUESTS - WARM_UP - LEAVING
    assert second["asked"] - answered <= CONNECTIONS, "some were never answered"
    assert soak["left"] == LEAVING - LEAVING * WARM_UP // REQUESTS
    assert abs(statuses[400] - twentieth) < CONNECTIONS
    failures = sum(count for status, count in statuses.items() if status == 429 or status >= 500)
    assert failures <= twentieth + CONNECTIONS, "more failures than faults"
    assert statuses[200] >= 18 * twentieth - CONNECTIONS


def test_every_kind_of_end_was_met(soak):
    for outcome in ("ok", "cache_hit", "client_cancel", "upstream_error", "timeout", "rejected"):
        assert soak["outcomes"].get(outcome, 0) > 0, outcome
    assert soak["outcomes"].get("internal_error", 0) == 0


def test_no_open_file_is_left_behind(soak):
    assert soak["late"]["files"] <= soak["early"]["files"] + SPARE_FDS
    assert soak["late"]["kept"] <= CONNECTIONS


def test_memory_is_as_after_the_first_requests(soak):
    assert soak["late"]["rss"] <= soak["early"]["rss"] * GROWTH + SPARE_BYTES


def test_nothing_is_in_flight(soak):
    assert all(line.endswith(" 0") for line in soak["late"]["gauges"]), soak["late"]["gauges"]
