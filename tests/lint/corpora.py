#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fails on a fuzz target without a corpus or a row in the build, and on an orphaned corpus."""

import sys

from tree import ROOT

FUZZ = ROOT / "tests" / "fuzz"

targets = {path.stem.removeprefix("fuzz_") for path in FUZZ.glob("fuzz_*.c")}
corpora = {path.name for path in FUZZ.glob("corpus/*") if any(path.iterdir())}
build = (FUZZ / "meson.build").read_text()

faults = [f"fuzz_{t}.c: no corpus/{t}" for t in sorted(targets - corpora)]
faults += [f"corpus/{c}: no fuzz_{c}.c" for c in sorted(corpora - targets)]
faults += [f"fuzz_{t}.c: no row in meson.build" for t in sorted(targets) if f"'{t}':" not in build]
print("\n".join(faults) or f"corpora: {len(targets)} targets have theirs")
sys.exit(bool(faults))
