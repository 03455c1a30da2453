/* SPDX-License-Identifier: Apache-2.0 */
#include "breaker.h"

#include <criterion/criterion.h>

static const struct upstream_breaker settings = {
    .faults = 3,
    .rest_us = 1000,
    .most_rest_us = 5000,
    .slow_start_us = 10000,
};

static struct breaker b;

static void start(void)
{
    b = (struct breaker){ BREAKER_CLOSED };
}

static bool note(enum breaker_event e, uint64_t now_us)
{
    return breaker_note(&b, &settings, e, now_us, 0);
}

static void open_at(uint64_t now_us)
{
    for (unsigned i = 0; i < settings.faults; i++)
        (void)note(BREAKER_FAULT, now_us);
    cr_assert_eq(b.state, BREAKER_OPEN);
}

static uint64_t fail_trial(void)
{
    uint64_t now_us = b.until_us;

    (void)note(BREAKER_TRIAL, now_us);
    (void)note(BREAKER_FAULT, now_us);
    return b.until_us - now_us;
}

TestSuite(breaker, .init = start, .timeout = 10);

Test(breaker, zeroed_it_is_closed_and_allows)
{
    cr_expect(breaker_allows(&b, 0));
    cr_expect_str_eq(breaker_word(b.state), "closed");
}

Test(breaker, opens_at_so_many_faults_in_a_row)
{
    cr_expect_not(note(BREAKER_FAULT, 1));
    cr_expect_not(note(BREAKER_FAULT, 2));
    cr_expect(note(BREAKER_FAULT, 3));
    cr_expect_eq(b.state, BREAKER_OPEN);
    cr_expect_not(breaker_allows(&b, 4));
}

Test(breaker, a_good_call_between_them_starts_the_row_anew)
{
    (void)note(BREAKER_FAULT, 1);
    (void)note(BREAKER_FAULT, 2);
    (void)note(BREAKER_GOOD, 3);
    (void)note(BREAKER_FAULT, 4);
    cr_expect_not(note(BREAKER_FAULT, 5));
}

Test(breaker, what_tells_nothing_does_not_break_the_row)
{
    (void)note(BREAKER_FAULT, 1);
    (void)note(BREAKER_FAULT, 2);
    (void)note(BREAKER_NEITHER, 3);
    cr_expect(note(BREAKER_FAULT, 4));
}

Test(breaker, with_no_number_of_faults_it_never_opens)
{
    struct upstream_breaker never = settings;

    never.faults = 0;
    for (uint64_t i = 0; i < 1000; i++)
        cr_assert_not(breaker_note(&b, &never, BREAKER_FAULT, i, 0));
}

Test(breaker, allows_a_trial_when_its_rest_is_over)
{
    open_at(100);
    cr_expect_not(breaker_allows(&b, 1099));
    cr_expect(breaker_allows(&b, 1100));
}

Test(breaker, chance_spreads_a_rest_by_up_to_a_tenth)
{
    open_at(0);
    start();
    for (unsigned i = 0; i < settings.faults; i++)
        (void)breaker_note(&b, &settings, BREAKER_FAULT, 0, 0.999);
    cr_expect_gt(b.until_us, 1090);
    cr_expect_leq(b.until_us, 1100);
}

Test(breaker, one_trial_at_a_time)
{
    open_at(0);
    cr_expect(note(BREAKER_TRIAL, 1000));
    cr_expect_str_eq(breaker_word(b.state), "half_open");
    cr_expect_not(breaker_allows(&b, 1000000));
}

Test(breaker, a_trial_that_tells_nothing_makes_way_for_the_next)
{
    open_at(0);
    (void)note(BREAKER_TRIAL, 1000);
    cr_expect_not(note(BREAKER_NEITHER, 1001));
    cr_expect_eq(b.state, BREAKER_HALF_OPEN);
    cr_expect(breaker_allows(&b, 1001));
}

Test(breaker, a_good_trial_closes_it)
{
    open_at(0);
    (void)note(BREAKER_TRIAL, 1000);
    cr_expect(note(BREAKER_GOOD, 1001));
    cr_expect_eq(b.state, BREAKER_CLOSED);
    cr_expect(breaker_allows(&b, 1001));
}

Test(breaker, each_failed_trial_rests_for_twice_as_long_up_to_the_most)
{
    open_at(0);
    cr_expect_eq(fail_trial(), 2000);
    cr_expect_eq(fail_trial(), 4000);
    cr_expect_eq(fail_trial(), 5000);
    for (unsigned i = 0; i < 200; i++)
        cr_assert_eq(fail_trial(), 5000);
}

Test(breaker, faults_while_it_is_open_do_not_make_its_rest_longer)
{
    open_at(0);
    cr_expect_not(note(BREAKER_FAULT, 11));
    cr_expect_not(note(BREAKER_NEITHER, 12));
    cr_expect_eq(b.until_us, 1000);
}

Test(breaker, a_good_call_closes_it_even_before_its_rest_is_over)
{
    open_at(0);
    cr_expect(note(BREAKER_GOOD, 10));
    cr_expect_eq(b.state, BREAKER_CLOSED);
}

Test(breaker, a_relapse_during_the_slow_start_rests_for_twice_as_long)
{
    open_at(0);
    (void)note(BREAKER_TRIAL, 1000);
    (void)note(BREAKER_GOOD, 1000);
    open_at(2000);
    cr_expect_eq(b.until_us, 2000 + 2000);
}

Test(breaker, once_well_again_it_rests_as_the_first_time)
{
    open_at(0);
    (void)note(BREAKER_TRIAL, 1000);
    (void)note(BREAKER_GOOD, 1000);
    (void)note(BREAKER_GOOD, 11000);
    open_at(12000);
    cr_expect_eq(b.until_us, 12000 + 1000);
}

Test(breaker, its_share_grows_from_a_tenth_to_the_whole)
{
    open_at(0);
    (void)note(BREAKER_TRIAL, 1000);
    (void)note(BREAKER_GOOD, 1000);
    cr_expect_float_eq(breaker_share(&b, &settings, 1000), 0.1, 1e-9);
    cr_expect_float_eq(breaker_share(&b, &settings, 1500), 0.1, 1e-9);
    cr_expect_float_eq(breaker_share(&b, &settings, 6000), 0.5, 1e-9);
    cr_expect_float_eq(breaker_share(&b, &settings, 11000), 1, 1e-9);
}

Test(breaker, one_that_never_opened_has_its_whole_share)
{
    cr_expect_float_eq(breaker_share(&b, &settings, 5), 1, 1e-9);
}

Test(breaker, while_it_waits_for_a_trial_it_has_its_whole_share)
{
    open_at(0);
    (void)note(BREAKER_TRIAL, 1000);
    (void)note(BREAKER_GOOD, 1000);
    open_at(1500);
    cr_expect_float_eq(breaker_share(&b, &settings, 1500), 1, 1e-9);
}
