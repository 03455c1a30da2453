# SPDX-License-Identifier: Apache-2.0
"""
The support desk's knowledge: what people asked, what they meant, what they were told.

It lies beside this file as support.csv, with one row a question and one header row. A faulty
file stops the start with the number of the row, since a model of half a file would answer
everything, and badly.
"""

import csv
from pathlib import Path
from typing import List, NamedTuple

COLUMNS = ["question", "intent", "answer"]


class Row(NamedTuple):
    question: str
    intent: str
    answer: str


def read(path: Path = Path(__file__).with_name("support.csv")) -> List[Row]:
    with open(path, newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        if next(lines, None) != COLUMNS:
            raise ValueError(f"{path}: the first row must be {','.join(COLUMNS)}")
        rows = []
        for number, cells in enumerate(lines, start=2):
            if len(cells) != len(COLUMNS) or not all(cell.strip() for cell in cells):
                raise ValueError(f"{path}: row {number} needs a {', a '.join(COLUMNS)}")
            rows.append(Row(*cells))
    if not rows:
        raise ValueError(f"{path}: no rows to learn from")
    return rows
