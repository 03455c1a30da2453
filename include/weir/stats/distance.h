/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * How far two histograms over the same bins are apart: `before` of N values, `after` of M.
 *
 * Sizes of an effect, to be shown beside what chance alone would give; none of them is an
 * alarm (that is ecusum.h), since a fixed threshold on any of them has no error rate. With
 * p = before/N and q = after/M. If one side is empty nothing can be compared: every distance
 * is 0 and every p-value 1, so a caller who must tell "equal" from "unknown" looks at N and M.
 */

/*
 * Population stability index, sum of (q - p) ln(q/p), in nats, from 0 up: p and q smoothed to
 * (count + smoothing) / (N + smoothing * bins), so that an empty bin does not make it infinite.
 * With smoothing 0 it is infinite where a bin is empty on one side only.
 */
#define DISTANCE_HALF .5 /* the usual smoothing: Jeffreys' */
double distance_psi(const uint64_t *before, const uint64_t *after, size_t bins,
                    double smoothing);

/*
 * What PSI chance alone gives, N and M values having been drawn from the same shares: to first
 * order chi-square with bins - 1 degrees of freedom, times 1/N + 1/M (Yurdakul 2018). The
 * mean; the point that it exceeds with the chance p; and the chance that it exceeds `psi`.
 * With N or M = 0, or bins < 2: 0, 0 and 1.
 */
double distance_psi_noise(size_t bins, uint64_t n, uint64_t m);
double distance_psi_noise_point(size_t bins, uint64_t n, uint64_t m, double p);
double distance_psi_noise_above(size_t bins, uint64_t n, uint64_t m, double psi);

/* What of a PSI is more than the mean of chance: max(0, psi - distance_psi_noise()). */
double distance_psi_excess(double psi, size_t bins, uint64_t n, uint64_t m);

/*
 * Jensen-Shannon, to the base 2, in [0, 1]: the *divergence*, KL(p|m)/2 + KL(q|m)/2 with
 * m = (p + q)/2, in bits; and the *distance*, which is its square root. Other tools mean
 * either of them, or the natural logarithm, by the same name: .0113, .1062 and .0884 are all
 * "Jensen-Shannon" of 50,30,20 and 40,30,30.
 */
double distance_js_divergence_bits(const uint64_t *before, const uint64_t *after, size_t bins);
double distance_js_distance_bits(const uint64_t *before, const uint64_t *after, size_t bins);

double distance_hellinger(const uint64_t *before, const uint64_t *after, size_t bins);
double distance_total_variation(const uint64_t *before, const uint64_t *after, size_t bins);
double distance_l_infinity(const uint64_t *before, const uint64_t *after, size_t bins);

/*
 * Wasserstein-1 over bins that stand at `points`, in ascending order, in their unit:
 * sum of |P - Q| times the way to the next point. How far the average value has moved at least.
 */
double distance_wasserstein(const uint64_t *before, const uint64_t *after, const double *points,
                            size_t bins);

/* A test of "nothing has changed": its statistic, degrees of freedom, and p-value. */
struct distance_test {
    double statistic;
    double df; /* bins that are not empty on both sides, less one; of KS: 0 */
    double p;
};

/* Pearson's chi-square of the 2 x bins table, and G (twice the log-likelihood ratio). */
struct distance_test distance_chi2(const uint64_t *before, const uint64_t *after, size_t bins);
struct distance_test distance_g(const uint64_t *before, const uint64_t *after, size_t bins);

/*
 * Kolmogorov-Smirnov for bins in order: D, the widest gap of the cumulative shares, in [0, 1],
 * and its asymptotic p. D of bins is at most D of the values, so that p errs upwards.
 */
struct distance_test distance_ks(const uint64_t *before, const uint64_t *after, size_t bins);

/* The bins that moved most, by what each adds to PSI: the strongest first. */
enum { DISTANCE_MOVES = 3 };
struct distance_move {
    size_t bin;
    double before, after; /* shares as counted, in [0, 1] */
    double contribution;  /* (q - p) ln(q/p), smoothed by a half, with the sign of q - p */
};

/* Returns how many bins stand in `moves`: at most three, none that did not move. */
size_t distance_moved(const uint64_t *before, const uint64_t *after, size_t bins,
                      struct distance_move moves[DISTANCE_MOVES]);
