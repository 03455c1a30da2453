#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What hedging and an adaptive limit are worth before model servers whose slowness is known:

    hedging    three endpoints, where two calls of a hundred take twenty times as long; with
               `hedge: {after: p95, at_most: 5%}` and without, at the same time
    adaptive   a server with a knee that changes midway, under more bulk callers than it can
               serve; urgent questions beside them; `max_in_flight: adaptive` and a fixed 64

Prints tables and writes docs/hedging.svg and docs/adaptive.svg, which docs/resilience.md shows and
takes its figures from. It takes a minute and a half:

    bench/resilience.py --weir build/release/weir
    tests/scenario/resilience.py > docs/resilience.md
"""

import argparse
import asyncio
import contextlib
import json
import math
import os
import random
import statistics
import sys
import tempfile

from model import Caller, Kneed, Model, Uneven
from plot import BLUE, FAINT, GREEN, ORANGE, Panel, Picture, linear, logarithmic, tail
from process import ALL_CORES, Failed, Process, free_port

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "docs")
COMMAND = "bench/resilience.py --weir build/release/weir"

SEED, RATE, HEDGING_S, ENDPOINTS = 3, 200, 40, 3
USUAL_S, SPREAD, SLOW_SHARE, SLOWER = 0.08, 0.25, 0.02, 20

KNEES, WORK_S, PHASE_S = (16, 8), 0.08, 20
BULK, URGENT_RATE, FIXED = 64, 10, 64
SETTLED_S = 5  # after a change, before figures are taken
LIMIT_EVERY_S = 0.2
MOST_LATE_S = 0.02


def read_flags():
    flags = argparse.ArgumentParser(prog="bench/resilience.py", description=__doc__.split("\n")[1])
    flags.add_argument("--weir", required=True, help="a release build's binary")
    flags.add_argument("--docs", default=DOCS, help="where the pictures go")
    flags.add_argument("--only", choices=("hedging", "adaptive"))
    return flags.parse_args()


@contextlib.asynccontextmanager
async def gateway(binary, name, endpoints, **upstream):
    """Weir before these endpoints; a caller of it, and one of its admin address."""
    port, admin = free_port(), free_port()
    config = {
        "server": {"listen": f"127.0.0.1:{port}", "workers": 1,
                   "drain": {"delay": "0s", "timeout": "1s"}},
        "admin": {"listen": f"127.0.0.1:{admin}"},
        "log": {"level": "error"},
        "upstreams": {"pool": {"dialect": "openai", "endpoints": endpoints, **upstream}},
        "models": {"chat": {"routes": [{"upstream": "pool", "model": "m"}], "max_attempts": 2 if "hedge" in upstream else 1,
                            "deadline": "60s", "cache": {"when": "never"}}},
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        path = os.path.join(folder, "weir.yaml")
        with open(path, "w") as file:
            json.dump(config, file)
        weir = Process(name, [binary, "serve", "-c", path], port, folder, ALL_CORES)
        callers = Caller(port), Caller(admin)
        try:
            await asyncio.to_thread(weir.await_port)
            yield callers
        finally:
            for caller in callers:
                caller.close()
            await asyncio.to_thread(weir.stop)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, math.ceil(len(values) * share) - 1)]


def assert_calm():
    """Where answers are late by themselves, it is the machine that was measured."""
    late_s = percentile(Model.late_s, 0.99)
    Model.late_s.clear()
    print(f"\nthe servers' own answers were late by {late_s * 1e3:.1f} ms (p99)", flush=True)
    if late_s > MOST_LATE_S:
        raise Failed("the machine is too busy for this: no picture is made")


def rounded(value):
    """Two digits that mean something; the table has what was measured."""
    digits = 1 - math.floor(math.log10(abs(value))) if value else 0
    return round(value, digits) if digits > 0 else int(round(value, digits))


def told_s(seconds):
    return f"{rounded(seconds)} s" if seconds >= 1 else f"{rounded(seconds * 1e3)} ms"


# ---- hedging -------------------------------------------------------------------------


async def ask_steadily(caller, seconds, rate, ask):
    """As they come: a question does not wait for the answer of another."""
    loop, gaps = asyncio.get_running_loop(), random.Random(SEED)
    begun, jobs, due = loop.time(), [], 0.0
    while (due := due + gaps.expovariate(rate)) < seconds:
        await asyncio.sleep(max(0, begun + due - loop.time()))
        jobs.append(asyncio.create_task(ask(caller)))
    return await asyncio.gather(*jobs)


async def play_hedging(binary, name, **upstream):
    async with contextlib.AsyncExitStack() as stack:
        draws = random.Random(SEED)
        models = [Uneven(draws, USUAL_S, SPREAD, SLOW_SHARE, SLOWER) for _ in range(ENDPOINTS)]
        urls = [(await stack.enter_async_context(model)).url for model in models]
        weir, _ = await stack.enter_async_context(gateway(binary, name, urls, **upstream))
        took = await ask_steadily(weir, HEDGING_S, RATE, Caller.question)
        return took, sum(model.calls for model in models) / len(took) - 1


async def measure_hedging(args):
    names = {"without": {}, "with": {"hedge": {"after": "p95", "at_most": "5%"}}}
    played = await asyncio.gather(
        *[play_hedging(args.weir, name, **more) for name, more in names.items()])  # fmt: skip
    print(f"\n{len(played[0][0])} questions each; answers in ms\n")
    print("| hedging | p50 | p90 | p95 | p99 | p99.9 | more calls |\n|" + " --- |" * 7)
    for name, (took, extra) in zip(names, played):
        cells = [f"{percentile(took, p) * 1e3:.0f}" for p in (0.5, 0.9, 0.95, 0.99, 0.999)]
        print(f"| {name} | " + " | ".join(cells) + f" | {extra:.1%} |", flush=True)
    assert_calm()
    draw_hedging(args, *played)


def draw_hedging(args, without, hedged):
    shares = [1 - 10 ** (-nines / 100) for nines in range(30, 301)]
    lines = [[(share, percentile(took, share)) for share in shares]
             for took, _ in (without, hedged)]  # fmt: skip
    p99_s, hedged_p99_s = percentile(without[0], 0.99), percentile(hedged[0], 0.99)
    figures = {
        "p99": told_s(p99_s), "hedged_p99": told_s(hedged_p99_s),
        "p999": told_s(percentile(without[0], 0.999)),
        "hedged_p999": told_s(percentile(hedged[0], 0.999)),
        "extra": f"{hedged[1] * 100:.1f} %", "questions": len(without[0]),
        "endpoints": ENDPOINTS, "slow": f"{SLOW_SHARE:.0%}".replace("%", " %"), "slower": SLOWER,
    }  # fmt: skip
    picture = Picture(
        760, 430, f"Hedging: a p99 of {figures['hedged_p99']} instead of {figures['p99']}, "
        f"for {figures['extra']} more calls",
        f"{ENDPOINTS} endpoints, {figures['slow']} of calls {SLOWER} times slower; "
        f"hedge: {{after: p95, at_most: 5%}}; {figures['questions']:,} questions each way",
        COMMAND, figures)  # fmt: skip
    panel = Panel(picture, (76, 112, 540, 250), tail(0.5, 0.999), logarithmic(0.05, 5))
    panel.ticks_up({0.05: "50 ms", 0.1: "100 ms", 0.2: "200 ms", 0.5: "500 ms", 1: "1 s", 2: "2 s",
                    5: "5 s"}, "time to the answer")  # fmt: skip
    panel.ticks_across({0.5: "p50", 0.9: "p90", 0.95: "p95", 0.99: "p99", 0.999: "p99.9"},
                       "percentile of questions")  # fmt: skip
    for points, words, color, down in ((lines[0], "without hedging", ORANGE, -6),
                                       (lines[1], "with hedging", BLUE, 8)):  # fmt: skip
        panel.line(points, color)
        panel.label(points[-1][1], words, color, down)
    panel.mark(0.99, p99_s, figures["p99"], ORANGE, right=-34, down=-10)
    panel.mark(0.99, hedged_p99_s, figures["hedged_p99"], BLUE, right=6, down=18)
    picture.write(os.path.join(args.docs, "hedging.svg"))


# ---- an adaptive limit ---------------------------------------------------------------


class Day:
    """What was seen of one gateway, by seconds from the beginning."""

    def __init__(self):
        self.limits, self.urgent, self.bulk, self.done = [], [], [], []

    def phase(self, points, number):
        """Values of one knee's time, once what has changed has settled."""
        first = number * PHASE_S + SETTLED_S
        return [value for at, value in points if first <= at < (number + 1) * PHASE_S]


