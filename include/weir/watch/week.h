/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/watch/counts.h"

/*
 * What was counted in each hour of the week, Monday 0:00 UTC being the first of 168, and in how
 * many weeks each was seen: what a baseline by the hour of the week is made of. Hours are told
 * in their order, though the same may come many times, a tick at a time.
 */

enum { WEEK_HOURS = 168, WEEK_DAY = 24, WEEK_WORKDAYS = 5 };

struct week_hour {
    struct counts counts;
    uint64_t seen; /* in so many weeks */
    uint64_t last; /* the hour since 1970 of the latest */
};

struct week {
    uint64_t first, last; /* hours since 1970 */
    struct week_hour at[WEEK_HOURS];
};

unsigned week_hour_of(uint64_t ms); /* since 1970 */
bool week_is_weekend(unsigned hour_of_week);

struct week *week_new(void);
void week_free(struct week *w); /* NULL is fine */
void week_add(struct week *w, uint64_t ms, const struct counts *counts);
uint64_t week_span(const struct week *w); /* hours from the first to the last, both counted */

/* "first,last;hour:seen:last:a=1 b=2;..."; reading is into a new one, false for other text. */
void week_put(const struct week *w, struct buf *out);
bool week_read(struct week *w, struct str text);
