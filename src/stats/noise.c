/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/stats/noise.h"

#include "weir/stats/distance.h"
#include "weir/stats/special.h"

#include <math.h>

#define ONE_OF_TWENTY .05
#define KOLMOGOROV 1.3581 /* what his law exceeds in one of twenty */

struct sides {
    uint64_t n, m;
    double scale; /* 1/n + 1/m; 0: nothing can be said */
};

static struct sides add_up(const uint64_t *before, const uint64_t *after, size_t bins)
{
    struct sides s = { 0 };

    for (size_t k = 0; k < bins; k++) {
        s.n += before[k];
        s.m += after[k];
    }
    if (s.n > 0 && s.m > 0)
        s.scale = 1 / (double)s.n + 1 / (double)s.m;
    return s;
}

/* The standard deviation of a gap between shares that are `share` of both together. */
static double deviation(const struct sides *s, double share)
{
    return sqrt(fmax(0, share * (1 - share)) * s->scale);
}

/* A normal number's amount exceeds it in `p` of all cases. */
static double amount_point(double p)
{
    return special_normal_point(1 - p / 2);
}

struct noise noise_floors(const uint64_t *before, const uint64_t *after, size_t bins,
                          size_t ordered)
{
    struct sides s = add_up(before, after, bins), o = add_up(before, after, ordered);
    struct noise noise = { .ks = KOLMOGOROV * sqrt(o.scale) };
    double psi;

    if (s.scale <= 0)
        return (struct noise){ 0 };
    psi = distance_psi_noise_point(bins, s.n, s.m, ONE_OF_TWENTY);
    noise.js_distance_bits = sqrt(psi / 8 / M_LN2);
    noise.hellinger = sqrt(psi / 8);
    for (size_t k = 0; k < bins; k++) {
        double gap = deviation(&s, (double)(before[k] + after[k]) / (double)(s.n + s.m));

        noise.tv += gap * amount_point(ONE_OF_TWENTY) / 2;
        noise.linf = fmax(noise.linf, gap * amount_point(ONE_OF_TWENTY / (double)bins));
    }
    return noise;
}

double noise_wasserstein(const uint64_t *before, const uint64_t *after, const double *points,
                         size_t bins)
{
    struct sides s = add_up(before, after, bins);
    double below = 0, sum = 0;

    if (s.scale <= 0)
        return 0;
    for (size_t k = 0; k + 1 < bins; k++) {
        below += (double)(before[k] + after[k]) / (double)(s.n + s.m);
        sum += deviation(&s, below) * (points[k + 1] - points[k]);
    }
    return sum * amount_point(ONE_OF_TWENTY);
}
