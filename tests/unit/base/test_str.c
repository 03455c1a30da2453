/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/str.h"

#include <criterion/criterion.h>

Test(str, the_absent_str_equals_the_empty_one, .timeout = 5)
{
    cr_assert(str_eq(str_of(NULL), STR("")));
    cr_assert_null(str_of(NULL).at);
}

Test(str, a_cut_keeps_what_lies_between, .timeout = 5)
{
    cr_assert(str_eq(str_cut(STR("abcdef"), 2, 4), STR("cd")));
}

Test(str, trimming_takes_spaces_and_tabs_off_both_ends, .timeout = 5)
{
    cr_assert(str_eq(str_trim(STR(" \t a b\t ")), STR("a b")));
    cr_assert_eq(str_trim(STR(" \t ")).len, 0);
}

Test(str, case_is_ignored_for_ascii_alone, .timeout = 5)
{
    cr_assert(str_eq_nocase(STR("Content-Type"), STR("cONTENT-tYPE")));
    cr_assert_not(str_eq_nocase(STR("\xC4"), STR("\xE4")));
    cr_assert_not(str_eq_nocase(STR("@"), STR("`")));
}

Test(str, starts_and_ends_are_compared_by_bytes, .timeout = 5)
{
    cr_assert(str_starts(STR("weir:v1"), STR("weir:")));
    cr_assert(str_ends(STR("a_total"), STR("_total")));
    cr_assert_not(str_starts(STR("we"), STR("weir")));
    cr_assert_not(str_ends(STR("l"), STR("_total")));
}

Test(str, a_prefix_is_less_than_the_whole, .timeout = 5)
{
    cr_assert_lt(str_compare(STR("ab"), STR("abc")), 0);
    cr_assert_gt(str_compare(STR("b"), STR("abc")), 0);
    cr_assert_eq(str_compare(STR(""), str_of(NULL)), 0);
    cr_assert_gt(str_compare(STR("\xFF"), STR("a")), 0, "bytes are unsigned");
}

Test(str, splitting_gives_empty_pieces_but_none_behind_the_last_mark, .timeout = 5)
{
    struct str rest = STR("a,,b,"), piece;

    cr_assert(str_split(&rest, ',', &piece) && str_eq(piece, STR("a")));
    cr_assert(str_split(&rest, ',', &piece) && str_eq(piece, STR("")));
    cr_assert(str_split(&rest, ',', &piece) && str_eq(piece, STR("b")));
    cr_assert_not(str_split(&rest, ',', &piece));
}

Test(str, a_number_is_digits_and_nothing_else, .timeout = 5)
{
    uint64_t n = 7;

    cr_assert(str_to_u64(STR("18446744073709551615"), &n) && n == UINT64_MAX);
    cr_assert_not(str_to_u64(STR("18446744073709551616"), &n));
    cr_assert_not(str_to_u64(STR("-1"), &n));
    cr_assert_not(str_to_u64(STR("1 "), &n));
    cr_assert_not(str_to_u64(STR(""), &n));
    cr_assert_eq(n, UINT64_MAX, "untouched on failure");
}

Test(str, hashes_of_near_texts_differ_in_their_low_bits, .timeout = 5)
{
    unsigned seen[64] = { 0 }, used = 0;

    for (char c = 0; c < 64; c++)
        seen[str_hash((struct str){ &c, 1 }) % 64]++;
    for (unsigned i = 0; i < 64; i++)
        used += seen[i] > 0;
    cr_assert_gt(used, 30, "%u of 64 slots", used);
}
