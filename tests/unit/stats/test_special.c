/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/stats/special.h"

#include <criterion/criterion.h>
#include <math.h>

static void is_near(double got, double want, double relative)
{
    cr_assert(fabs(got - want) <= relative * fabs(want), "%.17g is not %.17g", got, want);
}

Test(special, chi_square_is_that_of_the_tables, .timeout = 5)
{
    static const struct {
        double x, df, p;
    } rows[] = {
        { 3.841458820694124, 1, .05 },
        { 9.487729036781154, 4, .05 },
        { 16.918977604620448, 9, .05 },
        { 10.827566170662733, 1, .001 },
        { 30, 10, 8.56641210775301e-4 },
        { .1, 3, .991837423731876 },
        { 0, 5, 1 },
        { -1, 5, 1 },
        { 7, 0, 1 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        is_near(special_chi2_above(rows[i].x, rows[i].df), rows[i].p, 1e-11);
}

Test(special, chi_square_of_two_degrees_is_exponential_far_into_its_tail, .timeout = 5)
{
    for (double x = .01; x < 1000; x *= 1.7)
        is_near(special_chi2_above(x, 2), exp(-x / 2), 1e-12);
}

Test(special, a_point_of_chi_square_is_where_its_tail_begins, .timeout = 5)
{
    for (double df = 1; df < 200; df *= 3)
        for (double p = 1e-12; p < 1; p *= 7)
            is_near(special_chi2_above(special_chi2_point(p, df), df), p, 1e-10);
    cr_assert_eq(special_chi2_point(1, 4), 0);
    cr_assert_eq(special_chi2_point(.05, 0), 0);
}

Test(special, beta_is_a_power_where_one_side_is_one, .timeout = 5)
{
    for (double x = .001; x < 1; x += .037) {
        is_near(special_beta(7, 1, x), pow(x, 7), 1e-12);
        is_near(special_beta(1, 7, x), -expm1(7 * log1p(-x)), 1e-12);
        is_near(special_beta(1, 1, x), x, 1e-14);
    }
    cr_assert_eq(special_beta(2, 3, 0), 0);
    cr_assert_eq(special_beta(2, 3, -1), 0);
    cr_assert_eq(special_beta(2, 3, 1), 1);
}

/* P(Binomial(n, x) >= k) = I_x(k, n - k + 1). */
Test(special, beta_is_the_tail_of_a_binomial, .timeout = 5)
{
    const double x = .3;
    double tail = 0, term = pow(1 - x, 20);

    for (int k = 0; k <= 20; k++) {
        if (k >= 9)
            tail += term;
        term *= x / (1 - x) * (20 - k) / (k + 1);
    }
    is_near(special_beta(9, 12, x), tail, 1e-12);
}

Test(special, beta_and_its_mirror_add_up_to_one, .timeout = 5)
{
    for (double a = .5; a < 1e6; a *= 9)
        for (double x = .05; x < 1; x += .1)
            cr_assert_float_eq(special_beta(a, 2 * a, x) + special_beta(2 * a, a, 1 - x), 1,
                               1e-9);
}

Test(special, a_point_of_beta_is_where_it_reaches_p, .timeout = 10)
{
    static const double sides[] = { .5, 1, 3, 50, 9000, 2e6 };

    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < 6; j++)
            for (double p = 1e-9; p < 1; p *= 11)
                is_near(
                    special_beta(sides[i], sides[j], special_beta_point(sides[i], sides[j], p)),
                    p, 1e-7);
    cr_assert_eq(special_beta_point(2, 3, 0), 0);
    cr_assert_eq(special_beta_point(2, 3, 1), 1);
}

Test(special, a_tiny_point_of_beta_is_as_exact_as_any_other, .timeout = 5)
{
    is_near(special_beta_point(1, 1, 1e-200), 1e-200, 1e-13);
    is_near(special_beta_point(.5, 1, 1e-20), 1e-40, 1e-13);
    is_near(special_beta_point(1, 1e9, .005), -expm1(log1p(-.005) / 1e9), 1e-6);
}

Test(special, kolmogorov_is_that_of_the_tables, .timeout = 5)
{
    static const double rows[][2] = {
        { .2, .999999999999495 },
        { .5, .9639452436648751 },
        { 1, .26999967167735456 },
        { 1.3580986393225505, .05 },
        { 1.6276236115189502, .01 },
        { 2, 6.709252557796953e-4 },
        { 0, 1 },
        { -3, 1 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_assert_float_eq(special_kolmogorov_above(rows[i][0]), rows[i][1], 1e-13);
}

Test(special, both_series_of_kolmogorov_meet, .timeout = 5)
{
    double below = special_kolmogorov_above(nextafter(.4, 0));

    cr_assert_float_eq(below, special_kolmogorov_above(.4), 1e-13);
}

Test(special, normal_points_are_those_of_the_tables, .timeout = 5)
{
    is_near(special_normal_point(.975), 1.959963984540054, 1e-14);
    is_near(special_normal_point(.001), -3.090232306167813, 1e-14);
    is_near(special_normal_point(1e-20), -9.262340089798408, 1e-13);
    cr_assert_float_eq(special_normal_point(.5), 0, 1e-15);
    cr_assert_eq(special_normal_point(0), -HUGE_VAL);
    cr_assert_eq(special_normal_point(1), HUGE_VAL);
}
