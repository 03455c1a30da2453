/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/quantile.h"

/*
 * The values of the last minute: a ring of slices, ten seconds each. The writer empties a
 * slice when it comes round to it; a reader takes the slices that are of this minute.
 * So a reading covers the last 50 to 60 seconds. One writer, any reader; zeroed is empty.
 */

enum { MINUTE_SLICES = 6, MINUTE_SLICE_US = 10 * 1000 * 1000 };

struct minute {
    struct {
        _Atomic uint64_t period; /* which ten seconds, counted from 1; 0 while it is emptied */
        struct quantile values;
    } slices[MINUTE_SLICES];
};

void minute_add(struct minute *m, uint64_t now_us, double value);
void minute_merge(struct quantile *into, const struct minute *m, uint64_t now_us);
