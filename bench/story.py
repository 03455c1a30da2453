# SPDX-License-Identifier: Apache-2.0
"""
The measurement from beginning to end. Read main() first.

The servers run on the first core, whatever loads or feeds them on the last. All are up at
once, one is asked at a time; rounds go through all cases in turn, so that a neighbour's
noise falls on all alike.
"""

import argparse
import json
import os
import platform
import shlex
import signal
import statistics
import subprocess
import sys
import time

import load
import report
from process import ALL_CORES, LOAD_CORES, Failed
from servers import Stage

SMALL_BYTES, LARGE_BYTES = 300, 100 * 1024
PARTS = ("rates", "streams", "footprint")
STREAM_EVERY_MS = 100
STARTS = 5


def read_flags():
    here = os.path.dirname(os.path.abspath(__file__))
    flags = argparse.ArgumentParser(prog="bench/run.sh", description="Measures Weir.")
    flags.add_argument("--quick", action="store_true", help="one short round: does it work?")
    flags.add_argument("--rounds", type=int, default=5)
    flags.add_argument("--seconds", type=int, default=2, help="of each case in each round")
    flags.add_argument("--connections", type=int, default=32, help="that wrk keeps open")
    flags.add_argument("--streams", type=int, default=2000)
    flags.add_argument("--idle", type=int, default=10000, help="idle connections")
    flags.add_argument("--parts", default=",".join(PARTS), help="some of " + ",".join(PARTS))
    flags.add_argument("--only", default="", help="cases whose names hold one of a,b,c")
    flags.add_argument("--strace", action="store_true", help="system calls per request too")
    flags.add_argument("--without-weir", action="store_true", help="only the others")
    flags.add_argument("--weir", help="another binary than the build's")
    flags.add_argument("--out", default=os.path.join(here, "out", "bench.json"))
    flags.add_argument("--build", required=True, help=argparse.SUPPRESS)
    args = flags.parse_args()
    args.parts = args.parts.split(",")
    if not set(args.parts) <= set(PARTS):
        flags.error("--parts takes some of " + ",".join(PARTS))
    args.ramp_ms, args.events = 2000, 80
    if args.quick:
        args.rounds, args.seconds, args.ramp_ms, args.events = 1, 1, 1000, 30
    args.weir = args.weir or os.path.join(args.build, "weir")
    return args


# ---- the cases -----------------------------------------------------------------------


def write_bodies(stage):
    """Each body is a file; the unique one has a place for post.lua's count."""

    def body(model, text, size):
        request = {"model": model, "temperature": 0, "messages": [
            {"role": "system", "content": "You answer for a support desk."},
            {"role": "user", "content": text}]}
        missing = size - len(json.dumps(request, separators=(",", ":")))
        request["messages"][1]["content"] += (" and where is my refund?" * size)[:missing]
        return json.dumps(request, separators=(",", ":"))

    return {
        "small": stage.write("small.json", body("bench", "Hello", SMALL_BYTES)),
        "large": stage.write("large.json", body("bench", "Hello", LARGE_BYTES)),
        "watched": stage.write("watched.json", body("bench-watched", "Hello", SMALL_BYTES)),
        "segments": stage.write("segments.json", body("bench-segments", "Hello", SMALL_BYTES)),
        "unique": stage.write("unique.json", body("bench-nocache", load.PLACE, SMALL_BYTES)),
    }


def weir_cases(stage, bodies):
    hit = {"cached": True, "mark": ("x-weir-cache", ("hit",))}
    weir = stage.start_weir("weir")
    redis_only = stage.start_weir("weir-redis", memory="0")
    two = stage.start_weir("weir-two", workers=2)
    return [
        load.Case("hit", "memory hit", weir, weir.port, bodies["small"], **hit),
        load.Case("hit_watched", "memory hit, ten predictions", weir, weir.port,
                  bodies["watched"], **hit),
        load.Case("hit_segments", "memory hit, and three segments", weir, weir.port,
                  bodies["segments"], **hit),
        load.Case("hit_large", "memory hit, 100 KB", weir, weir.port, bodies["large"], **hit),
        load.Case("hit_redis", "Redis hit", redis_only, redis_only.port, bodies["small"],
                  **hit),
        load.Case("miss", "miss", weir, weir.port, bodies["unique"], unique=True,
                  mark=("x-weir-cache", ("miss", "bypass"))),
        load.Case("hit_two", "memory hit, two workers", two, two.port, bodies["small"],
                  cores=ALL_CORES, **hit),
        load.Case("hit_large_two", "memory hit, 100 KB, two workers", two, two.port,
                  bodies["large"], cores=ALL_CORES, **hit),
    ]


def peer_cases(stage, bodies, answer):
    nginx, haproxy = stage.start_nginx(), stage.start_haproxy()
    limit = stage.start_limit(answer)
    upstream = stage.upstream
    return [
        load.Case("nginx_cached", "nginx cached POST", nginx, nginx.cached_port,
                  bodies["small"], cached=True, mark=("x-cache", ("hit",))),
        load.Case("nginx_tuned", "nginx cached POST, tuned", nginx, nginx.tuned_port,
                  bodies["small"], cached=True, mark=("x-cache", ("hit",))),
        load.Case("nginx_proxy", "nginx proxy_pass", nginx, nginx.port, bodies["unique"],
                  unique=True),
        load.Case("haproxy_proxy", "HAProxy", haproxy, haproxy.port, bodies["unique"],
                  unique=True),
        load.Case("limit", "limit", limit, limit.port, bodies["small"], cached=True),
        load.Case("limit_large", "limit, 100 KB", limit, limit.port, bodies["large"],
                  cached=True),
        load.Case("direct", "upstream without a proxy", upstream, upstream.port,
                  bodies["unique"], unique=True),
    ]


