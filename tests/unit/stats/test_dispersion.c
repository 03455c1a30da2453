/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/stats/dispersion.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { TICKS = 2000, N = 60 };

static uint64_t seed = 1;

static double draw(void)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(seed >> 11) / 9007199254740992.0;
}

/* Ticks of N answers, one in ten of the first kind; `batch` answers at a time are the same. */
static void fill(uint64_t (*ticks)[2], uint64_t batch)
{
    for (int t = 0; t < TICKS; t++) {
        ticks[t][0] = 0;
        for (uint64_t i = 0; i < N; i += batch)
            ticks[t][0] += draw() < .1 ? batch : 0;
        ticks[t][1] = N - ticks[t][0];
    }
}

Test(dispersion, of_independent_answers_is_about_one, .timeout = 5)
{
    static uint64_t ticks[TICKS][2];
    double phi = 0;

    fill(ticks, 1);
    cr_assert(dispersion_bound(ticks[0], TICKS, 2, .05, &phi));
    cr_assert_geq(phi, 1);
    cr_assert_lt(phi, 1.15);
}

Test(dispersion, of_answers_in_batches_is_the_size_of_a_batch, .timeout = 5)
{
    static uint64_t ticks[TICKS][2];
    double phi = 0;

    fill(ticks, 6);
    cr_assert(dispersion_bound(ticks[0], TICKS, 2, .05, &phi));
    cr_assert_gt(phi, 6 * .95);
    cr_assert_lt(phi, 6 * 1.25);
}

Test(dispersion, the_mean_is_that_of_the_formula, .timeout = 5)
{
    static const uint64_t counts[] = { 5, 9, 0 }, n[] = { 50, 60, 0 };

    cr_assert_float_eq(dispersion_mean(counts, n, 3, .1), (0 + 9 / 5.4) / 2, 1e-12);
    cr_assert_eq(dispersion_mean(counts, n, 0, .1), 1);
}

Test(dispersion, few_ticks_say_nothing, .timeout = 5)
{
    static uint64_t ticks[100][2];
    double phi = 7;

    for (int t = 0; t < DISPERSION_TICKS - 1; t++)
        ticks[t][0] = ticks[t][1] = 5;
    cr_assert_not(dispersion_bound(ticks[0], 100, 2, .05, &phi), "the rest is empty");
    cr_assert_eq(phi, 7);
    ticks[99][0] = 5;
    cr_assert(dispersion_bound(ticks[0], 100, 2, .05, &phi));
}

Test(dispersion, a_bin_with_all_answers_does_not_vary, .timeout = 5)
{
    static uint64_t ticks[DISPERSION_TICKS][2];
    double phi = 0;

    for (int t = 0; t < DISPERSION_TICKS; t++)
        ticks[t][0] = 40;
    cr_assert(dispersion_bound(ticks[0], DISPERSION_TICKS, 2, .05, &phi));
    cr_assert_eq(phi, 1);
}

Test(dispersion, equal_ticks_give_no_less_than_one, .timeout = 5)
{
    static uint64_t ticks[DISPERSION_TICKS][2];
    double phi = 0;

    for (int t = 0; t < DISPERSION_TICKS; t++)
        ticks[t][0] = 10, ticks[t][1] = 30;
    cr_assert(dispersion_bound(ticks[0], DISPERSION_TICKS, 2, .05, &phi));
    cr_assert_eq(phi, 1);
}
