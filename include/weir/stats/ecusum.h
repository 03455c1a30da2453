/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/own.h"
#include "weir/base/str.h"
#include "weir/stats/bound.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * e-CUSUM: notices that a histogram has left its baseline, with a stated rate of false alarms.
 *
 * Evidence is kept per component: bin, direction (above its upper bound, below its lower one)
 * and size of the change looked for, six each. A component's M multiplies by a factor whose
 * mean is at most 1 while the share stays within the bound, and never starts a tick below 1:
 *     M <- max(M, 1) * factor
 * The statistic is the plain average of all components. For any stopping time its mean is at
 * most the number of ticks (Shin, Ramdas and Rinaldo, "E-detectors", arXiv 2203.03532), hence
 *     alarm when ln M >= ln(T H / p)
 * happens within T ticks, on any of H histograms, with a chance of at most p, under any
 * dependence between bins and histograms; all it asks is that the conditional mean of each
 * bin's share, given the past, stays within its bounds. Add the baseline's alpha for bounds
 * that are wrong.
 *
 * A tick is a count: replicas add up before it is folded. The fold is pure and so whoever has
 * the ticks has the state. A tick without answers multiplies nothing: idle is no evidence.
 * A bin that the baseline never saw has lower = 0: below it is nothing, so its six components
 * downwards do not exist; its upper bound is above 0, so it is watched upwards like any other.
 * The same for an upper bound of 1. They are not part of the average.
 */

enum {
    ECUSUM_BINS = 72, /* 64 labels and what is made beside them: other, missing, invalid */
    ECUSUM_STAKES = 6,
    ECUSUM_PER_BIN = 2 * ECUSUM_STAKES, /* the six upwards, then the six downwards */
};

/* What counts as one piece of evidence. */
enum ecusum_unit {
    /*
     * The tick's share x = count / n, one bounded value. Up: 1 + (f/U)(x - U); down:
     * 1 - (f/(1 - L))(x - L); f = .02, .05, .1, .2, .4, .8. Holds its promise however answers
     * within a tick hang together. The default.
     */
    ECUSUM_TICK,
    /*
     * Each answer: likelihood ratio against the bound for odds 1.25, 1.5, 2, 3, 5, 10 times
     * (down: .8, .667, .5, .333, .2, .1). Quickest, and only true where answers are
     * independent, as when each user counts once per tick.
     */
    ECUSUM_REQUEST,
    /* The same, its logarithm divided by phi (dispersion.h): for a suspicion, no promise. */
    ECUSUM_TEMPERED,
};

/* What does not change while a state lives: it belongs to the baseline. */
struct ecusum_rule {
    const struct bound *bounds; /* lent: one per bin */
    size_t bins;                /* 1 .. ECUSUM_BINS */
    enum ecusum_unit unit;
    double phi; /* >= 1; only the tempered unit reads it */
    uint64_t
        n_min; /* ticks of fewer answers wait for the next; 0 and 1 hold back none but empty ones */
};

/* Plain: copied by assignment, equal by ecusum_equal(). What lies beyond `bins` is 0. */
struct ecusum {
    uint64_t bins;
    uint64_t ticks;             /* folded as evidence since the start or the last reset */
    uint64_t held_n;            /* answers that wait until n_min are together */
    uint64_t held[ECUSUM_BINS]; /* and their counts */
    double ln_m[ECUSUM_BINS][ECUSUM_PER_BIN]; /* natural logarithm of each component's M */
};

void ecusum_init(struct ecusum *e, size_t bins); /* every M is 1, nothing is held */
void ecusum_reset(struct ecusum *e); /* after an alarm: M is 1 again; what is held stays */
bool ecusum_equal(const struct ecusum *a, const struct ecusum *b);

/*
 * Folds one tick of `n` answers, counts[k] <= n of them in bin k. False if they were only put
 * by, because fewer than n_min have come together: a rule that looks at n alone takes nothing
 * from the promise. Ticks must come in order, each once, merged over all replicas.
 */
bool ecusum_fold(struct ecusum *e, const struct ecusum_rule *rule, uint64_t n,
                 const uint64_t *counts);

/*
 * ln of the average M: compare with ecusum_threshold(). 0 at the start, and where the bounds
 * leave nothing to watch; often below 0 when all is well.
 */
double ecusum_ln_m(const struct ecusum *e, const struct ecusum_rule *rule);

/*
 * ln(T H / p): T > 0 ticks in the period of the promise, H > 0 histograms that are watched,
 * p in (0, 1] the chance of any false alarm among them. 13.67 for 30 days of minutes, one
 * histogram, 5 %; 17.58 for fifty.
 */
double ecusum_threshold(double ticks, double histograms, double p);

/* Which bin and direction the evidence speaks of: most of M. Of no meaning while ln M <= 0. */
struct ecusum_driver {
    size_t bin;
    bool up;       /* more of it than the upper bound; else less than the lower */
    double weight; /* its part of the sum of all M, in [0, 1] */
};
struct ecusum_driver ecusum_driver(const struct ecusum *e, const struct ecusum_rule *rule);

/*
 * As one line of printable text without quotes or spaces, exact to the last bit, with a
 * version in front and a checksum behind; `into` has no ceiling. Reading refuses whatever
 * ecusum_put() cannot have written, and then leaves *e untouched.
 */
void ecusum_put(const struct ecusum *e, struct buf *into);
MUST_CHECK bool ecusum_read(struct ecusum *e, struct str text);

/* ---- what the units are made of, for those who want to reckon with them ------------------ */

/*
 * ln of the likelihood ratio of `count` in `n`, of a share with `ratio` times the odds of
 * `bound` against the bound itself, 0 < bound < 1: adds up over counts, so merging is exact.
 */
double ecusum_likelihood(uint64_t count, uint64_t n, double bound, double ratio);

/*
 * About how many answers the per-answer unit needs to notice `share` beyond `bound`:
 * ln c / KL(share | bound), to first order. Infinite if they are equal.
 */
double ecusum_delay(double threshold, double share, double bound);
