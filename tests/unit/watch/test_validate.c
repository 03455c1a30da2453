/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/validate.h"

#include <criterion/criterion.h>

static struct watchlist *list;
static struct metrics *metrics;
static struct metric_shard *shard;
static struct jsonschema_report report;

static void ignore(void *ctx, const struct jsonschema_remark *r)
{
    (void)ctx;
    (void)r;
}

static void start(void)
{
    list = watchlist_new(STR("m"));
    cr_assert_eq(jsonschema_new(&list->schemas[WATCH_ANSWER],
                                STR("{\"properties\":{\"age\":{\"type\":\"integer\"}}}"),
                                ignore, NULL),
                 OK);
    metrics = metrics_new();
    shard = metrics_shard(metrics);
}

static void stop(void)
{
    watchlist_unref(list);
    metrics_free(metrics);
}

TestSuite(validate, .init = start, .fini = stop, .timeout = 10);

static int64_t count(struct str side, struct str result)
{
    return metric_read(metrics, METRIC_VALIDATION, METRIC_LABEL(STR("m"), side, result));
}

Test(validate, what_fits_is_counted)
{
    cr_assert(validate(list, WATCH_ANSWER, STR("{\"age\":1}"), shard, &report));
    cr_assert_eq(count(STR("answer"), STR("ok")), 1);
}

Test(validate, what_does_not_fit_is_counted_and_reported)
{
    cr_assert_not(validate(list, WATCH_ANSWER, STR("{\"age\":\"1\"}"), shard, &report));
    cr_assert_eq(count(STR("answer"), STR("violation")), 1);
    cr_assert_eq(report.count, 1);
    cr_assert_str_eq(report.violations[0].pointer, "/age");
}

Test(validate, what_is_no_json_does_not_fit_either)
{
    cr_assert_not(validate(list, WATCH_ANSWER, STR("age: 1"), shard, &report));
    cr_assert_eq(count(STR("answer"), STR("not_json")), 1);
    cr_assert_str_eq(report.violations[0].words, "is no JSON");
}

Test(validate, a_side_without_a_schema_is_not_looked_at)
{
    cr_assert(validate(list, WATCH_REQUEST, STR("age: 1"), shard, &report));
    cr_assert(validate(NULL, WATCH_ANSWER, STR("age: 1"), shard, &report));
    cr_assert_eq(count(STR("request"), STR("not_json")), 0);
}
