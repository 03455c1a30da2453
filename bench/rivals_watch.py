# SPDX-License-Identifier: Apache-2.0
"""
Detectors of others on the simulator's streams, in an environment that has them; rivals.py runs it.

An alarm is a minute at whose end a watcher says "drift". A watcher takes the minutes of the
baseline, and those of a stream, and yields the numbers of such minutes, lazily: after the first
alarm past the change nobody asks on.
"""

import importlib.metadata
import itertools
import json
import math
import os
import platform
import random
import subprocess
import sys
import time
import warnings

HOUR, DAY, MONTH_DAYS = 60, 1440, 30
SEED = 20260101  # of the simulator and of all that is drawn here
LABELS = "abcdefgh"

CHANGES = ["4.5 % to 9 %", "4.5 % to 20 %", "0.5 % to 5 %", "82 % to 78 %", "5 % to 10 %"]
INDEPENDENT_ROW, CLUSTERED_ROW = 2 * len(CHANGES), 2 * len(CHANGES) + 1  # without a change
MOST_MONTHS, MOST_RUNS = 10, 20
MONTHS_SHARE = 0.6  # of the CPU time; the changes have the rest

# alibi-detect's online detector: minutes of baseline that it gets, expected time between
# alarms (no longer one than its 10,000 bootstraps can tell), and windows, in minutes
ONLINE_MINUTES, ONLINE_ERT, ONLINE_WINDOWS = 1180, 1000, [15, 60]


class Watcher:
    """
    `days` of each month are watched, and `patience` days after a change. With `warm` it gets no
    more than so many minutes before the first that counts, for it would remember no others.
    """

    def __init__(self, watch, days=MONTH_DAYS, patience=14, warm=None):
        self.watch, self.days, self.patience, self.warm = watch, days, patience, warm


# ---- the streams ---------------------------------------------------------------------------------


class Streams:
    """Runs of the simulator: a baseline and the minutes after it, as lists of counts."""

    def __init__(self, simulate):
        self.simulate = simulate

    def run(self, row, number):
        """Returns (baseline, minutes, the first minute that is changed)."""
        command = [self.simulate, "--seed", str(SEED), "--stream", f"{row}:{number}"]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        phases = {"baseline": [], "before": [], "after": []}
        for line in text.splitlines():
            phase, *counts = line.split(",")
            phases[phase].append([int(count) for count in counts])
        return phases["baseline"], phases["before"] + phases["after"], len(phases["before"])

    def independent(self, number):
        return self.run(INDEPENDENT_ROW, number)[:2]

    def clustered(self, number):
        return self.run(CLUSTERED_ROW, number)[:2]

    def diurnal(self, number):
        """
        A Poisson stream that is thinned is a Poisson stream: two runs of 60 answers a minute,
        added up, and of them as large a part as the hour has, as in the simulator's own.
        """
        dice = random.Random(f"{SEED} diurnal {number}")
        pair = [self.independent(1000 + 2 * number + i) for i in range(2)]
        return [
            [
                thin([a + b for a, b in zip(*counts)], part_of_day(minute), dice)
                for minute, counts in enumerate(zip(*phase))
            ]
            for phase in zip(*pair)
        ]


def part_of_day(minute):
    level = minute % DAY // 30 / 48
    return (1 - 0.9 * math.cos(2 * math.pi * level)) / 2


def thin(counts, part, dice):
    return [sum(dice.random() < part for _ in range(count)) for count in counts]


def answers_of(minutes, dice):
    """The minutes' answers as labels, in an order that tells nothing."""
    labels = [LABELS[k] for k, count in enumerate(total(minutes)) for _ in range(count)]
    dice.shuffle(labels)
    return labels


def total(minutes):
    return [sum(counts) for counts in zip(*minutes)]


def hours_of(minutes):
    """(the last minute's number, minutes) of each whole hour."""
    for first in range(0, len(minutes) - HOUR + 1, HOUR):
        yield first + HOUR - 1, minutes[first : first + HOUR]


# ---- river ---------------------------------------------------------------------------------------


def by_answer(make):
    """One detector for each label, which is told 1 or 0 for each answer."""

    def watch(baseline, minutes, dice):
        detectors = [make() for _ in baseline[0]]
        for number, counts in enumerate(itertools.chain(baseline, minutes), -len(baseline)):
            answers = answers_of([counts], dice)
            said = False
            for label, detector in zip(LABELS, detectors):
                for answer in answers:
                    detector.update(answer == label)
                    said |= detector.drift_detected
            if said and number >= 0:
                yield number

    return watch


