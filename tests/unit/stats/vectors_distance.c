/* SPDX-License-Identifier: Apache-2.0 */
#include "vectors.h"

#include "entry.h"

#include "weir/stats/distance.h"
#include "weir/stats/special.h"

#include <criterion/criterion.h>
#include <math.h>

void vectors_distances(json_t *e)
{
    uint64_t p[ENTRY_MOST], q[ENTRY_MOST];
    size_t bins = entry_take_counts(e, "ref", p);
    struct distance_test chi2, g, ks;
    double bits;

    cr_assert_eq(entry_take_counts(e, "cur", q), bins);
    chi2 = distance_chi2(p, q, bins);
    g = distance_g(p, q, bins);
    ks = distance_ks(p, q, bins);
    bits = distance_js_divergence_bits(p, q, bins);
    entry_is(e, "psi_a05", distance_psi(p, q, bins, DISTANCE_HALF));
    entry_is(e, "psi_raw", distance_psi(p, q, bins, 0));
    entry_is(e, "jsd2", bits);
    entry_is(e, "jsd_dist2", distance_js_distance_bits(p, q, bins));
    entry_is(e, "jsd_nat", bits * M_LN2);
    entry_is(e, "jsd_dist_nat", sqrt(bits * M_LN2));
    entry_is(e, "hellinger", distance_hellinger(p, q, bins));
    entry_is(e, "tv", distance_total_variation(p, q, bins));
    entry_is(e, "linf", distance_l_infinity(p, q, bins));
    entry_is(e, "chi2", chi2.statistic);
    entry_is(e, "df", chi2.df);
    entry_is(e, "chi2_p", chi2.p);
    entry_is(e, "g", g.statistic);
    entry_is(e, "g_p", g.p);
    entry_is(e, "ks", ks.statistic);
    entry_is(e, "ks_p", ks.p);
}

/* What other tools put in place of 0, for 90,10,0 against 80,10,10: why we add a half. */
static double floored(double floor)
{
    return (.8 - .9) * log(.8 / .9) + (.1 - floor) * log(.1 / floor);
}

void vectors_smoothing(json_t *e)
{
    static const uint64_t p[] = { 90, 10, 0 }, q[] = { 80, 10, 10 };

    entry_is(e, "psi_a05", distance_psi(p, q, 3, DISTANCE_HALF));
    entry_is(e, "psi_floor_1e4", floored(1e-4));
    entry_is(e, "psi_floor_1e6", floored(1e-6));
    entry_is(e, "psi_floor_dblmin", floored(0x1p-1022));
    entry_is(e, "jsd2", distance_js_divergence_bits(p, q, 3));
}

/* Values 1 to 8 as bins of their own. */
void vectors_ks_of_values(json_t *e)
{
    uint64_t x[ENTRY_MOST], y[ENTRY_MOST], before[ENTRY_MOST] = { 0 },
                                           after[ENTRY_MOST] = { 0 };
    size_t n = entry_take_counts(e, "x", x), m = entry_take_counts(e, "y", y);
    struct distance_test ks;

    for (size_t i = 0; i < n; i++)
        before[x[i]]++;
    for (size_t i = 0; i < m; i++)
        after[y[i]]++;
    ks = distance_ks(before, after, ENTRY_MOST);
    entry_is(e, "D", ks.statistic);
    entry_is(e, "lam", ks.statistic * sqrt((double)(n * m) / (double)(n + m)));
    entry_is(e, "q", ks.p);
}

void vectors_wasserstein(json_t *e)
{
    static const double points[] = { 0, 1, 3, 5, 6, 8 },
                        merged[] = { 1.4, 3.4, 3.9, 4.5, 7.5, 7.8 };
    static const uint64_t low[] = { 1, 1, 1, 0, 0, 0 }, high[] = { 0, 0, 0, 1, 1, 1 };
    static const uint64_t uneven[] = { 3, 1 }, even[] = { 2, 2 };
    static const uint64_t four[] = { 0, 14, 9, 0, 31, 72 }, two[] = { 35, 0, 0, 32, 0, 0 };

    entry_is(e, "a", distance_wasserstein(low, high, points, 6));
    entry_is(e, "b", distance_wasserstein(uneven, even, points, 2));
    entry_is(e, "c", distance_wasserstein(four, two, merged, 6));
}

void vectors_noise(json_t *e)
{
    uint64_t n = (uint64_t)entry_take(e, "n_ref"), m = (uint64_t)entry_take(e, "n_cur");
    size_t bins = (size_t)entry_take(e, "bins");

    entry_is(e, "mean", distance_psi_noise(bins, n, m));
    entry_is(e, "q95", distance_psi_noise_point(bins, n, m, .05));
    entry_is(e, "q99", distance_psi_noise_point(bins, n, m, .01));
    entry_is(e, "P_gt_0p1", distance_psi_noise_above(bins, n, m, .1));
    entry_is(e, "P_gt_0p25", distance_psi_noise_above(bins, n, m, .25));
}

void vectors_chi2(json_t *e)
{
    double x = entry_take(e, "x"), df = entry_take(e, "df");

    entry_is(e, "sf", special_chi2_above(x, df));
}

void vectors_kolmogorov(json_t *e)
{
    double lambda = entry_take(e, "lam");

    entry_is(e, "q", special_kolmogorov_above(lambda));
}
