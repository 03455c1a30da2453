#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Builds, runs every suite and adds up what passed. Started by run.sh, which installs first.

Each suite is a function; its parts are Meson tests or files of pytest, and each part becomes
one `Outcome`. Criterion's and pytest's own counts are used; any other Meson test counts one.
A scenario that fails beside others is asked once more, alone, and told of in any case: what
fails alone is a fault of the program, what does not is a fault of the test (or of the machine).
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
LOGS = BUILD / "test-logs"
CORES = os.cpu_count() or 1

SANITIZED = ["-Dtests=true", "-Db_lundef=false"]
FOLDERS = {
    "asan": [*SANITIZED, "-Db_sanitize=address,undefined"],
    "tsan": [*SANITIZED, "-Db_sanitize=thread"],
    "release": ["--buildtype=release", "-Db_lto=true"],
    "simulation": ["--buildtype=release", "-Dtests=true"],
}
BENCH_TOOLS = ["bench/upstream", "bench/limit", "bench/streams", "bench/idle"]

# Scenarios that the thread sanitizer need not watch: they are about other programs, or about
# the work of one loop alone.
ONE_THREAD = {"test_check.py", "test_dashboards.py", "test_harness.py", "test_nginx.py",
              "test_page.py", "test_page_changes.py", "test_page_course.py", "test_sdk.py",
              "test_sdk_anthropic.py", "test_season.py", "test_smuggling.py", "test_tls.py",
              "test_top.py"}  # fmt: skip
# Under it bytes take longer and more room: what is about many of them is told elsewhere.
FEW_BYTES = "-k 'not (mib or does_not_grow or big_ones)'"
# A second signal ends the process at once, threads and all: that is no leak.
TSAN_OPTIONS = "halt_on_error=1:exitcode=99:report_thread_leaks=0"
# The longest first, so that none is left running alone at the end.
LONGEST = ["test_redis_faults.py", "test_life.py", "test_sdk.py", "test_alerts.py",
           "test_season.py", "test_regimes.py", "test_changes.py", "test_alertmanagers.py",
           "test_drift.py"]  # fmt: skip
# These wait for tick after tick, and need a core for little of that time.
WAITING = {"test_alertmanagers.py", "test_alerts.py", "test_baselines.py", "test_changes.py",
           "test_definitions.py", "test_drift.py", "test_late.py", "test_regimes.py",
           "test_season.py", "test_sentinel.py"}  # fmt: skip

PART_SECONDS = 900  # none takes half of it
# More than a few that fail at once are no accident, and these words never are one.
ASKED_AGAIN_MAX = 3
NO_ACCIDENT = ("a sanitizer spoke:", "killed by signal", "did not end on SIGTERM")
TAIL_LINES = 40
SYNTHESIS = re.compile(
    r"Synthesis: Tested: (\d+) \| Passing: (\d+) \| Failing: (\d+) \| Crashing: (\d+)"
)

_begun = time.monotonic()
_children = set()
_telling = threading.Lock()


@dataclasses.dataclass
class Outcome:
    name: str
    log: pathlib.Path
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    first: pathlib.Path | None = None  # the log of the time before, when it was asked again

    def __str__(self):
        counts = [f"{self.passed} passed"]
        counts += [f"{self.failed} FAILED"] if self.failed else []
        counts += [f"{self.skipped} skipped"] if self.skipped else []
        counts += ["asked again"] if self.first else []
        return ", ".join(counts)


class BuildFailed(Exception):
    def __init__(self, outcome):
        super().__init__(outcome.name)
        self.outcome = outcome


def tell(suite, text):
    minutes, seconds = divmod(int(time.monotonic() - _begun), 60)
    with _telling:
        print(f"[{minutes}:{seconds:02}] {suite}: {text}", flush=True)


def run(words, log, env=None):
    """Runs to the end, or to the limit of time; all it says goes to the log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as out:
        child = subprocess.Popen(
            [str(word) for word in words], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out,
            stderr=subprocess.STDOUT, env={**os.environ, **(env or {})},
            start_new_session=True,
        )  # fmt: skip
        _children.add(child)
        try:
            return child.wait(PART_SECONDS)
        except subprocess.TimeoutExpired:
            out.write(f"\ndid not end within {PART_SECONDS} s\n".encode())
            return -1
        finally:
            end(child)


def end(child):
    """Ends the child and whatever it has left behind in its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    _children.discard(child)


# ---- building ----------------------------------------------------------------------------


