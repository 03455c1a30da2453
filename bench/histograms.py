#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What a thousand histograms come to in a month: the gateway's memory, Redis' memory, the time of a
judging round, and how long each key lives.

    bench/histograms.py --build build/release [--histograms 1000] [--rounds 150]

A gateway with a tick of a second judges histograms of ten values, sixty answers in each tick, which
are written to Redis as gateways write them. When it has made its baselines and closed two hours of
sixty ticks, the rest of the month is written behind it, in the form of what it wrote itself: the
ticks of four hours, the rows of 35 days. Redis then says what it all takes. Three minutes.
"""

import argparse
import collections
import os
import random
import re
import socket
import statistics
import sys
import time

from process import ALL_CORES, Failed, free_port
from servers import Stage

VALUES, ANSWERS = 10, 60  # of a histogram; of it in a tick
SEGMENTS = ("", "@plan=free", "@plan=team", "@plan=pro", "@plan=trial")
PREDICTIONS = 10
KEPT_TICKS, KEPT_DAYS, HOURS = 240, 35, 24
WARM = 75  # ticks until there are baselines
KEY = "weir:v1:"

CONFIG = """
server: {{listen: "127.0.0.1:{port}", workers: 1}}
admin: {{listen: "127.0.0.1:{admin}"}}
cache: {{redis: {{url: "redis://127.0.0.1:{redis}/0", prefix: "weir:", timeout: 1s}}}}
drift: {{tick: 1s}}
upstreams:
  u: {{dialect: openai, endpoints: ["http://127.0.0.1:9/v1"]}}
models:
  m: {{routes: [{{upstream: u, model: v}}]}}
"""


class Redis:
    """One connection; commands go out many at once."""

    def __init__(self, port):
        self.link = socket.create_connection(("127.0.0.1", port))
        self.file = self.link.makefile("rb")

    def ask(self, commands):
        out = bytearray()
        for words in commands:
            out += b"*%d\r\n" % len(words)
            for word in words:
                word = word if isinstance(word, bytes) else str(word).encode()
                out += b"$%d\r\n%s\r\n" % (len(word), word)
        self.link.sendall(out)
        return [self.read() for _ in commands]

    def read(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        if kind == b"$":
            return self.file.read(int(rest) + 2)[:-2] if int(rest) >= 0 else None
        if kind == b"-":
            raise Failed(f"Redis: {rest.decode()}")
        return int(rest) if kind == b":" else rest

    def one(self, *words):
        return self.ask([words])[0]

    def info(self, section, name):
        return re.search(name + r":(\S+)", self.one("INFO", section).decode())[1]

    def used(self):
        return int(self.info("memory", "used_memory"))

    def cpu_s(self):
        return sum(float(self.info("cpu", "used_cpu_" + kind)) for kind in ("user", "sys"))


def names(count):
    """model:version:prediction@segment, as many as are asked for."""
    per_model = PREDICTIONS * len(SEGMENTS)
    return [f"model-{i // per_model}:upstream-model-v1:prediction-{i // len(SEGMENTS) % PREDICTIONS}"
            f"{SEGMENTS[i % len(SEGMENTS)]}" for i in range(count)]


def counts(rng):
    """Sixty answers in ten values, the first the most frequent."""
    drawn = collections.Counter(min(int(rng.expovariate(0.5)), VALUES - 1) for _ in range(ANSWERS))
    return [word for value in range(VALUES) if drawn[value]
            for word in (f"value-{value}", drawn[value])]


def tick_of(rng, members, tick, ttl_s):
    for member in members:
        key = f"{KEY}histogram:{member}:{tick}"
        yield ["HSET", key, *counts(rng)]
        yield ["EXPIRE", key, ttl_s]


def batches(commands, size=20000):
    batch = []
    for command in commands:
        batch.append(command)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


# ---- the judging ----------------------------------------------------------------------


def thread_cpu_s(pid):
    """The control thread's, which judges."""
    with open(f"/proc/{pid}/task/{pid}/schedstat") as file:
        return int(file.read().split()[0]) / 1e9


def scripts(redis):
    found = re.search(rb"cmdstat_eval:calls=(\d+)", redis.one("INFO", "commandstats"))
    return int(found[1]) if found else 0


def watch_round(redis, until):
    """Seconds between the first and the last script of what is judged before `until`."""
    seen, first, last = scripts(redis), None, None
    while time.time() < until:
        now = scripts(redis)
        if now != seen:
            first, last, seen = first or time.time(), time.time(), now
        time.sleep(0.002)
    return last - first if first else 0


def judge(redis, weir, members, rounds):
    """Ticks as they come; a row for each round behind the warm-up: wall, CPU, Redis' CPU."""
    rng, rows = random.Random(1), []
    index = [word for member in members for word in ("{tick}", member)]
    for number in range(rounds):
        time.sleep(1 - time.time() % 1)
        tick = int(time.time())
        for batch in batches(tick_of(rng, members, tick, 8 * 86400)):
            redis.ask(batch)
        redis.one("ZADD", KEY + "histograms", *(w.format(tick=tick) for w in index))
        redis.one("EXPIRE", KEY + "histograms", KEPT_DAYS * 86400)
        cpu, redis_cpu = thread_cpu_s(weir.pid), redis.cpu_s()
        wall = watch_round(redis, tick + 0.995)
        if number > WARM:
            rows.append((wall, thread_cpu_s(weir.pid) - cpu, redis.cpu_s() - redis_cpu))
    return rows


