/* SPDX-License-Identifier: Apache-2.0 */
#include "loaded.h"

/* Pools of endpoints, and the Redis that gateways share: what the configuration makes of them. */

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

/* ---- every key, with what it may not be ------------------------------------------------- */

#define POOL(more) \
    "upstreams: {u: {endpoints: [\"http://h\", \"http://i\"],\n  " more "}}\n" ROUTED
#define AT "2: upstreams.u."

Test(config_pools, every_key_of_a_pool_is_read, .timeout = 10)
{
    struct loaded l = load(POOL(
        "each_address: true, max_in_flight: 8, queue: {size: 0, timeout: 1s},\n"
        "  cold_start: 2m, balance: p2c_ewma,\n"
        "  health: {path: /up, interval: 1s, timeout: 200ms, down_after: 3, up_after: 2},\n"
        "  breaker: {faults: 0, rest: 1s, max_rest: 2s, max_ejected: 100%, slow_start: 0},\n"
        "  retry: {budget: 0%, at_least: 0, backoff: 1ms, max_backoff: 2ms, max_wait: 3s},\n"
        "  hedge: {after: 300ms}"));
    const struct upstream *u = upstream_of(&l);

    cr_assert(u->each_address);
    cr_assert_eq(u->max_in_flight, 8);
    cr_assert_not(u->adaptive);
    cr_assert(u->queue.size == 0 && u->queue.timeout_us == 1000000);
    cr_assert_eq(u->cold_start_us, 120000000);
    cr_assert_eq(u->balance, BALANCE_P2C_EWMA);
    cr_assert_str_eq(u->health.path, "/up");
    cr_assert(u->health.timeout_us == 200000 && u->health.interval_us == 1000000);
    cr_assert(u->health.down_after == 3 && u->health.up_after == 2);
    cr_assert(u->breaker.faults == 0 && u->breaker.slow_start_us == 0);
    cr_assert(u->breaker.rest_us == 1000000 && u->breaker.most_rest_us == 2000000);
    cr_assert_float_eq(u->breaker.most_ejected, 1, 1e-9);
    cr_assert_float_eq(u->retry.budget, 0, 1e-9);
    cr_assert(u->retry.floor == 0 && u->retry.backoff_us == 1000);
    cr_assert(u->retry.most_backoff_us == 2000 && u->retry.most_wait_us == 3000000);
    cr_assert_eq(u->hedge.percentile, 0);
    cr_assert_eq(u->hedge.after_us, 300000);
    cr_assert_float_eq(u->hedge.at_most, 0.05, 1e-9);
    cr_assert_eq(l.warnings.len, 0);
    unload(&l);
}

Test(config_pools, values_out_of_bounds_are_told_on_their_line, .timeout = 10)
{
    expect_fault(POOL("each_address: maybe"), AT "each_address: ", "true or false");
    expect_fault(POOL("balance: fastest"), AT "balance: ", "round_robin");
    expect_fault(POOL("max_in_flight: 0"), AT "max_in_flight: ", "1 to 100000");
    expect_fault(POOL("max_in_flight: adaptiv"), AT "max_in_flight: ", "or adaptive");
    expect_fault(POOL("queue: {size: -1}"), AT "queue.size: ", "whole number");
    expect_fault(POOL("queue: {sise: 1}"), AT "queue.sise: ", "mean \"size\"?");
    expect_fault(POOL("cold_start: 2"), AT "cold_start: ", "250ms");
    expect_fault(POOL("health: {preset: vlm}"), AT "health.preset: ", "mean \"vllm\"?");
    expect_fault(POOL("health: {path: up}"), AT "health.path: ", "begins with /");
    expect_fault(POOL("health: {preset: vllm, path: /up}"), AT "health: ", "either");
    expect_fault(POOL("breaker: {max_ejected: 50}"), AT "breaker.max_ejected: ", "5%");
    expect_fault(POOL("breaker: {max_ejected: 101%}"), AT "breaker.max_ejected: ", "percent");
    expect_fault(POOL("breaker: {rest: 2m}"), AT "breaker.rest: ", "max_rest");
    expect_fault(POOL("retry: {backoff: 2s}"), AT "retry.backoff: ", "max_backoff");
    expect_fault(POOL("hedge: {after: p49}"), AT "hedge.after: ", "p50");
    expect_fault(POOL("hedge: {after: 0}"), AT "hedge.after: ", "every call");
    expect_fault(POOL("hedge: {at_most: 5}"), AT "hedge.at_most: ", "5%");
    expect_fault(POOL("keys: []"), AT "keys: ", "is empty");
    expect_fault(POOL("keys: [a], auth: {header: x, value: b}"), AT "keys: ",
                 "in place of auth.bearer and auth.value (put that key into the list");
    expect_fault(POOL("rules: r"), AT "rules: ", "dialect rules");
}

