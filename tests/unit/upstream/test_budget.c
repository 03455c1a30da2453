/* SPDX-License-Identifier: Apache-2.0 */
#include "budget.h"

#include <criterion/criterion.h>

enum { SECOND_US = 1000 * 1000, WINDOW_US = BUDGET_SECONDS * SECOND_US };

static struct budget b;

static void start(void)
{
    b = (struct budget){ { 0 } };
}

static void call(unsigned times, uint64_t now_us)
{
    for (unsigned i = 0; i < times; i++)
        budget_call(&b, now_us);
}

static unsigned take_all(double share, unsigned floor, uint64_t now_us)
{
    unsigned taken = 0;

    while (taken < 100000 && budget_take(&b, share, floor, now_us))
        taken++;
    return taken;
}

TestSuite(budget, .init = start, .timeout = 60);

Test(budget, without_calls_there_is_the_floor)
{
    cr_expect_eq(take_all(0.1, 3, 5 * SECOND_US), 3);
}

Test(budget, without_calls_and_floor_there_is_nothing)
{
    cr_expect_eq(take_all(0.1, 0, 5 * SECOND_US), 0);
}

Test(budget, calls_allow_their_share)
{
    call(1000, 5 * SECOND_US);
    cr_expect_eq(take_all(0.1, 3, 6 * SECOND_US), 100);
}

Test(budget, the_floor_is_not_added_to_the_share)
{
    call(100, 5 * SECOND_US);
    cr_expect_eq(take_all(0.1, 7, 5 * SECOND_US), 10);
}

Test(budget, what_was_taken_is_there_again_after_the_window)
{
    cr_expect_eq(take_all(0, 3, 0), 3);
    cr_expect_eq(take_all(0, 3, WINDOW_US), 0);
    cr_expect_eq(take_all(0, 3, WINDOW_US + SECOND_US), 3);
}

Test(budget, calls_count_no_longer_after_the_window)
{
    call(1000, 0);
    cr_expect_eq(take_all(0.1, 0, WINDOW_US), 0);
}

Test(budget, a_clock_that_steps_back_gives_nothing_twice)
{
    cr_expect_eq(take_all(0, 3, 100 * SECOND_US), 3);
    cr_expect_eq(take_all(0, 3, 99 * SECOND_US), 0);
}

Test(budget, a_long_pause_empties_everything)
{
    call(1000, 0);
    cr_expect_eq(take_all(0.1, 0, UINT64_MAX), 0);
}

/* ---- at every moment, whatever came before ---- */

enum { EVENTS = 20000 };

struct happening {
    uint64_t at_us;
    bool extra;
};

static struct happening past[EVENTS];

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Bursts, trickles and pauses. */
static uint64_t next_step_us(uint32_t *seed)
{
    switch (next_random(seed) % 8) {
    case 0: return next_random(seed) % (3 * SECOND_US);
    case 1:
    case 2: return next_random(seed) % (SECOND_US / 20);
    default: return next_random(seed) % 2000;
    }
}

static void assert_within(size_t count, double share, unsigned floor)
{
    uint64_t now_us = past[count - 1].at_us;
    unsigned calls = 0, extra = 0;

    for (size_t i = count; i-- > 0 && past[i].at_us + WINDOW_US > now_us;) {
        calls += !past[i].extra;
        extra += past[i].extra;
    }
    cr_assert(extra <= floor || extra <= share * calls, "%u extra to %u calls", extra, calls);
}

static void try_random_events(uint32_t seed, double share, unsigned floor)
{
    uint64_t now_us = next_random(&seed);
    size_t count = 0;

    for (unsigned i = 0; i < EVENTS; i++) {
        bool extra = next_random(&seed) % 3 == 0;

        now_us += next_step_us(&seed);
        if (extra && !budget_take(&b, share, floor, now_us))
            continue;
        if (!extra)
            budget_call(&b, now_us);
        past[count++] = (struct happening){ now_us, extra };
        if (extra)
            assert_within(count, share, floor);
    }
}

Test(budget, in_no_ten_seconds_are_there_more_than_the_share_or_the_floor)
{
    static const double shares[] = { 0, 0.05, 0.1, 0.5 };

    for (uint32_t seed = 1; seed <= 8; seed++) {
        start();
        try_random_events(seed, shares[seed % 4], seed % 5);
    }
}
