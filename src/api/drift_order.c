/* SPDX-License-Identifier: Apache-2.0 */
#include "drift.h"

#include "drift_body.h"
#include "weir/base/mem.h"

#include <stdlib.h>

/*
 * What people tell the judge. An order outlives its request: the answer goes out when it was
 * written to the store, also to a client that has left, which the connection sees to.
 */

struct errand {
    struct judge_order order;
    struct http_conn *conn; /* lent until it is answered */
};

static void on_done(struct judge_order *o, enum err err)
{
    struct errand *e = container_of(o, struct errand, order);

    if (!err)
        drift_answer(e->conn, 200, buf_str(&o->answer));
    else if (err == ERR_NO_MODEL)
        drift_refuse(e->conn, 404, "not_found", o->why.text);
    else if (err == ERR_MALFORMED)
        drift_refuse(e->conn, 400, "refused", o->why.text);
    else
        drift_refuse(
            e->conn, 503, "store_down",
            "It could not be written down. Try again when Redis, or the disk, is back.");
    buf_deinit(&o->answer);
    free(e);
}

static struct judge_order *new_order(struct http_conn *c)
{
    struct errand *e = MEM_NEW(struct errand);

    e->conn = c;
    return &e->order;
}

/* ---- orders -------------------------------------------------------------------------------- */

static void create(struct judge *j, struct http_conn *c, const struct drift_body *b)
{
    struct judge_recipe recipe = {
        .model = b->model,
        .version = b->version,
        .prediction = b->prediction,
        .segment = b->segment,
        .from_ms = b->from_ms,
        .to_ms = b->to_ms,
        .counts = b->counts.at ? &b->table : NULL,
        .control = b->control,
        .hour_of_week = b->by_hour,
        .pin = b->pins,
    };

    judge_create_baseline(j, new_order(c), &recipe, on_done);
}

static void silence(struct judge *j, struct http_conn *c, const struct drift_body *b)
{
    struct judge_silence wish = {
        .model = b->model,
        .version = b->version,
        .prediction = b->prediction,
        .segment = b->segment,
        .until_ms = b->until_ms,
        .why = b->why,
    };

    judge_silence(j, new_order(c), &wish, on_done);
}

/* An order that is more than a path. */
static void take(struct judge *j, const struct plan *plan, struct http_conn *c,
                 enum drift_kind kind, struct str json)
{
    struct drift_body b;
    struct fault why = { 0 };
    enum err err = drift_body_read(&b, kind, json, &why);

    if (!err)
        err = drift_counts_read(&b, plan, &why);
    if (err)
        drift_refuse(c, 400, "malformed", why.text);
    else if (kind == DRIFT_BASELINE)
        create(j, c, &b);
    else
        silence(j, c, &b);
    drift_body_deinit(&b);
}

static bool is_post(const struct http_request *r)
{
    return r->method == HTTP_POST;
}

static bool is_delete(const struct http_request *r)
{
    return str_eq(r->method_text, STR("DELETE"));
}

bool drift_order(struct judge *j, const struct plan *plan, struct http_conn *c,
                 const struct http_request *r, const struct str parts[3])
{
    bool baselines = str_eq(parts[0], STR("baselines"));
    bool silences = str_eq(parts[0], STR("silences"));
    bool alarms = str_eq(parts[0], STR("alarms"));

    if (baselines && is_post(r) && !parts[1].at)
        take(j, plan, c, DRIFT_BASELINE, r->body);
    else if (baselines && is_post(r) && str_eq(parts[2], STR("pin")))
        judge_pin(j, new_order(c), parts[1], on_done);
    else if (baselines && is_delete(r) && parts[1].at && !parts[2].at)
        judge_drop(j, new_order(c), parts[1], on_done);
    else if (alarms && is_post(r) && str_eq(parts[2], STR("acknowledge")))
        judge_acknowledge(j, new_order(c), parts[1], on_done);
    else if (silences && is_post(r) && !parts[1].at)
        take(j, plan, c, DRIFT_SILENCE, r->body);
    else if (silences && is_delete(r) && parts[1].at && !parts[2].at)
        judge_unsilence(j, new_order(c), parts[1], on_done);
    else
        return false;
    return true;
}
