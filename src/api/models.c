/* SPDX-License-Identifier: Apache-2.0 */

/*
 * GET /v1/models and /v1/models/{id}: the configured names that this key may ask, in the form
 * of the caller's dialect. Anthropic's list has pages; ours is one, whatever was asked for.
 */

#include "weir/base/scan.h"

#include "rows.h"

static bool is_anthropic(const struct visit *v)
{
    return v->caller == CALLER_ANTHROPIC;
}

static void put_model(const struct visit *v, struct buf *out, const struct model *m)
{
    buf_put_text(out, is_anthropic(v) ? "{\"type\":\"model\",\"id\":" : "{\"id\":");
    scan_put_string(out, m->name);
    if (is_anthropic(v)) {
        buf_put_text(out, ",\"display_name\":");
        scan_put_string(out, m->name);
        buf_put_text(out, ",\"created_at\":\"1970-01-01T00:00:00Z\"}");
    } else {
        buf_put_text(out, ",\"object\":\"model\",\"created\":0,\"owned_by\":\"weir\"}");
    }
}

static void put_name(struct buf *out, const char *key, const struct model *m)
{
    buf_put_printf(out, ",\"%s\":", key);
    if (m)
        scan_put_string(out, m->name);
    else
        buf_put_text(out, "null");
}

static void answer(const struct visit *v, const struct buf *body)
{
    struct buf fields = { 0 };

    buf_put_text(&fields, "Content-Type: application/json\r\n");
    reply_put_ids(&fields, visit_to(v));
    http_conn_answer(v->conn, &(struct http_answer){ .status = 200,
                                                     .fields = buf_str(&fields),
                                                     .body = { buf_str(body) } });
    buf_deinit(&fields);
    visit_account(v, STR("models"), OK, 200, NULL);
}

static void list(const struct visit *v, struct buf *body)
{
    const struct map *models = v->api->plan->models;
    const struct model *first = NULL, *last = NULL;

    buf_put_text(body, is_anthropic(v) ? "{\"data\":[" : "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < map_size(models); i++) {
        const struct model *m = map_value_at(models, i);

        if (!tenant_may_ask(v->tenant, m->name))
            continue;
        if (first)
            buf_put_text(body, ",");
        first = first ? first : m;
        last = m;
        put_model(v, body, m);
    }
    buf_put_text(body, "]");
    if (is_anthropic(v)) {
        buf_put_text(body, ",\"has_more\":false");
        put_name(body, "first_id", first);
        put_name(body, "last_id", last);
    }
    buf_put_text(body, "}");
    answer(v, body);
}

static void show(const struct visit *v, struct str name, struct buf *body)
{
    const struct model *m = map_get(v->api->plan->models, name);
    struct failure why = { .err = ERR_NO_MODEL, .model = name, .retry_after_s = -1 };
    struct problem p;

    if (m && tenant_may_ask(v->tenant, name)) {
        put_model(v, body, m);
        answer(v, body);
        return;
    }
    problem_of(&p, v->caller, &why);
    visit_account(v, STR("models"), why.err, p.status, NULL);
    visit_refuse(v, &p);
}

void models_serve(const struct visit *v)
{
    struct arena arena;
    struct buf body = { 0 };

    arena_init(&arena, 64 << 10);
    if (v->rest.len > 0)
        show(v, call_unescape(v->rest, &arena), &body);
    else
        list(v, &body);
    buf_deinit(&body);
    arena_deinit(&arena);
}
