/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/herald.h"

#include "stage.h"
#include "weir/base/clock.h"
#include "weir/net/timer.h"
#include "weir/watch/course.h"
#include "weir/watch/ticks.h"

#include <criterion/criterion.h>

/* Two gateways' heralds beside one Redis, with ticks of two fifths of a second. */

enum { TICK_US = 400 * 1000, LONG_US = 10 * 1000 * 1000 };

static struct stage stage;
static struct herald *one, *two;
static struct pace pace;

static void start(void)
{
    struct remote_settings settings = { .prefix = STR("weir:"),
                                        .most_bytes = REMOTE_ENTRY_BYTES };

    stage_open(&stage, &settings);
    pace = pace_of(TICK_US / 1000);
    one = herald_new(stage.loop, stage.link, STR("weir:"), &pace);
    two = herald_new(stage.loop, stage.link, STR("weir:"), &pace);
    herald_start(one);
    herald_start(two);
}

static void stop(void)
{
    herald_stop(one);
    herald_stop(two);
    stage_run_for(&stage, TICK_US);
    herald_free(one);
    herald_free(two);
    stage_close(&stage);
}

TestSuite(herald, .init = start, .fini = stop, .timeout = 60);

static void count(struct herald *h, uint64_t n)
{
    struct tick_histogram of = { STR("a:b"), STR("v"), STR("intent"), STR("plan=pro") };

    ticks_add(herald_ticks(h), pace_tick(&pace, clock_wall_ms()), &of, STR("re=fund"), n);
}

static void add(void *ctx, uint64_t tick, const struct course_word *w, uint32_t n)
{
    (void)tick;
    if (str_eq(w->prediction, STR("intent")) && str_eq(w->value, STR("re=fund")))
        *(uint64_t *)ctx += n;
}

static uint64_t counted(const struct herald *h)
{
    struct course_ask ask = { .model = STR("a:b"),
                              .segment = STR("plan=pro"),
                              .to = UINT64_MAX };
    uint64_t sum = 0;

    course_each(herald_course(h), &ask, add, &sum);
    return sum;
}

/* Runs until it has so many, or it will not. */
static void await(const struct herald *h, uint64_t n)
{
    for (unsigned waited_us = 0; counted(h) != n && waited_us < LONG_US;
         waited_us += TICK_US / 8)
        stage_run_for(&stage, TICK_US / 8);
    cr_assert_eq(counted(h), n, "%lu", (unsigned long)counted(h));
}

Test(herald, what_is_counted_is_in_the_course_when_its_tick_is_settled)
{
    count(one, 3);
    cr_assert_eq(counted(one), 0);
    await(one, 3);
}

Test(herald, gateways_hear_of_each_other)
{
    count(one, 3);
    count(two, 4);
    await(one, 7);
    await(two, 7);
}

Test(herald, who_comes_later_hears_what_was_before)
{
    struct herald *late;

    count(one, 3);
    await(two, 3);
    late = herald_new(stage.loop, stage.link, STR("weir:"), &pace);
    herald_start(late);
    await(late, 3);
    herald_stop(late);
    stage_run_for(&stage, TICK_US);
    herald_free(late);
}

Test(herald, who_stops_tells_the_tick_that_runs)
{
    struct herald *early = herald_new(stage.loop, stage.link, STR("weir:"), &pace);

    herald_start(early);
    stage_run_for(&stage, TICK_US);
    count(early, 5);
    herald_stop(early);
    await(one, 5);
    herald_free(early);
}

Test(herald, without_a_redis_it_keeps_its_own)
{
    struct herald *alone = herald_new(stage.loop, NULL, STR("weir:"), &pace);

    herald_start(alone);
    count(alone, 2);
    await(alone, 2);
    herald_stop(alone);
    herald_free(alone);
}

/* 360 ticks are 144 seconds. */
Test(herald, its_keys_do_not_stay)
{
    struct buf key = { 0 }, command = { 0 }, ttl = { 0 };

    count(one, 3);
    await(two, 3);
    stage_ask(&stage, &key, "RANDOMKEY");
    buf_put_printf(&command, "TTL %.*s", STR_ARG(buf_str(&key)));
    stage_ask(&stage, &ttl, command.at);
    cr_assert(str_starts(buf_str(&ttl), STR("14")), "%.*s", STR_ARG(buf_str(&ttl)));
    buf_deinit(&key);
    buf_deinit(&command);
    buf_deinit(&ttl);
}
