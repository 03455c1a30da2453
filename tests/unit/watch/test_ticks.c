/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/ticks.h"

#include "weir/base/buf.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>

static struct ticks *ticks;
static struct buf told;

static void start(void)
{
    ticks = ticks_new();
}

static void stop(void)
{
    ticks_free(ticks);
    buf_deinit(&told);
}

TestSuite(ticks, .init = start, .fini = stop, .timeout = 30);

static void add(uint64_t minute, const char *prediction, const char *value, uint64_t count)
{
    struct tick_histogram of = { STR("m"), STR("v"), str_of(prediction), STR("") };

    ticks_add(ticks, minute, &of, str_of(value), count);
}

static void tell(void *ctx, const struct tick_histogram *of, struct str value, uint64_t count)
{
    (void)ctx;
    buf_put_printf(&told, "%.*s:%.*s:%.*s@%.*s %.*s=%llu\n", STR_ARG(of->model),
                   STR_ARG(of->version), STR_ARG(of->prediction), STR_ARG(of->segment),
                   STR_ARG(value), (unsigned long long)count);
}

static void assert_taken(uint64_t minute, const char *text)
{
    buf_reset(&told);
    ticks_take(ticks, minute, tell, NULL);
    cr_assert(str_eq(buf_str(&told), str_of(text)), "%.*s", STR_ARG(buf_str(&told)));
}

Test(ticks, counts_of_one_value_add_up)
{
    add(5, "intent", "refund", 2);
    add(5, "intent", "refund", 3);
    assert_taken(5, "m:v:intent@ refund=5\n");
}

Test(ticks, what_is_taken_is_gone)
{
    add(5, "intent", "refund", 2);
    assert_taken(5, "m:v:intent@ refund=2\n");
    assert_taken(5, "");
}

Test(ticks, the_order_does_not_depend_on_who_came_first)
{
    add(5, "b", "y", 1);
    add(5, "a", "x", 2);
    add(5, "b", "x", 3);
    assert_taken(5, "m:v:a@ x=2\nm:v:b@ x=3\nm:v:b@ y=1\n");
}

Test(ticks, segments_are_histograms_of_their_own)
{
    struct tick_histogram of = { STR("m"), STR("v"), STR("a"), STR("plan=pro") };

    add(5, "a", "x", 2);
    ticks_add(ticks, 5, &of, STR("x"), 1);
    assert_taken(5, "m:v:a@ x=2\nm:v:a@plan=pro x=1\n");
}

Test(ticks, taking_a_minute_forgets_those_before_and_leaves_those_behind)
{
    add(4, "a", "x", 1);
    add(5, "a", "x", 2);
    add(6, "a", "x", 3);
    assert_taken(5, "m:v:a@ x=2\n");
    assert_taken(4, "");
    assert_taken(6, "m:v:a@ x=3\n");
    cr_assert_eq(ticks_lost(ticks), 1);
    cr_assert_eq(ticks_lost(ticks), 0);
}

Test(ticks, where_nobody_takes_the_oldest_minute_makes_room)
{
    for (uint64_t minute = 1; minute <= TICKS_MINUTES + 1; minute++)
        add(minute, "a", "x", 7);
    cr_assert_eq(ticks_lost(ticks), 7);
    add(1, "a", "x", 2); /* older than all that there are */
    cr_assert_eq(ticks_lost(ticks), 2);
    assert_taken(TICKS_MINUTES + 1, "m:v:a@ x=7\n");
}

Test(ticks, a_minute_is_bounded)
{
    char value[16];

    for (unsigned i = 0; i < TICKS_CELLS + 10; i++) {
        (void)snprintf(value, sizeof(value), "%u", i);
        add(5, "a", value, 1);
    }
    cr_assert_eq(ticks_lost(ticks), 10);
}

static void *add_many(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 1000; i++)
        add(5, "a", i % 2 ? "x" : "y", 1);
    return NULL;
}

Test(ticks, threads_add_up)
{
    pthread_t threads[3];

    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, add_many, NULL), 0);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    assert_taken(5, "m:v:a@ x=1500\nm:v:a@ y=1500\n");
}
