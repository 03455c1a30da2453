#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What counting costs a hit: the same hit of three models of one gateway, which differ in what is
watched of them, in many short rounds in turn.

    bench/counting.py --build build/release [--rounds 20] [--starts 3]

Told is CPU time (user and system, of all threads) per request, as the kernel accounts it to the
nanosecond, and each case's ratio to the hit without predictions in the same round: its median,
and between what the middle half of the rounds lies. A neighbour's noise falls on one round; a
memory layout by chance, on one start. Build bench/upstream first.
"""

import argparse
import glob
import os
import statistics
import sys

import load
from process import Failed
from servers import Stage

CONNECTIONS = 32
CASES = {
    "bench-nothing": "hit",
    "bench-watched": "ten predictions",
    "bench-segments": "and three segments",
}
BODY = ('{"model":"%s","temperature":0,"messages":[{"role":"user","content":'
        '"Hello, and where is my refund?%s"}]}')


def cpu_ns(pid):
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path) as file:
            total += int(file.read().split()[0])
    return total


def cost_us(case):
    before = cpu_ns(case.server.pid)
    requests = load.wrk(case, case.seconds, CONNECTIONS)[0]["requests"]
    return (cpu_ns(case.server.pid) - before) / requests / 1e3


def make_case(stage, weir, name, seconds):
    path = stage.write(name + ".json", BODY % (name, " " * (300 - len(BODY) - len(name))))
    case = load.Case(name, CASES[name], weir, weir.port, path, cached=True,
                     mark=("x-weir-cache", ("hit",)))
    case.seconds = seconds
    load.check(case, stage.upstream)
    return case


def measure(stage, args):
    """One start: a row of costs for each round, in the order of CASES."""
    weir = stage.start_weir("weir")
    cases = [make_case(stage, weir, name, args.seconds) for name in CASES]
    rows = []
    for number in range(args.rounds + 1):
        turn = cases if number % 2 else cases[::-1]
        costs = {case.name: cost_us(case) for case in turn}
        rows.append([costs[name] for name in CASES])
    stage.stop(weir)
    return rows[1:]  # the first one warms up


def quartiles(values):
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def tell(rows):
    print("| case | CPU µs each | of the hit's, at the median | by start |\n| --- | --: | --: | --- |")
    for i, title in enumerate(CASES.values()):
        flat = [row for start in rows for row in start]
        cost = statistics.median(row[i] for row in flat)
        starts = ", ".join(f"{statistics.median(row[i] / row[0] for row in start):.3f}"
                           for start in rows)
        print(f"| {title} | {cost:.2f} | {quartiles([row[i] / row[0] for row in flat])} | {starts} |")


def main():
    flags = argparse.ArgumentParser(prog="bench/counting.py")
    flags.add_argument("--build", required=True)
    flags.add_argument("--weir", help="another binary than the build's")
    flags.add_argument("--rounds", type=int, default=20, help="after each start")
    flags.add_argument("--starts", type=int, default=3)
    flags.add_argument("--seconds", type=int, default=1, help="of each case in each round")
    args = flags.parse_args()
    try:
        with Stage(args.build, args.weir or os.path.join(args.build, "weir"), 1, 1) as stage:
            stage.start_upstream()
            stage.start_redis()
            tell([measure(stage, args) for _ in range(args.starts)])
    except Failed as failure:
        sys.exit(f"bench/counting.py: {failure}")


if __name__ == "__main__":
    main()
