/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/variety.h"

#include "weir/base/str.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct variety *variety;

static void start(void)
{
    variety = variety_new();
}

static void stop(void)
{
    variety_unref(variety);
}

TestSuite(variety, .init = start, .fini = stop, .timeout = 20);

static void add(uint64_t day, unsigned from, unsigned to)
{
    char text[16];

    for (unsigned i = from; i < to; i++) {
        int len = snprintf(text, sizeof(text), "%u", i);

        variety_add(variety, day, str_hash((struct str){ text, (size_t)len }));
    }
}

static struct variety_counts read_on(uint64_t day)
{
    struct variety_counts counts;

    variety_read(variety, day, &counts);
    return counts;
}

Test(variety, a_value_counts_once_a_day)
{
    add(5, 0, 3);
    add(5, 0, 3);
    cr_assert_eq(read_on(5).today, 3);
    cr_assert_eq(read_on(5).yesterday, 0);
}

Test(variety, many_values_are_about_so_many)
{
    add(5, 0, 100000);
    cr_assert_geq(read_on(5).today, 95000);
    cr_assert_leq(read_on(5).today, 105000);
}

Test(variety, a_day_ends)
{
    add(5, 0, 3);
    add(6, 0, 1);
    cr_assert_eq(read_on(6).today, 1);
    cr_assert_eq(read_on(6).yesterday, 3);
    cr_assert_eq(read_on(7).yesterday, 1);
    cr_assert_eq(read_on(9).yesterday, 0);
}

Test(variety, what_comes_too_late_counts_nowhere)
{
    add(6, 0, 1);
    add(5, 1, 9);
    cr_assert_eq(read_on(6).today, 1);
    cr_assert_eq(read_on(6).yesterday, 0);
}

Test(variety, what_others_have_seen_counts_as_seen)
{
    struct variety *other = variety_new();
    struct distinct none = { { 0 } }, theirs;

    add(5, 0, 300);
    variety_merge(variety, 5, &none, &theirs);
    variety_merge(other, 5, &theirs, &none);
    variety_unref(variety);
    variety = other;
    add(5, 200, 500);
    cr_assert_float_eq((double)read_on(5).today, 500, 15);
}

Test(variety, yesterday_may_be_told_late_but_no_other_day)
{
    struct distinct none = { { 0 } }, day, all;

    add(5, 0, 30);
    variety_merge(variety, 5, &none, &day);
    (void)read_on(6);
    variety_merge(variety, 5, &day, &all);
    cr_assert_float_eq((double)read_on(6).yesterday, 30, 2);
    (void)read_on(8);
    variety_merge(variety, 5, &day, &all);
    cr_assert_eq(read_on(8).yesterday, 0);
    cr_assert_eq(distinct_estimate(&all), 0);
}
