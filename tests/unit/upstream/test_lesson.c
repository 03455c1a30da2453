/* SPDX-License-Identifier: Apache-2.0 */

/* What a race that was lost teaches the pool of the loser, who was called off too early to tell. */

#include "racing.h"

TestSuite(lesson, .init = start, .fini = stop, .timeout = 20);

enum { LOSSES_TO_DOUBT = 3 };

static bool goes_to_the_slow_one(int at)
{
    return strstr(world.lines[at].url, ":1/") != NULL;
}

/* The next race that begins at the slow one; the quick one's own calls end well at once. */
static void race_from_the_slow_one(void)
{
    if (world.ended)
        again();
    race_stream();
    while (!goes_to_the_slow_one(FIRST)) {
        comes(FIRST, SAYS("quick") FINISH DONE);
        ends(FIRST, OK);
        again();
        race_stream();
    }
}

static void second_answers(void)
{
    comes(SECOND, SAYS("quick") FINISH DONE);
    ends(SECOND, OK);
    turn();
    cr_assert_eq(world.err, OK);
}

static void lose(unsigned times)
{
    while (times-- > 0) {
        race_from_the_slow_one();
        hedge();
        pass_ms(5);
        second_answers();
    }
}

static void lose_with_patience(void)
{
    race_from_the_slow_one();
    pass_ms(RACE_PATIENCE * 10 - 1);
    cr_assert_eq(world.called, 1, "the second came early");
    pass_ms(1);
    cr_assert_eq(world.called, 2, "there is no second");
    second_answers();
}

Test(lesson, what_a_loser_would_have_taken_is_at_least_what_has_passed)
{
    lose(1);
    cr_assert_geq(numbers_of(FIRST).latency_s, 0.015);
    cr_assert_eq(numbers_of(FIRST).faults, 0);
}

Test(lesson, a_loser_that_began_later_than_the_winner_teaches_nothing)
{
    race_stream();
    hedge();
    pass_ms(5);
    comes(FIRST, SAYS("one") FINISH DONE);
    ends(FIRST, OK);
    turn();
    cr_assert_eq(numbers_of(SECOND).latency_s, 0);
}

Test(lesson, who_has_lost_race_after_race_is_given_longer_to_show_content)
{
    lose(LOSSES_TO_DOUBT);
    lose_with_patience();
    cr_assert_eq(numbers_of(FIRST).faults, 1);
}

Test(lesson, who_always_hangs_is_left_alone_although_others_answer_for_it)
{
    world.upstream->breaker.faults = 2;
    lose(LOSSES_TO_DOUBT);
    cr_assert_str_eq(numbers_of(FIRST).state, "closed");
    lose_with_patience();
    lose_with_patience();
    cr_assert_str_eq(numbers_of(FIRST).state, "open");
}

Test(lesson, who_is_only_slower_is_not_left_alone)
{
    world.upstream->breaker.faults = 1;
    for (unsigned i = 0; i < 10; i++) {
        lose(LOSSES_TO_DOUBT);
        race_from_the_slow_one();
        pass_ms(30);
        cr_assert_eq(world.called, 1);
        comes(FIRST, SAYS("slow") FINISH DONE);
        ends(FIRST, OK);
        cr_assert_str_eq(numbers_of(FIRST).state, "closed");
    }
}

Test(lesson, a_plain_answer_that_is_on_its_way_loses_without_a_fault)
{
    world.upstream->breaker.faults = 1;
    for (unsigned i = 0; i < 2 * LOSSES_TO_DOUBT; i++) {
        if (world.ended)
            again();
        race_plain();
        comes(FIRST, "{");
        hedge();
        comes(SECOND, BODY("two"));
        ends(SECOND, OK);
        turn();
        cr_assert_str_eq(numbers_of(FIRST).state, "closed");
    }
}
