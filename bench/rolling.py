#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Two gateways behind HAProxy and behind nginx, as deploy/ ships them, under a steady load:

    restart   one after the other is told to drain, ends, and is started again
    kill      one is killed, and a few seconds later started again

No question may fail and no stream be cut by a restart; by a kill, only what had been asked
before it, and its retry succeeds. Prints a table, and ends with 1 if that does not hold.

    bench/rolling.py --build build/release [--rate 1000] [--streams 200]
"""

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
import urllib.request

from crowd import Crowd
from process import ALL_CORES, START_SECONDS, Process, free_port
from servers import WEIR_MODEL, nginx_in

DEPLOY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "deploy")
TOKENS, TOKEN_MS, MODEL_MS = 80, 100, 20  # streams of eight seconds
CALM = 4.0  # seconds before, between and after
LEAVE_SECONDS = 60.0

WEIR = """
server: {{listen: "127.0.0.1:{port}", drain: {{delay: 3s, timeout: 60s}}}}
admin: {{listen: "127.0.0.1:{admin}"}}
log: {{level: warn}}
""" + WEIR_MODEL


def read_flags():
    flags = argparse.ArgumentParser(prog="bench/rolling.py", description=__doc__.split("\n")[1])
    flags.add_argument("--build", required=True, help="a release build, with bench/upstream")
    flags.add_argument("--weir", help="another binary than the build's")
    flags.add_argument("--rate", type=int, default=1000, help="questions a second")
    flags.add_argument("--streams", type=int, default=200, help="that are live at any time")
    flags.add_argument("--balancers", default="haproxy,nginx")
    flags.add_argument("--days", default="restart,kill")
    args = flags.parse_args()
    args.weir = args.weir or os.path.join(args.build, "weir")
    return args


class Stage:
    """The model, two gateways, a balancer; in a folder of their own, gone in the end."""

    def __init__(self, args):
        self.args, self.folder = args, tempfile.mkdtemp(prefix="weir-rolling-")
        self.running, self.weirs = [], []
        self.ports = [free_port(), free_port()]
        self.admins = [free_port(), free_port()]

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def start(self, name, words, port):
        process = Process(name, words, port, self.folder, ALL_CORES)
        self.running.append(process)
        process.await_port()
        return process

    def start_upstream(self):
        port = free_port()
        tool = os.path.join(self.args.build, "bench", "upstream")
        times = ["--events", TOKENS, "--every", TOKEN_MS, "--delay", MODEL_MS]
        return self.start("upstream", [tool, "--port", str(port), *map(str, times)], port)

    def start_weir(self, place):
        text = WEIR.format(port=self.ports[place], admin=self.admins[place],
                           upstream=self.upstream.port)
        path = self.write(f"weir{place}.yaml", text)
        words = [self.args.weir, "serve", "-c", path]
        return self.start(f"weir{place}", words, self.ports[place])

    def start_haproxy(self):
        """Its file is told addresses by the environment."""
        port = free_port()
        words = ["env", f"WEIR_LISTEN=127.0.0.1:{port}", f"WEIR_1=127.0.0.1:{self.ports[0]}",
                 f"WEIR_2=127.0.0.1:{self.ports[1]}", "haproxy", "-db", "-f",
                 os.path.join(DEPLOY, "haproxy.cfg")]
        return self.start("haproxy", words, port)

    def start_nginx(self):
        """Its file has addresses, which become ours; and files go to our folder."""
        port = free_port()
        with open(os.path.join(DEPLOY, "nginx.conf")) as file:
            text = file.read()
        for shipped, ours in ((8080, self.ports[0]), (8180, self.ports[1]), (8000, port)):
            text = text.replace(f"127.0.0.1:{shipped}", f"127.0.0.1:{ours}")
        path = self.write("nginx.conf", nginx_in(self.folder, text))
        words = ["nginx", "-e", self.path("nginx-early.log"), "-c", path]
        return self.start("nginx", words, port)

    def open(self, balancer):
        self.upstream = self.start_upstream()
        self.weirs = [self.start_weir(0), self.start_weir(1)]
        return getattr(self, "start_" + balancer)()

    def close(self):
        for process in reversed(self.running):
            if process in self.weirs:
                process.child.kill()  # nothing runs any more: its drain need not be awaited
            process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def in_flight(self, place):
        url = f"http://127.0.0.1:{self.admins[place]}/metrics"
        with urllib.request.urlopen(url, timeout=START_SECONDS) as answer:
            lines = answer.read().decode().splitlines()
        return int(sum(float(line.split()[-1]) for line in lines
                       if line.startswith("weir_in_flight{") or line.startswith("weir_in_flight ")))


# ---- two kinds of days ---------------------------------------------------------------


async def restart(stage):
    for place in range(2):
        stage.weirs[place].child.send_signal(signal.SIGTERM)
        await asyncio.to_thread(stage.weirs[place].child.wait, LEAVE_SECONDS)
        stage.weirs[place] = await asyncio.to_thread(stage.start_weir, place)
        await asyncio.sleep(CALM)
    return {"forgiven_until": 0.0}


def kill_and_wait(process):
    """Returns when it was gone, sockets and all."""
    process.child.kill()
    process.child.wait()
    return time.monotonic()


async def kill(stage):
    running = await asyncio.to_thread(stage.in_flight, 0)
    forgiven_until = await asyncio.to_thread(kill_and_wait, stage.weirs[0])
    await asyncio.sleep(CALM)
    stage.weirs[0] = await asyncio.to_thread(stage.start_weir, 0)
    await asyncio.sleep(CALM)
    return {"forgiven_until": forgiven_until, "running": running}


DAYS = {"restart": restart, "kill": kill}


async def play(args, balancer, day):
    stage = Stage(args)
    try:
        door = await asyncio.to_thread(stage.open, balancer)
        crowd = Crowd(door.port, args.rate, args.streams, TOKENS)
        await asyncio.sleep(CALM)
        told = await DAYS[day](stage)
        await crowd.end()
    finally:
        stage.close()
    return row_of(balancer, day, crowd, told)


# ---- telling -------------------------------------------------------------------------


def row_of(balancer, day, crowd, told):
    asked, heard = crowd.asked, crowd.heard
    took = sorted(asked.took)
    late = [fault for fault in asked.faults + heard.faults if fault[0] > told["forgiven_until"]]
    return {
        "balancer": balancer, "day": day, "seconds": round(crowd.seconds, 1),
        "asked": crowd.number, "rate": round(crowd.number / crowd.seconds),
        "failed": asked.failed, "retried": asked.retried,
        "streams": heard.good + heard.failed, "cut": heard.failed,
        "running": told.get("running", "-"), "unforgiven": len(late),
        "p50_ms": round(took[len(took) // 2] * 1e3, 1),
        "p99_ms": round(took[len(took) * 99 // 100] * 1e3, 1),
        "max_ms": round(took[-1] * 1e3), "why": [fault[1] for fault in late[:5]],
    }  # fmt: skip


COLUMNS = {
    "balancer": "balancer", "day": "day", "seconds": "s", "asked": "asked", "rate": "per s",
    "failed": "failed", "retried": "good when retried", "streams": "streams", "cut": "cut",
    "running": "on it at the kill", "unforgiven": "asked after it, and failed or cut",
    "p50_ms": "p50 ms", "p99_ms": "p99 ms", "max_ms": "max ms",
}  # fmt: skip


def tell(row):
    print("| " + " | ".join(str(row[name]) for name in COLUMNS) + " |", flush=True)
    for why in row["why"]:
        print(f"    {why}", file=sys.stderr)


def holds(row):
    return row["unforgiven"] == 0 and row["retried"] == row["failed"]


def main():
    args = read_flags()
    os.environ["PATH"] += ":/usr/sbin"
    print("| " + " | ".join(COLUMNS.values()) + " |\n|" + " --- |" * len(COLUMNS), flush=True)
    kept = True
    for balancer in args.balancers.split(","):
        for day in args.days.split(","):
            row = asyncio.run(play(args, balancer, day))
            tell(row)
            kept = kept and holds(row)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
