#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fails on a metric, log event, outcome or error that docs/operations.md does not explain.

An operator meets these names first, and in trouble: each must stand in the first column of a
table row there. A name that the page explains and the code does not have fails as well.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = "docs/operations.md"
METRIC = re.compile(r"(?:weir|gen_ai)_[a-z_]+")
ROW = re.compile(r"^\| ([^|]*) \|", re.MULTILINE)
NAME = re.compile(r"`([^`{ ]+)")


def named(path, pattern):
    return set(re.findall(pattern, (ROOT / path).read_text(), re.MULTILINE))


def events():
    found = set()
    for source in [*ROOT.glob("src/*/*.c"), *ROOT.glob("src/*.c")]:
        found |= set(re.findall(r'log_(?:debug|info|warn|error)\("(\w+)"', source.read_text()))
        found |= set(re.findall(r'log_lines\("(\w+)"', source.read_text()))
    return found


metrics = named("include/weir/base/metric.h", r'^ +M\(\w+, +\w+, +"(\w+)"')
metrics.add("weir_request_latency_seconds")  # told along with weir_request_duration_seconds
outcomes = named("include/weir/exchange/account.h", r'^ +O\(\w+, +"(\w+)"')
errors = named("include/weir/base/err.h", r"^ +E\((ERR_\w+),")
logged = events()
if not (metrics and outcomes and errors and logged):
    sys.exit("metrics_documented: no names found where they are expected")

rows = {name for cell in ROW.findall((ROOT / PAGE).read_text()) for name in NAME.findall(cell)}
faults = [f"{PAGE}: {name} has no row"
          for name in sorted((metrics | outcomes | errors | logged) - rows)]
faults += [f"{PAGE}: {name} is no metric"
           for name in sorted(rows - metrics) if METRIC.fullmatch(name)]
faults += [f"{PAGE}: {name} is no error"
           for name in sorted(rows - errors) if name.startswith("ERR_")]
print("\n".join(faults) or f"metrics_documented: {len(metrics)} metrics, {len(logged)} events, "
      f"{len(outcomes)} outcomes, {len(errors)} errors")
sys.exit(bool(faults))
