/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/stats/bound.h"

#include "weir/base/ensure.h"
#include "weir/stats/interval.h"

double bound_shift(double share, double ratio)
{
    ensure(share >= 0 && share <= 1 && ratio > 0);
    return ratio * share / (1 - share + ratio * share);
}

void bound_find_clustered(struct bound *bounds, const uint64_t *counts, size_t bins,
                          const struct bound_care *care)
{
    uint64_t n = 0;

    ensure(care->alpha > 0 && care->alpha < 1 && care->tolerance >= 1 && care->phi >= 1);
    for (size_t k = 0; k < bins; k++)
        n += counts[k];
    for (size_t k = 0; k < bins; k++) {
        struct interval i = interval_of_parts(
            (double)counts[k] / care->phi, (double)n / care->phi, care->alpha / (double)bins);

        bounds[k].lower = bound_shift(i.low, 1 / care->tolerance);
        bounds[k].upper = bound_shift(i.high, care->tolerance);
    }
}

void bound_find(struct bound *bounds, const uint64_t *counts, size_t bins, double alpha,
                double tolerance)
{
    const struct bound_care care = { .alpha = alpha, .tolerance = tolerance, .phi = 1 };

    bound_find_clustered(bounds, counts, bins, &care);
}
