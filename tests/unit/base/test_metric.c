/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/metric.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static struct metrics *metrics;
static struct metric_shard *shard;

static void open_metrics(void)
{
    metrics = metrics_new();
    shard = metrics_shard(metrics);
}

static void close_metrics(void)
{
    metrics_free(metrics);
}

TestSuite(metric, .init = open_metrics, .fini = close_metrics, .timeout = 20);

static bool shows(bool openmetrics, const char *line)
{
    struct buf b = { 0 };
    bool found;

    metrics_render(metrics, &b, openmetrics);
    buf_put(&b, (struct str){ "", 1 });
    found = strstr(b.at, line) != NULL;
    buf_deinit(&b);
    return found;
}

Test(metric, a_counter_adds_up_over_shards)
{
    const struct str *labels = METRIC_LABEL(STR("memory"), STR("hit"));

    metric_add(shard, METRIC_LOOKUPS, 2, labels);
    metric_add(metrics_shard(metrics), METRIC_LOOKUPS, 3, labels);
    cr_assert_eq(metric_read(metrics, METRIC_LOOKUPS, labels), 5);
    cr_assert(shows(false, "\nweir_cache_lookups_total{tier=\"memory\",result=\"hit\"} 5\n"));
}

Test(metric, a_gauge_is_the_sum_of_what_shards_set)
{
    struct metric_shard *second = metrics_shard(metrics);

    metric_set(shard, METRIC_IN_FLIGHT, 7, NULL);
    metric_set(shard, METRIC_IN_FLIGHT, 4, NULL);
    metric_add(second, METRIC_IN_FLIGHT, 2, NULL);
    metric_add(second, METRIC_IN_FLIGHT, -1, NULL);
    cr_assert_eq(metric_read(metrics, METRIC_IN_FLIGHT, NULL), 5);
}

Test(metric, a_series_without_labels_shows_zero_before_its_first_use)
{
    cr_assert(shows(false, "\nweir_in_flight 0\n"));
    cr_assert(shows(false, "\nweir_loop_lag_seconds_count 0\n"));
    cr_assert_not(shows(false, "\nweir_requests_total{"));
}

Test(metric, label_values_are_escaped)
{
    metric_add(shard, METRIC_RELOADS, 1, METRIC_LABEL(STR("a\"b\\c\nd\xFF")));
    cr_assert(shows(false, "{result=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\"} 1\n"));
}

Test(metric, labels_that_run_together_are_different_series)
{
    metric_add(shard, METRIC_LOOKUPS, 1, METRIC_LABEL(STR("ab"), STR("c")));
    metric_add(shard, METRIC_LOOKUPS, 1, METRIC_LABEL(STR("a"), STR("bc")));
    cr_assert_eq(metric_read(metrics, METRIC_LOOKUPS, METRIC_LABEL(STR("ab"), STR("c"))), 1);
}

Test(metric, past_the_cap_series_are_counted_as_other)
{
    struct metric_shard *second = metrics_shard(metrics);
    char name[16];

    for (int i = 0; i < 1500; i++) {
        (void)snprintf(name, sizeof(name), "m%d", i);
        metric_add(i % 2 ? shard : second, METRIC_RELOADS, 1, METRIC_LABEL(str_of(name)));
    }
    cr_assert_eq(metric_read(metrics, METRIC_RELOADS, METRIC_LABEL(STR("m998"))), 1);
    cr_assert_eq(metric_read(metrics, METRIC_RELOADS, METRIC_LABEL(STR("m999"))), 0);
    cr_assert_eq(metric_read(metrics, METRIC_RELOADS, METRIC_LABEL(STR("other"))), 501);
}

Test(metric, a_histogram_counts_exactly_at_its_bounds)
{
    const struct str *labels = METRIC_LABEL(STR("m"));

    for (int i = 1; i <= 1000; i++)
        metric_observe(shard, METRIC_OVERHEAD_SECONDS, i / 1024.0, labels);
    cr_assert(
        shows(false, "weir_overhead_seconds_bucket{model=\"m\",le=\"0.0009765625\"} 1\n"));
    cr_assert(shows(false, "weir_overhead_seconds_bucket{model=\"m\",le=\"0.5\"} 512\n"));
    cr_assert(shows(false, "weir_overhead_seconds_bucket{model=\"m\",le=\"1.0\"} 1000\n"));
    cr_assert(shows(false, "weir_overhead_seconds_bucket{model=\"m\",le=\"+Inf\"} 1000\n"));
    cr_assert(shows(false, "weir_overhead_seconds_sum{model=\"m\"} 488.76953125\n"));
    cr_assert_eq(metric_read(metrics, METRIC_OVERHEAD_SECONDS, labels), 1000);
}

