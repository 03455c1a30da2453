/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/stats/bound.h"

#include <criterion/criterion.h>
#include <math.h>

static const uint64_t reference[] = { 8200, 1200, 450, 100, 50 };
enum { BINS = 5 };

Test(bound, without_tolerance_it_is_the_exact_interval, .timeout = 5)
{
    static const double lower[] = { .807864226, .110165144, .038849635, .007201911,
                                    .003098695 };
    static const double upper[] = { .831704581, .130347438, .051766466, .013468841,
                                    .007584335 };
    struct bound bounds[BINS];

    bound_find(bounds, reference, BINS, .01, 1);
    for (size_t k = 0; k < BINS; k++) {
        cr_assert_float_eq(bounds[k].lower, lower[k], 1e-9);
        cr_assert_float_eq(bounds[k].upper, upper[k], 1e-9);
    }
}

Test(bound, the_tolerance_is_a_ratio_of_odds, .timeout = 5)
{
    static const double lower[] = { .777969087, .093521421, .032585686, .006008805,
                                    .002583580 };
    static const double upper[] = { .855706495, .152442819, .061483205, .016119187,
                                    .009087418 };
    struct bound bounds[BINS];

    bound_find(bounds, reference, BINS, .01, 1.2);
    for (size_t k = 0; k < BINS; k++) {
        cr_assert_float_eq(bounds[k].lower, lower[k], 1e-9);
        cr_assert_float_eq(bounds[k].upper, upper[k], 1e-9);
    }
}

Test(bound, of_an_empty_reference_nothing_is_known, .timeout = 5)
{
    static const uint64_t none[2];
    struct bound bounds[2];

    bound_find(bounds, none, 2, .01, 1.2);
    for (size_t k = 0; k < 2; k++) {
        cr_assert_eq(bounds[k].lower, 0);
        cr_assert_eq(bounds[k].upper, 1);
    }
}

Test(bound, a_bin_that_was_never_seen_may_stay_so_and_has_an_upper_bound, .timeout = 5)
{
    static const uint64_t counts[] = { 10000, 0 };
    struct bound bounds[2];

    bound_find(bounds, counts, 2, .01, 1);
    cr_assert_eq(bounds[1].lower, 0);
    cr_assert_float_eq(bounds[1].upper, log(2 * 2 / .01) / 10000, 1e-6);
    cr_assert_eq(bounds[0].upper, 1, "the other was all there was, and may stay so");
    cr_assert_gt(bounds[0].lower, .999);
}

Test(bound, more_reference_draws_the_bounds_together, .timeout = 5)
{
    static const uint64_t few[] = { 90, 10 }, many[] = { 900000, 100000 };
    struct bound wide[2], narrow[2];

    bound_find(wide, few, 2, .01, 1);
    bound_find(narrow, many, 2, .01, 1);
    for (size_t k = 0; k < 2; k++) {
        cr_assert_lt(wide[k].lower, narrow[k].lower);
        cr_assert_gt(wide[k].upper, narrow[k].upper);
    }
}

Test(bound, answers_that_hang_together_count_as_fewer, .timeout = 5)
{
    static const uint64_t all[] = { 8000, 2000 }, quarter[] = { 2000, 500 };
    const struct bound_care clustered = { .alpha = .01, .tolerance = 1.2, .phi = 4 };
    struct bound wide[2], same[2];

    bound_find_clustered(wide, all, 2, &clustered);
    bound_find(same, quarter, 2, .01, 1.2);
    for (size_t k = 0; k < 2; k++) {
        cr_assert_float_eq(wide[k].lower, same[k].lower, 1e-12);
        cr_assert_float_eq(wide[k].upper, same[k].upper, 1e-12);
    }
}

Test(bound, shifting_there_and_back_changes_nothing, .timeout = 5)
{
    cr_assert_float_eq(bound_shift(.08, 2), .14814814814814817, 1e-15);
    for (double share = .001; share < 1; share += .037)
        cr_assert_float_eq(bound_shift(bound_shift(share, 1.7), 1 / 1.7), share, 1e-15);
    cr_assert_eq(bound_shift(0, 5), 0);
    cr_assert_eq(bound_shift(1, .1), 1);
}