def build(name, *targets):
    folder, log = BUILD / name, LOGS / f"build-{name}.log"
    status = 0
    if not (folder / "build.ninja").exists():
        log = LOGS / f"setup-{name}.log"
        status = run(["meson", "setup", folder, *FOLDERS[name]], log)
    if status == 0:
        log = LOGS / f"build-{name}.log"
        status = run(["ninja", "-C", folder, *targets], log)
    if status != 0:
        raise BuildFailed(Outcome(f"build/{name}", log, failed=1))
    tell("build", f"build/{name} is ready")
    return folder


# ---- the two kinds of parts --------------------------------------------------------------


def criterion_or_one(row, outcome):
    """Criterion's counts if it told them, else one; a bad end is never a pass."""
    passed = row["result"] in ("OK", "EXPECTEDFAIL")
    told = SYNTHESIS.search(row.get("stdout", "") + row.get("stderr", ""))
    if row["result"] == "SKIP":
        outcome.skipped = 1
    elif told:
        tested, outcome.passed, failing, _ = map(int, told.groups())
        outcome.failed = max(failing, 0 if passed else 1)
        outcome.skipped = max(0, tested - outcome.passed - failing)
    elif passed:
        outcome.passed = 1
    else:
        outcome.failed = 1
    return outcome


def meson_suite(suite, folder, *choice):
    """The Meson tests of the suite, as many at once as there are cores."""
    logbase, log = f"run-{suite}", LOGS / f"{suite}.log"
    rows = folder / "meson-logs" / f"{logbase}.json"
    rows.unlink(missing_ok=True)
    words = ["meson", "test", "-C", folder, "--logbase", logbase, "--no-stdsplit"]
    status = run([*words, *choice], log)
    outcomes = []
    for line in rows.read_text().splitlines() if rows.exists() else []:
        row = json.loads(line)
        name = row["name"].split(" / ")[-1]
        log_one = LOGS / suite / (name.replace("/", "-") + ".log")
        log_one.parent.mkdir(parents=True, exist_ok=True)
        log_one.write_text(row.get("stdout", "") + row.get("stderr", "") + row["result"] + "\n")
        outcomes.append(criterion_or_one(row, Outcome(f"{suite}: {name}", log_one)))
    if status != 0 and not any(outcome.failed for outcome in outcomes) or not outcomes:
        outcomes.append(Outcome(f"{suite}: meson test", log, failed=1))
    for outcome in outcomes:
        if outcome.failed:
            tell(suite, f"{outcome.name.split(': ')[-1]} {outcome}")
    tell(suite, f"{len(outcomes)} programs, {total(outcomes)}")
    return outcomes


def pytest_file(suite, path, env):
    log = LOGS / suite / (path.stem + ".log")
    report = log.with_suffix(".xml")
    report.unlink(missing_ok=True)
    words = ["/usr/bin/python3", "-B", "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider",
             "--durations=5", "--tb=short", f"--junitxml={report}", path]  # fmt: skip
    status = run(words, log, env)
    outcome = Outcome(f"{suite}: {path.name}", log)
    if report.exists():
        about = xml.etree.ElementTree.parse(report).getroot().find("testsuite").attrib
        outcome.failed = int(about["failures"]) + int(about["errors"])
        outcome.skipped = int(about["skipped"])
        outcome.passed = max(0, int(about["tests"]) - outcome.failed - outcome.skipped)
    if status != 0 and outcome.failed == 0:
        outcome.failed = 1
    tell(suite, f"{path.name} {outcome}")
    return outcome


def pytest_files(suite, paths, env):
    """As many at once as there are cores, and beside them twice as many of those that wait."""
    lanes = concurrent.futures.ThreadPoolExecutor
    with lanes(CORES) as busy, lanes(2 * CORES) as waiting:
        parts = [(waiting if path.name in WAITING else busy).submit(pytest_file, suite, path, env)
                 for path in paths]  # fmt: skip
        outcomes = [part.result() for part in parts]
    return ask_again(suite, paths, outcomes, env)


def may_be_accident(outcome):
    said = outcome.log.read_text(errors="replace")
    return not any(words in said for words in NO_ACCIDENT)


def ask_again(suite, paths, outcomes, env):
    """The outcomes, in which those of few failures are had anew, each alone on the machine."""
    failed = [n for n, outcome in enumerate(outcomes) if outcome.failed]
    if len(failed) > ASKED_AGAIN_MAX or not all(may_be_accident(outcomes[n]) for n in failed):
        return outcomes
    for n in failed:
        first = outcomes[n].log.with_suffix(".first.log")
        outcomes[n].log.rename(first)
        outcomes[n] = pytest_file(suite, paths[n], env)
        outcomes[n].first = first
    return outcomes


# ---- suites ------------------------------------------------------------------------------


