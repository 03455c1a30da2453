/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/trail.h"

#include <criterion/criterion.h>
#include <signal.h>

enum { START, MIDDLE, END };

Test(trail, a_move_is_remembered, .timeout = 5)
{
    struct trail t;

    trail_start(&t, START);
    trail_move(&t, TO(MIDDLE) | TO(END), MIDDLE);
    cr_assert_eq(t.at, MIDDLE);
    cr_assert_eq(t.moves, 1);
    cr_assert_eq(t.past[0], START);
    cr_assert_eq(t.past[1], MIDDLE);
}

Test(trail, a_move_that_is_not_allowed_aborts, .signal = SIGABRT, .timeout = 5)
{
    struct trail t;

    trail_start(&t, START);
    trail_move(&t, TO(MIDDLE), END);
}

Test(trail, the_oldest_moves_are_forgotten, .timeout = 5)
{
    struct trail t;

    trail_start(&t, START);
    for (int i = 0; i < TRAIL_LENGTH; i++)
        trail_move(&t, TO(MIDDLE), MIDDLE);
    cr_assert_eq(t.past[0], MIDDLE);
}
