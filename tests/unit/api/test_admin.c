/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/api/admin.h"

#include "fake_conn.h"

static struct metrics *metrics;
static struct plan *plan;
static struct api_health health;
static struct admin admin;
static struct loop *loop;
static struct http_handler handler;

static void start(void)
{
    metrics = metrics_new();
    plan = plan_new();
    health.ready = true;
    loop = loop_new(metrics_shard(metrics));
    admin_init(&admin, loop, metrics, metrics_shard(metrics), plan, &health);
    admin.remote.prefix = STR("weir:");
    handler = admin_handler(&admin);
}

static void stop(void)
{
    conn_reset();
    admin_deinit(&admin);
    loop_free(loop);
    cr_assert_eq(plan->refs, 1);
    plan_unref(plan);
    metrics_free(metrics);
}

TestSuite(admin, .init = start, .fini = stop, .timeout = 20);

static int serve(struct http_request *r)
{
    conn_reset();
    handler.on_request(handler.owner, &conn, r);
    cr_assert_eq(conn.answers, 1);
    return conn.status;
}

static int serve_to(const char *method, const char *target)
{
    struct http_request r = request(method, target);

    return serve(&r);
}

static int serve_with_key(const char *target, const char *value)
{
    struct http_request r = request("GET", target);

    with(&r, "Authorization", value);
    return serve(&r);
}

Test(admin, metrics_are_told_in_prometheus_text)
{
    cr_assert_eq(serve_to("GET", "/metrics"), 200);
    cr_assert(says(&conn.fields, "Content-Type: text/plain; version=0.0.4"));
    cr_assert(says(&conn.body, "weir_build_info{version="));
}

Test(admin, metrics_are_told_in_openmetrics_when_asked_for)
{
    struct http_request r = request("GET", "/metrics");

    with(&r, "Accept", "application/openmetrics-text; version=1.0.0,text/plain;q=0.5");
    cr_assert_eq(serve(&r), 200);
    cr_assert(says(&conn.fields, "Content-Type: application/openmetrics-text"));
    cr_assert(says(&conn.body, "# EOF\n"));
}

Test(admin, the_memory_tier_is_measured_when_metrics_are_read)
{
    struct entry *e = entry_new(&(struct entry_facts){
        .body = STR("{}"), .fresh_ms = UINT32_MAX, .created_ms = INT64_MAX / 4 });

    admin.memory = memory_new(1 << 20);
    cr_assert(memory_put(admin.memory, e));
    entry_unref(e);
    (void)serve_to("GET", "/metrics");
    cr_assert(says(&conn.body, "weir_cache_entries 1\n"));
    memory_free(admin.memory);
    admin.memory = NULL;
}

Test(admin, health_follows_the_drain)
{
    cr_assert_eq(serve_to("GET", "/livez"), 200);
    cr_assert_eq(serve_to("HEAD", "/readyz"), 200);
    health.ready = false;
    cr_assert_eq(serve_to("GET", "/livez"), 200);
    cr_assert_eq(serve_to("GET", "/readyz"), 503);
}

Test(admin, what_is_not_there_is_404_and_another_method_405)
{
    cr_assert_eq(serve_to("GET", "/v1/models"), 404);
    cr_assert_eq(serve_to("GET", "/admin/nowhere"), 404);
    cr_assert_eq(serve_to("POST", "/metrics"), 405);
    cr_assert(says(&conn.fields, "Allow: GET, HEAD\r\n"));
    cr_assert_eq(serve_to("GET", "/admin/cache/explain"), 405);
    cr_assert(says(&conn.fields, "Allow: POST\r\n"));
}

/* ---- the token ------------------------------------------------------------------------- */

Test(admin, without_a_token_all_who_reach_it_are_let_in)
{
    admin_set_token(&admin, STR(""));
    cr_assert_eq(serve_to("GET", "/admin/predictions"), 200);
}

Test(admin, with_a_token_strangers_are_not_let_in)
{
    admin_set_token(&admin, STR("t0ken"));
    cr_assert_eq(serve_to("GET", "/admin/predictions"), 401);
    cr_assert(says(&conn.fields, "WWW-Authenticate: Bearer\r\n"));
    cr_assert_eq(serve_with_key("/admin/predictions", "Bearer t0ke"), 401);
    cr_assert_eq(serve_with_key("/admin/predictions", "Bearer "), 401);
    cr_assert_eq(serve_with_key("/admin/predictions", "Bearer t0ken"), 200);
}

Test(admin, strangers_are_not_told_what_exists)
{
    admin_set_token(&admin, STR("t0ken"));
    cr_assert_eq(serve_to("GET", "/admin/nowhere"), 401);
    cr_assert_eq(serve_to("GET", "/admin/cache/explain"), 401);
    cr_assert_eq(serve_with_key("/admin/nowhere", "Bearer t0ken"), 404);
}

Test(admin, metrics_and_health_need_no_token)
{
    admin_set_token(&admin, STR("t0ken"));
    cr_assert_eq(serve_to("GET", "/metrics"), 200);
    cr_assert_eq(serve_to("GET", "/livez"), 200);
}