Test(config_pools, an_endpoint_has_a_weight_within_bounds, .timeout = 10)
{
    expect_fault("upstreams: {u: {endpoints: [{url: \"http://h\", weight: 0}]}}\n" ROUTED,
                 "1: upstreams.u.endpoints[0].weight: ", "1 to ");
    expect_fault("upstreams: {u: {endpoints: [{weight: 2}]}}\n" ROUTED,
                 "1: upstreams.u.endpoints[0].url: ", "missing");
}

Test(config_pools, an_endpoint_stands_in_its_pool_once, .timeout = 10)
{
    expect_fault("upstreams: {u: {endpoints: [\"http://h\", \"http://i\",\n"
                 "  {url: \"http://h/\", weight: 2}]}}\n" ROUTED,
                 "2: upstreams.u.endpoints[2].url: ", "twice (line 1)");
    expect_good("upstreams: {u: {endpoints: [\"http://h/a\", \"http://h/b\"]}}\n" ROUTED);
}

Test(config_pools, a_key_stands_in_its_pool_once_and_is_not_shown, .timeout = 10)
{
    expect_fault("upstreams: {u: {endpoints: [\"http://h\"], keys: [secret-a, b,\n"
                 "  secret-a]}}\n" ROUTED,
                 "2: upstreams.u.keys[2]: ", "the same key stands here twice (line 1)");
}

Test(config_pools, two_pools_may_ask_the_same_server, .timeout = 10)
{
    expect_good("upstreams: {u: {endpoints: [\"http://h\"], keys: [a]},\n"
                "  v: {endpoints: [\"http://h\"], keys: [b]}}\n" ROUTED);
}

static void expect_bounded(const char *from, const char *word, int count, const char *start)
{
    struct buf text = { 0 };
    struct loaded l;

    buf_put_text(&text, from);
    for (int i = 0; i < count; i++)
        buf_put_printf(&text, "%s\"%s%d\"", i > 0 ? ", " : "", word, i);
    buf_put_text(&text, "]}}\n" ROUTED);
    l = load_bytes(buf_str(&text), NULL);
    cr_assert(has_line(&l.faults, start, ""), "%.*s", STR_ARG(buf_str(&l.faults)));
    unload(&l);
    buf_deinit(&text);
}

Test(config_pools, a_pool_has_at_most_64_endpoints_and_32_keys, .timeout = 10)
{
    expect_bounded("upstreams: {u: {endpoints: [", "http://h", 65,
                   "weir.yaml:1: upstreams.u.endpoints: a pool has at most 64");
    expect_bounded("upstreams: {u: {endpoints: [\"http://h\"], keys: [", "k", 33,
                   "weir.yaml:1: upstreams.u.keys: has more than 32");
}

Test(config_pools, keys_that_are_all_empty_are_missing, .timeout = 10)
{
    struct loaded l = load(POOL("keys: [\"${NO_KEY:-}\"]"));

    cr_assert_eq(l.err, ERR_CONFIG, "a key has at least one character");
    unload(&l);
}

