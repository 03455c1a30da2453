/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Rules that others alarm by, written down plainly to be run on the same streams as ours.
 * None has a stated rate of false alarms for all that it watches together.
 */

/* PSI of a window against the reference above .1: credit scoring's rule of thumb. */
bool rivals_psi(const uint64_t *reference, const uint64_t *window, size_t bins);

/* Chi-square of a window against the reference, p below .05. */
bool rivals_chi2(const uint64_t *reference, const uint64_t *window, size_t bins);

/*
 * Three sigma: the Jensen-Shannon distance (base 2) of a window against the reference is
 * above its mean and three standard deviations over `chunks` windows of the reference itself.
 */
double rivals_sigma_limit(const uint64_t *reference, const uint64_t *chunks, size_t count,
                          size_t bins);
bool rivals_sigma(const uint64_t *reference, const uint64_t *window, size_t bins, double limit);

/* Page and Hinkley's test, in the form that forgets; it starts anew after an alarm. */
struct rivals_page_hinkley {
    double delta;   /* what change of the mean is ignored, in the unit of the values */
    double lambda;  /* the sum that is an alarm */
    double alpha;   /* what part of the sum is kept from one value to the next */
    uint64_t least; /* values before the first alarm */
    uint64_t n;     /* of them seen since the start, 0 at first */
    double mean, sum;
};
bool rivals_page_hinkley(struct rivals_page_hinkley *p, double value);

/*
 * ADWIN's cut: how far the means of two parts of a window, of n0 and n1 values, must be apart
 * to count as different; `variance` and `width` are those of the window, parts have at least 5.
 */
double rivals_adwin_cut(double n0, double n1, double variance, double width, double delta);
