/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/api/admin.h"

#include "weir/api/call.h"
#include "weir/base/mem.h"
#include "weir/exchange/explain.h"
#include "weir/watch/herald.h"
#include "weir/watch/watch.h"

#include "drift.h"
#include "feed.h"
#include "history.h"
#include "overview.h"
#include "page.h"
#include "upstreams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- answering ----------------------------------------------------------------------- */

static void answer(struct http_conn *c, int status, const char *content_type, struct str body)
{
    char fields[128];
    int n = snprintf(fields, sizeof(fields), "Content-Type: %s\r\nCache-Control: no-store\r\n",
                     content_type);

    http_conn_answer(c, &(struct http_answer){ .status = status,
                                               .fields = { fields, (size_t)n },
                                               .body = { body } });
}

static void refuse(struct http_conn *c, struct problem *p)
{
    struct buf fields = { 0 };

    problem_put_fields(p, &fields);
    http_conn_answer(c, &(struct http_answer){ .status = p->status,
                                               .fields = buf_str(&fields),
                                               .body = { buf_str(&p->body) } });
    buf_deinit(&fields);
    problem_deinit(p);
}

static bool accepts(const struct http_request *r, const char *type)
{
    struct str accept = http_request_field(r, STR("accept"));

    return memmem(accept.at ? accept.at : "", accept.len, type, strlen(type)) != NULL;
}

/* The value of a query parameter, unescaped; absent if it is not given. */
static struct str parameter(struct str query, struct str name, struct arena *arena)
{
    struct str piece, key;

    while (str_split(&query, '&', &piece))
        if (str_split(&piece, '=', &key) && str_eq(key, name))
            return call_unescape(piece, arena);
    return (struct str){ 0 };
}

/* ---- pages --------------------------------------------------------------------------- */

static void livez(struct admin *a, struct http_conn *c, struct http_request *r)
{
    (void)a;
    (void)r;
    answer(c, 200, "text/plain", STR("ok\n"));
}

static void readyz(struct admin *a, struct http_conn *c, struct http_request *r)
{
    bool ready = atomic_load_explicit(&a->health->ready, memory_order_relaxed);

    (void)r;
    answer(c, ready ? 200 : 503, "text/plain", ready ? STR("ready\n") : STR("draining\n"));
}

static void metrics(struct admin *a, struct http_conn *c, struct http_request *r)
{
    bool open = accepts(r, "application/openmetrics-text");
    struct memory_numbers numbers = { 0 };
    struct buf out = { 0 };

    if (a->memory)
        memory_read(a->memory, &numbers);
    metric_set(a->shard, METRIC_CACHE_BYTES, (int64_t)numbers.bytes, NULL);
    metric_set(a->shard, METRIC_CACHE_ENTRIES, (int64_t)numbers.entries, NULL);
    metric_set(a->shard, METRIC_CACHE_EVICTIONS, (int64_t)numbers.evictions, NULL);
    upstreams_measure(a->metrics, a->shard, a->plan);
    metrics_render(a->metrics, &out, open);
    answer(c, 200,
           open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                : "text/plain; version=0.0.4; charset=utf-8",
           buf_str(&out));
    buf_deinit(&out);
}

static void predictions(struct admin *a, struct http_conn *c, struct http_request *r)
{
    struct buf out = { 0 };

    if (accepts(r, "text/plain")) {
        watch_put_text(a->metrics, &out);
        answer(c, 200, "text/plain; charset=utf-8", buf_str(&out));
    } else {
        watch_put_json(a->metrics, &out);
        answer(c, 200, "application/json", buf_str(&out));
    }
    buf_deinit(&out);
}

static void distinct(struct admin *a, struct http_conn *c, struct http_request *r)
{
    size_t count = map_size(a->plan->models);
    const struct watchlist **lists = mem_new_array(count + 1, sizeof(*lists));
    struct buf out = { 0 };
    size_t watched = 0;

    (void)r;
    for (size_t i = 0; i < count; i++) {
        const struct model *m = map_value_at(a->plan->models, i);

        if (m->watch)
            lists[watched++] = m->watch;
    }
    watch_put_distinct(lists, watched, &out);
    answer(c, 200, "application/json", buf_str(&out));
    buf_deinit(&out);
    free(lists);
}

static void upstreams(struct admin *a, struct http_conn *c, struct http_request *r)
{
    struct buf out = { 0 };

    (void)r;
    upstreams_put_json(a->plan, &out);
    answer(c, 200, "application/json", buf_str(&out));
    buf_deinit(&out);
}