async def ask_again_and_again(day, weir, begun, over):
    while not over.is_set():
        took = await weir.question("low")
        day.bulk.append((asyncio.get_running_loop().time() - begun, took))


async def watch(day, model, admin, begun):
    loop = asyncio.get_running_loop()
    for number in range(round(len(KNEES) * PHASE_S / LIMIT_EVERY_S)):
        await asyncio.sleep(max(0, begun + number * LIMIT_EVERY_S - loop.time()))
        page = json.loads(await admin.ask("GET", "/admin/upstreams"))
        at = loop.time() - begun
        day.limits.append((at, page["upstreams"][0]["endpoints"][0]["limit"]))
        day.done.append((at, model.done))
        knee = KNEES[min(int(at // PHASE_S), len(KNEES) - 1)]
        if len(model.free_at) != knee:
            model.turn_to(knee)


async def play_adaptive(binary, name, limit):
    loop, over, day = asyncio.get_running_loop(), asyncio.Event(), Day()
    settings = {"max_in_flight": limit, "queue": {"timeout": "30s"}}
    async with (Kneed(KNEES[0], WORK_S) as model,
                gateway(binary, name, [model.url], **settings) as (weir, admin)):  # fmt: skip
        begun = loop.time()

        async def ask_urgently(caller):
            at = loop.time() - begun
            day.urgent.append((at, await caller.question("high")))

        bulk = [asyncio.create_task(ask_again_and_again(day, weir, begun, over))
                for _ in range(BULK)]  # fmt: skip
        await asyncio.gather(
            watch(day, model, admin, begun),
            ask_steadily(weir, len(KNEES) * PHASE_S, URGENT_RATE, ask_urgently))  # fmt: skip
        over.set()
        await asyncio.gather(*bulk)
    return day


def done_share(day, number):
    """Of what the server can do with that knee."""
    first = number * PHASE_S + SETTLED_S
    seen = [point for point in day.done if first <= point[0] < (number + 1) * PHASE_S]
    (begun, before), (end, after) = seen[0], seen[-1]
    return (after - before) / (end - begun) / (KNEES[number] / WORK_S)


async def measure_adaptive(args):
    names = {"adaptive": "adaptive", "fixed": FIXED}
    days = await asyncio.gather(
        *[play_adaptive(args.weir, name, limit) for name, limit in names.items()])  # fmt: skip
    print(f"\n{BULK} bulk callers, {URGENT_RATE} urgent questions a second\n")
    print("| limit | knee | limit, median | of what the server can do | urgent p50 ms | p95 ms "
          "| bulk p50 ms |\n|" + " --- |" * 7)  # fmt: skip
    for name, day in zip(names, days):
        for number, knee in enumerate(KNEES):
            urgent, bulk = day.phase(day.urgent, number), day.phase(day.bulk, number)
            print(f"| {name} | {knee} | {statistics.median(day.phase(day.limits, number)):.0f} "
                  f"| {done_share(day, number):.0%} | {statistics.median(urgent) * 1e3:.0f} "
                  f"| {percentile(urgent, 0.95) * 1e3:.0f} "
                  f"| {statistics.median(bulk) * 1e3:.0f} |")  # fmt: skip
    assert_calm()
    draw_adaptive(args, *days)


def smoothed(points, over_s=1.0):
    """The median of each second, at its middle."""
    by_second = {}
    for at, value in points:
        by_second.setdefault(int(at / over_s), []).append(value)
    return [((second + 0.5) * over_s, statistics.median(values))
            for second, values in sorted(by_second.items())]  # fmt: skip


def figures_of(adaptive, fixed):
    def both(take):
        return [take(number) for number in range(len(KNEES))]

    def median_of(day, kind):
        return both(lambda n: told_s(statistics.median(day.phase(getattr(day, kind), n))))

    return {
        "knees": KNEES, "work": told_s(WORK_S), "bulk": BULK, "fixed": FIXED,
        "limits": both(lambda n: statistics.median(adaptive.phase(adaptive.limits, n))),
        "done": both(lambda n: f"{done_share(adaptive, n) * 100:.0f} %"),
        "urgent": median_of(adaptive, "urgent"), "fixed_urgent": median_of(fixed, "urgent"),
        "bulk_took": median_of(adaptive, "bulk"), "fixed_bulk_took": median_of(fixed, "bulk"),
        "after_s": SETTLED_S, "phase_s": PHASE_S,
    }  # fmt: skip


def draw_adaptive(args, adaptive, fixed):
    end = len(KNEES) * PHASE_S
    figures = figures_of(adaptive, fixed)
    picture = Picture(
        760, 610, f"Urgent answers in {figures['urgent'][-1]}, not {figures['fixed_urgent'][-1]}: "
        "a limit near the knee",
        f"A server with a knee of {KNEES[0]}, then {KNEES[1]}; {figures['work']} of work a call; "
        f"{BULK} bulk callers, and urgent ones",
        COMMAND, figures)  # fmt: skip
    seconds = {at: str(at) for at in range(0, end + 1, 5)}
    panel = Panel(picture, (76, 112, 540, 170), linear(0, end), linear(0, 32))
    panel.ticks_up({n: str(n) for n in range(0, 33, 8)}, "calls at once")
    panel.ticks_across(seconds, "")
    knees = [(number * PHASE_S, knee) for number, knee in enumerate(KNEES)]
    panel.steps(knees, GREEN, end, width=2, dashed=True)
    panel.steps(adaptive.limits, BLUE, end, width=1.8)
    panel.label(figures["limits"][-1], "adaptive limit", BLUE, down=-10)
    panel.label(KNEES[-1], "the server's knee", GREEN, down=10)
    panel = Panel(picture, (76, 346, 540, 200), linear(0, end), linear(0, 0.8))
    panel.ticks_up({n / 10: f"{n * 100} ms" for n in range(0, 9, 2)},
                   "urgent question to answer: each (dots), and each second's median")  # fmt: skip
    panel.ticks_across(seconds, "seconds")
    for day, words, color in ((fixed, f"limit of {FIXED}", ORANGE),
                              (adaptive, "adaptive limit", BLUE)):  # fmt: skip
        line = smoothed(day.urgent)
        panel.dots(day.urgent, color)
        panel.line(line, color)
        panel.label(line[-1][1], words, color, down=-4 if day is adaptive else 0)
    panel.steps([(0, WORK_S)], FAINT, end, width=1.5, dashed=True)
    panel.label(WORK_S, "its work alone", FAINT, down=9)
    picture.write(os.path.join(args.docs, "adaptive.svg"))


async def measure(args):
    if args.only != "adaptive":
        await measure_hedging(args)
    if args.only != "hedging":
        await measure_adaptive(args)


if __name__ == "__main__":
    try:
        asyncio.run(measure(read_flags()))
    except Failed as fault:
        sys.exit(f"bench/resilience.py: {fault}")
