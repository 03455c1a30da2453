# SPDX-License-Identifier: Apache-2.0
"""docs/drift-rivals.md, made of what rivals.py has measured and of docs/drift-tables.md."""

import math
import os
import re
import statistics

from rivals_watch import CHANGES, MONTH_DAYS, ONLINE_ERT, ONLINE_WINDOWS, SEED

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "docs")

WINDOWS = " and ".join(map(str, ONLINE_WINDOWS))

NOTES = f"""\
The streams are those of [drift-tables.md](drift-tables.md): 60 answers a minute on average, shares
82, 12, 4.5, 1 and 0.5 % (the last change: 95 and 5 %), 20 hours of baseline before each.
*Clustered* is rho = .02; *load by the hour* is independent, 6 answers a minute at night and 114 by
day, made of two independent streams. Runs of a change are the first ones of the tables there, the
very counts that e-CUSUM judged. Months are others than there, and e-CUSUM's by the hour had bounds
that are the true shares, which is harder. Seed {SEED}; the same seed, versions and number of runs
give the same tables, but for what alibi-detect draws to calibrate itself.

## Settings

Nothing is tuned: each has the defaults of its version, and what it must be told in addition is said
here.

- **river** (`ADWIN()`, `PageHinkley()`, `KSWIN(seed=...)`) takes numbers, not labels: one detector
  for each label, told either 1 or 0 for each answer, or the label's share of each minute; an alarm
  is that any of them has one. They know no baseline, so they are fed the baseline's answers first
  (KSWIN, whose window is 100, the last ten minutes of answers or 200 of shares).
- **Evidently**: `Report([DataDriftPreset()])` of each hour against the whole baseline, the answer
  declared categorical. Above 1,000 answers of reference that is the Jensen-Shannon distance
  (natural logarithm) over 0.1. An alarm is a drifted column. This version could only be imported
  with pandas below 3, which pip had not chosen.
- **NannyML**: `UnivariateDriftCalculator` with chunks of an hour, fitted on the baseline, the
  answer declared categorical: Jensen-Shannon distance (base 2) above mean + 3 standard deviations
  of the baseline's 20 hours. Its usage reporting is off. It wanted statsmodels too, which pip had
  not brought.
- **alibi-detect**: `ChiSquareDrift` of each hour against the whole baseline, p < .05.
  `CVMDriftOnline` on the labels' shares of each minute has no defaults for its expected run time
  and its windows. Given: {ONLINE_ERT:,} minutes, the longest that its default of 10,000 bootstraps
  can tell (ten for each step), and windows of {WINDOWS} minutes. So it is *meant* to have some 43
  false alarms a month; it is reset after each. `FETDriftOnline` on 72,000 answers of five labels
  had not calibrated itself in 150 s, nor had `CVMDriftOnline` for ten times that run time, and the
  online MMD and LSDD detectors need PyTorch or TensorFlow: all were left out.

## What they said, as of November 2026

- ADWIN told each answer is many times quicker than e-CUSUM, with an alarm in about every second
  month while answers are independent, and some nine a day where they hang together. Told each
  minute it had none at all; it then takes hours for what e-CUSUM sees in one, and is quicker
  at the mild change (82 % to 78 %), for it has no tolerance.
- Looks once an hour with a limit by chance (NannyML, chi-square) cry some five to forty times a
  month without any change, and chi-square every third hour where answers hang together.
- A fixed limit on a distance (Evidently) was silent when nothing changed, and when a share doubled.

## What cannot be compared

- Of these only ADWIN and `CVMDriftOnline` have a stated rate of false alarms, and for one detector
  each: ADWIN for independent numbers, the other as a mean time between alarms, for continuous
  values (shares of rare labels are mostly 0: ties, for which it is not calibrated). The others are
  rules for one look. e-CUSUM's 5 % is for a month, over everything.
- In its months e-CUSUM watches one histogram; for the delays its threshold is one for 50. The
  others watch one column of labels here; on 50 they would have some 50 times the false alarms.
- `CVMDriftOnline` sees shares, and a share of six answers varies more than one of a hundred: the
  nights of *load by the hour* are a change to it, and in its own terms they are one.
- A delay counts from the change to the first alarm after it, and what cried before is forgotten.
  **A watcher that cries often is quick by luck**: read each delay beside its false alarms. Rules
  that look once an hour see a change at the end of its hour, or of the next.
- river's detectors adapt: they tell of a change and then take the new for usual. Weir and the
  hourly rules hold on to the baseline.
- e-CUSUM has a tolerance (a ratio of odds, 1.2): what is too small to matter is none of its
  business. 82 % to 78 % is a ratio of 1.28, just beyond it, and there it is slow on purpose. No
  other has one.
- KSWIN, Evidently and PageHinkley by answers take long, so parts of months were watched; KSWIN,
  Evidently and `CVMDriftOnline` also were not given two weeks after a change. *each of* and *never*
  say how much.
"""