def by_minute(make):
    """One detector for each label, which is told its share of each minute."""

    def watch(baseline, minutes, _dice):
        detectors = [make() for _ in baseline[0]]
        for number, counts in enumerate(itertools.chain(baseline, minutes), -len(baseline)):
            said = False
            for count, detector in zip(counts, detectors):
                if sum(counts):
                    detector.update(count / sum(counts))
                    said |= detector.drift_detected
            if said and number >= 0:
                yield number

    return watch


def river_watchers():
    from river.drift import ADWIN, KSWIN, PageHinkley

    def seeded():
        return KSWIN(seed=SEED)

    return {
        "ADWIN, each minute": Watcher(by_minute(ADWIN)),
        "PageHinkley, each minute": Watcher(by_minute(PageHinkley)),
        "PageHinkley, each answer": Watcher(by_answer(PageHinkley), 10),
        "ADWIN, each answer": Watcher(by_answer(ADWIN)),
        "KSWIN, each answer": Watcher(by_answer(seeded), 1 / 24, 1 / 24, 10),
        "KSWIN, each minute": Watcher(by_minute(seeded), 5, 1, 200),
    }


# ---- Evidently -----------------------------------------------------------------------------------


def evidently_watchers():
    import pandas
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    kinds = DataDefinition(categorical_columns=["answer"])

    def dataset(minutes, dice):
        frame = pandas.DataFrame({"answer": answers_of(minutes, dice)})
        return Dataset.from_pandas(frame, data_definition=kinds)

    def watch(baseline, minutes, dice):
        reference = dataset(baseline, dice)
        for number, hour in hours_of(minutes):
            result = Report([DataDriftPreset()]).run(dataset(hour, dice), reference)
            if result.dict()["metrics"][0]["value"]["count"] > 0:
                yield number

    return {"DataDriftPreset, each hour": Watcher(watch, 5, 3)}


# ---- NannyML -------------------------------------------------------------------------------------


def nannyml_watchers():
    os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"  # else it calls home
    import nannyml
    import pandas

    start = pandas.Timestamp("2026-01-01")

    def frame(minutes, first, dice):
        answers = [answers_of([counts], dice) for counts in minutes]
        at = [start + pandas.Timedelta(minutes=first + i) for i in range(len(minutes))]
        stamps = [stamp for stamp, said in zip(at, answers) for _ in said]
        labels = list(itertools.chain.from_iterable(answers))
        return pandas.DataFrame({"at": stamps, "answer": labels})

    def watch(baseline, minutes, dice):
        calculator = nannyml.UnivariateDriftCalculator(
            column_names=["answer"],
            treat_as_categorical=["answer"],
            timestamp_column_name="at",
            chunk_period="h",
        )
        calculator.fit(frame(baseline, -len(baseline), dice))
        for first in range(0, len(minutes), DAY):
            found = calculator.calculate(frame(minutes[first : first + DAY], first, dice))
            alerts = found.filter(period="analysis").to_df()["answer", "jensen_shannon", "alert"]
            yield from (first + HOUR * i + HOUR - 1 for i, alert in enumerate(alerts) if alert)

    return {"UnivariateDriftCalculator, each hour": Watcher(watch)}


# ---- alibi-detect --------------------------------------------------------------------------------


def alibi_watchers():
    import numpy
    from alibi_detect.cd import ChiSquareDrift

    def column(minutes, dice):
        return numpy.array(answers_of(minutes, dice))[:, None]

    def watch(baseline, minutes, dice):
        detector = ChiSquareDrift(column(baseline, dice))
        for number, hour in hours_of(minutes):
            if detector.predict(column(hour, dice))["data"]["is_drift"]:
                yield number

    return {
        "ChiSquareDrift, each hour": Watcher(watch),
        "CVMDriftOnline, each minute": Watcher(alibi_online(numpy), MONTH_DAYS, 3),
    }


