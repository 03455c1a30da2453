/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/stats/interval.h"

#include "weir/stats/special.h"

#include <criterion/criterion.h>
#include <math.h>

Test(interval, exact_and_approximate_are_those_of_the_vectors, .timeout = 5)
{
    static const struct {
        uint64_t count, n;
        double exact_low, exact_high, wilson_low, wilson_high;
    } rows[] = {
        { 0, 100, 0, .051604029624103875, 0, .03699349820698568 },
        { 5, 100, .010940333584789953, .13514468253562312, .02154367915436796,
          .11175046923191913 },
        { 120, 10000, .009378125287425123, .015097206766858273, .010045476139717912,
          .014329306270062445 },
        { 10, 10, .5887040186524746, 1, .7224672001371107, 1 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct interval exact = interval_clopper_pearson(rows[i].count, rows[i].n, .01);
        struct interval wilson = interval_wilson(rows[i].count, rows[i].n, .05);

        cr_assert_float_eq(exact.low, rows[i].exact_low, 1e-12);
        cr_assert_float_eq(exact.high, rows[i].exact_high, 1e-12);
        cr_assert_float_eq(wilson.low, rows[i].wilson_low, 1e-12);
        cr_assert_float_eq(wilson.high, rows[i].wilson_high, 1e-12);
    }
}

Test(interval, of_nothing_nothing_is_known, .timeout = 5)
{
    struct interval exact = interval_clopper_pearson(0, 0, .05),
                    wilson = interval_wilson(0, 0, .05);

    cr_assert_eq(exact.low, 0);
    cr_assert_eq(exact.high, 1);
    cr_assert_eq(wilson.low, 0);
    cr_assert_eq(wilson.high, 1);
}

/* Over all counts of a binomial, the exact interval holds the truth often enough. */
Test(interval, the_exact_one_misses_no_more_than_alpha, .timeout = 10)
{
    enum { N = 60 };

    for (double share = .003; share < 1; share += .0831) {
        double missed = 0, term = pow(1 - share, N);

        for (uint64_t k = 0; k <= N; k++) {
            struct interval i = interval_clopper_pearson(k, N, .1);

            if (share < i.low || share > i.high)
                missed += term;
            term *= share / (1 - share) * (double)(N - k) / (double)(k + 1);
        }
        cr_assert_leq(missed, .1, "%g at %g", missed, share);
    }
}

Test(interval, none_or_all_give_the_closed_forms, .timeout = 5)
{
    for (uint64_t n = 1; n < 1000000; n *= 7) {
        double edge = -expm1(log(.005) / (double)n);

        cr_assert_float_eq(interval_clopper_pearson(0, n, .01).high, edge, 1e-12);
        cr_assert_float_eq(interval_clopper_pearson(n, n, .01).low, 1 - edge, 1e-12);
    }
}

Test(interval, parts_of_answers_lie_between_whole_ones, .timeout = 5)
{
    struct interval few = interval_clopper_pearson(5, 100, .01);
    struct interval parts = interval_of_parts(5.5, 100, .01);
    struct interval more = interval_clopper_pearson(6, 100, .01);

    cr_assert(few.low < parts.low && parts.low < more.low);
    cr_assert(few.high < parts.high && parts.high < more.high);
    cr_assert_eq(interval_of_parts(0, .5, .01).low, 0);
    cr_assert_eq(interval_of_parts(.5, .5, .01).high, 1);
}
