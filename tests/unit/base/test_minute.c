/* SPDX-License-Identifier: Apache-2.0 */
#include "minute.h"

#include <criterion/criterion.h>

static struct minute minute;

static uint64_t count_at(uint64_t now_s)
{
    struct quantile q = { 0 };

    minute_merge(&q, &minute, now_s * 1000000);
    return q.count;
}

static void add_at(uint64_t now_s)
{
    minute_add(&minute, now_s * 1000000, 1);
}

Test(minute, values_are_kept_for_fifty_seconds_and_gone_after_sixty, .timeout = 5)
{
    add_at(109);
    cr_assert_eq(count_at(109), 1);
    cr_assert_eq(count_at(159), 1);
    cr_assert_eq(count_at(160), 0);
}

Test(minute, a_slice_that_comes_round_is_emptied_first, .timeout = 5)
{
    add_at(100);
    add_at(100);
    add_at(160);
    cr_assert_eq(count_at(160), 1);
}

Test(minute, slices_of_the_same_minute_add_up, .timeout = 5)
{
    for (uint64_t s = 0; s < 60; s++)
        add_at(s);
    cr_assert_eq(count_at(59), 60);
    cr_assert_eq(count_at(60), 50);
    cr_assert_eq(count_at(1000), 0);
}
