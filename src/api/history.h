/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/metric.h"

#include <stdint.h>

/*
 * What each model did in each minute of the last day, so that "what changed at 14:00" can be
 * seen without a Prometheus. It reads the counters that /metrics tells and keeps differences;
 * it counts nothing itself. An hour in which a model had no request costs nothing.
 *
 * One thread: the control loop's.
 */

enum { HISTORY_MODELS = 64, HISTORY_HOURS = 24 };

struct history;

struct history *history_new(void);
void history_free(struct history *h); /* NULL is fine */

/* At the end of a minute: what was counted since the last call belongs to it. The first call
   only remembers where the counters stand. */
void history_note(struct history *h, struct metrics *m, uint64_t now_ms);

/*
 * {"from_minute":29583000,"models":[{"model":"chat","minutes":[[minute,requests,errors,rejected,
 *   hits,degraded,p50_us,p95_us,p99_us,cost_microusd,saved_microusd], ...]}]}
 * Minutes are counted from 1970; those without requests are left out. A percentile is 0 where
 * the minute had none to tell.
 */
void history_put_json(const struct history *h, uint64_t now_ms, struct buf *out);
