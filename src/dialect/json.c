/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include "inband.h"
#include "tap_inner.h"

static enum err put_request(const struct request *r, struct str upstream_model, bool ask_usage,
                            struct arena *arena, struct dialect_body *out)
{
    (void)upstream_model;
    (void)ask_usage;
    (void)arena;
    *out = (struct dialect_body){ .parts = { r->body }, .count = 1 };
    return OK;
}

/* A member named `error` may well be a number that was predicted: it only keeps us from keeping. */
static enum err read_whole(struct tap *t, struct str body)
{
    struct scan_member whole, error;

    t->answer.complete = true;
    t->answer.has_content = true;
    t->answer.storable = true;
    if (!scan_pointer(body, STR(""), &whole))
        return ERR_UPSTREAM_MALFORMED;
    if (whole.type != SCAN_OBJECT && whole.type != SCAN_ARRAY)
        tap_refuse(t, "it is neither object nor array");
    else if (scan_get(whole.value, STR("error"), &error) && inband_is_truthy(error.value))
        tap_refuse(t, "it is an error");
    return OK;
}

/* Predictions are not streamed; what comes as events all the same passes by. */
static enum err read_event(struct tap *t, const struct tap_event *e, struct delta *out)
{
    tap_give_up(t);
    t->answer.has_content = t->answer.has_content || e->data.at;
    *out = (struct delta){ e->data.at ? DELTA_CONTENT : DELTA_SILENT, e->raw };
    return OK;
}

static enum err read_end(struct tap *t)
{
    t->answer.complete = t->answer.has_content;
    return t->answer.has_content ? OK : ERR_UPSTREAM_EMPTY;
}

const struct dialect dialect_json = {
    .name = "json",
    .paths = { [ENDPOINT_PREDICT] = "" },
    .put_request = put_request,
    .read_whole = read_whole,
    .read_event = read_event,
    .read_end = read_end,
};
