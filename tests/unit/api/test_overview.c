/* SPDX-License-Identifier: Apache-2.0 */
#include "overview.h"

#include <criterion/criterion.h>
#include <jansson.h>

static struct metrics *metrics;
static struct metric_shard *shard;
static struct plan *plan;
static struct api_health health;
static struct admin admin;
static struct loop *loop;
static json_t *told;

static void start(void)
{
    metrics = metrics_new();
    shard = metrics_shard(metrics);
    plan = plan_new();
    loop = loop_new(shard);
    admin_init(&admin, loop, metrics, shard, plan, &health);
}

static void stop(void)
{
    json_decref(told);
    admin_deinit(&admin);
    loop_free(loop);
    plan_unref(plan);
    metrics_free(metrics);
}

TestSuite(overview, .init = start, .fini = stop, .timeout = 20);

static json_t *tell(void)
{
    struct buf out = { 0 };

    overview_put_json(&admin, &out);
    json_decref(told);
    told = json_loadb(out.at, out.len, 0, NULL);
    cr_assert(told, "not JSON: %.*s", STR_ARG(buf_str(&out)));
    buf_deinit(&out);
    return told;
}

static json_t *first_model(void)
{
    return json_array_get(json_object_get(tell(), "models"), 0);
}

static void answer(void)
{
    metric_add(shard, METRIC_REQUESTS, 1,
               METRIC_LABEL(STR("chat"), STR("local"), STR("chat"), STR("ok")));
}

Test(overview, a_process_at_rest_has_no_models)
{
    cr_assert_eq(json_array_size(json_object_get(tell(), "models")), 0);
}

Test(overview, it_says_whether_traffic_is_welcome)
{
    atomic_store(&health.ready, true);
    cr_assert(json_is_true(json_object_get(tell(), "ready")));
}

Test(overview, without_redis_it_is_neither_up_nor_down)
{
    cr_assert(json_is_null(json_object_get(tell(), "redis_up")));
}

Test(overview, a_link_that_is_away_is_told)
{
    admin.redis_on = true;
    metric_set(shard, METRIC_REDIS_UP, 0, NULL);
    cr_assert(json_is_false(json_object_get(tell(), "redis_up")));
}

Test(overview, a_model_has_its_counts)
{
    answer();
    cr_assert_eq(json_integer_value(json_object_get(first_model(), "requests")), 1);
}

Test(overview, percentiles_are_null_before_the_first_answer)
{
    answer();
    cr_assert(json_is_null(json_object_get(first_model(), "p99_ms")));
}

Test(overview, percentiles_are_in_milliseconds)
{
    double p50;

    answer();
    metric_observe(shard, METRIC_REQUEST_SECONDS, 0.02, METRIC_LABEL(STR("chat"), STR("chat")));
    p50 = json_real_value(json_object_get(first_model(), "p50_ms"));
    cr_assert(p50 > 19 && p50 < 21);
}

Test(overview, upstreams_stand_in_the_same_object)
{
    cr_assert(json_is_array(json_object_get(tell(), "upstreams")));
}
