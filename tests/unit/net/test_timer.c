/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/net/timer.h"

#include "weir/base/clock.h"
#include "weir/base/own.h"
#include "weir/net/loop.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { MANY = 500 };

static struct loop *loop;
static unsigned runs;

static void start(void)
{
    loop = loop_new(NULL);
}

static void stop(void)
{
    loop_free(loop);
}

TestSuite(timer, .init = start, .fini = stop, .timeout = 20);

static void count(struct timer *t)
{
    (void)t;
    runs++;
}

static void end(struct timer *t)
{
    loop_stop(t->loop);
}

static void run_for(uint64_t us)
{
    struct timer t;

    timer_init(&t, loop, end);
    timer_arm(&t, us);
    loop_run(loop);
}

Test(timer, is_called_once_and_not_before_its_time)
{
    struct timer t;
    uint64_t began = clock_now_us();

    timer_init(&t, loop, end);
    timer_arm(&t, 30 * 1000);
    loop_run(loop);
    cr_assert_geq(clock_now_us() - began, 30 * 1000);
    cr_assert_not(timer_is_armed(&t));
}

Test(timer, a_disarmed_one_is_never_called)
{
    struct timer t;

    timer_init(&t, loop, count);
    timer_arm(&t, 5 * 1000);
    timer_disarm(&t);
    timer_disarm(&t);
    run_for(20 * 1000);
    cr_assert_eq(runs, 0);
}

Test(timer, a_zeroed_one_may_be_disarmed)
{
    struct timer t = { 0 };

    timer_disarm(&t);
    cr_assert_not(timer_is_armed(&t));
}

Test(timer, arming_anew_moves_it)
{
    struct timer t;

    timer_init(&t, loop, count);
    timer_arm(&t, 5 * 1000);
    timer_arm(&t, 3600ull * 1000 * 1000);
    run_for(20 * 1000);
    cr_assert_eq(runs, 0);
    timer_disarm(&t);
}

static struct timer *called[3];

static void note_call(struct timer *t)
{
    called[runs++ % 3] = t;
}

Test(timer, each_is_called_at_the_time_named_last)
{
    struct timer later, unmoved, sooner;

    timer_init(&later, loop, note_call);
    timer_init(&unmoved, loop, note_call);
    timer_init(&sooner, loop, note_call);
    timer_arm(&later, 2 * 1000);
    timer_arm(&unmoved, 15 * 1000);
    timer_arm(&sooner, 3600ull * 1000 * 1000);
    timer_arm(&later, 90ull * 1000 * 1000);
    timer_arm(&later, 30 * 1000);
    timer_arm(&sooner, 5 * 1000);
    run_for(100 * 1000);
    cr_assert_eq(runs, 3);
    cr_assert(called[0] == &sooner && called[1] == &unmoved && called[2] == &later);
}

static void arm_again(struct timer *t)
{
    runs++;
    timer_arm(t, 0);
}

Test(timer, one_that_arms_itself_with_no_delay_does_not_stop_the_loop)
{
    struct timer t;

    timer_init(&t, loop, arm_again);
    timer_arm(&t, 0);
    run_for(30 * 1000);
    cr_assert_gt(runs, 2);
    timer_disarm(&t);
}

struct numbered {
    struct timer timer;
    uint64_t due_us;
};

static uint64_t last_due_us;
static bool in_order = true;

static void note_order(struct timer *t)
{
    struct numbered *n = container_of(t, struct numbered, timer);

    in_order = in_order && n->due_us >= last_due_us;
    last_due_us = n->due_us;
    runs++;
}

Test(timer, many_are_called_in_the_order_of_their_due_times)
{
    struct numbered *all = calloc(MANY, sizeof(*all));
    unsigned left = 0;

    srand(1);
    for (unsigned i = 0; i < MANY; i++) {
        timer_init(&all[i].timer, loop, note_order);
        timer_arm(&all[i].timer, (uint64_t)(rand() % 20000));
    }
    for (unsigned i = 0; i < MANY; i++) {
        if (i % 3 == 0)
            timer_disarm(&all[i].timer);
        else if (i % 3 == 1)
            timer_arm(&all[i].timer, (uint64_t)(rand() % 20000));
        left += i % 3 != 0;
        all[i].due_us = all[i].timer.due_us;
    }
    run_for(60 * 1000);
    cr_assert_eq(runs, left);
    cr_assert(in_order);
    free(all);
}

static void free_other(struct timer *t)
{
    struct numbered **others = (struct numbered **)(void *)(t + 1);

    timer_disarm(&(*others)->timer);
    free(*others);
    runs++;
}

struct killer {
    struct timer timer;
    struct numbered *victim;
};

Test(timer, a_timer_may_disarm_and_free_another_that_is_due_with_it)
{
    struct killer k = { .victim = calloc(1, sizeof(struct numbered)) };

    timer_init(&k.timer, loop, free_other);
    timer_init(&k.victim->timer, loop, count);
    timer_arm(&k.timer, 1000);
    timer_arm(&k.victim->timer, 1001);
    run_for(20 * 1000);
    cr_assert_eq(runs, 1);
}
