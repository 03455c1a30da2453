/* SPDX-License-Identifier: Apache-2.0 */
#include "loaded.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What a good file becomes. */

Test(config, a_short_file_has_every_default, .timeout = 10)
{
    struct loaded l = load(BASE);
    const struct settings *s = &l.config->settings;

    cr_assert(str_eq(s->listen, STR("127.0.0.1:8080")));
    cr_assert(str_eq(s->admin_listen, STR("127.0.0.1:8081")));
    cr_assert_eq(s->workers, 0);
    cr_assert_eq(s->max_body_bytes, 32u << 20);
    cr_assert_eq(s->max_connections, 10000);
    cr_assert_eq(s->idle_timeout_us, 95000000);
    cr_assert_eq(s->body_timeout_us, 30000000);
    cr_assert_eq(s->slow_reader_timeout_us, 60000000);
    cr_assert_eq(s->drain_timeout_us, 30000000);
    cr_assert_eq(s->cache_memory_bytes, 64u << 20);
    cr_assert_eq(s->cache_entry_bytes, 1u << 20);
    cr_assert(s->store_requests);
    cr_assert_not(s->redis_on);
    cr_assert_eq(s->log_format, LOG_AUTO);
    cr_assert_eq(s->log_level, LOG_INFO);
    cr_assert_eq(l.warnings.len, 0);
    unload(&l);
}

Test(config, settings_of_the_process_are_read, .timeout = 10)
{
    struct loaded l = load(
        "server: {listen: \"[::1]:0\", workers: 2, max_body: 1MiB,\n"
        "  max_connections: 5, idle_timeout: 1s, drain: {delay: 2s}}\n"
        "admin: {listen: 127.0.0.1:0, token: t}\n"
        "log: {format: json, level: error}\n"
        "cache: {memory: 0, max_entry: 2KiB, store_requests: false,\n"
        "  redis: {url: \"redis://127.0.0.1:6380/3\", timeout: 70ms}}\n" BASE);
    const struct settings *s = &l.config->settings;

    cr_assert(str_eq(s->listen, STR("[::1]:0")));
    cr_assert_eq(s->workers, 2);
    cr_assert_eq(s->max_body_bytes, 1 << 20);
    cr_assert_eq(s->max_connections, 5);
    cr_assert_eq(s->idle_timeout_us, 1000000);
    cr_assert_eq(s->drain_delay_us, 2000000);
    cr_assert(str_eq(s->admin_token, STR("t")));
    cr_assert_eq(s->log_format, LOG_JSON);
    cr_assert_eq(s->log_level, LOG_ERROR);
    cr_assert_eq(s->cache_memory_bytes, 0);
    cr_assert_eq(s->cache_entry_bytes, 2048);
    cr_assert_not(s->store_requests);
    cr_assert(s->redis_on);
    cr_assert_eq(s->redis.timeout_us, 70000);
    cr_assert(str_eq(s->redis_prefix, STR("weir:")));
    cr_assert_gt(s->redis.most_in_flight, 0);
    unload(&l);
}

Test(config, an_upstream_is_made_with_its_endpoints, .timeout = 10)
{
    struct loaded l = load(
        "upstreams:\n"
        "  pool:\n"
        "    dialect: json\n"
        "    endpoints: [http://127.0.0.1:1/p/, {url: \"https://example.org/q\"}]\n"
        "    balance: round_robin\n"
        "    auth: {header: X-Api-Key, value: s}\n"
        "    timeouts: {connect: 1s, headers: 3s}\n"
        "    idle_timeout: 7s\n"
        "    ask_usage: false\n"
        "    retry_after_send: true\n"
        "    forward_headers: [X-Team]\n"
        "default_upstream: pool\n");
    const struct upstream *u = map_get(l.config->plan->upstreams, STR("pool"));

    cr_assert_str_eq(u->dialect->name, "json");
    cr_assert_eq(u->site_count, 2);
    cr_assert_str_eq(u->sites[0].url, "http://127.0.0.1:1/p");
    cr_assert_eq(u->target.idle_s, 7);
    cr_assert_eq(u->target.connect_timeout_us, 1000000);
    cr_assert_eq(u->balance, BALANCE_ROUND_ROBIN);
    cr_assert_eq(u->auth_count, 1);
    cr_assert_str_eq(u->auth[0], "X-Api-Key: s");
    cr_assert_not(u->auth_missing);
    cr_assert_eq(u->timeouts.headers_us, 3000000);
    cr_assert_eq(u->timeouts.first_data_us, 120000000);
    cr_assert_not(u->ask_usage);
    cr_assert(u->retry_after_send);
    cr_assert(str_eq(u->forward[0], STR("x-team")));
    unload(&l);
}

