/* SPDX-License-Identifier: Apache-2.0 */
#include "stream.h"

#include <criterion/criterion.h>
#include <math.h>

enum { TICKS = 100000, BINS = 5 };

static const struct stream_kind labels = { .bins = BINS,
                                           .shares = { .82, .12, .045, .01, .005 },
                                           .rate = 60 };

/* Mean and variance of one bin's count among all ticks, and the mean of n. */
struct seen {
    double mean[BINS], variance[BINS], n;
};

static struct seen watch(const struct stream_kind *kind)
{
    struct stream *s = stream_new(kind);
    struct seen seen = { .n = 0 };
    struct dice dice;

    dice_init(&dice, 3, 1);
    for (unsigned t = 0; t < TICKS; t++) {
        uint64_t counts[STREAM_BINS], sum = 0, n = stream_tick(s, &dice, t, counts);

        for (size_t k = 0; k < BINS; k++) {
            double x = (double)counts[k];

            sum += counts[k];
            seen.mean[k] += x / TICKS;
            seen.variance[k] += x * x / TICKS;
        }
        cr_assert_eq(sum, n);
        seen.n += (double)n / TICKS;
    }
    for (size_t k = 0; k < BINS; k++)
        seen.variance[k] -= seen.mean[k] * seen.mean[k];
    stream_free(s);
    return seen;
}

Test(stream, independent_counts_are_poisson, .timeout = 10)
{
    struct seen seen = watch(&labels);

    for (size_t k = 0; k < BINS; k++) {
        double mean = 60 * labels.shares[k];

        cr_assert_float_eq(seen.mean[k], mean, 5 * sqrt(mean / TICKS));
        cr_assert_float_eq(seen.variance[k], mean, .05 * mean);
    }
}

/* Of a Poisson number n of answers: E[n p (1-p) (1 + (n-1) rho)] and what n itself varies. */
Test(stream, clustered_counts_vary_as_rho_says, .timeout = 20)
{
    struct stream_kind kind = labels;
    struct seen seen;

    kind.rho = .02;
    seen = watch(&kind);
    for (size_t k = 0; k < BINS; k++) {
        double p = kind.shares[k], mean = 60 * p;
        double variance = p * (1 - p) * (60 + kind.rho * 60 * 60) + p * p * 60;

        cr_assert_float_eq(seen.mean[k], mean, 5 * sqrt(variance / TICKS));
        cr_assert_float_eq(seen.variance[k], variance, .05 * variance, "bin %zu", k);
    }
}

Test(stream, a_day_has_a_night_and_the_same_mean, .timeout = 20)
{
    struct stream_kind kind = labels;
    uint64_t counts[STREAM_BINS], night = 0, noon = 0;
    struct stream *s;
    struct dice dice;

    kind.diurnal = true;
    cr_assert_float_eq(watch(&kind).n, 60, .5);
    s = stream_new(&kind);
    dice_init(&dice, 3, 1);
    for (unsigned t = 0; t < 1000; t++) {
        night += stream_tick(s, &dice, 5, counts);
        noon += stream_tick(s, &dice, 725, counts);
    }
    cr_assert_float_eq((double)night / 1000, 6, .5);
    cr_assert_float_eq((double)noon / 1000, 114, 2);
    stream_free(s);
}
