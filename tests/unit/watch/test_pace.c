/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/pace.h"

#include <criterion/criterion.h>

TestSuite(pace, .timeout = 30);

Test(pace, a_tick_of_a_minute_settles_fifteen_seconds_behind_its_end)
{
    struct pace p = pace_of(60000);

    cr_assert_eq(p.flush_ms, 5000);
    cr_assert_eq(pace_tick(&p, 600000), 10);
    cr_assert_eq(pace_closed(&p, 660000 + 14999), 9);
    cr_assert_eq(pace_closed(&p, 660000 + 15000), 10);
}

Test(pace, late_counts_are_booked_into_the_running_tick)
{
    struct pace p = pace_of(60000);

    cr_assert_eq(pace_book(&p, 10, 660000 + 10000), 10);
    cr_assert_eq(pace_book(&p, 10, 660000 + 10001), 11);
}

Test(pace, a_short_tick_has_short_waits)
{
    struct pace p = pace_of(1000);

    cr_assert_eq(p.flush_ms, 250);
    cr_assert_eq(pace_closed(&p, 11000 + 750), 10);
}

Test(pace, nothing_is_closed_at_the_beginning_of_time)
{
    struct pace p = pace_of(60000);

    cr_assert_eq(pace_closed(&p, 1000), 0);
}