Test(config, the_default_timeouts_leave_a_model_time_to_think, .timeout = 10)
{
    struct loaded l = load(BASE);
    const struct upstream *u = map_get(l.config->plan->upstreams, STR("openai"));

    cr_assert_eq(u->timeouts.connect_us, 2000000);
    cr_assert_eq(u->timeouts.headers_us, 300000000);
    cr_assert_eq(u->timeouts.first_data_us, 120000000);
    cr_assert_eq(u->timeouts.data_gap_us, 60000000);
    cr_assert_eq(u->timeouts.total_us, 600000000);
    cr_assert(u->ask_usage);
    cr_assert_not(u->retry_after_send);
    cr_assert_eq(u->target.idle_s, 15);
    unload(&l);
}

Test(config, an_empty_secret_is_a_missing_one, .timeout = 10)
{
    struct loaded l = load(
        "upstreams:\n"
        "  u: {endpoints: [\"http://h/v1\"], auth: {bearer: \"${NO_KEY:-}\"}}\n"
        "default_upstream: u\n");
    const struct upstream *u = map_get(l.config->plan->upstreams, STR("u"));

    cr_assert(u->auth_missing);
    unload(&l);
}

Test(config, a_model_is_made_with_its_routes, .timeout = 10)
{
    struct loaded l = load(BASE
                           "  other:\n"
                           "    routes: [{upstream: openai}, {upstream: openai, model: 4}]\n"
                           "    max_attempts: 5\n"
                           "    deadline: 30s\n"
                           "    on_disconnect: finish\n"
                           "    cache: {ttl: 5s, stale: 0, scope: shared, when: always}\n");
    const struct model *m = plan_model(l.config->plan, STR("other"));

    cr_assert(str_eq(m->name, STR("other")));
    cr_assert_eq(m->route_count, 2);
    cr_assert_eq(m->routes[0].model.len, 0);
    cr_assert(str_eq(m->routes[1].model, STR("4")));
    cr_assert(str_eq(m->text, STR("openai=|openai=4")));
    cr_assert_eq(m->max_attempts, 5);
    cr_assert_eq(m->deadline_us, 30000000);
    cr_assert(m->finish_on_disconnect);
    cr_assert_eq(m->cache.ttl_ms, 5000);
    cr_assert_eq(m->cache.stale_ms, 0);
    cr_assert_eq(m->cache.scope, SCOPE_SHARED);
    cr_assert_eq(m->cache.when, CACHE_ALWAYS);
    unload(&l);
}

Test(config, a_model_has_defaults, .timeout = 10)
{
    struct loaded l = load(BASE);
    const struct model *m = plan_model(l.config->plan, STR("chat"));

    cr_assert_eq(m->max_attempts, 3);
    cr_assert_eq(m->deadline_us, 600000000);
    cr_assert_not(m->finish_on_disconnect);
    cr_assert_eq(m->cache.ttl_ms, 3600000);
    cr_assert_eq(m->cache.scope, SCOPE_TENANT);
    cr_assert_eq(m->cache.when, CACHE_DETERMINISTIC);
    cr_assert_null(plan_model(l.config->plan, STR("gpt-4")));
    unload(&l);
}

Test(config, default_upstream_takes_every_other_name, .timeout = 10)
{
    struct loaded l = load(BASE "default_upstream: openai\n");
    const struct model *m = plan_model(l.config->plan, STR("gpt-4"));

    cr_assert_not_null(m);
    cr_assert_eq(m->routes[0].model.len, 0);
    cr_assert_eq(m->deadline_us, 600000000);
    unload(&l);
}

Test(config, predictions_have_labels_or_named_bins, .timeout = 10)
{
    struct loaded l = load(
        BASE "  p:\n"
             "    routes: [{upstream: openai}]\n"
             "    predictions:\n"
             "      - {name: intent, from: /label, kind: label, labels: [yes, 2]}\n"
             "      - {name: score, from: /score, kind: number, bins: [-1, 0.50, 1e3]}\n"
             "      - {name: size, from: /text, kind: length}\n");
    const struct prediction *p = plan_model(l.config->plan, STR("p"))->watch->predictions;

    cr_assert_eq(plan_model(l.config->plan, STR("p"))->watch->prediction_count, 3);
    cr_assert_eq(p[0].kind, PREDICTION_LABEL);
    cr_assert(str_eq(p[0].labels[0], STR("yes")) && str_eq(p[0].labels[1], STR("2")));
    cr_assert_eq(p[1].bound_count, 3);
    cr_assert_eq(p[1].bounds[1], 0.5);
    cr_assert(str_eq(p[1].bound_words[1], STR("le_0.50")));
    cr_assert(str_eq(p[1].bound_words[3], STR("gt_1e3")));
    cr_assert_eq(p[2].kind, PREDICTION_LENGTH);
    cr_assert(str_eq(p[2].bound_words[p[2].bound_count], STR("gt_65536")));
    unload(&l);
}

