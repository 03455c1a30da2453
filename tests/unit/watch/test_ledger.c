/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static struct metrics *metrics;
static struct ledger *ledger;
static struct watchlist *list;
static unsigned lines;
static uint64_t total;

static void start(void)
{
    metrics = metrics_new();
    ledger = malloc(sizeof(*ledger));
    ledger_init(ledger, metrics_shard(metrics));
    list = watchlist_new(STR("m"));
    lines = 0;
    total = 0;
}

static void stop(void)
{
    ledger_empty(ledger);
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

static void see(void *ctx, const struct ledger_line *line)
{
    (void)ctx;
    lines++;
    total += line->count;
}

static void read_all(void)
{
    lines = 0;
    total = 0;
    ledger_read(ledger, see, NULL);
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
        cr_assert(ledger_add(ledger, &a));
    read_all();
    cr_assert_eq(lines, 1);
    cr_assert_eq(total, 5);
}

Test(ledger, each_difference_is_a_line)
{
    struct watch_answer a = answer("v"), b;

    cr_assert(ledger_add(ledger, &a));
    b = answer("w");
    cr_assert(ledger_add(ledger, &b));
    b = answer("v");
    b.source = WATCH_COALESCED;
    cr_assert(ledger_add(ledger, &b));
    b = answer("v");
    b.segments[7] = 1;
    cr_assert(ledger_add(ledger, &b));
    b = answer("v");
    b.refusal = true;
    cr_assert(ledger_add(ledger, &b));
    b = answer("v");
    b.list = watchlist_new(STR("m"));
    cr_assert(ledger_add(ledger, &b));
    watchlist_unref(b.list);
    read_all();
    cr_assert_eq(lines, 6);
}

Test(ledger, metrics_are_told_at_once)
{
    struct watch_answer a = answer("v");

    cr_assert(ledger_add(ledger, &a));
    cr_assert(ledger_add(ledger, &a));
    cr_assert_eq(stopped("v"), 2);
    read_all();
    ledger_empty(ledger);
    cr_assert(ledger_add(ledger, &a));
    cr_assert_eq(stopped("v"), 3);
}

Test(ledger, latency_and_cost_are_no_series)
{
    struct watch_answer a = answer("v");
    struct buf out = { 0 };

    a.took_us = 1000;
    a.cost_usd = 1;
    cr_assert(ledger_add(ledger, &a));
    metrics_render(metrics, &out, false);
    buf_put(&out, (struct str){ "", 1 });
    cr_assert_not_null(strstr(out.at, "prediction=\"input_tokens\""));
    cr_assert_null(strstr(out.at, "prediction=\"latency\""));
    cr_assert_null(strstr(out.at, "prediction=\"cost\""));
    buf_deinit(&out);
}

Test(ledger, what_was_read_is_not_read_again)
{
    struct watch_answer a = answer("v");

    cr_assert(ledger_add(ledger, &a));
    read_all();
    read_all();
    cr_assert_eq(lines, 0);
}

Test(ledger, it_holds_on_to_the_list)
{
    struct watch_answer a = answer("v");

    a.list = watchlist_new(STR("gone"));
    cr_assert(ledger_add(ledger, &a));
    watchlist_unref(a.list);
    read_all();
    cr_assert_eq(lines, 1);
}

Test(ledger, a_full_one_takes_known_lines_and_no_new_ones)
{
    char version[16];
    struct watch_answer a;

    for (unsigned i = 0; i < LEDGER_LINES; i++) {
        (void)snprintf(version, sizeof(version), "%u", i);
        a = answer(version);
        cr_assert(ledger_add(ledger, &a));
    }
    cr_assert(ledger_add(ledger, &a));
    a = answer("one more");
    cr_assert_not(ledger_add(ledger, &a));
    ledger_empty(ledger);
    cr_assert(ledger_add(ledger, &a));
}
