/* SPDX-License-Identifier: Apache-2.0 */
#include "law.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum { DRAWS = 400000, MOST = 400 };

/* Draws often and compares each number's share with its chance, by chi-square. */
static void has_chances(const struct law *law, const double *chance)
{
    unsigned seen[MOST] = { 0 };
    double chi2 = 0, rest = DRAWS, rest_seen = DRAWS;
    int df = 0;
    struct dice dice;

    dice_init(&dice, 99, 1);
    for (int i = 0; i < DRAWS; i++)
        seen[law_draw(law, &dice)]++;
    for (uint32_t i = 0; i <= law_most(law); i++) {
        double expected = DRAWS * chance[i];

        if (expected < 20)
            continue;
        chi2 += (seen[i] - expected) * (seen[i] - expected) / expected;
        rest -= expected;
        rest_seen -= seen[i];
        df++;
    }
    cr_assert_lt(chi2, df + 5 * sqrt(2. * df) + 5, "%g of %d", chi2, df);
    cr_assert_lt(fabs(rest_seen - rest), 5 * sqrt(rest + 1) + 1);
}

Test(law, poisson_numbers_have_their_chances, .timeout = 10)
{
    static const double means[] = { .03, 2.7, 60, 114 };

    for (int i = 0; i < 4; i++) {
        struct law *law = law_poisson(means[i]);
        double chance[MOST] = { exp(-means[i]) };

        for (int k = 1; k < MOST; k++)
            chance[k] = chance[k - 1] * means[i] / k;
        has_chances(law, chance);
        law_free(law);
    }
}

/* Beta(1, 1) makes all numbers equally likely. */
Test(law, a_beta_binomial_of_ones_is_even, .timeout = 10)
{
    struct law *law = law_beta_binomial(9, 1, 1);
    double chance[MOST];

    for (int k = 0; k < 10; k++)
        chance[k] = .1;
    cr_assert_eq(law_most(law), 9);
    has_chances(law, chance);
    law_free(law);
}

Test(law, a_beta_binomial_has_its_mean_and_variance, .timeout = 10)
{
    const double n = 60, rho = .02, p = .12, a = p * (1 - rho) / rho,
                 b = (1 - p) * (1 - rho) / rho;
    struct law *law = law_beta_binomial((uint32_t)n, a, b);
    double sum = 0, squares = 0, mean, variance = n * p * (1 - p) * (1 + (n - 1) * rho);
    struct dice dice;

    dice_init(&dice, 5, 5);
    for (int i = 0; i < DRAWS; i++) {
        double x = law_draw(law, &dice);

        sum += x;
        squares += x * x;
    }
    mean = sum / DRAWS;
    cr_assert_float_eq(mean, n * p, 5 * sqrt(variance / DRAWS));
    cr_assert_float_eq(squares / DRAWS - mean * mean, variance, .02 * variance);
    law_free(law);
}

Test(law, of_nothing_there_is_none, .timeout = 5)
{
    struct law *law = law_beta_binomial(0, 3, 4);
    struct dice dice;

    dice_init(&dice, 5, 5);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(law_draw(law, &dice), 0);
    law_free(law);
}
