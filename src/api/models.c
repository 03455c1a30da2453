/* SPDX-License-Identifier: Apache-2.0 */

/* GET /v1/models and /v1/models/{id}: the configured names that this key may ask. */

#include "weir/base/scan.h"

#include "rows.h"

static void put_model(struct buf *out, const struct model *m)
{
    buf_put_text(out, "{\"id\":");
    scan_put_string(out, m->name);
    buf_put_text(out, ",\"object\":\"model\",\"created\":0,\"owned_by\":\"weir\"}");
}

static void answer(const struct visit *v, const struct buf *body)
{
    struct buf fields = { 0 };

    buf_put_printf(&fields, "Content-Type: application/json\r\nx-request-id: %s\r\n",
                   v->call->request_id);
    http_conn_answer(v->conn, &(struct http_answer){ .status = 200,
                                                     .fields = buf_str(&fields),
                                                     .body = { buf_str(body) } });
    buf_deinit(&fields);
    visit_account(v, STR("models"), OK, 200, NULL);
}

static void list(const struct visit *v, struct buf *body)
{
    const struct map *models = v->api->plan->models;
    bool first = true;

    buf_put_text(body, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < map_size(models); i++) {
        const struct model *m = map_value_at(models, i);

        if (!tenant_may_ask(v->tenant, m->name))
            continue;
        if (!first)
            buf_put_text(body, ",");
        first = false;
        put_model(body, m);
    }
    buf_put_text(body, "]}");
    answer(v, body);
}

static void show(const struct visit *v, struct str name, struct buf *body)
{
    const struct model *m = map_get(v->api->plan->models, name);
    struct failure why = { .err = ERR_NO_MODEL, .model = name, .retry_after_s = -1 };
    struct problem p;

    if (m && tenant_may_ask(v->tenant, name)) {
        put_model(body, m);
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
