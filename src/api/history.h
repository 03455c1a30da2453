/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/err.h"

#include <stdint.h>

/*
 * GET /admin/history: the course of the last hours (course.h) as somebody asks for it, by
 *
 *     from, to, step      milliseconds (of 1970; of length); left out: the last hour, sixty points
 *     model, version      of these alone
 *     segment             in this one, "plan=pro"; left out: all answers
 *     prediction          and what fresh answers said under it; "*": under each
 *
 *     {"from_ms":..,"to_ms":..,"step_ms":60000,"tick_ms":60000,"settled_ms":..,
 *      "gateways":2,"series":[{"model":"chat","version":"m-1","segment":"plan=pro"}],
 *      "points":[{"at_ms":..,"requests":9,"fresh":2,"cached":5,"coalesced":0,"degraded":0,
 *                 "failed":1,"refused":1,"cancelled":0,"errors":{"timeout":1},
 *                 "p50_ms":0.2,"p95_ms":900.1,"p99_ms":900.1,"spent_usd":..,"saved_usd":..,
 *                 "said":{"intent":{"refund":2}}}]}
 *
 * Series are those that there are to ask for. Points without a request are left out; from
 * settled_ms on counts are not there yet. A percentile is null where nothing was timed.
 */

enum {
    HISTORY_POINTS = 1440,
    HISTORY_SAID = 360, /* points, with predictions */
};

struct course;

struct history_clock {
    uint64_t tick_ms;
    uint64_t settled_ms; /* where what is counted ends */
};

/* `why` says in words what is wrong with the query. */
MUST_CHECK enum err history_put_json(const struct course *c, const struct history_clock *clock,
                                     struct str query, struct buf *out, struct fault *why);
