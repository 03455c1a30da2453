/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * What chance alone makes of a distance (distance.h) between N and M values that were drawn
 * from the same shares: the point that it exceeds in about one of twenty comparisons, or in
 * fewer. A distance below its floor tells nothing; one above it tells how much, not whether.
 *
 * To first order, with s = 1/N + 1/M and r the shares of both together: 8 JS (in nats) and
 * 8 Hellinger^2 are as PSI, chi-square times s; a gap of a share is normal with the variance
 * r (1 - r) s. TV and Wasserstein add up such gaps as if they were largest together, L-infinity
 * takes each at its part of a twentieth, KS has Kolmogorov's law: these err upwards.
 */
struct noise {
    double js_distance_bits, hellinger, tv, linf;
    double ks; /* of the first `ordered` bins alone */
};

/* All are 0 where one side has nothing. */
struct noise noise_floors(const uint64_t *before, const uint64_t *after, size_t bins,
                          size_t ordered);
/* In the unit of `points`, as distance_wasserstein(). */
double noise_wasserstein(const uint64_t *before, const uint64_t *after, const double *points,
                         size_t bins);
