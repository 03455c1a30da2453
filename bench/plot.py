# SPDX-License-Identifier: Apache-2.0
"""
A picture as SVG: panels with axes, lines, steps and dots, all labelled where they are. It has
a ground of its own, since it is read on light pages and on dark ones, and the figures that it
shows as JSON in <metadata>, for the text beside it.
"""

import json
import math
import re
from xml.sax.saxutils import escape, unescape

INK, FAINT, GRID = "#24292f", "#57606a", "#e4e7eb"
BLUE, ORANGE, GREEN = "#0b62b8", "#c9510c", "#2a7d46"
FONT = "Helvetica, Arial, sans-serif"


def linear(low, high):
    return lambda value: (value - low) / (high - low)


def logarithmic(low, high):
    return lambda value: math.log(value / low) / math.log(high / low)


def tail(low, high):
    """For percentiles: each nine is as wide as the one before."""
    return lambda value: math.log((1 - value) / (1 - low)) / math.log((1 - high) / (1 - low))


class Panel:
    """An area of the picture: left, top, width and height, and a scale for each way."""

    def __init__(self, picture, area, across, up):
        self.picture, self.across, self.up = picture, across, up
        self.left, self.top, self.width, self.height = area

    def at(self, x, y):
        return (self.left + self.width * self.across(x),
                self.top + self.height * (1 - self.up(y)))  # fmt: skip

    def at_end(self, y):
        return self.left + self.width, self.top + self.height * (1 - self.up(y))

    def ticks_across(self, ticks, title):
        """`ticks`: value to text."""
        base = self.top + self.height
        for value, text in ticks.items():
            x = self.left + self.width * self.across(value)
            self.picture.rule((x, base), (x, base + 5), FAINT)
            self.picture.text((x, base + 19), text, FAINT, anchor="middle")
        self.picture.rule((self.left, base), (self.left + self.width, base), FAINT)
        self.picture.text((self.left + self.width / 2, base + 39), title, FAINT, anchor="middle")

    def ticks_up(self, ticks, title):
        for value, text in ticks.items():
            y = self.top + self.height * (1 - self.up(value))
            self.picture.rule((self.left, y), (self.left + self.width, y), GRID)
            self.picture.text((self.left - 8, y + 4), text, FAINT, anchor="end")
        self.picture.text((24, self.top - 15), title, FAINT)

    def line(self, points, color, width=2.4, dashed=False):
        path = " ".join("%.1f,%.1f" % self.at(x, y) for x, y in points)
        dash = ' stroke-dasharray="6 4"' if dashed else ""
        self.picture.add(f'<polyline points="{path}" fill="none" stroke="{color}" '
                         f'stroke-width="{width}" stroke-linejoin="round"{dash}/>')  # fmt: skip

    def steps(self, points, color, until, **style):
        """Each value holds until the next one."""
        corners = []
        for (x, y), (after, _) in zip(points, [*points[1:], (until, None)]):
            corners += [(x, y), (after, y)]
        self.line(corners, color, **style)

    def dots(self, points, color):
        spots = "".join("M%.1f %.1fh0" % self.at(x, y) for x, y in points)
        self.picture.add(f'<path d="{spots}" stroke="{color}" stroke-width="4" '
                         f'stroke-linecap="round" stroke-opacity="0.28"/>')  # fmt: skip

    def mark(self, x, y, words, color, right=0, down=0):
        """One point, and what it is."""
        left, top = self.at(x, y)
        self.picture.add(f'<circle cx="{left:.1f}" cy="{top:.1f}" r="4" fill="{color}"/>')
        self.picture.text((left + right, top + down), words, color, bold=True)

    def label(self, y, words, color, down=0):
        """Right of the panel, where a line ends."""
        left, top = self.at_end(y)
        self.picture.text((left + 10, top + 4 + down), words, color, bold=True)


class Picture:
    def __init__(self, width, height, title, subtitle, made_by, figures):
        """`title` says the finding; `figures` are those that it and the labels are made of."""
        self.width, self.height, self.parts = width, height, []
        self.head = (f"<title>{escape(title)}</title>\n<desc>Made by {escape(made_by)}</desc>\n"
                     f"<metadata>{escape(json.dumps(figures))}</metadata>")  # fmt: skip
        self.text((24, 36), title, INK, size=17, bold=True)
        self.text((24, 58), subtitle, FAINT)

    def add(self, part):
        self.parts.append(part)

    def rule(self, start, end, color):
        self.add('<path d="M%.1f %.1fL%.1f %.1f" stroke="%s"/>' % (*start, *end, color))

    def text(self, place, words, color, size=13, anchor="start", bold=False):
        weight = ' font-weight="bold"' if bold else ""
        self.add(f'<text x="{place[0]:.1f}" y="{place[1]:.1f}" font-size="{size}" '
                 f'text-anchor="{anchor}" fill="{color}"{weight}>{escape(words)}</text>')

    def write(self, path):
        size = f'width="{self.width}" height="{self.height}"'
        lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} '
                 f'{self.height}" {size} font-family="{FONT}">', self.head,
                 f'<rect {size} rx="12" fill="#fcfcfb"/>',
                 *self.parts, "</svg>\n"]
        with open(path, "w") as file:
            file.write("\n".join(lines))


def figures_in(path):
    """Those that a picture was made of."""
    with open(path) as file:
        found = re.search("<metadata>(.*?)</metadata>", file.read(), re.S)
    return json.loads(unescape(found[1]))