static void overview(struct admin *a, struct http_conn *c, struct http_request *r)
{
    struct buf out = { 0 };

    (void)r;
    overview_put_json(a, &out);
    answer(c, 200, "application/json", buf_str(&out));
    buf_deinit(&out);
}

static void history(struct admin *a, struct http_conn *c, struct http_request *r)
{
    uint64_t tick_ms = herald_pace(a->herald)->tick_ms;
    struct history_clock clock = { tick_ms, (herald_last(a->herald) + 1) * tick_ms };
    struct buf out = { 0 };
    struct fault why = { 0 };
    struct problem p;

    if (history_put_json(herald_course(a->herald), &clock, r->query, &out, &why) == OK) {
        answer(c, 200, "application/json", buf_str(&out));
    } else {
        problem_say(&p, CALLER_PLAIN, 400, "invalid_query", "%s", why.text);
        refuse(c, &p);
    }
    buf_deinit(&out);
}

static void events(struct admin *a, struct http_conn *c, struct http_request *r)
{
    struct problem p;

    if (r->method == HTTP_HEAD) {
        feed_answer_head(c);
        return;
    }
    if (feed_join(a->feed, c))
        return;
    problem_say(&p, CALLER_PLAIN, 503, "too_many_listeners",
                "%d pages listen already: close one, or read /admin/overview instead.",
                FEED_LISTENERS);
    refuse(c, &p);
}

static void page_itself(struct admin *a, struct http_conn *c, struct http_request *r)
{
    (void)a;
    (void)r;
    http_conn_answer(c, &(struct http_answer){
                            .status = 200, .fields = page_fields(), .body = { page_html() } });
}

/* Which endpoint a data plane's path means; for predict, `rest` is the model. */
static bool endpoint_of(struct str path, enum endpoint *out, struct str *rest)
{
    for (int e = 0; e < ENDPOINT_COUNT; e++) {
        struct str own = endpoint_path((enum endpoint)e);

        *out = (enum endpoint)e;
        *rest = (struct str){ 0 };
        if (str_eq(path, own))
            return true;
        if (str_ends(own, STR("/")) && str_starts(path, own)) {
            *rest = str_cut(path, own.len, path.len);
            return true;
        }
    }
    return false;
}

/*
 * Whose request is it? With tenants nobody's key is public, and a name that is no tenant's would
 * be explained a key that nobody ever asks for.
 */
static bool read_tenant(struct ask *ask, struct str name)
{
    const struct tenants *all = ask->plan->tenants;

    ask->scope = name.at ? name : STR("public");
    if (!tenants_any(all))
        return true;
    ask->tenant = name.at ? tenants_named(all, name) : NULL;
    return ask->tenant;
}

/* POST /admin/cache/explain?path=/v1/...&tenant=NAME with the request's body and headers. */
static void cache_explain(struct admin *a, struct http_conn *c, struct http_request *r)
{
    struct call call;
    struct arena arena;
    struct ask ask = { .plan = a->plan, .body = r->body };
    struct fault fault = { 0 };
    struct failure why = { .fault = &fault, .retry_after_s = -1 };
    struct buf out = { 0 };
    struct problem p;
    struct str path;

    arena_init(&arena, 64 << 10);
    call_read(&call, r, a->plan);
    path = parameter(r->query, STR("path"), &arena);
    ask.cache = call.cache;
    ask.key_headers = call_key_headers(&call, &arena);
    if (!endpoint_of(path.at ? path : endpoint_path(ENDPOINT_CHAT), &ask.endpoint,
                     &ask.path_model)) {
        problem_say(&p, CALLER_PLAIN, 400, "unknown_path",
                    "path must be one of the data plane's, such as /v1/chat/completions.");
        refuse(c, &p);
    } else if (!read_tenant(&ask, parameter(r->query, STR("tenant"), &arena))) {
        problem_say(&p, CALLER_PLAIN, 400, "unknown_tenant",
                    "Say whose request it is: ?tenant=NAME, one of the configured tenants.");
        refuse(c, &p);
    } else if ((why.err = explain(&ask, &a->remote, &out, &fault)) != OK) {
        problem_of(&p, CALLER_PLAIN, &why);
        refuse(c, &p);
    } else {
        answer(c, 200, "application/json", buf_str(&out));
    }
    buf_deinit(&out);
    arena_deinit(&arena);
}

/* ---- the way in ---------------------------------------------------------------------- */

