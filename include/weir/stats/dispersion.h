/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/own.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * By how much the counts of ticks vary more than independent answers would: phi.
 *
 * Answers of one user, one batch or one retry hang together, and then a tick's count c of n
 * has phi times the variance n p (1 - p). Measured on a baseline's ticks as the mean of
 * (c - n p)^2 / (n p (1 - p)), which is 1 for independent answers and about 1 + (n - 1) rho
 * where any two answers of a tick are correlated by rho.
 */

enum { DISPERSION_TICKS = 30 }; /* fewer say nothing of a variance */

/*
 * Sets *phi to an upper bound of the largest phi among `bins` bins, at least 1: the mean plus
 * z standard errors, z such that all bins hold together but with a chance of about `alpha`.
 * counts[t * bins + k] is bin k of tick t, the bins of a tick add up to its n. Empty ticks,
 * and bins with none or all of the answers, are left out. False, and *phi untouched, if fewer
 * than DISPERSION_TICKS ticks have answers.
 */
MUST_CHECK bool dispersion_bound(const uint64_t *counts, size_t ticks, size_t bins,
                                 double alpha, double *phi);

/* The mean alone, of one bin whose share is known: 1 if no tick has answers. */
double dispersion_mean(const uint64_t *counts, const uint64_t *n, size_t ticks, double share);
