#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
A day of support questions in a minute, and in its afternoon another model behind the same name.

Starts the model service (version 1), asks a running Weir questions as a day has them: few at
night, many at noon. At 16:00 of that day the service is replaced by version 2, without a word
to Weir. Then it waits for the alarm and shows it with its evidence. The exit status is 0 only
if no alarm came before the change, and one came after it.
"""

import argparse
import csv
import http.client
import json
import math
import pathlib
import random
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
DAY_SECONDS, SWITCH_HOUR = 60.0, 16.0
MOST_SECONDS = 150  # until the alarm must have come
CALLERS, PEAK_RATE = 8, 200.0  # questions a second at noon
BAR = 24
SHOWN = ("opening", "reply_length")  # of all that is watched


class Service:
    """The model service on one port, whichever version of it."""

    def __init__(self, port):
        self.port, self.process = port, None

    def start(self, version):
        self.stop()
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-B", str(HERE / "model-service" / "main.py"),
             "--version", str(version), "--port", str(self.port)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            if "listening on" in line:
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return
        raise OSError(f"the model service (version {version}) did not start")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(15)
            self.process = None


class Day:
    """What time it is in the day that passes in a minute."""

    def __init__(self):
        self.began = time.monotonic()

    def hour(self):
        return (time.monotonic() - self.began) / DAY_SECONDS * 24

    def clock(self):
        hour = self.hour()
        return f"day {int(hour // 24) + 1} {int(hour % 24):02}:{int(hour % 1 * 60):02}"

    def rate(self):
        """Questions a second: a third of them at night."""
        return PEAK_RATE * (0.66 - 0.34 * math.cos(self.hour() / 24 * 2 * math.pi))


class Callers:
    """Ask the questions of deploy/model-service/support.csv, as people vary them."""

    def __init__(self, at, day):
        self.at, self.day = at, day
        self.asked, self.failed, self.over = 0, 0, threading.Event()
        with open(HERE / "model-service" / "support.csv", newline="") as file:
            self.questions = [row["question"] for row in csv.DictReader(file)]
        self.threads = [threading.Thread(target=self.ask, args=(seed,), daemon=True)
                        for seed in range(CALLERS)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(10)

    def ask(self, seed):
        dice, link = random.Random(seed), None
        while not self.over.wait(dice.expovariate(self.day.rate() / CALLERS)):
            words = dice.choice(self.questions).split()
            if dice.random() < 0.1:
                words.pop(dice.randrange(len(words)))
            text = " ".join(words) or "help"
            try:
                link = link or http.client.HTTPConnection(self.at, timeout=10)
                link.request("POST", "/v1/chat/completions", body_of(text),
                             {"Content-Type": "application/json"})
                answer = link.getresponse()
                answer.read()
                self.asked += 1
                self.failed += answer.status != 200
            except (OSError, http.client.HTTPException):
                self.failed, link = self.failed + 1, None


def body_of(text):
    return json.dumps({"model": "support-chat", "messages": [{"role": "user", "content": text}]})


class Weir:
    def __init__(self, admin):
        self.admin = admin

    def read(self, path):
        link = http.client.HTTPConnection(self.admin, timeout=5)
        try:
            link.request("GET", path)
            return json.loads(link.getresponse().read())
        finally:
            link.close()

    def histograms(self):
        return self.read("/admin/drift")["histograms_list"]

    def confirmed(self):
        return [a for a in self.read("/admin/alarms")["alarms"]
                if a["severity"] == "confirmed" and a["state"] in ("firing", "acknowledged")]


def bar(share):
    return "█" * max(0, min(BAR, round(share * BAR)))


def tell(day, callers, histograms):
    """One line: the time, the questions so far, and how near each histogram is to an alarm."""
    scores = {h["prediction"]: h["score"] or 0.0 for h in histograms
              if h["prediction"] in SHOWN and not h["segment"]}
    ready = any(h["baseline"] for h in histograms)
    words = "  ".join(f"{name} {bar(score):<{BAR}} {score:4.2f}"
                      for name, score in sorted(scores.items()))
    print(f"  {day.clock()}  {callers.asked:6,} questions   "
          + (words if ready else "the baseline is being made"), flush=True)


def share(p):
    return f"{100 * p:5.1f} %"


def show(alarm, late_s):
    evidence = alarm["evidence"]
    print(f"\nALARM, {late_s / DAY_SECONDS * 24:.1f} hours of that day after the change "
          f"({late_s:.0f} s):\n")
    print(f"  {alarm['model']} ({alarm['version']}), prediction {alarm['prediction']}: "
          f"{alarm['sentence']}\n")
    print(f"  {'value':16}  {'before':>7}  {'now':>7}")
    most = max(max(v["before"], v["after"]) for v in evidence["values"]) or 1
    for v in evidence["values"]:
        if v["before"] < 0.002 and v["after"] < 0.002:
            continue
        print(f"  {v['value'][:16]:16}  {share(v['before'])}  {share(v['after'])}  "
              f"{bar(v['after'] / most)}")
    print(f"\n  of {evidence['n']:,} answers; baseline {alarm['baseline']}\n")


def play(asked):
    weir, service, day = Weir(asked.admin), Service(asked.model_port), Day()
    print("Starting the model service, version 1")
    service.start(1)
    day = Day()
    callers = Callers(asked.weir, day)
    callers.start()
    switched = None
    try:
        while time.monotonic() - day.began < MOST_SECONDS:
            time.sleep(2)
            found = weir.confirmed()
            histograms = weir.histograms()
            tell(day, callers, histograms)
            if found and switched is None:
                print("\nAn alarm before anything had changed:", json.dumps(found[0])[:400])
                return 1
            if found:
                show(found[0], time.monotonic() - switched)
                return 0
            if switched is None and day.hour() >= SWITCH_HOUR and any(
                    h["baseline"] for h in histograms):
                print("\nThe model service is replaced by version 2. Nobody tells Weir.\n")
                service.start(2)
                switched = time.monotonic()
        print("\nNo alarm came.")
        return 1
    finally:
        callers.stop()
        service.stop()
        print(f"{callers.asked:,} questions, {callers.failed} without an answer.")


def main():
    parser = argparse.ArgumentParser(description="Replays a day and changes the model in it.")
    parser.add_argument("--weir", default="127.0.0.1:8080", help="HOST:PORT of the data plane")
    parser.add_argument("--admin", default="127.0.0.1:8081", help="HOST:PORT of the admin side")
    parser.add_argument("--model-port", type=int, default=8001)
    try:
        return play(parser.parse_args())
    except (OSError, http.client.HTTPException, ValueError, LookupError) as why:
        print(f"{type(why).__name__}: {why}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
