/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/own.h"
#include "weir/stats/ecusum.h"

/*
 * Contrast: two versions answer in the same ticks; does the new one say something that the
 * control does not? A change of what users ask moves both, and is no evidence.
 *
 * The state is that of ecusum.h, with its components (bin, direction, size), its average and
 * its threshold. What is new is the factor of a tick, with a of n answers of the new version in
 * the bin and b of m of the control, x = a/n, y = b/m. Nothing is assumed of the control's share
 * y, which may move as it likes; H0 is that at each tick, given the past and what is asked, the
 * odds of both expected shares differ by at most the tolerance t >= 1.
 *
 * By tick. Odds that differ by t at most have shares p <= t q and 1 - p >= (1 - q)/t, since
 * t q/(1 + (t - 1) q) <= t q and its complement is (1 - q)/(1 + (t - 1) q). Both sides are
 * linear, so they hold for means, and
 *     1 + (f/t)(x - t y),  f = .02, .05, .1, .2, .4, .8
 * has a mean of at most 1 and is never below 1 - f: bets on the difference of two bounded means,
 * as in Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting"
 * (JRSS B 2024), made an e-detector as in ecusum.h. Downwards the same with x and y exchanged. Of a
 * bin that has more than half the answers, what is not in it is held against each other, where
 * that bound is close. Answers of a tick may hang together in any way, and x with y too: no
 * independence is asked for. That has a price. y may be a whole tick of one user, so no bet may
 * weigh it by more than 1, and a rare value is confirmed slowly; against a fixed baseline only
 * changes downwards have this price.
 *
 * By answer (tempered): given how many of a tick's answers are in the bin, a + b, each of them
 * is the new version's with the odds t n/m at most. The likelihood ratio for `ratio` times those
 * odds is that of a binomial; the true law of a, of independent answers, is a sum of unequal
 * 0/1 (a noncentral hypergeometric one) with no greater mean and less spread, and so has no
 * greater mean of any convex rising function (Hoeffding 1956, 1963). Where answers hang together
 * it is divided by phi: for a suspicion, no promise.
 *
 * A tick in which one of both had no answers is none.
 */

struct contrast_rule {
    const struct bound *bounds; /* lent: which components there are, and which bins are rare */
    size_t bins;
    enum ecusum_unit unit; /* ECUSUM_TICK or ECUSUM_TEMPERED */
    double tolerance;
    double phi;
};

/* False: one of both had no answers. */
bool contrast_fold(struct ecusum *e, const struct contrast_rule *rule, const uint64_t *counts,
                   const uint64_t *control);

/*
 * By how much a varies more, given a + b, than of independent answers: as dispersion_bound(),
 * of ticks whose rows stand one behind the other. What moves both versions is no part of it.
 */
MUST_CHECK bool contrast_dispersion(const uint64_t *counts, const uint64_t *control,
                                    size_t ticks, size_t bins, double alpha, double *phi);
