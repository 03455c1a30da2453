/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "stream.h"

#include "weir/stats/ecusum.h"

/*
 * The same detector as ecusum.h, in a form that is quick to repeat for millions of ticks: what
 * the bounds determine is reckoned once, and M itself is kept for the tick unit, whose factors
 * are small, so that no logarithm is needed. It is no approximation: it differs in rounding
 * alone, the simulation compares both tick by tick, and every alarm is played again with
 * ecusum_fold(), which has the last word.
 */
struct sprint {
    size_t bins, live;
    enum ecusum_unit unit;
    uint64_t n_min, held_n, held[STREAM_BINS];
    double limit; /* tick: of the sum of M; else: of the greatest ln M, that may be an alarm */
    double threshold;
    double m[STREAM_BINS][ECUSUM_PER_BIN]; /* tick: M; else: ln M */
    /* tick: factor = a + b x; else: gain = a count + b n */
    double a[STREAM_BINS][ECUSUM_PER_BIN], b[STREAM_BINS][ECUSUM_PER_BIN];
};

void sprint_init(struct sprint *s, const struct ecusum_rule *rule, double threshold);

/* Folds a tick; true if ln of the average M has reached the threshold. */
bool sprint_fold(struct sprint *s, uint64_t n, const uint64_t *counts);

double sprint_ln_m(const struct sprint *s);
