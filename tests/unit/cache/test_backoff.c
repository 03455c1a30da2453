/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/cache/backoff.h"

#include <criterion/criterion.h>

TestSuite(backoff, .timeout = 10);

enum { NOW_US = 5000000 };

static struct digest numbered(uint64_t n)
{
    struct digest d;

    digest_start();
    digest_add_u64(n);
    digest_end(&d);
    return d;
}

static const struct digest key = { .bytes = { 1 } }, other = { .bytes = { 2 } };

Test(backoff, what_has_not_failed_may_be_tried)
{
    AUTO(backoffs_free) struct backoffs *all = backoffs_new();

    cr_assert(backoff_is_over(all, &key, NOW_US));
    cr_assert(backoff_is_over(NULL, &key, NOW_US));
}

Test(backoff, what_failed_may_be_tried_again_after_a_second)
{
    AUTO(backoffs_free) struct backoffs *all = backoffs_new();

    backoff_fail(all, &key, NOW_US);
    cr_assert_not(backoff_is_over(all, &key, NOW_US + BACKOFF_FIRST_US - 1));
    cr_assert(backoff_is_over(all, &key, NOW_US + BACKOFF_FIRST_US));
}

Test(backoff, one_that_failed_holds_up_no_other)
{
    AUTO(backoffs_free) struct backoffs *all = backoffs_new();

    backoff_fail(all, &key, NOW_US);
    cr_assert(backoff_is_over(all, &other, NOW_US));
}

Test(backoff, each_failure_doubles_it_up_to_half_a_minute)
{
    AUTO(backoffs_free) struct backoffs *all = backoffs_new();
    const uint64_t want_s[] = { 1, 2, 4, 8, 16, 30, 30 };
    uint64_t now_us = NOW_US;

    for (size_t i = 0; i < sizeof(want_s) / sizeof(want_s[0]); i++) {
        backoff_fail(all, &key, now_us);
        now_us += want_s[i] * 1000000;
        cr_assert_not(backoff_is_over(all, &key, now_us - 1));
        cr_assert(backoff_is_over(all, &key, now_us));
    }
}

Test(backoff, what_was_renewed_begins_anew)
{
    AUTO(backoffs_free) struct backoffs *all = backoffs_new();

    backoff_fail(all, &key, NOW_US);
    backoff_fail(all, &key, NOW_US);
    backoff_forget(all, &key);
    cr_assert(backoff_is_over(all, &key, NOW_US));
    backoff_fail(all, &key, NOW_US);
    cr_assert(backoff_is_over(all, &key, NOW_US + BACKOFF_FIRST_US));
}

Test(backoff, what_nobody_wanted_for_long_begins_anew)
{
    AUTO(backoffs_free) struct backoffs *all = backoffs_new();
    uint64_t later_us = NOW_US + BACKOFF_FIRST_US + BACKOFF_MOST_US;

    backoff_fail(all, &key, NOW_US);
    backoff_fail(all, &key, later_us);
    cr_assert(backoff_is_over(all, &key, later_us + BACKOFF_FIRST_US));
}

Test(backoff, any_number_may_fail)
{
    AUTO(backoffs_free) struct backoffs *all = backoffs_new();
    size_t paused = 0;

    for (uint64_t i = 0; i < 40000; i++) {
        struct digest d = numbered(i);

        backoff_fail(all, &d, NOW_US + i);
        paused += !backoff_is_over(all, &d, NOW_US + i);
    }
    cr_assert_eq(paused, 40000);
}
