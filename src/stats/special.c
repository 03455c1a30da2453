/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/stats/special.h"

#include "weir/base/ensure.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

/* A series or a fraction ends when a step changes nothing; the limit is for odd arguments. */
enum { MOST_STEPS = 100000 };

static bool still(double change)
{
    return fabs(change) < DBL_EPSILON / 2;
}

/* Lentz's method divides by partial results, which must then not be 0. */
static double away_from_zero(double x)
{
    return fabs(x) < 1e-300 ? 1e-300 : x;
}

static double gamma_below_series(double a, double x)
{
    double term = 1 / a, sum = term;

    for (int i = 1; i < MOST_STEPS && !still(term / sum); i++) {
        term *= x / (a + i);
        sum += term;
    }
    return sum;
}

static double gamma_above_fraction(double a, double x)
{
    double b = x + 1 - a, c = 1e300, d = 1 / b, all = d;

    for (int i = 1; i < MOST_STEPS; i++) {
        double part = -i * (i - a), step;

        b += 2;
        d = 1 / away_from_zero(part * d + b);
        c = away_from_zero(b + part / c);
        step = c * d;
        all *= step;
        if (still(step - 1))
            break;
    }
    return all;
}

double special_gamma_above(double a, double x)
{
    double scale;

    ensure(a > 0);
    if (x <= 0)
        return 1;
    scale = exp(a * log(x) - x - lgamma(a));
    if (x < a + 1)
        return 1 - scale * gamma_below_series(a, x);
    return scale * gamma_above_fraction(a, x);
}

double special_chi2_above(double x, double df)
{
    ensure(df >= 0);
    return df > 0 ? special_gamma_above(df / 2, x / 2) : 1;
}

double special_chi2_point(double p, double df)
{
    double low = 0, high = df + 1;

    ensure(p > 0 && p <= 1);
    if (df <= 0 || p >= 1)
        return 0;
    while (special_chi2_above(high, df) > p)
        high *= 2;
    for (;;) {
        double middle = low + (high - low) / 2;

        if (middle <= low || middle >= high)
            return middle;
        if (special_chi2_above(middle, df) > p)
            low = middle;
        else
            high = middle;
    }
}

/* The fraction of I_x(a, b), which converges quickly for x below the mean. */
static double beta_fraction(double a, double b, double x)
{
    double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1)), all = d;

    for (int m = 1; m < MOST_STEPS; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));

        d = 1 / away_from_zero(1 + even * d);
        c = away_from_zero(1 + even / c);
        all *= d * c;
        d = 1 / away_from_zero(1 + odd * d);
        c = away_from_zero(1 + odd / c);
        all *= d * c;
        if (still(d * c - 1))
            break;
    }
    return all;
}

/* ln of x^a (1 - x)^b / B(a, b). */
static double beta_weight(double a, double b, double x)
{
    return a * log(x) + b * log1p(-x) - (lgamma(a) + lgamma(b) - lgamma(a + b));
}

double special_beta(double a, double b, double x)
{
    ensure(a > 0 && b > 0);
    if (x <= 0)
        return 0;
    if (x >= 1)
        return 1;
    if (x > (a + 1) / (a + b + 2))
        return 1 - exp(beta_weight(a, b, x)) * beta_fraction(b, a, 1 - x) / b;
    return exp(beta_weight(a, b, x)) * beta_fraction(a, b, x) / a;
}

/* Halves a bracket as a ratio, so that a tiny root is found as exactly as any other. */
static double middle_of(double low, double high)
{
    return low > 0 ? sqrt(low) * sqrt(high) : high / 2;
}

/*
 * Newton's steps inside a bracket. Every third step halves it instead: far out in a tail
 * Newton alone creeps.
 */
double special_beta_point(double a, double b, double p)
{
    double low = 0, high = 1, x = a / (a + b);

    ensure(a > 0 && b > 0 && p >= 0 && p <= 1);
    if (p <= 0 || p >= 1)
        return p;
    for (int i = 1; i < MOST_STEPS && low < high; i++) {
        double miss = special_beta(a, b, x) - p;
        double slope = exp(beta_weight(a, b, x)) / (x * (1 - x));
        double next = x - miss / slope;

        if (fabs(next - x) <= DBL_EPSILON * x)
            return next;
        *(miss < 0 ? &low : &high) = x;
        if (i % 3 == 0 || !(next > low && next < high))
            next = middle_of(low, high);
        if (!(next > low && next < high))
            return x;
        x = next;
    }
    return x;
}

double special_kolmogorov_above(double lambda)
{
    double sum = 0, sign = 2;

    if (lambda < 1e-9)
        return 1;
    if (lambda < .4) {
        for (int odd = 1; odd < 60; odd += 2)
            sum += exp(-odd * odd * M_PI * M_PI / (8 * lambda * lambda));
        return 1 - sqrt(2 * M_PI) / lambda * sum;
    }
    for (int j = 1; j <= 100; j++, sign = -sign)
        sum += sign * exp(-2.0 * j * j * lambda * lambda);
    return fmin(1, fmax(0, sum));
}

double special_normal_point(double p)
{
    double low = -40, high = 0; /* below -40 there is nothing that a double can tell from 0 */

    ensure(p >= 0 && p <= 1);
    if (p > .5)
        return -special_normal_point(1 - p);
    if (p <= 0)
        return -HUGE_VAL;
    for (;;) {
        double middle = (low + high) / 2;

        if (middle <= low || middle >= high)
            return middle;
        *(erfc(-middle / M_SQRT2) / 2 < p ? &low : &high) = middle;
    }
}
