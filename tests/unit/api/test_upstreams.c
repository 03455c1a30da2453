/* SPDX-License-Identifier: Apache-2.0 */
#include "upstreams.h"

#include "weir/upstream/pool.h"

#include <criterion/criterion.h>
#include <jansson.h>

static struct metrics *metrics;
static struct metric_shard *shard;
static struct plan *plan;

static void start(void)
{
    metrics = metrics_new();
    shard = metrics_shard(metrics);
    plan = plan_new();
}

static void stop(void)
{
    plan_unref(plan);
    metrics_free(metrics);
}

TestSuite(upstreams, .init = start, .fini = stop, .timeout = 20);

static struct upstream *add_upstream(struct plan *p, const char *name)
{
    struct upstream *u = upstream_new(str_of(name), NULL);

    u->health.down_after = u->health.up_after = 1;
    cr_assert(map_put(p->upstreams, str_of(name), u));
    return u;
}

static void add_site(struct upstream *u, const char *url)
{
    cr_assert(upstream_add_site(u, str_of(url), 1));
}

static int64_t read_of(enum metric which, const char *name, const char *label)
{
    return metric_read(metrics, which, METRIC_LABEL(str_of(name), str_of(label)));
}

static void note(struct upstream *u, size_t nth, bool good)
{
    struct upstream_endpoint *all[POOL_ENDPOINTS];
    size_t count = pool_list(u->pool, all);

    pool_note_probe(u->pool, all[nth], good);
    for (size_t i = 0; i < count; i++)
        endpoint_unref(all[i]);
}

/* ---- gauges -------------------------------------------------------------------------------- */

Test(upstreams, an_endpoint_is_healthy_until_its_probes_say_no)
{
    struct upstream *u = add_upstream(plan, "local");

    u->health.path = strdup("/health");
    u->breaker.most_ejected = 1;
    add_site(u, "http://127.0.0.1:1");
    plan_open(plan, NULL);
    upstreams_measure(metrics, shard, plan);
    cr_assert_eq(read_of(METRIC_HEALTHY, "local", "127.0.0.1:1"), 1);
    note(u, 0, false);
    upstreams_measure(metrics, shard, plan);
    cr_assert_eq(read_of(METRIC_HEALTHY, "local", "127.0.0.1:1"), 0);
}

Test(upstreams, a_limit_is_what_an_endpoint_may_have_at_once)
{
    struct upstream *u = add_upstream(plan, "local");

    u->max_in_flight = 7;
    add_site(u, "http://127.0.0.1:1");
    plan_open(plan, NULL);
    upstreams_measure(metrics, shard, plan);
    upstreams_measure(metrics, shard, plan);
    cr_assert_eq(read_of(METRIC_LIMIT, "local", "127.0.0.1:1"), 7);
}

Test(upstreams, what_several_addresses_of_a_name_have_adds_up)
{
    struct upstream *u = add_upstream(plan, "local");

    u->each_address = true;
    add_site(u, "http://models.invalid:1");
    plan_open(plan, NULL);
    pool_set_addresses(u->pool, STR("http://models.invalid:1"), STR("127.0.0.1,127.0.0.2"));
    upstreams_measure(metrics, shard, plan);
    cr_assert_eq(read_of(METRIC_HEALTHY, "local", "models.invalid:1"), 2);
}

Test(upstreams, an_endpoint_that_is_gone_is_told_no_more)
{
    struct plan *next = plan_new();

    add_site(add_upstream(plan, "local"), "http://127.0.0.1:1");
    add_site(add_upstream(next, "local"), "http://127.0.0.1:2");
    plan_open(plan, NULL);
    upstreams_measure(metrics, shard, plan);
    plan_open(next, plan);
    upstreams_measure(metrics, shard, next);
    cr_assert_eq(read_of(METRIC_HEALTHY, "local", "127.0.0.1:1"), METRIC_ABSENT);
    cr_assert_eq(read_of(METRIC_HEALTHY, "local", "127.0.0.1:2"), 1);
    plan_unref(next);
}

Test(upstreams, keys_are_counted_by_their_state)
{
    struct upstream *u = add_upstream(plan, "local");

    add_site(u, "http://127.0.0.1:1");
    upstream_add_auth(u, STR("Authorization: Bearer one"));
    upstream_add_auth(u, STR("Authorization: Bearer two"));
    plan_open(plan, NULL);
    upstreams_measure(metrics, shard, plan);
    cr_assert_eq(read_of(METRIC_UPSTREAM_KEYS, "local", "usable"), 2);
    cr_assert_eq(read_of(METRIC_UPSTREAM_KEYS, "local", "dropped"), 0);
}

/* ---- the page ------------------------------------------------------------------------------ */

static json_t *page(void)
{
    struct buf out = { 0 };
    json_t *root;

    upstreams_put_json(plan, &out);
    root = json_loadb(out.at, out.len, 0, NULL);
    cr_assert_not_null(root, "%.*s", STR_ARG(buf_str(&out)));
    buf_deinit(&out);
    return root;
}

Test(upstreams, the_page_of_no_upstreams_is_an_empty_list)
{
    json_t *root = page();

    cr_assert_eq(json_array_size(json_object_get(root, "upstreams")), 0);
    json_decref(root);
}

Test(upstreams, the_page_tells_of_each_endpoint)
{
    struct upstream *u = add_upstream(plan, "local");
    json_t *root, *one, *e;

    u->balance = BALANCE_P2C_EWMA;
    add_site(u, "http://127.0.0.1:1/v1");
    add_site(u, "http://127.0.0.1:2/v1");
    plan_open(plan, NULL);
    root = page();
    one = json_array_get(json_object_get(root, "upstreams"), 0);
    e = json_array_get(json_object_get(one, "endpoints"), 1);
    cr_assert_str_eq(json_string_value(json_object_get(one, "name")), "local");
    cr_assert_str_eq(json_string_value(json_object_get(one, "balance")), "p2c_ewma");
    cr_assert_eq(json_integer_value(json_object_get(one, "waiting")), 0);
    cr_assert_str_eq(json_string_value(json_object_get(e, "url")), "http://127.0.0.1:2/v1");
    cr_assert_str_eq(json_string_value(json_object_get(e, "state")), "closed");
    cr_assert(json_is_true(json_object_get(e, "healthy")));
    cr_assert(json_is_null(json_object_get(e, "address")));
    cr_assert(json_is_null(json_object_get(e, "latency_ms")));
    json_decref(root);
}

Test(upstreams, the_page_names_no_key)
{
    struct upstream *u = add_upstream(plan, "local");
    struct buf out = { 0 };

    upstream_add_auth(u, STR("Authorization: Bearer s3cret"));
    add_site(u, "http://127.0.0.1:1");
    plan_open(plan, NULL);
    upstreams_put_json(plan, &out);
    cr_assert_null(memmem(out.at, out.len, "s3cret", 6));
    buf_deinit(&out);
}
