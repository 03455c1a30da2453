/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static struct metrics *metrics;
static struct ledger *ledger;
static struct watchlist *list;
static unsigned lines;
static uint64_t total, last_minute;

static void see(void *ctx, const struct ledger_line *line)
{
    (void)ctx;
    lines++;
    total += line->count;
    last_minute = line->minute;
}

static void start(void)
{
    metrics = metrics_new();
    ledger = malloc(sizeof(*ledger));
    ledger_init(ledger, metrics_shard(metrics), see, NULL);
    list = watchlist_new(STR("m"));
    lines = 0;
    total = 0;
}

static void stop(void)
{
    ledger_deinit(ledger);
    free(ledger);
    watchlist_unref(list);
    metrics_free(metrics);
}

TestSuite(ledger, .init = start, .fini = stop, .timeout = 20);

static struct watch_answer answer(const char *version)
{
    return (struct watch_answer){ .list = list,
                                  .version = str_of(version),
                                  .finish_reason = STR("stop"),
                                  .prompt_tokens = 3,
                                  .completion_tokens = 3 };
}

static void add(const struct watch_answer *a)
{
    ledger_add(ledger, a, 7);
}

static void tell_all(void)
{
    lines = 0;
    total = 0;
    cr_assert(ledger_tell(ledger, LEDGER_SETS, 7));
}

static int64_t stopped(const char *version)
{
    return metric_read(metrics, METRIC_PREDICTIONS,
                       METRIC_LABEL(STR("m"), str_of(version), STR("finish_reason"),
                                    STR("stop"), STR("fresh")));
}

Test(ledger, equal_answers_are_one_line)
{
    struct watch_answer a = answer("v");

    for (unsigned i = 0; i < 5; i++)
        add(&a);
    tell_all();
    cr_assert_eq(lines, 1);
    cr_assert_eq(total, 5);
}

Test(ledger, each_difference_is_a_line)
{
    struct watch_answer a = answer("v"), b;

    add(&a);
    b = answer("w");
    add(&b);
    b = answer("v");
    b.source = WATCH_COALESCED;
    add(&b);
    b = answer("v");
    b.segments[7] = 1;
    add(&b);
    b = answer("v");
    b.refusal = true;
    add(&b);
    b = answer("v");
    b.list = watchlist_new(STR("m"));
    add(&b);
    watchlist_unref(b.list);
    tell_all();
    cr_assert_eq(lines, 6);
}

Test(ledger, metrics_are_told_at_once)
{
    struct watch_answer a = answer("v");

    add(&a);
    add(&a);
    cr_assert_eq(stopped("v"), 2);
    tell_all();
    add(&a);
    cr_assert_eq(stopped("v"), 3);
}

Test(ledger, latency_and_cost_are_no_series)
{
    struct watch_answer a = answer("v");
    struct buf out = { 0 };

    a.took_us = 1000;
    a.cost_usd = 1;
    add(&a);
    metrics_render(metrics, &out, false);
    buf_put(&out, (struct str){ "", 1 });
    cr_assert_not_null(strstr(out.at, "prediction=\"input_tokens\""));
    cr_assert_null(strstr(out.at, "prediction=\"latency\""));
    cr_assert_null(strstr(out.at, "prediction=\"cost\""));
    buf_deinit(&out);
}

Test(ledger, what_was_told_is_not_told_again)
{
    struct watch_answer a = answer("v");

    add(&a);
    tell_all();
    tell_all();
    cr_assert_eq(lines, 0);
}

Test(ledger, it_holds_on_to_the_list)
{
    struct watch_answer a = answer("v");

    a.list = watchlist_new(STR("gone"));
    add(&a);
    watchlist_unref(a.list);
    tell_all();
    cr_assert_eq(lines, 1);
}

Test(ledger, a_count_is_of_one_minute)
{
    struct watch_answer a = answer("v");

    ledger_add(ledger, &a, 7);
    ledger_add(ledger, &a, 7);
    cr_assert_eq(lines, 0);
    ledger_add(ledger, &a, 8);
    cr_assert_eq(lines, 1);
    cr_assert_eq(total, 2);
    cr_assert_eq(last_minute, 7);
    tell_all();
    cr_assert_eq(total, 1);
    cr_assert_eq(last_minute, 8);
}

Test(ledger, more_than_it_holds_is_told_in_time_and_nothing_is_lost)
{
    enum { MANY = 3 * LEDGER_SETS * LEDGER_WAYS };
    char version[16];

    for (unsigned i = 0; i < MANY; i++) {
        struct watch_answer a;

        (void)snprintf(version, sizeof(version), "%u", i);
        a = answer(version);
        add(&a);
    }
    cr_assert_gt(lines, LEDGER_SETS * LEDGER_WAYS);
    (void)ledger_tell(ledger, LEDGER_SETS, 7);
    cr_assert_eq(total, MANY);
}

Test(ledger, it_is_told_a_part_at_a_time)
{
    char version[16];
    unsigned rounds = 1;

    for (unsigned i = 0; i < 400; i++) {
        struct watch_answer a;

        (void)snprintf(version, sizeof(version), "%u", i);
        a = answer(version);
        add(&a);
    }
    while (!ledger_tell(ledger, LEDGER_SETS / 8, 7))
        rounds++;
    cr_assert_eq(rounds, 8);
    cr_assert_eq(total, 400);
}

Test(ledger, lines_that_nobody_says_any_more_are_forgotten)
{
    struct watch_answer a = answer("v");

    a.list = watchlist_new(STR("gone"));
    add(&a);
    cr_assert_eq(atomic_load(&a.list->refs), 2);
    cr_assert(ledger_tell(ledger, LEDGER_SETS, 7));
    cr_assert_eq(atomic_load(&a.list->refs), 2, "its minute still runs");
    cr_assert(ledger_tell(ledger, LEDGER_SETS, 8));
    cr_assert_eq(atomic_load(&a.list->refs), 1);
    watchlist_unref(a.list);
}
