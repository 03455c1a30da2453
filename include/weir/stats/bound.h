/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * What a baseline allows: for each bin the least and the greatest share that is not yet drift.
 *
 * Two things widen a share that was counted: that it was counted on N values only (the exact
 * interval of Clopper and Pearson, at alpha / bins, so that all of them hold together but with
 * the chance alpha), and a tolerance, the smallest change worth a page, as a ratio of odds.
 * A test that runs for ever against the counted share itself must alarm in the end, for no
 * counted share is exact; against these bounds it need not.
 */
struct bound {
    double lower; /* 0: the bin may become empty, so nothing is watched downwards */
    double upper; /* 1: it may become everything, so nothing is watched upwards */
};

/*
 * Sets bounds[0..bins) from reference counts. `alpha` in (0, 1), 0.01 is usual; `tolerance` >= 1
 * is the ratio of odds, 1.2 is usual: .045 widens to .038 and .054. A bin that the reference
 * never saw gets lower = 0 and an upper bound that its N allows (about ln(2 bins/alpha)/N, and
 * the tolerance), so an answer that was never given before is noticed. Of N = 0 nothing is
 * known: 0 and 1 everywhere.
 */
void bound_find(struct bound *bounds, const uint64_t *counts, size_t bins, double alpha,
                double tolerance);

/*
 * The same where answers of a tick hang together: N of them tell as much as N / phi that are
 * independent (Kish's design effect), phi >= 1 by dispersion_bound(). Without it the bounds of
 * a short baseline are too narrow, and a detector that keeps its promise alarms at them. With
 * phi = 1 it is bound_find(). The chance `alpha` is of one baseline: who watches H histograms
 * and wants all bounds to hold gives each alpha / H, which widens them little.
 */
struct bound_care {
    double alpha;
    double tolerance;
    double phi;
};
void bound_find_clustered(struct bound *bounds, const uint64_t *counts, size_t bins,
                          const struct bound_care *care);

/* The share whose odds are `ratio` times those of `share`, ratio > 0. 0 and 1 stay. */
double bound_shift(double share, double ratio);
