/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/stats/contrast.h"

#include <criterion/criterion.h>
#include <math.h>

enum { BINS = 2, FIRST_UP = 0, FIRST_DOWN = ECUSUM_STAKES };

static const struct bound bounds[BINS] = { { .02, .1 }, { .9, .98 } };
static struct ecusum e;
static struct contrast_rule rule;

static void start(void)
{
    ecusum_init(&e, BINS);
    rule = (struct contrast_rule){ bounds, BINS, ECUSUM_TICK, 1.2, 1 };
}

TestSuite(contrast, .init = start, .timeout = 30);

static bool fold(uint64_t a, uint64_t n, uint64_t b, uint64_t m)
{
    return contrast_fold(&e, &rule, (uint64_t[BINS]){ a, n - a }, (uint64_t[BINS]){ b, m - b });
}

static double ln_m(void)
{
    return ecusum_ln_m(&e, &(struct ecusum_rule){ .bounds = bounds, .bins = BINS });
}

Test(contrast, the_factor_of_a_tick_is_that_of_the_header)
{
    fold(20, 100, 5, 100);
    cr_assert_float_eq(e.ln_m[0][FIRST_UP + 5], log(1 + .8 / 1.2 * (.20 - 1.2 * .05)), 1e-12);
    cr_assert_float_eq(e.ln_m[0][FIRST_DOWN + 5], log(1 + .8 / 1.2 * (.05 - 1.2 * .20)), 1e-12);
}

Test(contrast, of_a_bin_with_most_answers_the_others_are_compared)
{
    fold(20, 100, 5, 100);
    cr_assert_float_eq(e.ln_m[1][FIRST_DOWN + 5], e.ln_m[0][FIRST_UP + 5], 1e-12);
    cr_assert_float_eq(e.ln_m[1][FIRST_UP + 5], e.ln_m[0][FIRST_DOWN + 5], 1e-12);
}

Test(contrast, the_factor_of_answers_is_a_binomial_likelihood_ratio)
{
    double odds = 1.2 * 100 / 300, p0 = odds / (1 + odds), p1 = 2 * odds / (1 + 2 * odds);

    rule.unit = ECUSUM_TEMPERED;
    fold(20, 100, 15, 300);
    cr_assert_float_eq(e.ln_m[0][FIRST_UP + 2],
                       20 * log(p1 / p0) + 15 * log((1 - p1) / (1 - p0)), 1e-12);
}

Test(contrast, a_tick_of_one_version_is_none)
{
    cr_assert_not(fold(5, 100, 0, 0));
    cr_assert_not(fold(0, 0, 5, 100));
    cr_assert_eq(e.ticks, 0);
}

Test(contrast, what_moves_both_is_no_evidence)
{
    for (unsigned t = 0; t < 5000; t++) {
        uint64_t share = 1 + t / 60 % 40;

        fold(share, 100, 3 * share, 300);
    }
    cr_assert_lt(ln_m(), 1);
}

Test(contrast, what_moves_one_of_them_is)
{
    for (unsigned t = 0; t < 600; t++)
        fold(20 + t / 60, 100, 5 + t / 60, 100);
    cr_assert_gt(ln_m(), 20);
    cr_assert(
        ecusum_driver(&e, &(struct ecusum_rule){ .bounds = bounds, .bins = BINS }).weight > 0);
}

Test(contrast, the_mean_of_each_factor_is_at_most_one_on_the_edge_of_the_tolerance)
{
    /* Control all or nothing, new version as much as odds of 1.2 times allow. */
    for (double q = .05; q < 1; q += .1) {
        double p = 1.2 * q / (1 + .2 * q);

        for (unsigned j = 0; j < ECUSUM_PER_BIN; j++) {
            double mean = 0;

            for (unsigned x = 0; x < 2; x++)
                for (unsigned y = 0; y < 2; y++) {
                    ecusum_init(&e, BINS);
                    fold(x, 1, y, 1);
                    mean += (x ? p : 1 - p) * (y ? q : 1 - q) * exp(e.ln_m[0][j]);
                }
            cr_assert_leq(mean, 1 + 1e-12, "q %g component %u: %g", q, j, mean);
        }
    }
}

Test(contrast, by_answer_too_where_answers_are_independent)
{
    const unsigned n = 6, m = 9;
    const double q = .3, p = 1.2 * q / (1 + .2 * q);

    rule.unit = ECUSUM_TEMPERED;
    for (unsigned j = 0; j < ECUSUM_STAKES; j++) {
        double mean = 0;

        for (unsigned a = 0; a <= n; a++)
            for (unsigned b = 0; b <= m; b++) {
                double ways = tgamma(n + 1) / tgamma(a + 1) / tgamma(n - a + 1) *
                              tgamma(m + 1) / tgamma(b + 1) / tgamma(m - b + 1);

                ecusum_init(&e, BINS);
                fold(a, n, b, m);
                mean += ways * pow(p, a) * pow(1 - p, n - a) * pow(q, b) * pow(1 - q, m - b) *
                        exp(e.ln_m[0][j]);
            }
        cr_assert_leq(mean, 1 + 1e-9, "component %u: %g", j, mean);
    }
}

Test(contrast, independent_ticks_have_no_excess_and_alike_ones_have)
{
    uint64_t counts[120][BINS], control[120][BINS];
    double phi = 0;

    for (unsigned t = 0; t < 120; t++) {
        uint64_t a = 10 + t % 5, b = 10 + t / 5 % 5;

        counts[t][0] = a;
        counts[t][1] = 90 - a;
        control[t][0] = b;
        control[t][1] = 90 - b;
    }
    cr_assert(contrast_dispersion(counts[0], control[0], 120, BINS, .05, &phi));
    cr_assert_lt(phi, 1.2);
    for (unsigned t = 0; t < 120; t++) {
        counts[t][0] = t % 2 ? 0 : 30;
        counts[t][1] = 90 - counts[t][0];
    }
    cr_assert(contrast_dispersion(counts[0], control[0], 120, BINS, .05, &phi));
    cr_assert_gt(phi, 5);
    cr_assert_not(contrast_dispersion(counts[0], control[0], 29, BINS, .05, &phi));
}
