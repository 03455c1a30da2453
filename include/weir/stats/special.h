/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The functions of textbooks that libm does not have: chi-square, beta, Kolmogorov, normal.
 *
 * Pure, no state, no errno. Relative error about 1e-12 where the arguments are counts of up to
 * millions; that of lgamma() grows with them. What lies outside a range is a fault of the
 * caller's (ensure), save where a value there is plain.
 */

/*
 * Q(a, x) = Gamma(a, x) / Gamma(a), the regularised upper incomplete gamma, a > 0; 1 for
 * x <= 0. A power series below x = a + 1, Lentz's continued fraction above (Abramowitz and
 * Stegun 6.5.29, 6.5.31).
 */
double special_gamma_above(double a, double x);

/*
 * P(chi-square with `df` degrees of freedom > x), df >= 1; 1 for x <= 0. With df = 0 there is
 * nothing to test: 1.
 */
double special_chi2_above(double x, double df);

/* The x with special_chi2_above(x, df) = p, 0 < p <= 1; 0 for df = 0. */
double special_chi2_point(double p, double df);

/*
 * I_x(a, b), the regularised incomplete beta, a, b > 0: P(Beta(a, b) <= x). 0 below and 1
 * above [0, 1]. Lentz's continued fraction (Abramowitz and Stegun 26.5.8).
 */
double special_beta(double a, double b, double x);

/* The x with I_x(a, b) = p, 0 <= p <= 1, to the last bits also where it is tiny. */
double special_beta_point(double a, double b, double p);

/*
 * Q(lambda) = P(K > lambda) for Kolmogorov's limit law: of sqrt(n) D_n, and of two samples
 * sqrt(nm/(n+m)) D_nm. 1 for lambda <= 0. The alternating series above .4, its theta dual
 * below, where the first converges too slowly.
 */
double special_kolmogorov_above(double lambda);

/* The z with P(N(0, 1) <= z) = p; infinite at p = 0 and 1. */
double special_normal_point(double p);
