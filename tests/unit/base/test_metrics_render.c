/* SPDX-License-Identifier: Apache-2.0 */

/* The text as its readers take it; what is counted, and at which bounds, test_metric.c knows. */

#include "weir/base/metric.h"

#include <criterion/criterion.h>
#include <string.h>

static struct metrics *metrics;
static struct metric_shard *shard;
static struct buf text;

static void start(void)
{
    metrics = metrics_new();
    shard = metrics_shard(metrics);
}

static void stop(void)
{
    buf_deinit(&text);
    metrics_free(metrics);
}

TestSuite(metrics_render, .init = start, .fini = stop, .timeout = 20);

static void render(bool openmetrics)
{
    buf_reset(&text);
    metrics_render(metrics, &text, openmetrics);
}

static size_t lines_that_begin(const char *begin)
{
    struct str rest = buf_str(&text), line;
    size_t count = 0;

    while (str_split(&rest, '\n', &line))
        count += str_starts(line, str_of(begin));
    return count;
}

static bool shows(const char *part)
{
    return memmem(text.at, text.len, part, strlen(part)) != NULL;
}

static void observe(double seconds, const char *endpoint)
{
    metric_observe(shard, METRIC_REQUEST_SECONDS, seconds,
                   METRIC_LABEL(STR("m"), str_of(endpoint)));
}

Test(metrics_render, every_family_has_one_help_and_one_type_before_its_samples)
{
    struct str rest, line, last = { 0 };

    render(false);
    cr_assert_eq(lines_that_begin("# HELP "), METRIC_COUNT + 1, "and the latencies'");
    cr_assert_eq(lines_that_begin("# TYPE "), METRIC_COUNT + 1);
    rest = buf_str(&text);
    while (str_split(&rest, '\n', &line)) {
        if (str_starts(line, STR("# TYPE ")))
            cr_assert(str_starts(last, STR("# HELP ")), "%.*s", STR_ARG(line));
        last = line;
    }
}

Test(metrics_render, every_line_ends_and_none_is_empty)
{
    for (int openmetrics = 0; openmetrics < 2; openmetrics++) {
        render(openmetrics);
        cr_assert(str_ends(buf_str(&text), STR("\n")));
        cr_assert_not(shows("\n\n"));
        cr_assert_eq(lines_that_begin("# EOF"), (size_t)openmetrics);
    }
}

Test(metrics_render, what_is_written_is_added_to_what_stands_there)
{
    buf_put_text(&text, "before\n");
    metrics_render(metrics, &text, false);
    cr_assert(str_starts(buf_str(&text), STR("before\n# HELP ")));
}

Test(metrics_render, negative_and_largest_numbers_are_written_whole)
{
    metric_set(shard, METRIC_IN_FLIGHT, -3, NULL);
    metric_set(shard, METRIC_CACHE_BYTES, INT64_MAX, NULL);
    render(false);
    cr_assert(shows("\nweir_in_flight -3\n"));
    cr_assert(shows("\nweir_cache_bytes 9223372036854775807\n"));
}

Test(metrics_render, money_is_counted_in_millionths_and_told_in_dollars)
{
    metric_add(shard, METRIC_COST, 1, METRIC_LABEL(STR("m"), STR("u")));
    metric_add(shard, METRIC_COST_SAVED, 2500000, METRIC_LABEL(STR("m")));
    render(false);
    cr_assert(shows("weir_cost_usd_total{model=\"m\",upstream=\"u\"} 0.000001\n"));
    cr_assert(shows("weir_cost_saved_usd_total{model=\"m\"} 2.500000\n"));
}

Test(metrics_render, a_drift_score_is_set_in_millionths_and_told_as_a_share)
{
    const struct str *labels = METRIC_LABEL(STR("m"), STR("v"), STR("p"), STR("s"));

    metric_set(shard, METRIC_DRIFT_SCORE, -250000, labels);
    render(false);
    cr_assert(shows("prediction=\"p\",segment=\"s\"} -0.250000\n"));
}

Test(metrics_render, an_absent_gauge_is_not_told_until_it_is_set_or_added_to)
{
    const struct str *labels = METRIC_LABEL(STR("u"), STR("e"));

    metric_set(metrics_shard(metrics), METRIC_HEALTHY, METRIC_ABSENT, labels);
    metric_set(shard, METRIC_HEALTHY, 2, labels);
    render(false);
    cr_assert_not(shows("\nweir_upstream_healthy{"), "one shard's word is enough");
    metric_set(shard, METRIC_LIMIT, METRIC_ABSENT, labels);
    metric_add(shard, METRIC_LIMIT, 3, labels);
    render(false);
    cr_assert(shows("\nweir_upstream_limit{upstream=\"u\",endpoint=\"e\"} 3\n"));
}

Test(metrics_render, the_least_of_all_shards_is_a_gauge)
{
    metric_set(shard, METRIC_REDIS_UP, 1, NULL);
    metric_set(metrics_shard(metrics), METRIC_REDIS_UP, 0, NULL);
    render(false);
    cr_assert(shows("\n# TYPE weir_redis_up gauge\nweir_redis_up 0\n"));
}

Test(metrics_render, buckets_never_fall_and_the_last_is_the_count)
{
    struct str rest, line;
    uint64_t before = 0, n = 0, buckets = 0;

    observe(0, "chat");
    observe(1e-9, "chat");
    observe(0.5, "chat");
    observe(1e9, "chat");
    render(false);
    rest = buf_str(&text);
    while (str_split(&rest, '\n', &line)) {
        size_t at = line.len;

        if (!str_starts(line, STR("weir_request_duration_seconds_bucket{")))
            continue;
        while (at > 0 && line.at[at - 1] != ' ')
            at--;
        cr_assert(str_to_u64(str_cut(line, at, line.len), &n), "%.*s", STR_ARG(line));
        cr_assert_geq(n, before, "%.*s", STR_ARG(line));
        before = n;
        buckets++;
    }
    cr_assert_eq(buckets, 31);
    cr_assert_eq(n, 4);
    cr_assert(shows("le=\"+Inf\"} 4\n"));
    cr_assert(shows("le=\"4096.0\"} 3\n"), "what is beyond all bounds is in +Inf alone");
    cr_assert(shows("weir_request_duration_seconds_count{model=\"m\",endpoint=\"chat\"} 4\n"));
}

Test(metrics_render, a_bound_is_written_alike_in_both_formats)
{
    observe(1, "chat");
    for (int openmetrics = 0; openmetrics < 2; openmetrics++) {
        render(openmetrics);
        cr_assert(shows("le=\"7.62939453125e-06\"} 0\n"));
        cr_assert(shows("le=\"0.5\"} 0\n"));
        cr_assert(shows("le=\"1.0\"} 1\n"));
    }
}

Test(metrics_render, latencies_are_a_models_over_all_its_endpoints)
{
    observe(1, "chat");
    observe(1, "embeddings");
    render(false);
    cr_assert_eq(lines_that_begin("weir_request_latency_seconds{"), 3);
    cr_assert_eq(
        lines_that_begin("weir_request_latency_seconds{model=\"m\",quantile=\"0.99\"}"), 1);
}

Test(metrics_render, a_labels_bytes_cannot_end_its_line)
{
    metric_add(shard, METRIC_RELOADS, 1, METRIC_LABEL(STR("a\n# EOF\n\"\\")));
    render(true);
    cr_assert(shows("weir_reloads_total{result=\"a\\n# EOF\\n\\\"\\\\\"} 1\n"));
    cr_assert_eq(lines_that_begin("# EOF"), 1);
}
