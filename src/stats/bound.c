/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/stats/bound.h"

#include "weir/base/ensure.h"
#include "weir/stats/interval.h"

double bound_shift(double share, double ratio)
{
    ensure(share >= 0 && share <= 1 && ratio > 0);
    return ratio * share / (1 - share + ratio * share);
}

void bound_find(struct bound *bounds, const uint64_t *counts, size_t bins, double alpha,
                double tolerance)
{
    uint64_t n = 0;

    ensure(alpha > 0 && alpha < 1 && tolerance >= 1);
    for (size_t k = 0; k < bins; k++)
        n += counts[k];
    for (size_t k = 0; k < bins; k++) {
        struct interval i = interval_clopper_pearson(counts[k], n, alpha / (double)bins);

        bounds[k].lower = bound_shift(i.low, 1 / tolerance);
        bounds[k].upper = bound_shift(i.high, tolerance);
    }
}
