/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/stats/dispersion.h"

#include "weir/base/ensure.h"
#include "weir/stats/special.h"

#include <math.h>

/* One tick's (c - n p)^2 / (n p (1 - p)), of n > 0 and 0 < p < 1. */
static double ratio_of(uint64_t count, uint64_t n, double share)
{
    double expected = (double)n * share, gap = (double)count - expected;

    return gap * gap / (expected * (1 - share));
}

double dispersion_mean(const uint64_t *counts, const uint64_t *n, size_t ticks, double share)
{
    double sum = 0;
    size_t used = 0;

    ensure(share > 0 && share < 1);
    for (size_t t = 0; t < ticks; t++)
        if (n[t] > 0) {
            sum += ratio_of(counts[t], n[t], share);
            used++;
        }
    return used > 0 ? sum / (double)used : 1;
}

struct table {
    const uint64_t *counts; /* [ticks][bins] */
    size_t ticks;
    size_t bins;
};

static uint64_t total_of_tick(const struct table *table, size_t tick)
{
    uint64_t sum = 0;

    for (size_t k = 0; k < table->bins; k++)
        sum += table->counts[tick * table->bins + k];
    return sum;
}

static uint64_t total_of_bin(const struct table *table, size_t bin)
{
    uint64_t sum = 0;

    for (size_t t = 0; t < table->ticks; t++)
        sum += table->counts[t * table->bins + bin];
    return sum;
}

/* Mean and z standard errors of the ratios of one bin. */
static double bound_bin(const struct table *table, size_t bin, double share, double z)
{
    double sum = 0, squares = 0, used = 0, mean, spread;

    for (size_t t = 0; t < table->ticks; t++) {
        uint64_t n = total_of_tick(table, t);
        double ratio;

        if (n == 0)
            continue;
        ratio = ratio_of(table->counts[t * table->bins + bin], n, share);
        sum += ratio;
        squares += ratio * ratio;
        used++;
    }
    mean = sum / used;
    spread = fmax(0, squares / used - mean * mean);
    return mean + z * sqrt(spread / used);
}

bool dispersion_bound(const uint64_t *counts, size_t ticks, size_t bins, double alpha,
                      double *phi)
{
    const struct table table = { .counts = counts, .ticks = ticks, .bins = bins };
    uint64_t n = 0;
    size_t used = 0;
    double most = 1, z;

    ensure(alpha > 0 && alpha < 1 && bins > 0);
    for (size_t t = 0; t < ticks; t++) {
        n += total_of_tick(&table, t);
        used += total_of_tick(&table, t) > 0;
    }
    if (used < DISPERSION_TICKS)
        return false;
    z = special_normal_point(1 - alpha / (double)bins);
    for (size_t k = 0; k < bins; k++) {
        uint64_t count = total_of_bin(&table, k);

        if (count > 0 && count < n)
            most = fmax(most, bound_bin(&table, k, (double)count / (double)n, z));
    }
    *phi = most;
    return true;
}
