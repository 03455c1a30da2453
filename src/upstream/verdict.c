/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a call says about who was called. A refusal of the request itself tells nothing about
 * anybody, nor does a call that was called off: only what the endpoint, or the key, did counts.
 */

#include "verdict.h"

#include "weir/base/clock.h"
#include "weir/upstream/retry_after.h"

static bool is_busy(int status)
{
    return status == 429 || status == 503 || status == 529;
}

/* What was meant, where a 200 holds an error; 0: nothing was said. */
static int true_status(const struct attempt *a)
{
    int inside = a->tap.answer.error_status;

    return a->status < 400 && inside > 0 ? inside : a->status;
}

/* Connecting takes no model's time: where it takes all of a request's, nobody is there. */
static bool is_unreachable(const struct attempt *a, enum err err)
{
    return err == ERR_UPSTREAM_UNREACHABLE ||
           (err == ERR_DEADLINE && a->ended_in == PHASE_CONNECTING);
}

static enum verdict judge_status(int status)
{
    if (status == 401 || status == 403)
        return VERDICT_KEY_REFUSED;
    if (is_busy(status))
        return VERDICT_BUSY;
    return status >= 500 || status == 408 || status < 400 ? VERDICT_FAULT : VERDICT_NONE;
}

static enum verdict judge(const struct attempt *a, enum err err)
{
    if (err == OK)
        return VERDICT_GOOD;
    if (a->beaten && err == ERR_CANCELLED)
        return VERDICT_BEATEN;
    if (a->fetch.stale)
        return VERDICT_NONE; /* a pooled connection may end at any time */
    if (is_unreachable(a, err))
        return VERDICT_FAULT;
    if (err == ERR_UPSTREAM_STATUS || err == ERR_UPSTREAM_IN_BAND)
        return judge_status(true_status(a));
    if (err == ERR_UPSTREAM_REFUSED || err < ERR_UPSTREAM_UNREACHABLE ||
        err > ERR_UPSTREAM_TRUNCATED)
        return VERDICT_NONE; /* ours, or the client's */
    return VERDICT_FAULT;
}

void verdict_report(const struct attempt *a, enum err err, struct permit_report *out)
{
    int64_t wait_ms = -1;

    if (a->status >= 400)
        wait_ms = retry_after_ms(attempt_header(a, "retry-after"),
                                 attempt_header(a, "retry-after-ms"), clock_wall_ms());
    *out = (struct permit_report){
        .verdict = judge(a, err),
        .status = true_status(a),
        .refused = a->status == 503 ||
                   (is_unreachable(a, err) && !a->sent_any && !a->fetch.stale),
        .retry_after_ms = wait_ms,
        .first_us = a->first_us > 0 ? a->first_us - a->started_us : 0,
        .total_us = a->ended_us - a->started_us,
    };
}

struct str verdict_word(const struct attempt *a, enum err err)
{
    if (err == OK)
        return STR("ok");
    if (err == ERR_CANCELLED || err == ERR_DEADLINE || err == ERR_SHUTDOWN)
        return STR("cancelled");
    if (err == ERR_UPSTREAM_STATUS || err == ERR_UPSTREAM_REFUSED)
        return a->status == 429 ? STR("429") : a->status >= 500 ? STR("5xx") : STR("4xx");
    if (err == ERR_UPSTREAM_SILENT)
        return STR("timeout");
    if (err == ERR_UPSTREAM_UNREACHABLE || err == ERR_UPSTREAM_TLS)
        return STR("unreachable");
    return STR("broken");
}
