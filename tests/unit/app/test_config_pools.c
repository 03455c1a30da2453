/* SPDX-License-Identifier: Apache-2.0 */
#include "loaded.h"

#include <math.h>

/* Pools, cascades, fallbacks and rules: what the configuration makes of them. */

#define ROUTED "default_upstream: u\n"

static const struct upstream *upstream_of(const struct loaded *l)
{
    cr_assert_eq(l->err, OK, "%.*s", STR_ARG(buf_str(&l->faults)));
    return map_get(l->config->plan->upstreams, STR("u"));
}

Test(config_pools, what_is_left_out_is_as_documented, .timeout = 10)
{
    struct loaded l = load("upstreams: {u: {endpoints: [\"http://h\"]}}\n" ROUTED);
    const struct upstream *u = upstream_of(&l);

    cr_assert_eq(u->max_in_flight, 0);
    cr_assert_not(u->adaptive);
    cr_assert_eq(u->queue.size, 256);
    cr_assert_eq(u->breaker.faults, 5);
    cr_assert_float_eq(u->breaker.most_ejected, 0.5, 1e-9);
    cr_assert_float_eq(u->retry.budget, 0.1, 1e-9);
    cr_assert_not(u->hedge.on);
    cr_assert_null(u->health.path);
    cr_assert_eq(u->sites[0].weight, 1);
    unload(&l);
}

Test(config_pools, weights_limits_and_health_are_read, .timeout = 10)
{
    struct loaded l = load("upstreams:\n"
                           "  u:\n"
                           "    endpoints: [{url: \"http://h\", weight: 3}, \"http://i\"]\n"
                           "    balance: prefix_affinity\n"
                           "    max_in_flight: adaptive\n"
                           "    health: {preset: triton, interval: 500ms}\n"
                           "    hedge: {after: p90, at_most: 2.5%}\n"
                           "    breaker: {max_ejected: 34%}\n" ROUTED);
    const struct upstream *u = upstream_of(&l);

    cr_assert_eq(u->sites[0].weight, 3);
    cr_assert_eq(u->balance, BALANCE_PREFIX_AFFINITY);
    cr_assert(u->adaptive);
    cr_assert_gt(u->max_in_flight, 8);
    cr_assert_str_eq(u->health.path, "/v2/health/ready");
    cr_assert_eq(u->health.interval_us, 500000);
    cr_assert(u->hedge.on);
    cr_assert_float_eq(u->hedge.percentile, 0.9, 1e-9);
    cr_assert_float_eq(u->hedge.at_most, 0.025, 1e-9);
    cr_assert_float_eq(u->breaker.most_ejected, 0.34, 1e-9);
    unload(&l);
}

Test(config_pools, several_keys_are_as_many_header_lines, .timeout = 10)
{
    struct loaded l = load(
        "upstreams: {u: {endpoints: [\"http://h\"], keys: [a, b]}}\n" ROUTED);
    const struct upstream *u = upstream_of(&l);

    cr_assert_eq(u->auth_count, 2);
    cr_assert_str_eq(u->auth[1], "Authorization: Bearer b");
    unload(&l);
    l = load("upstreams: {u: {endpoints: [\"http://h\"], auth: {header: x-api-key}, keys: "
             "[a]}}\n" ROUTED);
    cr_assert_str_eq(upstream_of(&l)->auth[0], "x-api-key: a");
    unload(&l);
}

Test(config_pools, what_contradicts_itself_is_a_fault_on_its_line, .timeout = 10)
{
    expect_fault(
        "upstreams: {u: {endpoints: [\"http://h\"],\n keys: [a], auth: {bearer: b}}}\n" ROUTED,
        "2: upstreams.u.keys: ", "in place of");
    expect_fault(
        "upstreams: {u: {endpoints: [\"http://h\"],\n health: {interval: 1s}}}\n" ROUTED,
        "2: upstreams.u.health: ", "preset");
    expect_fault("upstreams: {u: {endpoints: [\"http://h\"],\n hedge: {after: soon}}}\n" ROUTED,
                 "2: upstreams.u.hedge.after: ", "p50");
    expect_fault(
        "upstreams: {u: {endpoints: [\"http://h\"],\n retry: {budget: 120%}}}\n" ROUTED,
        "2: upstreams.u.retry.budget: ", "5%");
    expect_fault("upstreams: {u: {dialect: openai}}\n" ROUTED,
                 "1: upstreams.u.endpoints: ", "missing");
}

#define POOL                                        \
    "upstreams: {u: {endpoints: [\"http://h\"]}}\n" \
    "rules: {support: [{match: refund, label: refund}]}\n"

