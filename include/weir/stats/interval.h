/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * Intervals for a share of which `count` of `n` were seen, count <= n. Both ends lie in
 * [0, 1]. Of n = 0 nothing is known: [0, 1]. `alpha` in (0, 1) is the chance of missing.
 */

struct interval {
    double low;
    double high;
};

/*
 * Exact (Clopper and Pearson 1934): misses with a chance of at most alpha, half of it on each
 * side, whatever the true share is. low = 0 at count = 0, high = 1 at count = n.
 */
struct interval interval_clopper_pearson(uint64_t count, uint64_t n, double alpha);

/* The same for numbers that need not be whole, as those of answers that count in part. */
struct interval interval_of_parts(double count, double n, double alpha);

/* Close to alpha on average (Wilson 1927), and narrower: for what is shown. */
struct interval interval_wilson(uint64_t count, uint64_t n, double alpha);
