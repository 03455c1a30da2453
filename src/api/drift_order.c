/* SPDX-License-Identifier: Apache-2.0 */
#include "drift.h"

#include "weir/base/mem.h"
#include "weir/base/scan.h"

#include <stdlib.h>
#include <string.h>

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

/* ---- bodies -------------------------------------------------------------------------------- */

/* Absent if it is not there; false if it is no string. */
static bool read_text(struct str json, const char *key, struct arena *arena, struct str *out)
{
    struct scan_member m;

    *out = (struct str){ 0 };
    if (!scan_get(json, str_of(key), &m) || m.type == SCAN_NULL)
        return true;
    if (m.type != SCAN_STRING)
        return false;
    *out = scan_text(m.value, arena, NULL);
    return out->at;
}

static bool read_ms(struct str json, const char *key, uint64_t *out)
{
    struct scan_member m;

    return !scan_get(json, str_of(key), &m) || scan_u64(m.value, out);
}

static bool read_names(struct str json, struct arena *arena, struct judge_silence *out)
{
    return read_text(json, "model", arena, &out->model) &&
           read_text(json, "version", arena, &out->version) &&
           read_text(json, "prediction", arena, &out->prediction) &&
           read_text(json, "segment", arena, &out->segment) &&
           read_text(json, "why", arena, &out->why);
}

static bool read_counts(struct str json, struct arena *arena, struct counts *out)
{
    struct scan_member counts, m;
    struct scan s;

    if (!scan_get(json, STR("counts"), &counts))
        return true;
    if (counts.type != SCAN_OBJECT)
        return false;
    scan_start(&s, counts.value);
    while (scan_next(&s, &m)) {
        char *quoted = arena_take(arena, m.key.len + 2);
        uint64_t n;

        quoted[0] = quoted[m.key.len + 1] = '"';
        if (m.key.len > 0)
            memcpy(quoted + 1, m.key.at, m.key.len);
        if (!scan_u64(m.value, &n) || n > UINT32_MAX)
            return false;
        counts_add(out, scan_text((struct str){ quoted, m.key.len + 2 }, arena, NULL), n);
    }
    return true;
}

static bool is_object(struct str body)
{
    return scan_check(body, NULL) == OK && scan_type_of(str_trim(body)) == SCAN_OBJECT;
}

/* ---- orders -------------------------------------------------------------------------------- */

static void create(struct judge *j, struct http_conn *c, struct str body)
{
    struct arena arena = { 0 };
    struct counts counts = { 0 };
    struct judge_silence names = { 0 };
    struct judge_recipe recipe = { 0 };
    struct scan_member m;

    if (is_object(body) && read_text(body, "control", &arena, &recipe.control) &&
        read_names(body, &arena, &names) && names.model.at &&
        read_ms(body, "from", &recipe.from_ms) && read_ms(body, "to", &recipe.to_ms) &&
        read_counts(body, &arena, &counts)) {
        recipe.model = names.model;
        recipe.version = names.version;
        recipe.prediction = names.prediction;
        recipe.segment = names.segment;
        recipe.counts = counts.size > 0 ? &counts : NULL;
        recipe.hour_of_week = scan_get(body, STR("hour_of_week"), &m) && scan_true(m.value);
        recipe.pin = scan_get(body, STR("pin"), &m) && scan_true(m.value);
        judge_create_baseline(j, new_order(c), &recipe, on_done);
    } else {
        drift_refuse(
            c, 400, "malformed",
            "Expected {\"model\": ..., \"from\": ms, \"to\": ms} or {\"model\": ..., "
            "\"prediction\": ..., \"counts\": {value: number}}; version, prediction, "
            "segment, control, \"hour_of_week\": true and \"pin\": true may be added.");
    }
    counts_deinit(&counts);
    arena_deinit(&arena);
}

static void silence(struct judge *j, struct http_conn *c, struct str body)
{
    struct arena arena = { 0 };
    struct judge_silence s = { 0 };

    if (is_object(body) && read_names(body, &arena, &s) &&
        read_ms(body, "until_ms", &s.until_ms))
        judge_silence(j, new_order(c), &s, on_done);
    else
        drift_refuse(c, 400, "malformed",
                     "Expected {\"until_ms\": ms since 1970}; model, version, prediction, "
                     "segment and why may be added.");
    arena_deinit(&arena);
}

static bool is_post(const struct http_request *r)
{
    return r->method == HTTP_POST;
}

static bool is_delete(const struct http_request *r)
{
    return str_eq(r->method_text, STR("DELETE"));
}

bool drift_order(struct judge *j, struct http_conn *c, const struct http_request *r,
                 const struct str parts[3])
{
    bool baselines = str_eq(parts[0], STR("baselines"));
    bool silences = str_eq(parts[0], STR("silences"));
    bool alarms = str_eq(parts[0], STR("alarms"));

    if (baselines && is_post(r) && !parts[1].at)
        create(j, c, r->body);
    else if (baselines && is_post(r) && str_eq(parts[2], STR("pin")))
        judge_pin(j, new_order(c), parts[1], on_done);
    else if (baselines && is_delete(r) && parts[1].at && !parts[2].at)
        judge_drop(j, new_order(c), parts[1], on_done);
    else if (alarms && is_post(r) && str_eq(parts[2], STR("acknowledge")))
        judge_acknowledge(j, new_order(c), parts[1], on_done);
    else if (silences && is_post(r) && !parts[1].at)
        silence(j, c, r->body);
    else if (silences && is_delete(r) && parts[1].at && !parts[2].at)
        judge_unsilence(j, new_order(c), parts[1], on_done);
    else
        return false;
    return true;
}
