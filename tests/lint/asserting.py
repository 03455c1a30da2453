#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fails on a file of tests that could not fail: it has no test, or asserts nothing."""

import re
import sys

from tree import code, files, name

TEST = {".c": r"^Test\(|^int main\(", ".py": r"^\s*def test_"}
ASSERTS = {".c": r"\bcr_(assert|expect)|\bensure\s*\(", ".py": r"\bassert\b|\braises\(|\.wait"}

faults = []
for path in files(".c", ".py", folders=("tests",)):
    if not path.name.startswith("test_"):
        continue
    text = code(path) if path.suffix == ".c" else path.read_text()
    if not re.search(TEST[path.suffix], text, re.M):
        faults.append(f"{name(path)}: has no test")
    elif not re.search(ASSERTS[path.suffix], text):
        faults.append(f"{name(path)}: asserts nothing")
print("\n".join(faults) or "asserting: all")
sys.exit(bool(faults))