Test(config_pools, a_model_has_its_fallbacks_in_their_order, .timeout = 10)
{
    struct loaded l = load(
        POOL "models:\n"
             "  m: {routes: [{upstream: u}], fallback: [{model: n}, stale, {rules: support}]}\n"
             "  n: {routes: [{upstream: u}]}\n");
    const struct model *m, *n;

    cr_assert_eq(l.err, OK, "%.*s", STR_ARG(buf_str(&l.faults)));
    m = map_get(l.config->plan->models, STR("m"));
    n = map_get(l.config->plan->models, STR("n"));
    cr_assert_eq(m->fallback_count, 3);
    cr_assert_eq(m->fallbacks[0].kind, FALLBACK_MODEL);
    cr_assert_eq(m->fallbacks[0].routes, n->routes);
    cr_assert_eq(m->fallbacks[1].kind, FALLBACK_STALE);
    cr_assert_eq(m->fallbacks[2].kind, FALLBACK_RULES);
    cr_assert_not_null(m->fallbacks[2].routes[0].upstream->rules);
    cr_assert_eq(n->fallback_count, 1, "stale, where nothing is said");
    unload(&l);
}

Test(config_pools, fallbacks_that_lead_nowhere_are_told_with_the_nearest_name, .timeout = 10)
{
    expect_fault(POOL "models: {m: {routes: [{upstream: u}],\n fallback: [{rules: suport}]}}\n",
                 "4: models.m.fallback[0].rules: ", "\"support\"");
    expect_fault(POOL "models: {m: {routes: [{upstream: u}],\n fallback: [{model: m}]}}\n",
                 "4: models.m.fallback[0].model: ", "itself");
    expect_fault(POOL "models: {m: {routes: [{upstream: u}],\n fallback: [later]}}\n",
                 "4: models.m.fallback[0]: ", "stale");
}

Test(config_pools, a_cascade_and_its_prices_are_read, .timeout = 10)
{
    struct loaded l = load(
        POOL "models:\n"
             "  m:\n"
             "    routes:\n"
             "      - {upstream: u, accept_if: {pointer: /score, at_least: 0.8}}\n"
             "      - {upstream: u, price: {input: 0.15, output: 0.6}}\n"
             "    max_cost: 0.05\n"
             "    respond_within: 200ms\n");
    const struct model *m;

    cr_assert_eq(l.err, OK, "%.*s", STR_ARG(buf_str(&l.faults)));
    m = map_get(l.config->plan->models, STR("m"));
    cr_assert(m->routes[0].accept->has_least);
    cr_assert_float_eq(m->routes[0].accept->at_least, 0.8, 1e-9);
    cr_assert_null(m->routes[1].accept);
    cr_assert_float_eq(m->routes[1].price.output_usd, 0.6, 1e-9);
    cr_assert_float_eq(m->max_cost_usd, 0.05, 1e-9);
    cr_assert_eq(m->respond_within_us, 200000);
    unload(&l);
}

Test(config_pools, a_test_that_tests_nothing_is_a_fault, .timeout = 10)
{
    expect_fault(POOL
                 "models: {m: {routes: [{upstream: u,\n accept_if: {pointer: /score}}]}}\n",
                 "4: models.m.routes[0].accept_if: ", "tests nothing");
    expect_fault(
        POOL "models: {m: {routes: [{upstream: u,\n accept_if: {prediction: x, is: [a]}}]}}\n",
        "4: models.m.routes[0].accept_if.prediction: ", "no prediction");
}

Test(config_pools, a_pattern_at_fault_is_told_with_its_line_and_place, .timeout = 10)
{
    expect_fault("upstreams: {u: {endpoints: [\"http://h\"]}}\n"
                 "rules:\n  r:\n    - {match: \"(\", label: a}\n" ROUTED,
                 "4: rules.r[0].match: ", "at character");
    expect_fault("upstreams: {u: {endpoints: [\"http://h\"]}}\n"
                 "rules:\n  r:\n    - {mach: a, label: a}\n" ROUTED,
                 "4: rules.r[0].mach: ", "\"match\"");
}

Test(config_pools, an_upstream_may_be_made_of_rules, .timeout = 10)
{
    struct loaded l = load("rules: {r: [{label: a}]}\n"
                           "upstreams: {u: {dialect: rules, rules: r}}\n" ROUTED);

    cr_assert_not_null(upstream_of(&l)->rules);
    unload(&l);
    expect_fault("upstreams: {u: {dialect: rules}}\n" ROUTED,
                 "1: upstreams.u.rules: ", "missing");
}

Test(config_pools, sentinels_need_a_master_and_no_url, .timeout = 10)
{
    struct loaded l = load("upstreams: {u: {endpoints: [\"http://h\"]}}\n" ROUTED
                           "cache: {redis: {sentinels: [a, \"b:26380\"], master: main}}\n");

    cr_assert_eq(l.err, OK, "%.*s", STR_ARG(buf_str(&l.faults)));
    cr_assert(l.config->settings.redis_on);
    cr_assert_eq(l.config->settings.redis.sentinel_count, 2);
    cr_assert_str_eq(l.config->settings.redis.master, "main");
    unload(&l);
    expect_fault("upstreams: {u: {endpoints: [\"http://h\"]}}\n" ROUTED
                 "cache: {redis: {sentinels: [a]}}\n",
                 "3: cache.redis.sentinels: ", "master");
}
