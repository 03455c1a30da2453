/* SPDX-License-Identifier: Apache-2.0 */

/* How soon calls show content, as it is read for each of many calls. */

#include "pace.h"

#include <criterion/criterion.h>

TestSuite(pace, .timeout = 20);

enum { SECOND_US = 1000 * 1000, MS_US = 1000 };

static struct pace pace;

static void note(unsigned times, uint64_t first_ms, uint64_t now_us)
{
    for (unsigned i = 0; i < times; i++)
        pace_note(&pace, first_ms * MS_US, now_us);
}

static bool is_about(uint64_t us, uint64_t ms)
{
    return us > ms * MS_US * 97 / 100 && us < ms * MS_US * 103 / 100;
}

Test(pace, too_few_values_tell_nothing)
{
    note(PACE_LEAST - 1, 10, SECOND_US);
    cr_assert_eq(pace_read_us(&pace, 0.95, SECOND_US), 0);
}

Test(pace, a_percentile_is_of_what_was_noted)
{
    note(90, 10, SECOND_US);
    note(10, 200, SECOND_US);
    cr_assert(is_about(pace_read_us(&pace, 0.5, SECOND_US), 10));
    cr_assert(is_about(pace_read_us(&pace, 0.95, SECOND_US), 200));
}

Test(pace, what_was_read_is_known_for_a_moment)
{
    note(PACE_LEAST, 10, SECOND_US);
    (void)pace_read_us(&pace, 0.95, SECOND_US);
    note(1000, 200, SECOND_US);
    cr_assert(is_about(pace_read_us(&pace, 0.95, SECOND_US + 99 * MS_US), 10));
    cr_assert(is_about(pace_read_us(&pace, 0.95, SECOND_US + 100 * MS_US), 200));
}

Test(pace, two_percentiles_that_are_read_in_turn_are_both_known)
{
    note(PACE_LEAST, 10, SECOND_US);
    (void)pace_read_us(&pace, 0.95, SECOND_US);
    (void)pace_read_us(&pace, 0.5, SECOND_US);
    note(1000, 200, SECOND_US);
    cr_assert(is_about(pace_read_us(&pace, 0.95, SECOND_US), 10));
    cr_assert(is_about(pace_read_us(&pace, 0.5, SECOND_US), 10));
}

Test(pace, of_three_the_one_read_longest_ago_is_forgotten)
{
    note(PACE_LEAST, 10, SECOND_US);
    (void)pace_read_us(&pace, 0.95, SECOND_US);
    (void)pace_read_us(&pace, 0.5, SECOND_US + 1);
    (void)pace_read_us(&pace, 0.9, SECOND_US + 2);
    note(1000, 200, SECOND_US + 3);
    cr_assert(is_about(pace_read_us(&pace, 0.5, SECOND_US + 3), 10));
    cr_assert(is_about(pace_read_us(&pace, 0.95, SECOND_US + 3), 200));
}

Test(pace, what_is_known_is_forgotten_when_half_a_minute_is_thrown_away)
{
    note(PACE_LEAST, 10, SECOND_US);
    (void)pace_read_us(&pace, 0.5, 31 * SECOND_US); /* the second half begins */
    cr_assert(is_about(pace_read_us(&pace, 0.5, 61 * SECOND_US - MS_US), 10));
    cr_assert_eq(pace_read_us(&pace, 0.5, 61 * SECOND_US), 0);
}
