/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/stats/distance.h"

#include "weir/base/ensure.h"
#include "weir/stats/special.h"

#include <math.h>
#include <stdbool.h>

static double total_of(const uint64_t *counts, size_t bins)
{
    uint64_t sum = 0;

    for (size_t k = 0; k < bins; k++)
        sum += counts[k];
    return (double)sum;
}

/* The sizes of both sides; false if one is empty, and nothing can be compared. */
static bool weigh(const uint64_t *before, const uint64_t *after, size_t bins, double size[2])
{
    size[0] = total_of(before, bins);
    size[1] = total_of(after, bins);
    return size[0] > 0 && size[1] > 0;
}

/* ---- population stability index ---------------------------------------------------------- */

/* A bin that is empty on both sides adds nothing; on one side, and not smoothed, everything. */
static double psi_part(double p, double q)
{
    if (p <= 0 && q <= 0)
        return 0;
    if (p <= 0 || q <= 0)
        return HUGE_VAL;
    return (q - p) * log(q / p);
}

double distance_psi(const uint64_t *before, const uint64_t *after, size_t bins,
                    double smoothing)
{
    double size[2], more = smoothing * (double)bins, sum = 0;

    ensure(smoothing >= 0);
    if (!weigh(before, after, bins, size))
        return 0;
    for (size_t k = 0; k < bins; k++)
        sum += psi_part(((double)before[k] + smoothing) / (size[0] + more),
                        ((double)after[k] + smoothing) / (size[1] + more));
    return sum;
}

static double noise_scale(uint64_t n, uint64_t m)
{
    return n > 0 && m > 0 ? 1 / (double)n + 1 / (double)m : 0;
}

static double noise_df(size_t bins)
{
    return bins > 0 ? (double)bins - 1 : 0;
}

double distance_psi_noise(size_t bins, uint64_t n, uint64_t m)
{
    return noise_df(bins) * noise_scale(n, m);
}

double distance_psi_noise_point(size_t bins, uint64_t n, uint64_t m, double p)
{
    return special_chi2_point(p, noise_df(bins)) * noise_scale(n, m);
}

double distance_psi_noise_above(size_t bins, uint64_t n, uint64_t m, double psi)
{
    double scale = noise_scale(n, m);

    return scale > 0 ? special_chi2_above(psi / scale, noise_df(bins)) : 1;
}

double distance_psi_excess(double psi, size_t bins, uint64_t n, uint64_t m)
{
    return fmax(0, psi - distance_psi_noise(bins, n, m));
}

/* ---- distances of shares ------------------------------------------------------------------ */

/* p log2(p / m), and 0 for p = 0, which is its limit. */
static double surprise_bits(double p, double m)
{
    return p > 0 ? p * log2(p / m) : 0;
}

double distance_js_divergence_bits(const uint64_t *before, const uint64_t *after, size_t bins)
{
    double size[2], sum = 0;

    if (!weigh(before, after, bins, size))
        return 0;
    for (size_t k = 0; k < bins; k++) {
        double p = (double)before[k] / size[0], q = (double)after[k] / size[1];

        sum += surprise_bits(p, (p + q) / 2) + surprise_bits(q, (p + q) / 2);
    }
    return fmin(1, fmax(0, sum / 2));
}

double distance_js_distance_bits(const uint64_t *before, const uint64_t *after, size_t bins)
{
    return sqrt(distance_js_divergence_bits(before, after, bins));
}

double distance_hellinger(const uint64_t *before, const uint64_t *after, size_t bins)
{
    double size[2], sum = 0;

    if (!weigh(before, after, bins, size))
        return 0;
    for (size_t k = 0; k < bins; k++) {
        double gap = sqrt((double)before[k] / size[0]) - sqrt((double)after[k] / size[1]);

        sum += gap * gap;
    }
    return fmin(1, sqrt(sum / 2));
}

double distance_total_variation(const uint64_t *before, const uint64_t *after, size_t bins)
{
    double size[2], sum = 0;

    if (!weigh(before, after, bins, size))
        return 0;
    for (size_t k = 0; k < bins; k++)
        sum += fabs((double)before[k] / size[0] - (double)after[k] / size[1]);
    return fmin(1, sum / 2);
}

