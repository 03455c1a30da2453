#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints docs/resilience.md from the table that the fault matrix asserts: resilience.py > FILE"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from weirtest.faults import CUT, FAULTS, FORMS, SETTINGS  # noqa: E402

INTRO = """# On a bad day

What Weir does when models, networks and Redis do not do theirs. The table below is printed from the data of a test
(`tests/scenario/test_fault_matrix.py`) that plays every cell of it against the real program: `tests/scenario/resilience.py > docs/resilience.md`.

1. A call that fails before any content has reached the client goes elsewhere: to another endpoint of the pool, to the next route, and, where nobody may have begun to work
   on it, through all of them once more after a pause ([which failures go where](decisions/failing-over.md)).
2. When no route answers, the model's `fallback` list serves: a stale answer, another model, rules ([in which order, and how it is marked](decisions/degrading.md)).
3. When nothing serves, the client gets an error in its dialect that says what to do, with `Retry-After` where waiting helps.
4. A stream that has shown content is never mended or started over: it ends with one error event.

Where to look: `GET /admin/upstreams` (who gets calls, and why not), `weir_upstream_healthy`, `weir_upstream_breaker_total`, `weir_retries_total`,
`weir_queue_depth`, `weir_fallbacks_total` and `weir_requests_total{outcome}` in `/metrics`, the `exchange_end` line of a request in the log.

## What a client gets

Two calls at most for a request (`max_attempts: 2`); *two routes*: the second one is well; *stale*: an answer past its freshness is kept; *rules*: `fallback: [{rules: ...}]`.
*cut*: the stream ends with one error event, since content had been shown.
"""

CHAOS = """
## A whole bad day

`tests/chaos` plays one by a seed: two gateways behind HAProxy, three model servers and a Redis under load, while they are killed, stopped, slowed down and cut
off at random. Every answer carries an echo of its question. No answer is wrong, every request ends, and all gauges are back at zero. The test run plays twenty
seconds; longer ones: `WEIR_CHAOS_SECONDS=300 WEIR_CHAOS_SEED=7 ./tests/run.sh --only chaos`.
"""


def told(fault, form, setting):
    outcome, degraded = fault.outcome(form, setting)
    words = "cut" if outcome == CUT else str(outcome)
    return f"{words} ({degraded})" if degraded else words


def cell(fault, setting):
    plain, stream = (told(fault, form, setting) for form in FORMS)
    return plain if plain == stream else f"{plain}; stream: {stream}"


def page():
    lines = [INTRO, "| the upstream | | " + " | ".join(SETTINGS) + " | calls at most |"]
    lines.append("| --- " * (len(SETTINGS) + 3) + "|")
    for fault in FAULTS:
        cells = " | ".join(cell(fault, setting) for setting in SETTINGS)
        lines.append(f"| {fault.name} | {fault.words} | {cells} | {fault.calls} |")
    return "\n".join(lines) + "\n" + CHAOS


if __name__ == "__main__":
    sys.stdout.write(page())