Test(config, tenants_are_known_by_their_keys, .timeout = 10)
{
    struct loaded l = load(
        BASE
        "tenants:\n"
        "  acme: {keys: [one, two], models: [chat]}\n"
        "  beta:\n"
        "    keys:\n"
        "      - sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n");
    const struct tenants *all = l.config->plan->tenants;

    cr_assert(str_eq(tenant_name(tenants_find(all, STR("two"))), STR("acme")));
    cr_assert(str_eq(tenant_name(tenants_find(all, STR("test"))), STR("beta")));
    cr_assert_null(tenants_find(all, STR("three")));
    cr_assert(tenant_may_ask(tenants_find(all, STR("one")), STR("chat")));
    cr_assert_not(tenant_may_ask(tenants_find(all, STR("one")), STR("x")));
    unload(&l);
}

Test(config, a_json_file_is_a_configuration, .timeout = 10)
{
    expect_good("{\"upstreams\": {\"l\": {\"dialect\": \"openai\",\n"
                " \"endpoints\": [\"http://127.0.0.1:1/v1\"]}},\n"
                " \"models\": {\"chat\":{\"routes\":[{\"upstream\":\"l\",\"model\":\"m\"}],"
                "\"max_attempts\":2,\"cache\":{\"ttl\":0}}}}");
}

Test(config, the_command_line_overrides_addresses, .timeout = 10)
{
    struct config_overrides given = { .listen = STR("127.0.0.1:0"), .admin = STR("[::1]:9") };
    struct loaded l = load_bytes(str_of(BASE), &given);

    cr_assert(str_eq(l.config->settings.listen, STR("127.0.0.1:0")));
    cr_assert(str_eq(l.config->settings.admin_listen, STR("[::1]:9")));
    unload(&l);
}

Test(config, an_override_is_checked_like_the_file, .timeout = 10)
{
    struct config_overrides given = { .listen = STR("nowhere"), .admin = STR("0.0.0.0:9") };
    struct loaded l = load_bytes(str_of(BASE), &given);

    cr_assert_eq(l.err, ERR_CONFIG);
    cr_assert(has_line(&l.faults, "--listen: ", "host:port"));
    cr_assert(has_line(&l.faults, "--admin: ", "admin.token"));
    unload(&l);
}

Test(config, the_locale_does_not_matter, .timeout = 10)
{
    struct loaded l;

    (void)setlocale(LC_ALL, "de_DE.UTF-8");
    l = load(BASE "  p:\n"
                  "    routes: [{upstream: openai}]\n"
                  "    predictions: [{name: s, from: /s, kind: number, bins: [0.25]}]\n");
    cr_assert_eq(plan_model(l.config->plan, STR("p"))->watch->predictions[0].bounds[0], 0.25);
    unload(&l);
}

Test(config, the_environment_fills_values, .timeout = 10)
{
    struct loaded l;

    (void)setenv("WEIR_TEST_WORKERS_X", "3", 1);
    (void)unsetenv("WEIR_TEST_UNSET_X");
    l = load(BASE "server: {workers: \"${WEIR_TEST_WORKERS_X}\",\n"
                  "  listen: \"127.0.0.1:${WEIR_TEST_UNSET_X:-0}\"}\n");
    cr_assert_eq(l.config->settings.workers, 3);
    cr_assert(str_eq(l.config->settings.listen, STR("127.0.0.1:0")));
    unload(&l);
}

Test(config, a_file_fills_a_value_without_its_line_end, .timeout = 10)
{
    char path[] = "/tmp/weir-config-test-XXXXXX", text[512];
    int fd = mkstemp(path);
    struct loaded l;

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, "s3cret\n", 7), 7);
    (void)close(fd);
    (void)snprintf(text, sizeof(text), BASE "admin: {token: \"${file:%s}\"}\n", path);
    l = load(text);
    (void)unlink(path);
    cr_assert(str_eq(l.config->settings.admin_token, STR("s3cret")));
    unload(&l);
}

Test(config, a_missing_file_is_a_fault, .timeout = 10)
{
    struct buf faults = { 0 }, warnings = { 0 };
    struct config *config = NULL;

    cr_assert_eq(config_read(&config, "/nowhere/weir.yaml", NULL, &faults, &warnings),
                 ERR_CONFIG);
    cr_assert(has_line(&faults, "/nowhere/weir.yaml: ", "cannot be read"));
    buf_deinit(&faults);
    buf_deinit(&warnings);
}
