/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/quantile.h"

/*
 * How soon calls show their first content, over the last half to whole minute: two halves of
 * it are kept, and the older one is thrown away when the newer is full. A zeroed pace is new.
 */

enum { PACE_LEAST = 20 }; /* values; fewer tell nothing about a percentile */

/* What was read last: adding up a thousand cells for every call would be a waste. */
struct pace_reading {
    double at; /* 0: none */
    uint64_t us, read_at_us;
};

struct pace {
    struct quantile halves[2];
    unsigned newest;
    uint64_t began_us; /* the newest half */
    struct pace_reading known[2];
};

void pace_note(struct pace *p, uint64_t first_us, uint64_t now_us);
/* The percentile, `at` in (0, 1); 0: too little is known. */
uint64_t pace_read_us(struct pace *p, double at, uint64_t now_us);