Test(metric, tokens_have_bounds_of_powers_of_four)
{
    const struct str *labels = METRIC_LABEL(STR("m"), STR("n"), STR("input"));

    metric_observe(shard, METRIC_TOKENS, 0, labels);
    metric_observe(shard, METRIC_TOKENS, 1, labels);
    metric_observe(shard, METRIC_TOKENS, 64, labels);
    metric_observe(shard, METRIC_TOKENS, 65, labels);
    metric_observe(shard, METRIC_TOKENS, 2000000, labels);
    cr_assert(shows(false, "gen_ai_token_type=\"input\",le=\"1.0\"} 2\n"));
    cr_assert(shows(false, "gen_ai_token_type=\"input\",le=\"64.0\"} 3\n"));
    cr_assert(shows(false, "gen_ai_token_type=\"input\",le=\"256.0\"} 4\n"));
    cr_assert(shows(false, "gen_ai_token_type=\"input\",le=\"1048576.0\"} 4\n"));
    cr_assert(shows(false, "gen_ai_token_type=\"input\",le=\"+Inf\"} 5\n"));
    cr_assert(shows(false, "gen_ai_token_type=\"input\"} 2000130\n"));
}

Test(metric, the_last_minutes_latencies_are_ready_to_read)
{
    struct metric_shard *second = metrics_shard(metrics);

    for (int i = 1; i <= 500; i++) {
        metric_observe(shard, METRIC_REQUEST_SECONDS, i, METRIC_LABEL(STR("m"), STR("chat")));
        metric_observe(second, METRIC_REQUEST_SECONDS, 500 + i,
                       METRIC_LABEL(STR("m"), STR("messages")));
    }
    cr_assert(
        shows(false, "weir_request_latency_seconds{model=\"m\",quantile=\"0.5\"} 495.632\n"));
    cr_assert(shows(false, "{model=\"m\",quantile=\"0.95\"} 949.237\n"));
    cr_assert(shows(false, "{model=\"m\",quantile=\"0.99\"} 991.264\n"));
}

Test(metric, one_request_has_a_latency_to_read)
{
    metric_observe(shard, METRIC_REQUEST_SECONDS, 1, METRIC_LABEL(STR("m"), STR("chat")));
    cr_assert(shows(false, "{model=\"m\",quantile=\"0.5\"} 1\n"));
    cr_assert(shows(false, "{model=\"m\",quantile=\"0.99\"} 1\n"));
}

Test(metric, without_requests_there_is_no_quantile)
{
    cr_assert_not(shows(false, "quantile="));
}

Test(metric, a_family_is_named_before_its_first_series)
{
    cr_assert(shows(false, "# TYPE gen_ai_client_token_usage histogram\n"));
}

Test(metric, openmetrics_names_families_without_total_and_ends_in_eof)
{
    metric_add(shard, METRIC_RELOADS, 1, METRIC_LABEL(STR("ok")));
    cr_assert(
        shows(true, "# TYPE weir_reloads counter\nweir_reloads_total{result=\"ok\"} 1\n"));
    cr_assert(shows(true, "\n# EOF\n"));
    cr_assert(shows(false, "# TYPE weir_reloads_total counter\n"));
    cr_assert_not(shows(false, "# EOF"));
}

/* A value for every family, so that a tool sees them all. */
static void use_every_family(void)
{
    const struct str *labels = METRIC_LABEL(STR("a"), STR("b"), STR("c"), STR("d"), STR("e"));
    static const enum metric_type types[] = {
#define M(name, type, text, labels, help) METRIC_##type,
        METRICS(M)
#undef M
    };

    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        if (types[i] != METRIC_HISTOGRAM) {
            metric_add(shard, (enum metric)i, 1, labels);
            continue;
        }
        for (int n = 0; n < 2000; n++)
            metric_observe(shard, (enum metric)i, n * .001, labels);
    }
}

Test(metric, prometheus_own_tool_finds_no_fault)
{
    struct buf b = { 0 };
    FILE *tool;

    if (system("command -v promtool >/dev/null") != 0)
        cr_skip_test("promtool is not installed");
    use_every_family();
    metrics_render(metrics, &b, false);
    tool = popen("promtool check metrics", "w");
    cr_assert_not_null(tool);
    cr_assert_eq(fwrite(b.at, 1, b.len, tool), b.len);
    cr_assert_eq(pclose(tool), 0);
    buf_deinit(&b);
}

static void *count(void *s)
{
    char name[16];

    for (int i = 0; i < 20000; i++) {
        (void)snprintf(name, sizeof(name), "m%d", i % 500);
        metric_add(s, METRIC_RELOADS, 1, METRIC_LABEL(str_of(name)));
        metric_observe(s, METRIC_REQUEST_SECONDS, i * 1e-6,
                       METRIC_LABEL(STR("m"), str_of("e")));
    }
    return NULL;
}

Test(metric, a_scrape_may_run_beside_threads_that_count)
{
    struct buf b = { 0 };
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, count, metrics_shard(metrics)), 0);
    for (int i = 0; i < 20; i++) {
        buf_reset(&b);
        metrics_render(metrics, &b, i % 2);
    }
    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    cr_assert_eq(metric_read(metrics, METRIC_RELOADS, METRIC_LABEL(STR("m7"))), 120);
    cr_assert_eq(metric_read(metrics, METRIC_REQUEST_SECONDS, METRIC_LABEL(STR("m"), STR("e"))),
                 60000);
    buf_deinit(&b);
}