def days_text(days):
    return f"{days:g} d" if days >= 1 else f"{days * 24:g} h"


def months_cell(alarms, days):
    a_month = statistics.mean(alarms) * MONTH_DAYS / days
    digits = 1 if a_month < 100 else 0
    return f"{sum(a > 0 for a in alarms)} of {len(alarms)} ({a_month:.{digits}f})"


def delay_text(minutes):
    return f"{minutes:.0f} min" if minutes < 180 else f"{minutes / 60:.1f} h"


def delay_cell(delays, patience):
    middle = sorted(math.inf if d is None else d for d in delays)[len(delays) // 2]
    if middle == math.inf:
        return f"never in {days_text(patience)} ({len(delays)})"
    return f"{delay_text(middle)} ({len(delays)})"


def row(*cells):
    return "| " + " | ".join(cells) + " |\n"


def head(*titles):
    return row(*titles) + row(*["---"] * len(titles))


def watchers_of(kept):
    for tool, found in kept.items():
        for name, measured in found.get("watchers", {}).items():
            yield f"{tool}: {name}", measured


def our_tables():
    with open(os.path.join(DOCS, "drift-tables.md"), encoding="utf-8") as file:
        return [line.strip("| \n").split(" | ") for line in file if line.startswith("|")]


def our_months(rows):
    streams = ["independent; baseline of 20 hours", "clustered, rho = .02; baseline of 20 hours",
               "load by the hour; on the bounds"]  # fmt: skip
    for stream in streams:
        yield next(cells[2] for cells in rows if cells[:2] == ["tick", stream])


def our_delays(rows, clustered):
    for change in CHANGES:
        found = [cells[1] for cells in rows if cells[0] == change]
        yield re.sub(r" \(.*", "", found[clustered])


def put_months(kept, rows):
    text = "## Months in which nothing changes\n\n"
    text += "Months, or parts of months, with any alarm (and alarms in 30 days).\n\n"
    text += head("watcher", "each of", "independent", "clustered", "load by the hour")
    text += row("Weir: e-CUSUM by tick (drift-tables.md)", "30 d", *our_months(rows))
    for name, found in watchers_of(kept):
        cells = [months_cell(alarms, found["days"]) for alarms in found["months"].values()]
        text += row(name, days_text(found["days"]), *cells)
    return text + "\n"


def put_delays(kept, rows):
    text = "## How soon a change is noticed\n\nThe median (and of how many runs).\n"
    for clustered, title in enumerate(["Independent answers:", "Clustered answers:"]):
        text += f"\n{title}\n\n" + head("watcher", *CHANGES)
        ours = [f"{cell} (200)" for cell in our_delays(rows, clustered)]
        text += row("Weir: e-CUSUM by tick (drift-tables.md)", *ours)
        for name, found in watchers_of(kept):
            delays = found["delays"][clustered * len(CHANGES) :][: len(CHANGES)]
            text += row(name, *(delay_cell(each, found["patience"]) for each in delays))
    return text + "\n"


def put_versions(kept):
    text = "Measured:\n\n"
    for tool, found in kept.items():
        if "why" in found:
            text += f"- {tool}: not measured: {found['why']}\n"
            continue
        names = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
        text += f"- {tool}: {names}; {found['date']}, {found['seconds']:g} s of CPU time\n"
    return text + "\n"


def page(kept):
    rows = our_tables()
    text = "# Drift: what detectors of others say of the same streams\n\n"
    text += "Written by\n\n    bench/rivals.py --simulate build/release/tests/simulation/simulate "
    text += "--python ENV/bin/python ...\n\nfrom tools that were installed with pip. "
    return text + put_versions(kept) + put_months(kept, rows) + put_delays(kept, rows) + NOTES
