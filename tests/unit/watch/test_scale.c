/* SPDX-License-Identifier: Apache-2.0 */
#include "scale.h"

#include <criterion/criterion.h>
#include <math.h>

TestSuite(scale, .timeout = 10);

Test(scale, four_bins_make_a_doubling)
{
    cr_assert_eq(scale_bin(1), 0);
    cr_assert_eq(scale_bin(2), 4);
    cr_assert_eq(scale_bin(2.01), 5);
    cr_assert_eq(scale_bin(1024), 40);
    cr_assert_float_eq(scale_edge(40), 10, 1e-12);
}

Test(scale, what_is_no_number_or_none_at_all_lies_in_the_first)
{
    cr_assert_eq(scale_bin(0), 0);
    cr_assert_eq(scale_bin(-3), 0);
    cr_assert_eq(scale_bin(NAN), 0);
}

Test(scale, the_last_bin_has_no_end)
{
    cr_assert_eq(scale_bin(1e300), SCALE_BINS - 1);
    cr_assert_eq(scale_bin(INFINITY), SCALE_BINS - 1);
}

Test(scale, what_has_grown_by_a_half_has_left_its_bin_and_the_next)
{
    for (double x = 1.01; x < 1e4; x *= 1.07)
        cr_assert_geq(scale_bin(1.5 * x), scale_bin(x) + 2);
}

Test(scale, each_word_is_read_as_its_bin)
{
    char room[SCALE_WORD];
    unsigned bin;

    for (unsigned k = 0; k < SCALE_BINS; k++) {
        cr_assert(scale_read(scale_word(k, room), &bin));
        cr_assert_eq(bin, k);
    }
}

Test(scale, words_of_other_scales_are_none)
{
    unsigned bin;

    cr_assert_not(scale_read(STR("le_256"), &bin));
    cr_assert_not(scale_read(STR("71"), &bin));
    cr_assert_not(scale_read(STR("other"), &bin));
    cr_assert_not(scale_read(STR(""), &bin));
}
