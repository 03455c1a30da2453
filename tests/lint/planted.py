#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fails if the layering test would let a planted fault pass, or faults a tree without one."""

import pathlib
import shutil
import subprocess
import sys
import tempfile

LINT = pathlib.Path(__file__).resolve().parent
CASES = [
    # includes                  in                    passes
    ('"weir/base/err.h"', "src/net/planted.c", True),
    ("<uv.h>", "src/net/planted.c", True),
    ('"weir/net/loop.h"', "src/base/planted.c", False),
    ('"weir/api/api.h"', "include/weir/exchange/planted.h", False),
    ("<uv.h>", "src/exchange/planted.c", False),
    ("<curl/curl.h>", "include/weir/upstream/planted.h", False),
]

faults = []
for include, place, passes in CASES:
    with tempfile.TemporaryDirectory(prefix="weir-lint-") as folder:
        root = pathlib.Path(folder)
        (root / "tests" / "lint").mkdir(parents=True)
        for needed in ("layers.py", "layers.txt"):
            shutil.copy(LINT / needed, root / "tests" / "lint")
        (root / place).parent.mkdir(parents=True)
        (root / place).write_text(f"#include {include}\n")
        words = [sys.executable, str(root / "tests" / "lint" / "layers.py")]
        passed = subprocess.run(words, capture_output=True).returncode == 0
    if passed != passes:
        faults.append(f"{include} in {place}: {'passed' if passed else 'was faulted'}")
print("\n".join(faults) or f"planted: {len(CASES)} seen as they are")
sys.exit(bool(faults))
