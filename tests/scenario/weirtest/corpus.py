# SPDX-License-Identifier: Apache-2.0
"""Requests kept as files: what a line end, a zero byte or a folded field looks like is written out.

A file starts with `# title` and `# status: 400 501`. The rest is the message: the file's own
line ends mean nothing, `\\r \\n \\t \\xHH` and `\\\\` are the bytes they name.
"""

import pathlib
import re

ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[rnt\\])")
PLAIN = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"\\": b"\\"}


class Message:
    def __init__(self, path):
        title, status, text = pathlib.Path(path).read_bytes().split(b"\n", 2)
        self.name = pathlib.Path(path).stem
        self.title = title.removeprefix(b"# ").decode()
        self.statuses = [int(word) for word in status.removeprefix(b"# status:").split()]
        self.bytes = ESCAPE.sub(_meant, text.replace(b"\n", b""))


def _meant(match):
    word = match[1]
    return PLAIN.get(word) or bytes([int(word[1:], 16)])


def messages(folder):
    return [Message(path) for path in sorted(pathlib.Path(folder).glob("*.http"))]
