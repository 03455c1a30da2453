/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include <criterion/criterion.h>
#include <jansson.h>

enum { MINUTE_MS = 60 * 1000 };

static const uint64_t START_MS = 29583000ULL * MINUTE_MS;

static struct metrics *metrics;
static struct metric_shard *shard;
static struct history *history;
static json_t *told;

static void start(void)
{
    metrics = metrics_new();
    shard = metrics_shard(metrics);
    history = history_new();
    history_note(history, metrics, START_MS);
}

static void stop(void)
{
    json_decref(told);
    history_free(history);
    metrics_free(metrics);
}

TestSuite(history, .init = start, .fini = stop, .timeout = 20);

static void answer(const char *outcome, int count)
{
    metric_add(shard, METRIC_REQUESTS, count,
               METRIC_LABEL(STR("chat"), STR("local"), STR("chat"), str_of(outcome)));
}

static uint64_t minute(unsigned nth)
{
    return START_MS + (uint64_t)nth * MINUTE_MS;
}

/* The rows of the only model. */
static json_t *rows_at(uint64_t now_ms)
{
    struct buf out = { 0 };

    history_put_json(history, now_ms, &out);
    json_decref(told);
    told = json_loadb(out.at, out.len, 0, NULL);
    cr_assert(told, "not JSON: %.*s", STR_ARG(buf_str(&out)));
    buf_deinit(&out);
    return json_object_get(json_array_get(json_object_get(told, "models"), 0), "minutes");
}

static json_int_t number(json_t *rows, size_t row, size_t column)
{
    return json_integer_value(json_array_get(json_array_get(rows, row), column));
}

Test(history, a_minute_has_what_was_counted_in_it)
{
    json_t *rows;

    answer("ok", 5);
    answer("timeout", 2);
    answer("cache_hit", 3);
    history_note(history, metrics, minute(1));
    rows = rows_at(minute(1));
    cr_assert_eq(json_array_size(rows), 1);
    cr_assert_eq(number(rows, 0, 0), 29583001);
    cr_assert_eq(number(rows, 0, 1), 10);
    cr_assert_eq(number(rows, 0, 2), 2);
    cr_assert_eq(number(rows, 0, 4), 3);
}

Test(history, the_next_minute_has_only_what_came_after)
{
    json_t *rows;

    answer("ok", 5);
    history_note(history, metrics, minute(1));
    answer("ok", 2);
    history_note(history, metrics, minute(2));
    rows = rows_at(minute(2));
    cr_assert_eq(number(rows, 1, 1), 2);
}

Test(history, a_minute_without_requests_is_left_out)
{
    answer("ok", 1);
    history_note(history, metrics, minute(1));
    history_note(history, metrics, minute(2));
    cr_assert_eq(json_array_size(rows_at(minute(2))), 1);
}

Test(history, what_was_counted_before_it_began_is_not_told)
{
    struct history *later = history_new();
    struct buf out = { 0 };

    answer("ok", 7);
    history_note(later, metrics, minute(1));
    history_put_json(later, minute(1), &out);
    cr_assert(str_ends(buf_str(&out), STR("\"minutes\":[]}]}")));
    buf_deinit(&out);
    history_free(later);
}

Test(history, after_a_day_a_minute_is_forgotten)
{
    answer("ok", 1);
    history_note(history, metrics, minute(1));
    cr_assert_eq(json_array_size(rows_at(minute(1 + 24 * 60))), 1);
    cr_assert_eq(json_array_size(rows_at(minute(2 + 24 * 60))), 0);
}

Test(history, an_old_hour_makes_room_for_a_new_one)
{
    json_t *rows;

    answer("ok", 4);
    history_note(history, metrics, minute(1));
    answer("ok", 1);
    history_note(history, metrics, minute(25 * 60));
    rows = rows_at(minute(25 * 60));
    cr_assert_eq(json_array_size(rows), 1);
    cr_assert_eq(number(rows, 0, 1), 1);
}

Test(history, percentiles_are_of_the_last_minutes_latencies)
{
    json_t *rows;

    answer("ok", 1);
    metric_observe(shard, METRIC_REQUEST_SECONDS, 0.25, METRIC_LABEL(STR("chat"), STR("chat")));
    history_note(history, metrics, minute(1));
    rows = rows_at(minute(1));
    cr_assert(number(rows, 0, 6) > 245000 && number(rows, 0, 6) < 255000);
}

Test(history, money_is_in_millionths_of_a_dollar)
{
    json_t *rows;

    answer("ok", 1);
    metric_add(shard, METRIC_COST, 1500, METRIC_LABEL(STR("chat"), STR("local")));
    metric_add(shard, METRIC_COST_SAVED, 300, METRIC_LABEL(STR("chat")));
    history_note(history, metrics, minute(1));
    rows = rows_at(minute(1));
    cr_assert_eq(number(rows, 0, 9), 1500);
    cr_assert_eq(number(rows, 0, 10), 300);
}
