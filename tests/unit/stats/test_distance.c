/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/stats/distance.h"

#include <criterion/criterion.h>
#include <math.h>

/* clang-format off */
static const struct row {
    size_t bins;
    uint64_t before[4], after[4];
    double psi, js_divergence, js_distance, hellinger, tv, l_infinity;
    double chi2, df, chi2_p, g, g_p, ks, ks_p;
} rows[] = {
    { 3, { 50, 30, 20 }, { 40, 30, 30 }, .06088405513673144, .011278124459132899,
      .10619851439230635, .08852926195176514, .1, .1, 3.111111111111111, 2, .2110720877910902,
      3.1269600683408427, .20940606145871177, .1, .6993741991310146 },
    { 3, { 500, 300, 200 }, { 400, 300, 300 }, .06265874582880679, .011278124459132899,
      .10619851439230635, .08852926195176514, .1, .1, 31.11111111111111, 2, 1.755125027994412e-7,
      31.269600683408413, 1.6214086512989177e-7, .1, 9.079985952495975e-5 },
    { 3, { 90, 10, 0 }, { 80, 10, 10 }, .31148917280835325, .05212283558625206,
      .22830426099013584, .22687411173631725, .1, .1, 10.588235294117647, 2, .00502104275334803,
      14.451518611760081, 7.275998584383514e-4, .1, .699374199131016 },
    { 3, { 7, 11, 13 }, { 7, 11, 13 }, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 1, 0, 1 },
    { 2, { 10, 0 }, { 0, 10 }, 5.535495341315315, 1, 1, 1, 1, 1, 20, 1, 7.744216431044084e-6,
      27.725887222397812, 1.397796334358147e-7, 1, 9.079985952496105e-5 },
    { 4, { 10, 20, 30, 40 }, { 40, 30, 20, 10 }, .8719768526109903, .15356065532898455,
      .3918681606471551, .33181629170877724, .4, .3, 40, 3, 1.0655090334255843e-8,
      42.576054114489274, 3.0277029189376556e-9, .4, 2.2507034943851982e-7 },
    { 4, { 5000, 3000, 1500, 500 }, { 130, 60, 40, 20 }, .029927487974337884, .005186900852268604,
      .07202014199006139, .06004168792666051, .06, .06, 7.6253689837281176, 3, .05442319497535882,
      7.191932235647821, .0660254398237391, .04, .8299950040251954 },
};
/* clang-format on */
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

Test(distance, distances_are_those_of_the_vectors, .timeout = 5)
{
    for (const struct row *r = rows; r < rows + ROWS; r++) {
        const uint64_t *p = r->before, *q = r->after;

        cr_assert_float_eq(distance_psi(p, q, r->bins, DISTANCE_HALF), r->psi, 1e-9);
        cr_assert_float_eq(distance_js_divergence_bits(p, q, r->bins), r->js_divergence, 1e-9);
        cr_assert_float_eq(distance_js_distance_bits(p, q, r->bins), r->js_distance, 1e-9);
        cr_assert_float_eq(distance_hellinger(p, q, r->bins), r->hellinger, 1e-9);
        cr_assert_float_eq(distance_total_variation(p, q, r->bins), r->tv, 1e-9);
        cr_assert_float_eq(distance_l_infinity(p, q, r->bins), r->l_infinity, 1e-9);
    }
}

static void is_test(struct distance_test got, double statistic, double df, double p)
{
    cr_assert_float_eq(got.statistic, statistic, 1e-9);
    cr_assert_eq(got.df, df);
    cr_assert_float_eq(got.p, p, 1e-9);
}

Test(distance, tests_are_those_of_the_vectors, .timeout = 5)
{
    for (const struct row *r = rows; r < rows + ROWS; r++) {
        is_test(distance_chi2(r->before, r->after, r->bins), r->chi2, r->df, r->chi2_p);
        is_test(distance_g(r->before, r->after, r->bins), r->g, r->df, r->g_p);
        is_test(distance_ks(r->before, r->after, r->bins), r->ks, 0, r->ks_p);
    }
}

Test(distance, psi_is_never_infinite_when_smoothed, .timeout = 5)
{
    const struct row *r = &rows[2];

    cr_assert(isfinite(distance_psi(r->before, r->after, 3, DISTANCE_HALF)));
    cr_assert(isinf(distance_psi(r->before, r->after, 3, 0)));
    cr_assert_float_eq(distance_psi(rows[0].before, rows[0].after, 3, 0), .06286086594223739,
                       1e-12);
}

Test(distance, what_chance_gives_is_that_of_the_vectors, .timeout = 5)
{
    static const struct {
        uint64_t n, m;
        size_t bins;
        double mean, point, above;
    } noise[] = {
        { 100, 100, 10, .18, .33837955209240905, .8343082601934075 },
        { 300, 300, 10, .06, .11279318403080302, .09093597657980512 },
        { 1000, 1000, 10, .018, .033837955209240905, 1.0772382022574693e-7 },
        { 10000, 200, 20, .0969, .15373198874879543, .4185131991204899 },
    };

    for (size_t i = 0; i < sizeof(noise) / sizeof(noise[0]); i++) {
        uint64_t n = noise[i].n, m = noise[i].m;
        size_t bins = noise[i].bins;

        cr_assert_float_eq(distance_psi_noise(bins, n, m), noise[i].mean, 1e-12);
        cr_assert_float_eq(distance_psi_noise_point(bins, n, m, .05), noise[i].point, 1e-12);
        cr_assert_float_eq(distance_psi_noise_above(bins, n, m, .1), noise[i].above, 1e-12);
    }
}