def read_body(path):
    with open(path, "rb") as file:
        return file.read()


def hit_answer(cases, bodies):
    """What the limit says: a hit of Weir's, byte for byte, else the upstream's answer."""
    first = cases[0]
    body = read_body(bodies["small"])
    load.post(first.port, body)
    return load.raw_answer(first.port, body)


# ---- the parts -----------------------------------------------------------------------


def measure_rates(stage, args, record):
    bodies = write_bodies(stage)
    cases = [] if args.without_weir else weir_cases(stage, bodies)
    source = cases or [load.Case("upstream", "", stage.upstream, stage.upstream.port, "")]
    cases += peer_cases(stage, bodies, hit_answer(source, bodies))
    wanted = [name for name in args.only.split(",") if name]
    cases = {case.name: case for case in cases
             if not wanted or any(name in case.name for name in wanted)}

    for case in cases.values():
        load.check(case, stage.upstream)
    for number in range(args.rounds):
        tell(f"round {number + 1} of {args.rounds}")
        for case in cases.values():
            load.measure(case, stage.upstream, args.seconds, args.connections)
    report.print_cases(cases)
    record["cases"] = {name: report.case_record(case) for name, case in cases.items()}
    record["ratios"] = report.ratios(cases) + report.scaling(cases)
    report.print_ratios(record["ratios"])
    if args.strace:
        tell("counting system calls")
        record["calls"] = {case.title: load.count_calls(case, 1, args.connections, stage.folder)
                           for case in cases.values()}
        report.print_calls(record["calls"])
    for process in stage.running[:]:
        if process not in (stage.upstream, stage.redis):
            stage.stop(process)


def measure_streams(stage, args, record, values):
    tell(f"{args.streams} streams")
    results = record["streams"] = {}

    def run(name, process, model="bench-model"):
        results[name] = load.streams(stage, process.port, args.streams, args.ramp_ms,
                                     args.events, model, process)

    run("upstream without a proxy", stage.upstream)
    if not args.quick:
        for name, start in (("nginx", stage.start_nginx), ("HAProxy", stage.start_haproxy)):
            peer = start()
            run(name, peer)
            stage.stop(peer)
    if not args.without_weir:
        weir = stage.start_weir("weir-streams")
        run("Weir", weir, "bench-nocache")
        stage.stop(weir)
        mine = results["Weir"]
        values.update(stream_failures=mine["failed"], stream_stalls=mine["stalls"],
                      stream_p99_ms=mine["delay_ms"]["p99"], stream_rss_mib=mine["rss_mib"])
    report.print_streams(results)


def measure_footprint(stage, args, values):
    if args.without_weir:
        return
    tell("memory and start")
    weir = stage.start_weir("weir-idle")
    time.sleep(1)  # what a start allocates for a moment is gone by then
    idle = weir.rss_kib()
    held = load.idle_rss_kib(stage, weir, args.idle)
    stage.stop(weir)
    starts = []
    for number in range(STARTS):
        weir = stage.launch_weir(f"weir-start-{number}", alone=True)
        starts.append(weir.await_port() * 1000)
        stage.stop(weir)
    values.update(idle_rss_mib=idle / 1024, idle_connections_mib=(held - idle) / 1024,
                  start_ms=statistics.median(starts))


# ---- around them ---------------------------------------------------------------------


def tell(what):
    print(f"bench: {what}", file=sys.stderr, flush=True)


def first_line(*words):
    said = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False).stdout
    return said.decode(errors="replace").partition("\n")[0]


def describe(args):
    with open("/proc/cpuinfo") as file:
        models = [line.partition(":")[2].strip() for line in file
                  if line.startswith("model name")]
    versions = {"nginx": first_line("nginx", "-v"), "haproxy": first_line("haproxy", "-v"),
                "wrk": first_line("wrk", "-v"), "redis": first_line("redis-server", "-v")}
    if not args.without_weir:
        versions["weir"] = first_line(args.weir, "version")
    return {"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "command": shlex.join(["bench/run.sh", *sys.argv[3:]]),
            "machine": {"cpu": models[0] if models else platform.machine(),
                        "cores": os.cpu_count(), "kernel": platform.release()},
            "versions": versions,
            "settings": {"rounds": args.rounds, "seconds": args.seconds,
                         "connections": args.connections, "streams": args.streams,
                         "stream_events": args.events, "idle": args.idle,
                         "small_bytes": SMALL_BYTES, "large_bytes": LARGE_BYTES}}


def save(record, path):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w") as file:
        json.dump(record, file, indent=1)
        file.write("\n")
    print(f"\nwritten to {os.path.relpath(path)}")


def main():
    args = read_flags()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    os.sched_setaffinity(0, LOAD_CORES)
    record, values = describe(args), {}
    try:
        with Stage(args.build, args.weir, args.events, STREAM_EVERY_MS) as stage:
            stage.start_upstream()
            stage.start_redis()
            if "rates" in args.parts:
                measure_rates(stage, args, record)
            if "streams" in args.parts:
                measure_streams(stage, args, record, values)
            if "footprint" in args.parts:
                measure_footprint(stage, args, values)
    except Failed as fault:
        print(f"bench: {fault}", file=sys.stderr)
        return 1
    record["values"], record["ceilings"] = values, report.ceilings(values)
    if values:
        report.print_ceilings(record["ceilings"])
    save(record, args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