struct page {
    const char *path;
    enum http_method method;
    bool guarded; /* asks for the token */
    void (*serve)(struct admin *a, struct http_conn *c, struct http_request *r);
};

static const struct page pages[] = {
    { "/", HTTP_GET, false, page_itself },
    { "/metrics", HTTP_GET, false, metrics },
    { "/livez", HTTP_GET, false, livez },
    { "/readyz", HTTP_GET, false, readyz },
    { "/admin/events", HTTP_GET, true, events },
    { "/admin/history", HTTP_GET, true, history },
    { "/admin/overview", HTTP_GET, true, overview },
    { "/admin/predictions", HTTP_GET, true, predictions },
    { "/admin/predictions/distinct", HTTP_GET, true, distinct },
    { "/admin/upstreams", HTTP_GET, true, upstreams },
    { "/admin/cache/explain", HTTP_POST, true, cache_explain },
};

static bool knows_token(const struct admin *a, const struct http_request *r,
                        const struct plan *plan)
{
    struct call call;
    struct digest digest;

    if (!a->token_asked)
        return true;
    call_read(&call, r, plan);
    if (!call.key.at)
        return false;
    digest_of(&digest, call.key);
    return digest_eq(&digest, &a->token);
}

static const struct page *find(const struct http_request *r)
{
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
        if (str_eq(r->path, str_of(pages[i].path)))
            return &pages[i];
    return NULL;
}

static void on_request(void *owner, struct http_conn *c, struct http_request *r)
{
    struct admin *a = owner;
    const struct page *page = find(r);
    enum http_method method = r->method == HTTP_HEAD ? HTTP_GET : r->method;
    struct failure why = { .err = ERR_UNAUTHENTICATED, .retry_after_s = -1 };
    struct problem p;

    /* Under /admin/ nothing is told to strangers, not even what exists. */
    if ((page ? page->guarded : str_starts(r->path, STR("/admin"))) &&
        !knows_token(a, r, a->plan)) {
        problem_of(&p, CALLER_PLAIN, &why);
        buf_put_text(&p.fields, "WWW-Authenticate: Bearer\r\n");
        refuse(c, &p);
    } else if (!page && drift_knows(r->path)) {
        drift_serve(a->judge, a->plan, c, r);
    } else if (!page) {
        problem_say(&p, CALLER_PLAIN, 404, "unknown_path",
                    "The admin address has a page for people at /, and /metrics, /livez, "
                    "/readyz, /admin/overview, /admin/history, /admin/events, "
                    "/admin/predictions, /admin/drift, /admin/alarms, /admin/changes, "
                    "/admin/silences, /admin/baselines, /admin/upstreams and "
                    "/admin/cache/explain.");
        refuse(c, &p);
    } else if (page->method != method) {
        problem_say(&p, CALLER_PLAIN, 405, "method_not_allowed", "This path takes %s.",
                    page->method == HTTP_GET ? "GET" : "POST");
        buf_put_printf(&p.fields, "Allow: %s\r\n",
                       page->method == HTTP_GET ? "GET, HEAD" : "POST");
        refuse(c, &p);
    } else {
        page->serve(a, c, r);
    }
}

static void put_error(void *owner, const struct http_refusal *why, struct buf *fields,
                      struct buf *body)
{
    struct problem p;

    (void)owner;
    problem_of_http(&p, CALLER_PLAIN, why);
    problem_put_fields(&p, fields);
    buf_put(body, buf_str(&p.body));
    problem_deinit(&p);
}

/* ---- living --------------------------------------------------------------------------- */

void admin_init(struct admin *a, struct loop *loop, struct metrics *all,
                struct metric_shard *shard, struct plan *plan, const struct api_health *health)
{
    *a = (struct admin){
        .metrics = all, .shard = shard, .plan = plan_ref(plan), .health = health
    };
    a->feed = feed_new(loop, a);
    metric_set(shard, METRIC_BUILD_INFO, 1, METRIC_LABEL(STR(WEIR_VERSION)));
}

void admin_set_token(struct admin *a, struct str token)
{
    a->token_asked = token.len > 0;
    digest_of(&a->token, token);
}

void admin_set_plan(struct admin *a, struct plan *plan)
{
    plan_unref(a->plan);
    a->plan = plan_ref(plan);
}

void admin_deinit(struct admin *a)
{
    feed_free(a->feed);
    plan_unref(a->plan);
    a->plan = NULL;
}

struct http_handler admin_handler(struct admin *a)
{
    return (struct http_handler){ NULL, on_request, put_error, a };
}
