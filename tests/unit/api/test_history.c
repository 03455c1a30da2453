/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include "weir/watch/course.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>

enum { MINUTE_MS = 60 * 1000 };

#define START UINT64_C(29583000)

/* An hour and a half are told. */
static const struct history_clock clock = { MINUTE_MS, (START + 90) * MINUTE_MS };

static struct course *course;
static struct fault why;
static json_t *told;

static void start(void)
{
    course = course_new();
}

static void stop(void)
{
    json_decref(told);
    course_free(course);
}

TestSuite(history, .init = start, .fini = stop, .timeout = 20);

static void count(unsigned nth, const char *text)
{
    struct str one = str_of(text);

    course_set(course, START + nth, &one, 1);
}

static enum err ask(const char *query)
{
    struct buf out = { 0 };
    enum err err = history_put_json(course, &clock, str_of(query), &out, &why);

    json_decref(told);
    told = err ? NULL : json_loadb(out.at, out.len, 0, NULL);
    cr_assert(err || told, "not JSON: %.*s", STR_ARG(buf_str(&out)));
    buf_deinit(&out);
    return err;
}

static json_t *point(size_t nth)
{
    return json_array_get(json_object_get(told, "points"), nth);
}

static double number(size_t nth, const char *name)
{
    return json_number_value(json_object_get(point(nth), name));
}

Test(history, the_last_hour_is_told_if_nothing_is_asked)
{
    count(10, "chat:v1\n ~outcome=ok 1\n");
    count(70, "chat:v1\n ~outcome=ok 2\n ~outcome=cache_hit 3\n");
    cr_assert_eq(ask(""), OK);
    cr_assert_eq(json_array_size(json_object_get(told, "points")), 1);
    cr_assert_eq(number(0, "at_ms"), (double)((START + 70) * MINUTE_MS));
    cr_assert_eq(number(0, "requests"), 5);
    cr_assert_eq(number(0, "cached"), 3);
}

Test(history, minutes_of_a_step_are_one_point)
{
    char query[200];

    count(10, "chat:v1\n ~outcome=ok 1\n");
    count(11, "chat:v1\n ~outcome=ok 1\n");
    count(15, "chat:v1\n ~outcome=ok 1\n");
    (void)snprintf(query, sizeof(query), "from=%llu&to=%llu&step=300000",
                   (unsigned long long)(START + 10) * MINUTE_MS,
                   (unsigned long long)(START + 20) * MINUTE_MS);
    cr_assert_eq(ask(query), OK);
    cr_assert_eq(number(0, "requests"), 2);
    cr_assert_eq(number(1, "requests"), 1);
}

Test(history, every_end_has_its_place)
{
    count(70, "chat:v1\n ~outcome=stale 1\n ~outcome=fallback 2\n ~outcome=timeout 3\n"
              " ~outcome=internal_error 4\n ~outcome=rejected 5\n ~outcome=client_cancel 6\n");
    cr_assert_eq(ask(""), OK);
    cr_assert_eq(number(0, "degraded"), 3);
    cr_assert_eq(number(0, "failed"), 7);
    cr_assert_eq(number(0, "refused"), 5);
    cr_assert_eq(number(0, "cancelled"), 6);
    cr_assert_eq(
        json_integer_value(json_object_get(json_object_get(point(0), "errors"), "timeout")), 3);
}

Test(history, a_percentile_is_the_middle_of_its_bin)
{
    char text[200];

    (void)snprintf(text, sizeof(text),
                   "chat:v1\n ~outcome=ok 100\n ~seconds=%u 94\n ~seconds=%u 6\n",
                   course_bin(1000), course_bin(400000));
    count(70, text);
    cr_assert_eq(ask(""), OK);
    cr_assert_float_eq(number(0, "p50_ms"), 1, 0.091);
    cr_assert_float_eq(number(0, "p95_ms"), 400, 400 * 0.091);
}

Test(history, a_percentile_of_nothing_is_null)
{
    count(70, "chat:v1\n ~outcome=rejected 1\n");
    cr_assert_eq(ask(""), OK);
    cr_assert(json_is_null(json_object_get(point(0), "p50_ms")));
}

Test(history, money_is_told_in_dollars)
{
    count(70, "chat:v1\n ~outcome=ok 1\n ~microusd=spent 1500000\n ~microusd=saved 250\n");
    cr_assert_eq(ask(""), OK);
    cr_assert_float_eq(number(0, "spent_usd"), 1.5, 1e-9);
    cr_assert_float_eq(number(0, "saved_usd"), 0.00025, 1e-9);
}

Test(history, names_in_a_query_may_be_escaped)
{
    count(70, "a%20b:v1\n ~outcome=ok 1\na%20b:v1@plan=pro\n ~outcome=ok 1\n");
    cr_assert_eq(ask("model=a%20b&segment=plan%3Dpro"), OK);
    cr_assert_eq(number(0, "requests"), 1);
}

Test(history, predictions_are_told_if_they_are_asked_for)
{
    count(70, "chat:v1\n ~outcome=ok 3\n intent=refund 2\n tone=warm 1\n");
    cr_assert_eq(ask(""), OK);
    cr_assert_null(json_object_get(point(0), "said"));
    cr_assert_eq(ask("prediction=intent"), OK);
    cr_assert_eq(json_object_size(json_object_get(point(0), "said")), 1);
    cr_assert_eq(ask("prediction=*"), OK);
    cr_assert_eq(json_object_size(json_object_get(point(0), "said")), 2);
}

Test(history, a_question_for_too_much_is_refused_in_words)
{
    cr_assert_eq(ask("from=60000&to=90000000&step=60000"), ERR_MALFORMED);
    cr_assert(strstr(why.text, "at most 1440"));
}

Test(history, a_parameter_that_there_is_not_is_named)
{
    cr_assert_eq(ask("colour=red"), ERR_MALFORMED);
    cr_assert(strstr(why.text, "colour=red"));
}