# ---- the rest of the month ---------------------------------------------------------------


def family(key):
    return re.match(KEY + r"([a-z_]+:?)", key)[1]


def keys(redis):
    cursor = b"0"
    while True:
        cursor, found = redis.one("SCAN", cursor, "COUNT", 10000)
        yield from (key.decode() for key in found)
        if cursor == b"0":
            return


def fill(redis, members, ttl_s):
    """What a month leaves behind: the bytes of the ticks, and of the rows of hours."""
    rng, now = random.Random(2), int(time.time())
    example = next(key for key in keys(redis) if family(key) == "hours:")
    row = redis.one("HGETALL", example)[1]
    redis.ask([["DEL", key] for key in keys(redis) if family(key) in ("histogram:", "hours:")])
    before = redis.used()
    for tick in range(now - 100000 - KEPT_TICKS, now - 100000):
        redis.ask(list(tick_of(rng, members, tick, ttl_s["histogram:"])))
    ticks = redis.used() - before
    day_now = now // 60 // HOURS
    for day in range(KEPT_DAYS):
        redis.ask([command for member in members for command in (
            ["HSET", f"{KEY}hours:{member}:{day_now - 1 - day}",
             *(word for hour in range(HOURS) for word in (hour, row))],
            ["EXPIRE", f"{KEY}hours:{member}:{day_now - 1 - day}", ttl_s["hours:"]])])
    return ticks, redis.used() - before - ticks, len(row)


def families(redis):
    """By family: how many keys, bytes of all of them (by samples), the shortest and longest TTL."""
    found = collections.defaultdict(list)
    for key in keys(redis):
        found[family(key)].append(key)
    table = {}
    for name, group in sorted(found.items()):
        ttls = [ttl for batch in batches([["TTL", key] for key in group]) for ttl in redis.ask(batch)]
        sample = random.Random(3).sample(group, min(len(group), 500))
        sizes = redis.ask([["MEMORY", "USAGE", key] for key in sample])
        table[name] = (len(group), statistics.mean(sizes) * len(group), min(ttls), max(ttls))
    return table


# ---- around them ---------------------------------------------------------------------


def time_text(seconds):
    if seconds < 0:
        return "**for ever**"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds} s"


def tell_families(table):
    print("| keys | how many | bytes each | live |\n| --- | --: | --: | --- |")
    for name, (count, size, least, most) in table.items():
        lives = time_text(most) if time_text(least) == time_text(most) else (
            f"{time_text(least)} to {time_text(most)}")
        print(f"| `{name}` | {count:,} | {size / count:,.0f} | {lives} |")
    print()


def tell(rows, title, i):
    values = sorted(row[i] * 1000 for row in rows)
    print(f"| {title} | {statistics.median(values):.0f} ms (most {values[-1]:.0f} ms) |")


def start(stage, redis_port):
    port, admin = free_port(), free_port()
    path = stage.write("weir.yaml", CONFIG.format(port=port, admin=admin, redis=redis_port))
    weir = stage.start("weir", [stage.weir_path, "serve", "-c", path], port, ALL_CORES)
    weir.await_port()
    time.sleep(1)
    return weir


def measure(stage, args):
    members = names(args.histograms)
    redis = Redis(stage.start_redis().port)
    weir = start(stage, stage.redis.port)
    empty_rss, empty = weir.rss_kib(), redis.used()
    rows = judge(redis, weir, members, args.rounds)
    full_rss, written = weir.rss_kib(), families(redis)
    ttl_s = {"histogram:": KEPT_TICKS * 60, "hours:": written["hours:"][3]}
    stage.stop(weir)
    ticks, hours, row_bytes = fill(redis, members, ttl_s)
    print(f"{len(members):,} histograms of {VALUES} values, {ANSWERS} answers in each tick\n")
    print("As the gateway left it, with a tick of a second:\n")
    tell_families(written)
    print(f"With a tick of a minute, after {KEPT_DAYS} days:\n")
    tell_families(families(redis))
    total = redis.used() - empty
    print("| | |\n| --- | --- |")
    tell(rows, "a round", 0)
    tell(rows, "its CPU time, gateway", 1)
    tell(rows, "its CPU time, Redis", 2)
    print(f"| RSS of the gateway | {empty_rss / 1024:.1f} MiB, with them {full_rss / 1024:.1f} MiB |")
    print(f"| Redis, all of it | {total / 2**20:.1f} MiB, a histogram {total / len(members) / 1024:.1f} KiB |")
    print(f"| of it, ticks of four hours | {ticks / 2**20:.1f} MiB |")
    print(f"| of it, rows of {KEPT_DAYS} days | {hours / 2**20:.1f} MiB, {row_bytes} bytes of text a row |")
    forever = [name for name, row in families(redis).items() if row[2] < 0]
    if forever:
        raise Failed(f"keys without a TTL: {', '.join(forever)}")


def main():
    flags = argparse.ArgumentParser(prog="bench/histograms.py")
    flags.add_argument("--build", required=True)
    flags.add_argument("--weir", help="another binary than the build's")
    flags.add_argument("--histograms", type=int, default=1000)
    flags.add_argument("--rounds", type=int, default=150, help="ticks that are judged")
    args = flags.parse_args()
    try:
        with Stage(args.build, args.weir or os.path.join(args.build, "weir"), 1, 1) as stage:
            measure(stage, args)
    except Failed as failure:
        sys.exit(f"bench/histograms.py: {failure}")


if __name__ == "__main__":
    main()
