#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fails on what must not be written: each rule says what, where, and what to do instead."""

import re
import sys

from tree import code, files, name

C_RULES = [
    (r"\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|gets|alloca)\s*\(", r"",
     "has no bound or tells no fault: see base/str.h, base/buf.h"),
    (r"^\s*extern\s+(?!const\b)[^(\n]*;", r"", "a mutable extern: lend it instead"),
    (r"\bgoto\s+(?!out;)", r"", "goto leads only to `out`"),
    (r"\bllhttp_set_lenient", r"", "the parser stays strict"),
    (r"\buv_write2?\s*\(", r"src/net/(?:tcp|child)\.c|tests/|bench/", "net/tcp writes to sockets, net/child to pipes"),
]  # fmt: skip
# Where slowness itself is tested, the line says so in a comment.
SLEEP_RULES = [
    (r"^(?!.*(/\*|# )).*\b(u|nano)?sleep\s*\(", r"", "await an event, or say in the line why not"),
]  # fmt: skip
# Written so that this file does not fault itself.
TEXT_RULES = [
    (r"(?<![\w.])/(work|root)/|/tmp/bash[_]jobs", r"", "a path of one machine"),
    (r"\b(pypi|registry)\.[a-z]+\.(org|io)\b", r"", "the host of a package registry"),
    (r"\b(TO[D]O|FIX[M]E|XX[X])\b", r"", "unfinished: do it, or open an issue"),
]  # fmt: skip


def faults(path, text, rules):
    for pattern, allowed, why in rules:
        if allowed and re.match(allowed, name(path)):
            continue
        for match in re.finditer(pattern, text, re.M):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{name(path)}:{line}: {match[0].strip()!r}: {why}"


found = []
for path in files(".c", ".h", folders=("src", "include", "bench", "tests")):
    found += faults(path, code(path), C_RULES)
for path in files(".c", ".h", ".py", folders=("tests",)):
    found += faults(path, path.read_text(), SLEEP_RULES)
for path in files():
    found += faults(path, path.read_text(errors="replace"), TEXT_RULES)
print("\n".join(found) or "banned: none")
sys.exit(bool(found))