Test(config_pools, hedging_without_a_second_endpoint_is_a_warning, .timeout = 10)
{
    expect_warning("upstreams: {u: {endpoints: [\"http://h\"], hedge: {after: p95}}}\n" ROUTED,
                   "1: upstreams.u.hedge: ", "second endpoint");
}

Test(config_pools, rules_take_no_endpoints, .timeout = 10)
{
    expect_fault(
        "rules: {r: [{label: a}]}\n"
        "upstreams: {u: {dialect: rules, rules: r, endpoints: [\"http://h\"]}}\n" ROUTED,
        "2: upstreams.u.endpoints: ", "calls nobody");
    expect_fault("rules: {support: [{label: a}]}\n"
                 "upstreams: {u: {dialect: rules, rules: suport}}\n" ROUTED,
                 "2: upstreams.u.rules: ", "mean \"support\"?");
}

/* ---- what the process may take, and what it shares ------------------------------------- */

#define PLAIN "upstreams: {u: {endpoints: [\"http://h\"]}}\n" ROUTED

Test(config_pools, limits_of_the_process_are_read, .timeout = 10)
{
    struct loaded l = load(PLAIN
                           "server: {max_in_flight: 5, max_memory: 1GiB, share_port: true}\n"
                           "cache: {coalesce: process, coalesce_streams: fleet}\n");
    struct loaded left_out = load(PLAIN);

    cr_assert_eq(l.config->settings.max_in_flight, 5);
    cr_assert_eq(l.config->settings.max_memory_bytes, 1 << 30);
    cr_assert(l.config->settings.share_port);
    cr_assert(l.config->settings.coalesce_alone && l.config->settings.coalesce_streams);
    cr_assert_eq(left_out.config->settings.max_in_flight, 10000);
    cr_assert_eq(left_out.config->settings.max_memory_bytes, 0, "auto");
    cr_assert_not(left_out.config->settings.share_port);
    cr_assert_not(left_out.config->settings.coalesce_alone);
    cr_assert_not(left_out.config->settings.coalesce_streams);
    unload(&l);
    unload(&left_out);
}

Test(config_pools, limits_of_the_process_are_checked, .timeout = 10)
{
    expect_fault(PLAIN "server: {max_in_flight: 0}\n", "3: server.max_in_flight: ", "1 to");
    expect_fault(PLAIN "server: {max_memory: 1MiB}\n", "3: server.max_memory: ", "16MiB");
    expect_fault(PLAIN "server: {max_memory: most}\n", "3: server.max_memory: ", "or auto");
    expect_fault(PLAIN "server: {share_port: 8080}\n", "3: server.share_port: ", "true or");
    expect_fault(PLAIN "cache: {coalesce: fleat}\n", "3: cache.coalesce: ", "mean \"fleet\"?");
    expect_fault(PLAIN "cache: {coalesce_streams: no}\n",
                 "3: cache.coalesce_streams: ", "fleet");
}

Test(config_pools, a_redis_is_found_by_its_url_or_its_sentinels, .timeout = 10)
{
    expect_fault(PLAIN "cache: {redis: {prefix: a}}\n", "3: cache.redis.url: ", "missing");
    expect_fault(PLAIN "cache: {redis: {url: \"redis://h\", master: m}}\n",
                 "3: cache.redis.master: ", "sentinels");
    expect_fault(PLAIN "cache: {redis: {sentinels: [\"a:x\"], master: m}}\n",
                 "3: cache.redis.sentinels[0]: ", "");
}

Test(config_pools, a_url_beside_sentinels_says_who_asks, .timeout = 10)
{
    struct loaded l = load(PLAIN "cache: {redis: {url: \"redis://me:word@unused/3\",\n"
                                 "  sentinels: [a], master: m}}\n");

    cr_assert_eq(l.err, OK, "%.*s", STR_ARG(buf_str(&l.faults)));
    cr_assert_str_eq(l.config->settings.redis.user, "me");
    cr_assert_str_eq(l.config->settings.redis.password, "word");
    cr_assert_eq(l.config->settings.redis.database, 3);
    unload(&l);
}
