#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What drift detectors of others say of the streams on which Weir's own was proven: river,
Evidently, NannyML and alibi-detect, each as installed with pip, with its defaults.

    bench/rivals.py --simulate build/release/tests/simulation/simulate \\
        --python ENV/bin/python ... [--tool NAME] [--seconds N]

They need not live in one environment: each is measured by the first `--python` that has it,
one after the other, in `--seconds` of CPU time each (more if that is not enough for one run of
everything, and besides what its calibration takes). What was measured is kept as JSON in
`--keep`, so that tools can be measured at different times, and docs/drift-rivals.md is written
from all of it.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys

from rivals_page import DOCS, page

HERE = os.path.dirname(os.path.abspath(__file__))
KEPT = os.path.join(HERE, "out", "rivals.json")
MODULES = {
    "river": "river.drift",
    "evidently": "evidently",
    "nannyml": "nannyml",
    "alibi-detect": "alibi_detect.cd",
}


def measure(tool, wish):
    """Returns what was found, or why there is nothing."""
    why = "no environment given"
    for python in wish.python:
        seen = subprocess.run(
            [python, "-c", f"import {MODULES[tool]}"], capture_output=True, text=True
        )
        if seen.returncode != 0:
            why = seen.stderr.strip().splitlines()[-1]
            continue
        watch = os.path.join(HERE, "rivals_watch.py")
        command = [python, watch, tool, wish.simulate, str(wish.seconds)]
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        return json.loads(out.splitlines()[-1]) | {"date": str(datetime.date.today())}
    return {"why": why}


def measure_all(wish, kept):
    for tool in wish.tool or MODULES:
        kept[tool] = measure(tool, wish)
        os.makedirs(os.path.dirname(os.path.abspath(wish.keep)), exist_ok=True)
        with open(wish.keep, "w", encoding="utf-8") as file:
            json.dump(kept, file, indent=1)


def read_wish():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--simulate", help="the simulator; without it only the page is written")
    parser.add_argument("--python", action="append", help="an environment's Python; may repeat")
    parser.add_argument("--tool", action="append", choices=MODULES, help="may repeat; else all")
    parser.add_argument("--seconds", type=float, default=240, help="of CPU time for each tool")
    parser.add_argument("--keep", default=KEPT, help="where results are kept (%(default)s)")
    wish = parser.parse_args()
    wish.python = wish.python or [sys.executable]
    return wish


def main():
    wish = read_wish()
    kept = {}
    if os.path.exists(wish.keep):
        with open(wish.keep, encoding="utf-8") as file:
            kept = json.load(file)
    if wish.simulate:
        measure_all(wish, kept)
    with open(os.path.join(DOCS, "drift-rivals.md"), "w", encoding="utf-8") as file:
        file.write(page({tool: kept[tool] for tool in MODULES if tool in kept}))


if __name__ == "__main__":
    main()