def lint(_quick):
    folder = build("asan")
    run(["/usr/bin/python3", "-B", "tests/lint/shape.py"], LOGS / "shape.txt")
    tell("lint", "sizes, names and stories, for a reader: build/test-logs/shape.txt")
    return meson_suite("lint", folder, "--suite", "lint")


def unit(_quick):
    return meson_suite("unit", build("asan"), "--suite", "unit")


def fuzz(_quick):
    return meson_suite("fuzz", build("asan"), "--suite", "fuzz")


def scenario_files():
    found = (ROOT / "tests" / "scenario").glob("test_*.py")
    return sorted(found, key=lambda path: (LONGEST + [path.name]).index(path.name))


def scenario(_quick):
    folder = build("asan")
    env = {"WEIR_BIN": folder / "weir", "WEIR_TEST_CACHE": BUILD / "test-cache"}
    return pytest_files("scenario", scenario_files(), env)


def threads(quick):
    """Under the thread sanitizer: what runs on several threads, alone and as a gateway.

    Most unit tests are not among them, since Criterion does not start under it.
    """
    if quick:
        return []
    folder = build("tsan", "weir")
    outcomes = meson_suite("threads", folder, "--suite", "threads")
    paths = [path for path in scenario_files() if path.name not in ONE_THREAD]
    env = {"WEIR_BIN": folder / "weir", "WEIR_TEST_WORKERS": "4", "TSAN_OPTIONS": TSAN_OPTIONS,
           "PYTEST_ADDOPTS": FEW_BYTES}  # fmt: skip
    return outcomes + pytest_files("threads", paths, env)


def soak(quick):
    if quick:
        return []
    folder = build("release", "weir", *BENCH_TOOLS)
    env = {"WEIR_BIN": folder / "weir", "WEIR_BENCH": folder / "bench"}
    return pytest_files("soak", [ROOT / "tests" / "soak" / "test_soak.py"], env)


def chaos(quick):
    if quick:
        return []
    env = {"WEIR_BIN": build("asan", "weir") / "weir"}
    return pytest_files("chaos", [ROOT / "tests" / "chaos" / "test_chaos.py"], env)


def simulation(quick):
    """A promise about rare events takes tens of millions of ticks: without a sanitizer."""
    if quick:
        return []
    folder = build("simulation", "tests/simulation/simulate")
    return meson_suite("simulation", folder, "--no-rebuild", "--suite", "simulation")


SUITES = [lint, unit, fuzz, scenario, threads, soak, chaos, simulation]


def total(outcomes):
    whole = Outcome("", LOGS)
    for outcome in outcomes:
        whole.passed += outcome.passed
        whole.failed += outcome.failed
        whole.skipped += outcome.skipped
    return whole


def tell_failure(about, log):
    lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    print(f"\n--- {about}: {log.relative_to(ROOT)}")
    print("\n".join("  | " + line for line in lines))


def tell_failures(outcomes):
    for outcome in outcomes:
        if outcome.first:
            tell_failure(f"{outcome.name} failed beside others", outcome.first)
        if outcome.failed:
            tell_failure(outcome.name, outcome.log)


def tell_skips(outcomes):
    for outcome in outcomes:
        if outcome.skipped:
            print(f"\n--- {outcome.name}: {outcome.skipped} skipped")
            for line in outcome.log.read_text(errors="replace").splitlines():
                if line.startswith("SKIPPED"):
                    print("  | " + line)


def main():
    names = [suite.__name__ for suite in SUITES]
    asked = argparse.ArgumentParser(prog="tests/run.sh", description="Runs all suites.")
    asked.add_argument("--only", action="append", choices=names, help="this suite; repeatable")
    asked.add_argument("--quick", action="store_true", help="without the last four")
    asked = asked.parse_args()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    outcomes, broken = [], set()
    try:
        for suite in SUITES:
            if asked.only and suite.__name__ not in asked.only:
                continue
            try:
                outcomes += suite(asked.quick)
            except BuildFailed as fault:
                if fault.outcome.name not in broken:
                    outcomes.append(fault.outcome)
                    broken.add(fault.outcome.name)
                tell(suite.__name__, f"{fault.outcome.name} does not build")
    finally:
        for child in list(_children):
            end(child)
    tell_failures(outcomes)
    tell_skips(outcomes)
    whole = total(outcomes)
    again = sum(outcome.first is not None for outcome in outcomes)
    unsteady = f", {again} files asked again, alone" if again else ""
    print(f"\n{whole.passed} passed, {whole.failed} failed, {whole.skipped} skipped{unsteady}")
    return 1 if whole.failed or not whole.passed else 0


if __name__ == "__main__":
    sys.exit(main())
