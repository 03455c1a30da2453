/* SPDX-License-Identifier: Apache-2.0 */
#include "traffic.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct metrics *metrics;
static struct metric_shard *shard;
static struct traffic all[TRAFFIC_MODELS];

static void start(void)
{
    metrics = metrics_new();
    shard = metrics_shard(metrics);
}

static void stop(void)
{
    metrics_free(metrics);
}

TestSuite(traffic, .init = start, .fini = stop, .timeout = 20);

static void answer(const char *model, const char *upstream, const char *outcome, int count)
{
    metric_add(shard, METRIC_REQUESTS, count,
               METRIC_LABEL(str_of(model), str_of(upstream), STR("chat"), str_of(outcome)));
}

Test(traffic, nothing_asked_is_no_model)
{
    cr_assert_eq(traffic_read(metrics, all), 0);
}

Test(traffic, a_models_requests_add_up_over_its_upstreams)
{
    answer("chat", "local", "ok", 3);
    answer("chat", "openai", "ok", 2);
    cr_assert_eq(traffic_read(metrics, all), 1);
    cr_assert(str_eq(all[0].model, STR("chat")));
    cr_assert_eq(all[0].requests, 5);
}

Test(traffic, each_failure_is_an_error)
{
    answer("chat", "local", "upstream_error", 1);
    answer("chat", "local", "upstream_truncated", 1);
    answer("chat", "local", "timeout", 1);
    answer("chat", "local", "internal_error", 1);
    traffic_read(metrics, all);
    cr_assert_eq(all[0].errors, 4);
    cr_assert_eq(all[0].rejected + all[0].hits + all[0].degraded, 0);
}

Test(traffic, what_is_refused_or_called_off_is_no_error)
{
    answer("chat", "local", "rejected", 2);
    answer("chat", "local", "client_cancel", 1);
    traffic_read(metrics, all);
    cr_assert_eq(all[0].errors, 0);
    cr_assert_eq(all[0].rejected, 3);
}

Test(traffic, kept_and_shared_answers_are_hits)
{
    answer("chat", "", "cache_hit", 2);
    answer("chat", "", "coalesced", 1);
    traffic_read(metrics, all);
    cr_assert_eq(all[0].hits, 3);
}

Test(traffic, stale_answers_and_fallbacks_are_degraded)
{
    answer("chat", "", "stale", 2);
    answer("chat", "", "fallback", 1);
    traffic_read(metrics, all);
    cr_assert_eq(all[0].degraded, 3);
}

Test(traffic, money_stands_beside_its_model)
{
    answer("chat", "local", "ok", 1);
    metric_add(shard, METRIC_COST, 250, METRIC_LABEL(STR("chat"), STR("local")));
    metric_add(shard, METRIC_COST_SAVED, 750, METRIC_LABEL(STR("chat")));
    traffic_read(metrics, all);
    cr_assert_eq(all[0].cost_microusd, 250);
    cr_assert_eq(all[0].saved_microusd, 750);
}

Test(traffic, models_beyond_the_most_are_left_out)
{
    char name[16];

    for (int i = 0; i < TRAFFIC_MODELS + 3; i++) {
        (void)snprintf(name, sizeof(name), "m%d", i);
        answer(name, "local", "ok", 1);
    }
    cr_assert_eq(traffic_read(metrics, all), TRAFFIC_MODELS);
}
