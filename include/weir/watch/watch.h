/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/str.h"
#include "weir/watch/prediction.h"

#include <stdint.h>

/*
 * Counts what models say: METRIC_PREDICTIONS in this process, and per minute in Redis, so that
 * replicas add up. One watch per worker; it flushes every few seconds and when told to.
 * Fresh, cached and coalesced answers are counted apart: label `source`, and in Redis the
 * prediction's name carries ";cached" or ";coalesced".
 *
 * Besides what the configuration names, every answer counts under `finish_reason`,
 * `output_tokens` and `refusal` (yes, no). In Redis a histogram is a hash
 *     <prefix>v1:histogram:<model>:<version>:<prediction>[;<source>]:<minute since 1970>
 * from value to count, which lives for eight days: a week to compare with, and a day to look.
 *
 * While Redis is away counts wait, within a bound; what is beyond it is missing in Redis, not
 * in the metrics, and the log says how much that was (watch_dropped).
 */

struct loop;
struct metrics;
struct remote;
struct watch;

enum { WATCH_FLUSH_MS = 5000, WATCH_TTL_S = 8 * 24 * 60 * 60 };

enum watch_source { WATCH_FRESH, WATCH_CACHED, WATCH_COALESCED };

struct watch_answer {
    struct str model;   /* public name */
    struct str version; /* upstream model */
    enum watch_source source;
    struct str finish_reason;
    bool refusal;
    int64_t completion_tokens; /* -1: not told */
    struct str body;           /* plain form; absent: only the built-in ones are counted */
    const struct prediction *predictions;
    size_t prediction_count;
};

/* `remote` may be NULL. `prefix` and the rest are lent while the watch lives. */
struct watch *watch_new(struct loop *loop, struct remote *remote, struct str prefix);
void watch_free(struct watch *w); /* flushes first */

void watch_note(struct watch *w, const struct watch_answer *a);
void watch_flush(struct watch *w);

/*
 * The histograms so far, over all workers of this process: as JSON, or drawn as text.
 *     {"predictions":[{"model":"...","version":"...","prediction":"intent","source":"fresh",
 *                      "count":15,"values":{"refund":12,"other":3}}]}
 * Labels stand from the most to the least, bins in their natural order.
 */
void watch_put_json(struct metrics *m, struct buf *out);
void watch_put_text(struct metrics *m, struct buf *out);
