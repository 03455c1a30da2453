# SPDX-License-Identifier: Apache-2.0
"""What a PromQL expression names: its metrics, the labels it asks of each, and those it keeps.

Not a parser: whether an expression is one, Prometheus itself is asked. A name is a metric
unless it is a word of the language, a function or an aggregation (`(` or `by` follows), or
stands in a list of labels.
"""

import re

WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}
LISTS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
TOKEN = re.compile(r"""
    (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<range>\[[^\]]*\])
  | (?P<number>\d[\w.]*)
  | (?P<name>[A-Za-z_:][\w:]*)
  | (?P<sign>=~|!~|!=|[^\s])
""", re.VERBOSE)  # fmt: skip


class Expression:
    def __init__(self, text):
        self.text = text
        self.selectors = []  # (metric, the labels asked of it)
        self.grouping = set()  # labels in by (...) and on (...)
        self._tokens = [(m.lastgroup, m[0]) for m in TOKEN.finditer(text)]
        self._at = 0
        while self._at < len(self._tokens):
            self._take()

    @property
    def metrics(self):
        return {metric for metric, _ in self.selectors}

    def _peek(self):
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _take(self):
        kind, word = self._tokens[self._at]
        self._at += 1
        if kind != "name" or word.lower() in WORDS:
            return
        if word in LISTS:
            if self._peek() == "(":
                self.grouping |= self._names_until(")")
        elif self._peek() not in ("(", "by", "without"):
            asked = self._names_until("}") if self._peek() == "{" else set()
            self.selectors.append((word, asked))

    def _names_until(self, end):
        names = set()
        while self._peek() != end:
            kind, word = self._tokens[self._at]
            names |= {word} if kind == "name" else set()
            self._at += 1
        self._at += 1
        return names