def alibi_online(numpy):
    """It has no defaults for the time between alarms and its windows: see the notes."""
    from alibi_detect.cd import CVMDriftOnline

    known = {}

    class Calibrated(CVMDriftOnline):
        """Thresholds hang on the numbers of minutes and labels alone, and take half a minute."""

        def _configure_thresholds(self):
            shape = self.x_ref.shape
            if shape not in known:
                super()._configure_thresholds()
                known[shape] = self.thresholds
            self.thresholds = known[shape]

    for labels in (5, 2):
        Calibrated(numpy.zeros((ONLINE_MINUTES, labels)), ONLINE_ERT, ONLINE_WINDOWS, verbose=False)

    def shares(minutes):
        counts = numpy.array(minutes, dtype=float)
        return counts / counts.sum(axis=1, keepdims=True)

    def watch(baseline, minutes, _dice):
        reference = shares([counts for counts in baseline if sum(counts)][:ONLINE_MINUTES])
        detector = Calibrated(reference, ONLINE_ERT, ONLINE_WINDOWS, verbose=False)
        for number, counts in enumerate(minutes):
            if sum(counts) and detector.predict(shares([counts])[0])["data"]["is_drift"]:
                detector.reset_state()
                yield number

    return watch


# ---- measuring -----------------------------------------------------------------------------------


# package, what makes the watchers
TOOLS = {
    "river": ("river", river_watchers),
    "evidently": ("evidently", evidently_watchers),
    "nannyml": ("nannyml", nannyml_watchers),
    "alibi-detect": ("alibi-detect", alibi_watchers),
}
BESIDE = ["numpy", "scipy", "pandas"]  # whose versions are told too


def while_time(count, seconds):
    """Numbers from 0 to count - 1, for as long as there is CPU time; 0 always."""
    end = time.process_time() + seconds
    return itertools.takewhile(lambda n: n == 0 or time.process_time() < end, range(count))


def watch_months(watcher, make, name, seconds):
    """Alarms of each piece of a month that was watched."""
    alarms = []
    for number in while_time(MOST_MONTHS, seconds):
        baseline, minutes = make(number)
        dice = random.Random(f"{SEED} {name} {number}")
        minutes = minutes[: int(watcher.days * DAY)]
        baseline = baseline[-(watcher.warm or 0) :]
        alarms.append(sum(1 for _ in watcher.watch(baseline, minutes, dice)))
    return alarms


def watch_changes(watcher, streams, row, seconds):
    """Minutes from the change to the first alarm after it, of each run; None: not seen."""
    delays = []
    for number in while_time(MOST_RUNS, seconds):
        baseline, minutes, change = streams.run(row, number)
        dice = random.Random(f"{SEED} {row} {number}")
        minutes = minutes[: change + int(watcher.patience * DAY)]
        if watcher.warm:
            baseline, minutes = minutes[change - watcher.warm : change], minutes[change:]
            change = 0
        alarms = watcher.watch(baseline, minutes, dice)
        at = next((minute for minute in alarms if minute >= change), None)
        delays.append(None if at is None else at - change + 1)
    return delays


def measure_watcher(watcher, streams, seconds):
    rows = range(2 * len(CHANGES))
    kinds = {
        "independent": streams.independent,
        "clustered": streams.clustered,
        "diurnal": streams.diurnal,
    }
    each_month = MONTHS_SHARE * seconds / len(kinds)
    each_row = (1 - MONTHS_SHARE) * seconds / len(rows)
    return {
        "days": watcher.days,
        "patience": watcher.patience,
        "months": {
            kind: watch_months(watcher, make, kind, each_month) for kind, make in kinds.items()
        },
        "delays": [watch_changes(watcher, streams, row, each_row) for row in rows],
    }


def versions(package):
    found = {"Python": platform.python_version()}
    for name in [package, *BESIDE]:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def measure_here(tool, simulate, seconds):
    """In the environment that has it; prints JSON as the last line."""
    warnings.filterwarnings("ignore")
    package, make = TOOLS[tool]
    streams = Streams(simulate)
    watchers = make()
    end = time.process_time() + seconds
    found = {}
    for left, (name, watcher) in zip(range(len(watchers), 0, -1), watchers.items()):
        share = max(0, end - time.process_time()) / left
        found[name] = measure_watcher(watcher, streams, share)
        print(f"{tool}: {name}: {found[name]}", file=sys.stderr, flush=True)
    print(json.dumps({"versions": versions(package), "seconds": seconds, "watchers": found}))


if __name__ == "__main__":
    measure_here(sys.argv[1], sys.argv[2], float(sys.argv[3]))
