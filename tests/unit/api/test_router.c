/* SPDX-License-Identifier: Apache-2.0 */

/* Which path is answered by whom, and who is let in. */

#include "world.h"

TestSuite(router, .init = world_start, .fini = world_stop, .timeout = 20);

static bool is_asked(const char *target, enum endpoint endpoint)
{
    int before = world.starts;

    serve_to("POST", target);
    if (world.starts == before)
        return false;
    exchange_drops();
    return world.ask.endpoint == endpoint;
}

Test(router, endpoints_are_reached_with_and_without_their_version_and_with_it_twice)
{
    cr_expect(is_asked("/v1/chat/completions", ENDPOINT_CHAT));
    cr_expect(is_asked("/chat/completions", ENDPOINT_CHAT));
    cr_expect(is_asked("/v1/v1/chat/completions", ENDPOINT_CHAT));
    cr_expect(is_asked("/v1/completions", ENDPOINT_COMPLETIONS));
    cr_expect(is_asked("/v1/embeddings", ENDPOINT_EMBEDDINGS));
    cr_expect(is_asked("/v1/responses", ENDPOINT_RESPONSES));
    cr_expect(is_asked("/v1/moderations", ENDPOINT_MODERATIONS));
    cr_expect(is_asked("/v1/predict/m", ENDPOINT_PREDICT));
    cr_expect(is_asked("/v1/messages", ENDPOINT_MESSAGES));
    cr_expect(is_asked("/messages", ENDPOINT_MESSAGES));
    cr_expect(is_asked("/v1/v1/messages", ENDPOINT_MESSAGES));
    cr_expect(is_asked("/v1/messages/count_tokens", ENDPOINT_TOKENS));
}

Test(router, a_query_does_not_matter)
{
    cr_assert(is_asked("/v1/chat/completions?api-version=1", ENDPOINT_CHAT));
    cr_assert(is_asked("/v1/messages?beta=true", ENDPOINT_MESSAGES));
}

Test(router, a_paths_model_is_unescaped)
{
    cr_assert(is_asked("/v1/predict/org%2Fm", ENDPOINT_PREDICT));
    cr_assert_str_eq(world.path_model, "org/m");
}

static void assert_status(const char *method, const char *target, int status)
{
    serve_to(method, target);
    cr_expect_eq(conn.status, status, "%s %s is %d", method, target, conn.status);
}

Test(router, what_is_not_in_the_table_is_not_there)
{
    static const char *const targets[] = { "/",
                                           "/v1",
                                           "/v1/",
                                           "/v1/chat",
                                           "/v1/chat/completions/",
                                           "/v1/v1/v1/chat/completions",
                                           "/V1/chat/completions",
                                           "//v1/chat/completions",
                                           "/v1/predict/",
                                           "/predict/m",
                                           "/v1/models/",
                                           "/v1/livez",
                                           "*" };

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        assert_status("POST", targets[i], 404);
        cr_expect(says(&conn.body, "\"unknown_url\""));
    }
}

Test(router, the_admins_pages_are_not_on_the_data_plane)
{
    assert_status("GET", "/metrics", 404);
    assert_status("GET", "/admin", 404);
    assert_status("GET", "/admin/predictions", 404);
    assert_status("POST", "/admin/cache/explain", 404);
    assert_status("GET", "/v1/metrics", 404);
    assert_status("GET", "/v1/../metrics", 404);
}

Test(router, another_method_is_told_which_is_right)
{
    assert_status("GET", "/v1/chat/completions", 405);
    cr_assert(says(&conn.fields, "Allow: POST\r\n"));
    assert_status("DELETE", "/v1/models", 405);
    cr_assert(says(&conn.fields, "Allow: GET, HEAD\r\n"));
}

Test(router, a_refusal_is_accounted_for_under_no_words_of_the_caller)
{
    assert_status("GET", "/v1/secret-words", 404);
    cr_assert_eq(world.accounts, 1);
    cr_assert_eq(world.record.status, 404);
    cr_assert(str_eq(world.record.endpoint, STR("other")));
    cr_assert_eq(world.record.model.len, 0);
}

Test(router, a_refusal_carries_the_requests_id)
{
    struct http_request r = request("GET", "/nowhere");

    with(&r, "x-request-id", "abc");
    serve(&r);
    cr_assert(says(&conn.fields, "x-request-id: abc\r\n"));
}

Test(router, a_packed_body_is_refused)
{
    struct http_request r = request("POST", "/v1/chat/completions");

    with(&r, "Content-Encoding", "gzip");
    serve(&r);
    cr_assert_eq(conn.status, 415);
}

/* ---- keys ------------------------------------------------------------------------------- */

static int status_with(const char *target, const char *header, const char *value)
{
    struct http_request r = request("GET", target);

    if (header)
        with(&r, header, value);
    serve(&r);
    return conn.status;
}

