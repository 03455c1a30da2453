# SPDX-License-Identifier: Apache-2.0
"""The files that lint looks at, and C text without what only looks like code."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = (".ci", "bench", "config", "deploy", "docs", "include", "src", "tests")
MADE = {"__pycache__", "out"}
INERT = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


def files(*suffixes, folders=FOLDERS):
    """All files of these folders, or those with one of the suffixes; corpora are left out."""
    found = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    if folders is FOLDERS:
        found += [path for path in ROOT.iterdir()]
    return sorted(
        path for path in found
        if path.is_file() and not MADE & set(path.parts) and "corpus" not in path.parts
        and (not suffixes or path.suffix in suffixes)
    )  # fmt: skip


def name(path):
    return str(path.relative_to(ROOT))


def code(path):
    """C without comments and the insides of texts; the lines keep their numbers."""
    def hollow(match):
        text = match[0]
        return (text[0] * 2 if text[0] in "\"'" else " ") + "\n" * text.count("\n")

    return INERT.sub(hollow, path.read_text())