/* ---- predictions ------------------------------------------------------------------------- */

Test(admin, predictions_are_json_or_a_drawing)
{
    struct http_request r = request("GET", "/admin/predictions");

    cr_assert_eq(serve(&r), 200);
    cr_assert(says(&conn.fields, "Content-Type: application/json\r\n"));
    cr_assert(says(&conn.body, "\"predictions\":["));
    with(&r, "Accept", "text/plain");
    cr_assert_eq(serve(&r), 200);
    cr_assert(says(&conn.fields, "Content-Type: text/plain"));
}

Test(admin, distinct_counts_are_json)
{
    cr_assert_eq(serve_to("GET", "/admin/predictions/distinct"), 200);
    cr_assert(says(&conn.fields, "Content-Type: application/json\r\n"));
    cr_assert(says(&conn.body, "{\"distinct\":["));
}

/* ---- upstreams --------------------------------------------------------------------------- */

Test(admin, upstreams_are_told_to_those_who_know_the_token)
{
    cr_assert_eq(serve_to("GET", "/admin/upstreams"), 200);
    cr_assert(says(&conn.fields, "Content-Type: application/json\r\n"));
    cr_assert(says(&conn.body, "\"upstreams\":["));
    admin_set_token(&admin, STR("t0ken"));
    cr_assert_eq(serve_to("GET", "/admin/upstreams"), 401);
    cr_assert_eq(serve_with_key("/admin/upstreams", "Bearer t0ken"), 200);
}

static void open_with_an_upstream(void)
{
    struct upstream *u = upstream_new(STR("local"), NULL);

    cr_assert(upstream_add_site(u, STR("http://127.0.0.1:1"), 1));
    cr_assert(map_put(plan->upstreams, STR("local"), u));
    plan_open(plan, NULL);
}

Test(admin, endpoints_are_measured_when_metrics_are_read)
{
    open_with_an_upstream();
    (void)serve_to("GET", "/metrics");
    cr_assert(says(&conn.body, "weir_upstream_healthy{upstream=\"local\","
                               "endpoint=\"127.0.0.1:1\"} 1\n"));
}

/* ---- explain ------------------------------------------------------------------------------ */

static int explain_to(const char *target, const char *body)
{
    struct http_request r = request("POST", target);

    r.body = str_of(body);
    return serve(&r);
}

#define BODY "{\"model\":\"m\",\"temperature\":0,\"messages\":[]}"

static void add_model(void)
{
    struct model *m = ARENA_NEW(&plan->arena, struct model);

    m->name = STR("m");
    m->text = STR("");
    m->cache.ttl_ms = 1000;
    cr_assert(map_put(plan->models, STR("m"), m));
}

Test(admin, a_key_is_explained_for_a_path_and_a_tenant)
{
    add_model();
    cr_assert_eq(explain_to("/admin/cache/explain?path=%2Fv1%2Fcompletions&tenant=acme", BODY),
                 200);
    cr_assert(says(&conn.body, "\"endpoint\":\"completions\""));
    cr_assert(says(&conn.body, "\"scope\":\"acme\""));
}

Test(admin, a_key_is_explained_for_a_chat_of_everybody_if_nothing_else_is_said)
{
    add_model();
    cr_assert_eq(explain_to("/admin/cache/explain", BODY), 200);
    cr_assert(says(&conn.body, "\"endpoint\":\"chat\""));
    cr_assert(says(&conn.body, "\"scope\":\"public\""));
}

Test(admin, with_tenants_a_key_is_explained_for_one_of_them)
{
    struct tenant *acme = tenants_add(plan->tenants, STR("acme"));

    add_model();
    cr_assert_eq(explain_to("/admin/cache/explain?tenant=acme", BODY), 200);
    cr_assert_eq(explain_to("/admin/cache/explain?tenant=acne", BODY), 400);
    cr_assert_eq(explain_to("/admin/cache/explain", BODY), 400);
    tenant_add_model(acme, STR("another"));
    cr_assert_eq(explain_to("/admin/cache/explain?tenant=acme", BODY), 404);
}

Test(admin, a_path_may_name_the_model_to_explain)
{
    add_model();
    cr_assert_eq(explain_to("/admin/cache/explain?path=/v1/predict/m", "{\"x\":1}"), 200);
    cr_assert(says(&conn.body, "\"endpoint\":\"predict\""));
}

Test(admin, what_cannot_be_explained_is_told)
{
    cr_assert_eq(explain_to("/admin/cache/explain?path=/metrics", BODY), 400);
    cr_assert_eq(explain_to("/admin/cache/explain", "{"), 400);
    cr_assert_eq(explain_to("/admin/cache/explain", BODY), 404);
    cr_assert(says(&conn.fields, "application/problem+json"));
}

Test(admin, a_new_plan_replaces_the_old)
{
    struct plan *next = plan_new();

    admin_set_plan(&admin, next);
    cr_assert_eq(plan->refs, 1);
    admin_set_plan(&admin, plan);
    cr_assert_eq(next->refs, 1);
    plan_unref(next);
}
