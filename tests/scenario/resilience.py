#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints docs/resilience.md from the table that the fault matrix asserts: resilience.py > FILE"""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "scenario"), str(ROOT / "bench")]

from plot import figures_in  # noqa: E402
from weirtest.faults import CUT, FAULTS, FORMS, SETTINGS  # noqa: E402

INTRO = """# On a bad day

What Weir does when models, networks and Redis do not do theirs. The table below is printed from the data of a test
(`tests/scenario/test_fault_matrix.py`) that plays every cell of it against the real program: `tests/scenario/resilience.py > docs/resilience.md`.

1. A call that fails before any content has reached the client goes elsewhere: to another endpoint of the pool, to the next route, and, where nobody may have begun to work
   on it, through all of them once more after a pause ([which failures go where](decisions/failing-over.md)).
2. When no route answers, the model's `fallback` list serves: a stale answer, another model, rules ([in which order, and how it is marked](decisions/degrading.md)).
3. When nothing serves, the client gets an error in its dialect that says what to do, with `Retry-After` where waiting helps.
4. A stream that has shown content is never mended or started over: it ends with one error event.
5. Equal questions are one call. When it fails, one of those who wait asks once more, in the whole fleet; when that fails as well, it is everybody's failure
   ([why](decisions/fleet-coalescing.md)).

Where to look: `GET /admin/upstreams` (who gets calls, and why not), `weir_upstream_healthy`, `weir_upstream_breaker_total`, `weir_retries_total`,
`weir_queue_depth`, `weir_fallbacks_total` and `weir_requests_total{outcome}` in `/metrics`, the `exchange_end` line of a request in the log.

## What a client gets

Two calls at most for a request (`max_attempts: 2`); *two routes*: the second one is well; *stale*: an answer past its freshness is kept; *rules*: `fallback: [{rules: ...}]`.
*cut*: the stream ends with one error event, since content had been shown.
"""

HEDGING = """
## A second call beside a slow first

```yaml
upstreams:
  local:
    endpoints: ["http://10.0.0.1:8000/v1", "http://10.0.0.2:8000/v1", "http://10.0.0.3:8000/v1"]
    hedge: {{after: p95, at_most: 5%}}
```

A call that has shown no content for as long as 95 of a hundred calls of the last minute took to show theirs is joined by a second one, to another endpoint. The first
content wins and the other call is cancelled; never are more than 5 % of calls doubled, counted over ten seconds. `x-weir-attempts: 2` tells it, and `weir_hedges_total`
counts it. The second call is one of the model's `max_attempts`, and both must fit into its `max_cost`.

![The time to the answer by percentile, with hedging and without](hedging.svg)

Measured with {questions:,} questions to {endpoints} endpoints that are {slower} times slower in {slow} of calls: the 99th percentile is {hedged_p99} instead of {p99}, for {extra} more calls.
The last one of a thousand still takes {hedged_p999} ({p999} without): the share was spent, or both calls were slow.
"""

ADAPTIVE = """
## A limit that finds itself

```yaml
upstreams:
  local:
    endpoints: ["http://10.0.0.1:8000/v1"]
    max_in_flight: adaptive
```

A model server works on so many calls at once; what comes beyond that waits in its line, where nobody can overtake and nobody can be turned away. `adaptive` lets no more
calls through than make it no slower, and keeps the others in Weir's own queue, with its priorities, its turns between tenants and its bounds. The limit is found by
trying: more, while calls take no longer; fewer for a moment, whenever they seem to. `weir_upstream_limit` shows it.

![The limit over time beside the server's knee, and how long urgent questions took](adaptive.svg)

Measured with {bulk} bulk callers, and urgent ones with `x-weir-priority: high`, before a server with a knee of {knees[0]} that becomes one of {knees[1]}: the limit is {limits[0]:.0f} and then {limits[1]:.0f} (medians, from
{after_s} seconds after the change on). Urgent answers take {urgent[0]} and then {urgent[1]}; with a fixed limit of {fixed}, {fixed_urgent[0]} and {fixed_urgent[1]}. The server does {done[0]} and {done[1]} of what it can: trying fewer costs
the rest. Those who are not urgent wait as long either way ({bulk_took[1]} and {fixed_bulk_took[1]} in the end): a limit moves a line, it does not shorten it.

Both pictures, and the figures here, come from `bench/resilience.py --weir build/release/weir`; then `tests/scenario/resilience.py > docs/resilience.md`.
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


def measured():
    """The pictures hold what was measured: the text cannot say otherwise."""
    shown = ((HEDGING, "hedging.svg"), (ADAPTIVE, "adaptive.svg"))
    return "".join(text.format(**figures_in(ROOT / "docs" / name)) for text, name in shown)


def page():
    lines = [INTRO, "| the upstream | | " + " | ".join(SETTINGS) + " | calls at most |"]
    lines.append("| --- " * (len(SETTINGS) + 3) + "|")
    for fault in FAULTS:
        cells = " | ".join(cell(fault, setting) for setting in SETTINGS)
        lines.append(f"| {fault.name} | {fault.words} | {cells} | {fault.calls} |")
    return "\n".join(lines) + "\n" + measured() + CHAOS


if __name__ == "__main__":
    sys.stdout.write(page())