Test(router, without_tenants_everybody_may_ask)
{
    cr_assert_eq(status_with("/v1/models", NULL, NULL), 200);
}

Test(router, with_tenants_a_key_is_asked_for)
{
    (void)add_tenant("acme", "k");
    cr_assert_eq(status_with("/v1/models", NULL, NULL), 401);
    cr_assert(says(&conn.fields, "WWW-Authenticate: Bearer\r\n"));
    cr_assert_eq(status_with("/v1/models", "Authorization", "Bearer wrong"), 401);
    cr_assert_eq(status_with("/v1/models", "Authorization", "Bearer k"), 200);
    cr_assert_eq(status_with("/v1/models", "x-api-key", "k"), 200);
}

Test(router, a_path_that_is_not_there_needs_no_key_to_say_so)
{
    (void)add_tenant("acme", "k");
    cr_assert_eq(status_with("/nowhere", NULL, NULL), 404);
}

Test(router, a_tenants_name_is_the_scope)
{
    struct http_request r = request("POST", "/v1/embeddings");

    (void)add_tenant("acme", "k");
    r.body = STR("{}");
    with(&r, "api-key", "k");
    serve(&r);
    cr_assert_str_eq(world.scope, "acme");
    exchange_drops();
}

Test(router, a_wrong_key_is_refused_before_its_body_is_read)
{
    struct http_request r = request("POST", "/v1/embeddings");

    (void)add_tenant("acme", "k");
    conn_reset();
    cr_assert_lt(world.handler.on_head(world.handler.owner, &conn, &r), 0);
    cr_assert_eq(conn.status, 401);
    with(&r, "api-key", "k");
    conn_reset();
    cr_assert_gt(world.handler.on_head(world.handler.owner, &conn, &r), 0);
    cr_assert_eq(conn.answers, 0);
}

/* ---- health ------------------------------------------------------------------------------ */

Test(router, health_needs_no_key)
{
    (void)add_tenant("acme", "k");
    cr_assert_eq(status_with("/livez", NULL, NULL), 200);
    cr_assert_eq(status_with("/readyz", NULL, NULL), 200);
    cr_assert_eq(world.accounts, 0);
}

Test(router, a_gateway_that_drains_is_alive_and_not_ready)
{
    world.health.ready = false;
    cr_assert_eq(status_with("/livez", NULL, NULL), 200);
    cr_assert_eq(status_with("/readyz", NULL, NULL), 503);
}

/* ---- models ------------------------------------------------------------------------------- */

Test(router, models_are_listed_by_their_public_names)
{
    add_model("chat");
    add_model("say \"hi\"");
    serve_to("GET", "/v1/models");
    cr_assert(says(&conn.body, "{\"object\":\"list\",\"data\":[{\"id\":\"chat\","));
    cr_assert(says(&conn.body, "{\"id\":\"say \\\"hi\\\"\",\"object\":\"model\""));
    cr_assert(says(&conn.fields, "x-request-id: "));
}

Test(router, one_model_is_shown)
{
    add_model("org/m");
    assert_status("GET", "/v1/models/org/m", 200);
    assert_status("GET", "/models/org%2Fm", 200);
    assert_status("GET", "/v1/models/other", 404);
    cr_assert(says(&conn.body, "model_not_found"));
    assert_status("GET", "/v1/models/%zz", 404);
}

Test(router, a_tenant_sees_its_own_models_only)
{
    add_model("mine");
    add_model("other");
    tenant_add_model(add_tenant("acme", "k"), STR("mine"));
    cr_assert_eq(status_with("/v1/models", "x-api-key", "k"), 200);
    cr_assert(says(&conn.body, "mine"));
    cr_assert_not(says(&conn.body, "other"));
    cr_assert_eq(status_with("/v1/models/other", "x-api-key", "k"), 404);
}

/* ---- a new configuration -------------------------------------------------------------------- */

Test(router, a_new_plan_serves_the_next_request)
{
    struct plan *old = world.plan;

    world.plan = plan_new();
    api_set_plan(&world.api, world.plan);
    cr_assert_eq(old->refs, 1);
    plan_unref(old);
    add_model("new");
    serve_to("GET", "/v1/models");
    cr_assert(says(&conn.body, "new"));
}

Test(router, an_anthropic_client_is_refused_in_its_own_words)
{
    struct http_request r = request("GET", "/v1/nothing");

    with(&r, "anthropic-version", "2023-06-01");
    serve(&r);
    cr_assert_eq(conn.status, 404);
    cr_assert(says(&conn.body, "{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\""));
    assert_status("GET", "/v1/messages", 405);
    cr_assert(says(&conn.body, "\"invalid_request_error\""));
    cr_assert(says(&conn.body, "\"request_id\":\""));
}
