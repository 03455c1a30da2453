#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fails on a header that does not compile alone: each must include what it needs."""

import concurrent.futures
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORDS = ["cc", "-std=c17", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", "-Wundef",
         "-Werror", "-isystem", "/usr/share/include/llhttp", "-I" + str(ROOT / "include")]


def fault(header):
    words = [*WORDS, "-I" + str(header.parent), "-x", "c", "-"]
    line = f'#include "{header}"\n'
    return subprocess.run(words, input=line, capture_output=True, text=True).stderr


headers = sorted([*ROOT.glob("include/weir/*/*.h"), *ROOT.glob("src/*/*.h")])
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    faults = [text for text in pool.map(fault, headers) if text]
print("".join(faults) or f"headers: {len(headers)} stand alone")
sys.exit(bool(faults))
