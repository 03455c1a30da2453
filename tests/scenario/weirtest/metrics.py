# SPDX-License-Identifier: Apache-2.0
"""Reads samples out of the Prometheus text that the admin address serves."""

import re

from .client import get
from .patience import LONG, until

SAMPLE = re.compile(r"^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$")
LABEL = re.compile(r'([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"')


class Metrics:
    def __init__(self, weir):
        self.weir = weir

    def text(self):
        response = get(self.weir.admin, "/metrics")
        assert response.status == 200
        return response.body.decode()

    def samples(self, name, **labels):
        """(labels, value) of each sample of that name whose labels include the given."""
        found = []
        for line in self.text().splitlines():
            match = SAMPLE.match(line)
            if not match or match[1] != name:
                continue
            have = dict(LABEL.findall(match[2] or ""))
            if all(have.get(key) == value for key, value in labels.items()):
                found.append((have, float(match[3])))
        return found

    def sum(self, name, **labels):
        return sum(value for _, value in self.samples(name, **labels))

    def wait(self, name, value, timeout=LONG, **labels):
        """Waits until the sum of the samples is `value`."""
        seen = []

        def reached():
            seen[:] = [self.sum(name, **labels)]
            return seen[0] == value

        try:
            until(reached, timeout)
        except AssertionError:
            raise AssertionError(f"{name}{labels} is {seen[0]}, not {value}") from None