double distance_l_infinity(const uint64_t *before, const uint64_t *after, size_t bins)
{
    double size[2], most = 0;

    if (!weigh(before, after, bins, size))
        return 0;
    for (size_t k = 0; k < bins; k++)
        most = fmax(most, fabs((double)before[k] / size[0] - (double)after[k] / size[1]));
    return most;
}

double distance_wasserstein(const uint64_t *before, const uint64_t *after, const double *points,
                            size_t bins)
{
    double size[2], p = 0, q = 0, sum = 0;

    if (!weigh(before, after, bins, size))
        return 0;
    for (size_t k = 0; k + 1 < bins; k++) {
        ensure(points[k] <= points[k + 1]);
        p += (double)before[k] / size[0];
        q += (double)after[k] / size[1];
        sum += fabs(p - q) * (points[k + 1] - points[k]);
    }
    return sum;
}

/* ---- tests --------------------------------------------------------------------------------- */

static const struct distance_test no_test = { .statistic = 0, .df = 0, .p = 1 };

static double pearson_part(double seen, double expected)
{
    return (seen - expected) * (seen - expected) / expected;
}

static double likelihood_part(double seen, double expected)
{
    return seen > 0 ? 2 * seen * log(seen / expected) : 0;
}

typedef double part_fn(double seen, double expected);

/* Adds up a 2 x bins table cell by cell. A bin that is empty on both sides is none. */
static struct distance_test test_table(const uint64_t *before, const uint64_t *after,
                                       size_t bins, part_fn *part)
{
    struct distance_test t = { .df = -1 };
    double size[2];

    if (!weigh(before, after, bins, size))
        return no_test;
    for (size_t k = 0; k < bins; k++) {
        double both = (double)before[k] + (double)after[k];

        if (both <= 0)
            continue;
        t.df++;
        t.statistic += part((double)before[k], both * size[0] / (size[0] + size[1]));
        t.statistic += part((double)after[k], both * size[1] / (size[0] + size[1]));
    }
    t.statistic = fmax(0, t.statistic);
    t.p = special_chi2_above(t.statistic, t.df);
    return t;
}

struct distance_test distance_chi2(const uint64_t *before, const uint64_t *after, size_t bins)
{
    return test_table(before, after, bins, pearson_part);
}

struct distance_test distance_g(const uint64_t *before, const uint64_t *after, size_t bins)
{
    return test_table(before, after, bins, likelihood_part);
}

struct distance_test distance_ks(const uint64_t *before, const uint64_t *after, size_t bins)
{
    double size[2], p = 0, q = 0, most = 0;

    if (!weigh(before, after, bins, size))
        return no_test;
    for (size_t k = 0; k < bins; k++) {
        p += (double)before[k] / size[0];
        q += (double)after[k] / size[1];
        most = fmax(most, fabs(p - q));
    }
    return (struct distance_test){
        .statistic = most,
        .p = special_kolmogorov_above(most * sqrt(size[0] * size[1] / (size[0] + size[1]))),
    };
}

/* ---- what moved ----------------------------------------------------------------------------- */

/* Puts `move` where it belongs among the strongest; what falls off the end is forgotten. */
static size_t rank(struct distance_move *moves, size_t count, struct distance_move move)
{
    size_t at = count;

    while (at > 0 && fabs(moves[at - 1].contribution) < fabs(move.contribution))
        at--;
    if (at == DISTANCE_MOVES)
        return count;
    count += count < DISTANCE_MOVES;
    for (size_t i = count - 1; i > at; i--)
        moves[i] = moves[i - 1];
    moves[at] = move;
    return count;
}

size_t distance_moved(const uint64_t *before, const uint64_t *after, size_t bins,
                      struct distance_move moves[DISTANCE_MOVES])
{
    double size[2], more = DISTANCE_HALF * (double)bins;
    size_t count = 0;

    if (!weigh(before, after, bins, size))
        return 0;
    for (size_t k = 0; k < bins; k++) {
        double p = ((double)before[k] + DISTANCE_HALF) / (size[0] + more);
        double q = ((double)after[k] + DISTANCE_HALF) / (size[1] + more);
        struct distance_move move = {
            .bin = k,
            .before = (double)before[k] / size[0],
            .after = (double)after[k] / size[1],
            .contribution = copysign(psi_part(p, q), q - p),
        };

        if (move.before < move.after || move.before > move.after)
            count = rank(moves, count, move);
    }
    return count;
}