Test(distance, an_excess_is_what_chance_does_not_explain, .timeout = 5)
{
    cr_assert_float_eq(distance_psi_excess(.2, 10, 100, 100), .02, 1e-12);
    cr_assert_eq(distance_psi_excess(.1, 10, 100, 100), 0);
}

Test(distance, with_nothing_on_one_side_nothing_differs, .timeout = 5)
{
    static const uint64_t none[3], some[] = { 1, 2, 3 };
    static const double points[] = { 1, 2, 3 };
    struct distance_move moves[DISTANCE_MOVES];

    cr_assert_eq(distance_psi(none, some, 3, DISTANCE_HALF), 0);
    cr_assert_eq(distance_js_divergence_bits(some, none, 3), 0);
    cr_assert_eq(distance_hellinger(none, some, 3), 0);
    cr_assert_eq(distance_total_variation(none, some, 3), 0);
    cr_assert_eq(distance_l_infinity(some, none, 3), 0);
    cr_assert_eq(distance_wasserstein(some, none, points, 3), 0);
    is_test(distance_chi2(none, some, 3), 0, 0, 1);
    is_test(distance_g(none, none, 3), 0, 0, 1);
    is_test(distance_ks(none, some, 3), 0, 0, 1);
    cr_assert_eq(distance_moved(none, some, 3, moves), 0);
    cr_assert_eq(distance_psi_noise(3, 0, 6), 0);
    cr_assert_eq(distance_psi_noise_point(3, 0, 6, .05), 0);
    cr_assert_eq(distance_psi_noise_above(3, 0, 6, .1), 1);
}

Test(distance, a_bin_that_is_empty_on_both_sides_is_no_degree_of_freedom, .timeout = 5)
{
    static const uint64_t before[] = { 50, 0, 30, 20 }, after[] = { 40, 0, 30, 30 };

    is_test(distance_chi2(before, after, 4), 3.111111111111111, 2, .2110720877910902);
}

Test(distance, ks_of_values_is_that_of_bins_of_one_value_each, .timeout = 5)
{
    static const uint64_t before[] = { 1, 1, 1, 1, 1, 0, 0, 0 };
    static const uint64_t after[] = { 0, 0, 1, 1, 1, 1, 1, 1 };

    is_test(distance_ks(before, after, 8), .5, 0, .5029140336411321);
}

Test(distance, wasserstein_is_how_far_the_mass_moved, .timeout = 5)
{
    static const double points[] = { 0, 1, 3, 5, 6, 8 }, two[] = { 0, 1 };
    static const uint64_t before[] = { 1, 1, 1, 0, 0, 0 }, after[] = { 0, 0, 0, 1, 1, 1 };
    static const uint64_t left[] = { 3, 1 }, even[] = { 2, 2 };
    static const double merged[] = { 1.4, 3.4, 3.9, 4.5, 7.5, 7.8 };
    static const uint64_t four[] = { 0, 14, 9, 0, 31, 72 }, pair[] = { 35, 0, 0, 32, 0, 0 };

    cr_assert_float_eq(distance_wasserstein(before, after, points, 6), 5, 1e-12);
    cr_assert_float_eq(distance_wasserstein(left, even, two, 2), .25, 1e-12);
    cr_assert_float_eq(distance_wasserstein(four, pair, merged, 6), 4.078133143804786, 1e-9);
}

Test(distance, the_bins_that_moved_most_come_first_and_say_which_way, .timeout = 5)
{
    static const uint64_t before[] = { 8200, 1200, 450, 100, 50 };
    static const uint64_t after[] = { 660, 120, 200, 15, 5 };
    struct distance_move moves[DISTANCE_MOVES];

    cr_assert_eq(distance_moved(before, after, 5, moves), 3);
    cr_assert_eq(moves[0].bin, 2);
    cr_assert_float_eq(moves[0].before, .045, 1e-15);
    cr_assert_float_eq(moves[0].after, .2, 1e-15);
    cr_assert_float_eq(moves[0].contribution, .231, .002);
    cr_assert_eq(moves[1].bin, 0);
    cr_assert_lt(moves[1].contribution, 0, "less of it");
    cr_assert_eq(moves[2].bin, 3);
    cr_assert_gt(moves[2].contribution, 0);
}

Test(distance, what_did_not_move_is_not_told, .timeout = 5)
{
    static const uint64_t before[] = { 5, 3, 2 }, same[] = { 500, 300, 200 };
    static const uint64_t two[] = { 400, 400, 200 };
    struct distance_move moves[DISTANCE_MOVES];

    cr_assert_eq(distance_moved(before, same, 3, moves), 0);
    cr_assert_eq(distance_moved(before, two, 3, moves), 2);
}

Test(distance, contributions_of_all_bins_add_up_to_psi, .timeout = 5)
{
    struct distance_move moves[DISTANCE_MOVES];
    double sum = 0;

    cr_assert_eq(distance_moved(rows[2].before, rows[2].after, 3, moves), 2);
    for (size_t i = 0; i < 2; i++)
        sum += fabs(moves[i].contribution);
    cr_assert_float_eq(sum, rows[2].psi, 1e-12, "the third bin did not move");
}
