/* SPDX-License-Identifier: Apache-2.0 */

/* Calls that nobody waits for, and how many of them an endpoint may have. */

#include "pooled.h"

static struct caller callers[8];

static void end(void)
{
    for (size_t i = 0; i < 8; i++)
        permit_leave(&callers[i].seat);
    stop();
}

TestSuite(late, .init = start, .fini = end, .timeout = 20);

static void have_calls(unsigned most)
{
    world.u->max_in_flight = most;
    add_site("http://127.0.0.1:1/v1");
    pool_configure(world.p, world.u);
    for (size_t i = 0; i < 8; i++)
        cr_assert_eq(ask(&callers[i]), PERMIT_HELD);
}

static bool go_late(size_t i)
{
    return permit_go_late(&callers[i].seat.permit);
}

Test(late, a_quarter_of_an_endpoints_calls_may_be_late)
{
    have_calls(8);
    cr_assert(go_late(0) && go_late(1));
    cr_assert_not(go_late(2));
}

Test(late, one_may_always_be)
{
    world.u->max_in_flight = 1;
    add_site("http://127.0.0.1:1/v1");
    pool_configure(world.p, world.u);
    cr_assert_eq(ask(&callers[0]), PERMIT_HELD);
    cr_assert(go_late(0));
}

Test(late, a_call_that_is_over_makes_room_for_the_next)
{
    have_calls(8);
    cr_assert(go_late(0) && go_late(1));
    end_well(&callers[0]);
    cr_assert(go_late(2));
}

Test(late, a_call_counts_once)
{
    have_calls(8);
    cr_assert(go_late(0) && go_late(0) && go_late(0) && go_late(1));
}

Test(late, where_calls_are_not_bounded_late_ones_are_not)
{
    have_calls(0);
    for (size_t i = 0; i < 8; i++)
        cr_assert(go_late(i));
}
