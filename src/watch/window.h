/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/str.h"

#include <stdint.h>

/*
 * What was counted lately, by bin: the last sixty ticks with answers one by one, and before
 * them a day in hours (of sixty ticks each). For showing "now" beside the baseline, and for
 * finding when a change began. It plays no part in the evidence.
 *
 * A function of the ticks alone, as the detector is: the same ticks make the same window.
 */

enum { WINDOW_TICKS = 60, WINDOW_HOURS = 24, WINDOW_HOUR = 60 };

struct window {
    size_t bins;
    size_t ticks, hours; /* how many of each are filled, oldest first */
    uint64_t tick[WINDOW_TICKS];
    uint64_t hour[WINDOW_HOURS]; /* tick / WINDOW_HOUR */
    uint64_t *counts;            /* owned: WINDOW_TICKS rows of bins, then WINDOW_HOURS rows */
};

void window_init(struct window *w, size_t bins); /* bins 0: empty for ever */
void window_deinit(struct window *w);
void window_add(struct window *w, uint64_t tick, const uint64_t *counts); /* ticks rise */

/* Adds up what was counted from `from` on, into sum[0..bins); returns how many answers. */
uint64_t window_sum(const struct window *w, uint64_t from, uint64_t *sum);

/* The row of that tick, or of its hour where it is gone: into row[0..bins), how many answers. */
uint64_t window_at(const struct window *w, uint64_t tick, uint64_t *row);

/*
 * The tick from which on the bin's share was most above `bound` (or below it): the beginning
 * of a change that is known to be there. In hours where the ticks themselves are gone.
 */
uint64_t window_since(const struct window *w, size_t bin, double bound, bool up);
/* The same where the bound is not the same at all times. */
typedef double window_bound_fn(void *ctx, uint64_t tick);
uint64_t window_since_by(const struct window *w, size_t bin, bool up, window_bound_fn *bound,
                         void *ctx);

/* What window_sum() adds up, row by row; an hour as its first tick. */
typedef void window_row_fn(void *ctx, uint64_t tick, const uint64_t *counts);
void window_each(const struct window *w, uint64_t from, window_row_fn *each, void *ctx);

/* "tick:1,0,3 ..." and "hour:1,0,3 ..."; reading is into an initialised, empty one. */
void window_put_ticks(const struct window *w, struct buf *out);
void window_put_hours(const struct window *w, struct buf *out);
bool window_read_ticks(struct window *w, struct str text);
bool window_read_hours(struct window *w, struct str text);
