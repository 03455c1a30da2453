#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints sizes, names, stories and duplicates for a reader to judge. It fails on nothing.

A number is a reason to look, not a reason to change: what is long may still be one noun.
"""

import collections
import json
import re
import statistics
import subprocess

from tree import ROOT, files, name

SOURCE_LINES, HEADER_LINES, FUNCTION_LINES = 450, 150, 60
STORY_FROM, STORY_LINES = 80, 3
EQUAL_LINES = 6
HEAD_LINES = 40  # a story stands in the first lines

sources = files(".c", folders=("src",))
headers = files(".h", folders=("src", "include"))
tests = files(".c", folders=("tests", "bench"))


def section(title, lines):
    print(f"\n{title}: {len(lines) or 'none'}")
    for line in lines:
        print("  " + line)


def length(path):
    return len(path.read_text().splitlines())


def functions():
    """Each function of src, by ctags: its file, name, length, and whether it is static."""
    words = ["ctags", "--output-format=json", "--fields=+ne", "--kinds-C=f", "-o", "-"]
    told = subprocess.run([*words, *map(str, sources)], capture_output=True, text=True)
    for line in told.stdout.splitlines():
        tag = json.loads(line)
        if "end" in tag:
            yield tag["path"], tag["name"], tag["end"] - tag["line"] + 1, tag.get("file", False)


def exported_elsewhere(all_functions):
    """Exports that begin neither with their file's noun nor with the folder's and it."""
    for path, function, _, static in all_functions:
        folder, file = path.split("/")[-2:]
        noun = file.removesuffix(".c").split("_")[0]
        if not static and not function.startswith((noun, f"{folder}_{noun}")):
            yield f"{path.removeprefix(str(ROOT) + '/')}: {function}"


def told(path):
    head = "\n".join(path.read_text().splitlines()[:HEAD_LINES])
    return any(
        comment.count("\n") + 1 >= STORY_LINES for comment in re.findall(r"/\*.*?\*/", head, re.S)
    )


def untold():
    """Sources of some size without a story, theirs or their header's."""
    told_by_header = {path.stem for path in headers if told(path)}
    for path in sources:
        if length(path) > STORY_FROM and not told(path) and path.stem not in told_by_header:
            yield name(path)


def equal_blocks():
    """Places where the same lines stand twice; blank lines and lone braces do not count."""
    places = collections.defaultdict(list)
    for path in sources:
        lines = [(i + 1, " ".join(line.split())) for i, line in enumerate(path.read_text().splitlines())]
        lines = [(i, line) for i, line in lines
                 if len(line) > 2 and not line.startswith(("#include", "/*", "*"))]  # fmt: skip
        for at in range(len(lines) - EQUAL_LINES + 1):
            block = tuple(line for _, line in lines[at : at + EQUAL_LINES])
            places[block].append(f"{name(path)}:{lines[at][0]}")
    return sorted(", ".join(found) for found in places.values() if len(found) > 1)


def main():
    rows = list(functions())
    lengths = [row[2] for row in rows]
    counted = [("src", sources), ("headers", headers), ("tests and bench", tests)]
    for title, paths in counted:
        print(f"{title}: {len(paths)} files, {sum(map(length, paths))} lines")
    if lengths:
        print(f"functions: {len(lengths)}, median {statistics.median(lengths):.0f} lines, "
              f"longest {max(lengths)}")  # fmt: skip
    section(f"sources over {SOURCE_LINES} lines",
            [f"{name(p)}: {length(p)}" for p in sources + tests if length(p) > SOURCE_LINES])
    section(f"headers over {HEADER_LINES} lines",
            [f"{name(p)}: {length(p)}" for p in headers if length(p) > HEADER_LINES])
    section(f"functions over {FUNCTION_LINES} lines",
            [f"{path.removeprefix(str(ROOT) + '/')}: {function} {lines}"
             for path, function, lines, _ in rows if lines > FUNCTION_LINES])
    section("exports not named after their file", list(exported_elsewhere(rows)))
    section(f"sources over {STORY_FROM} lines without a story", list(untold()))
    section(f"{EQUAL_LINES} equal lines", equal_blocks())


main()
