# SPDX-License-Identifier: Apache-2.0
"""The load: single requests for checks, wrk for rates, and the tools for many connections."""

import http.client
import json
import os
import re
import resource
import time
import signal
import subprocess
import threading
from dataclasses import dataclass, field

from process import LOAD_CORES, Failed, Process, attended

HERE = os.path.dirname(os.path.abspath(__file__))
CHAT = "/v1/chat/completions"
PLACE = "0" * 12  # where post.lua puts its count
COUNTS_APART = 10**9  # between two runs with unique bodies: more than any run sends


@dataclass
class Case:
    """One line of the table: who is asked, what, and what must come of it."""

    name: str
    title: str
    server: Process
    port: int
    body: str  # a file
    unique: bool = False  # another body in each request
    cached: bool = False  # the upstream must not hear of it
    cores: set = field(default_factory=lambda: LOAD_CORES)
    mark: tuple = ()  # a header of a right answer: name, accepted values
    samples: list = field(default_factory=list)


def post(port, body, path=CHAT):
    """One request on a connection of its own: status, headers, body."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        link.request("POST", path, body, {"Content-Type": "application/json"})
        answer = link.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        link.close()


def raw_answer(port, body):
    """The bytes of an answer, head and all."""
    status, headers, content = post(port, body)
    lines = [f"HTTP/1.1 {status} OK"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def upstream_posts(upstream):
    link = http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=10)
    try:
        link.request("GET", "/count")
        return json.load(link.getresponse())["posts"]
    finally:
        link.close()


def check(case, upstream):
    """Asks a few times and looks at the answers, before anything is measured."""
    with open(case.body, "rb") as file:
        body = file.read()
    post(case.port, body)  # fills a cache
    before = upstream_posts(upstream)
    for number in range(3):
        unique = body.replace(PLACE.encode(), b"%012d" % (number + 1))
        status, headers, content = post(case.port, unique if case.unique else body)
        if status != 200:
            raise Failed(f"{case.name}: status {status}: {content[:300]!r}")
        if not json.loads(content)["choices"]:
            raise Failed(f"{case.name}: no answer in {content[:300]!r}")
        if case.mark and headers.get(case.mark[0], "").lower() not in case.mark[1]:
            raise Failed(f"{case.name}: {case.mark[0]} is {headers.get(case.mark[0])!r}, "
                         f"not one of {case.mark[1]}")
    heard, due = upstream_posts(upstream) - before, 0 if case.cached else 3
    if heard != due:
        raise Failed(f"{case.name}: the upstream heard {heard} requests, not {due}")


_runs = 0


def wrk(case, seconds, connections):
    """One run of wrk: its JSON line, and its own CPU seconds."""
    global _runs
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s",
             os.path.join(HERE, "wrk", "post.lua"), f"http://127.0.0.1:{case.port}{CHAT}",
             "--", case.body]
    if case.unique:
        _runs += 1
        words.append(str(_runs * COUNTS_APART))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with attended(words, case.cores, **pipes) as child:
        output = child.communicate()[0].decode(errors="replace")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if child.returncode != 0:
        raise Failed(f"{case.name}: wrk failed:\n{output}")
    result = json.loads(output.strip().splitlines()[-1])
    if result["errors"] or not result["requests"]:
        raise Failed(f"{case.name}: wrk saw errors:\n{output}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return result, cpu


def quiet_posts(upstream):
    """The count once it stands still: what wrk left under way may come a moment later."""
    heard = upstream_posts(upstream)
    while True:
        time.sleep(0.05)
        again = upstream_posts(upstream)
        if again == heard:
            return heard
        heard = again


def measure(case, upstream, seconds, connections):
    """One sample, kept in the case."""
    heard, cpu = quiet_posts(upstream), case.server.cpu_seconds()
    result, load_cpu = wrk(case, seconds, connections)
    cpu = case.server.cpu_seconds() - cpu
    heard = quiet_posts(upstream) - heard
    requests = result["requests"]
    if case.cached and heard:
        raise Failed(f"{case.name}: {heard} of {requests} hits went upstream")
    if not case.cached and heard < requests:
        raise Failed(f"{case.name}: the upstream heard only {heard} of {requests} misses")
    case.samples.append({
        "rate": requests / result["seconds"],
        "cpu_us": cpu / requests * 1e6,
        "load_cpu_us": load_cpu / requests * 1e6,
        "busy": cpu / result["seconds"],
        "p50_us": result["p50_us"],
        "p99_us": result["p99_us"],
    })


def count_calls(case, seconds, connections, folder):
    """System calls per request, by name."""
    path = os.path.join(folder, case.name + ".strace")
    words = ["strace", "-c", "-f", "-p", str(case.server.pid), "-o", path]
    with attended(words, LOAD_CORES, stderr=subprocess.PIPE) as tracer:
        said = tracer.stderr.readline()
        if b"attached" not in said:
            raise Failed(f"{case.name}: strace does not attach: {said.decode()}")
        requests = wrk(case, seconds, connections)[0]["requests"]
        tracer.send_signal(signal.SIGINT)
        tracer.communicate()
    calls = {}
    with open(path) as file:
        for line in file:
            row = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
            if row and row[2] != "total":
                calls[row[2]] = round(int(row[1]) / requests, 3)
    return calls


def streams(stage, port, count, ramp_ms, events, model, watched):
    """The stream reader's JSON, with the highest RSS and the CPU per event of `watched`."""
    words = [stage.tool("streams"), "--target", f"127.0.0.1:{port}", "--streams", str(count),
             "--ramp", str(ramp_ms), "--events", str(events), "--model", model]
    cpu = watched.cpu_seconds()
    peak, ended = [0], threading.Event()

    def watch():
        while not ended.wait(0.1):
            peak[0] = max(peak[0], watched.rss_kib())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with attended(words, LOAD_CORES, stdout=subprocess.PIPE) as child:
            output = child.communicate()[0]
    finally:
        ended.set()
        watcher.join()
    try:
        result = json.loads(output)
    except ValueError:
        raise Failed(f"streams: no result: {output!r}") from None
    cpu_us = (watched.cpu_seconds() - cpu) * 1e6 / (result["events"] or 1)
    return {**result, "cpu_us": cpu_us, "rss_mib": peak[0] / 1024}


def idle_rss_kib(stage, server, count, path="/livez"):
    """RSS of `server` while `count` idle connections are held, each answered once."""
    words = [stage.tool("idle"), "--target", f"127.0.0.1:{server.port}",
             "--connections", str(count), "--path", path]
    with attended(words, LOAD_CORES, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        held = json.loads(child.stdout.readline() or "{}")
        rss = server.rss_kib()
        lost = child.communicate()[0]
    if child.returncode != 0:
        raise Failed(f"{server.name}: idle connections were lost: {held} {lost.decode()}")
    return rss
