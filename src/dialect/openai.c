/* SPDX-License-Identifier: Apache-2.0 */
#include "openai.h"

#include "assembly.h"
#include "inband.h"
#include "openai_parts.h"

static bool is_responses(const struct tap *t)
{
    return t->request->endpoint == ENDPOINT_RESPONSES;
}

static enum err report(struct tap *t, struct str error, struct str around, struct delta *out)
{
    t->failed = true;
    inband_note(&t->answer, error, around);
    out->kind = DELTA_ERROR;
    return ERR_UPSTREAM_IN_BAND;
}

/*
 * Before any content another upstream may do better; behind it the client gets what came, since
 * it may read what we do not.
 */
static enum err pass_unread(struct tap *t, struct delta *out)
{
    tap_give_up(t);
    if (!t->answer.has_content)
        return ERR_UPSTREAM_MALFORMED;
    out->kind = DELTA_CONTENT;
    return OK;
}

/* `event: error` may carry an error, an object around one, or a mere text. */
static enum err read_error_event(struct tap *t, struct str text, struct delta *out)
{
    struct scan_member error;

    if (scan_get(text, STR("error"), &error) && inband_is_truthy(error.value))
        return report(t, error.value, text, out);
    return report(t, text, text, out);
}

static enum err read_event(struct tap *t, const struct tap_event *e, struct delta *out)
{
    struct scan_member whole, error;
    struct str text;

    *out = (struct delta){ DELTA_SILENT, e->raw };
    if (!e->data.at || e->data.len == 0)
        return OK;
    if (str_starts(e->data, STR("[DONE]"))) {
        t->done = true;
        out->kind = DELTA_DONE;
        return OK;
    }
    text = tap_readable(t, e->data);
    if (str_eq(e->name, STR("error")))
        return read_error_event(t, text, out);
    if (!text.at || !scan_pointer(text, STR(""), &whole) || whole.type != SCAN_OBJECT)
        return pass_unread(t, out);
    if (scan_get(text, STR("error"), &error) && inband_is_truthy(error.value))
        return report(t, error.value, text, out);
    return is_responses(t) ? openai_event_read(t, e, text, out)
                           : openai_chunk_read(t, e, text, out);
}

/* ---- the end ---- */

static bool build_plain(struct tap *t)
{
    if (!t->keep || t->answer.keep_failed)
        return false;
    if (is_responses(t))
        return t->answer.body.len > 0;
    return t->assembly && assembly_put(t->assembly, t->model, &t->answer.body);
}

static enum err read_end(struct tap *t)
{
    bool nothing = t->choices_seen == 0 && !t->answer.has_content && !t->gave_up;
    struct answer *a = &t->answer;

    if (t->failed)
        return ERR_UPSTREAM_IN_BAND;
    if (nothing)
        return ERR_UPSTREAM_EMPTY;
    a->complete = (t->done && !is_responses(t)) ||
                  (t->choices_seen > 0 && t->choices_open == 0);
    if (!a->complete) {
        tap_refuse(t, "it was broken off");
        return ERR_UPSTREAM_TRUNCATED;
    }
    if (!t->keep) {
        tap_refuse(t, "nobody asked to keep it");
        return OK;
    }
    if (!build_plain(t)) {
        a->keep_failed = true;
        buf_deinit(&a->body);
        return OK;
    }
    return openai_whole_read(t, buf_str(&a->body));
}

/* clang-format off */
const struct dialect dialect_openai = {
    .name = "openai",
    .names_model = true,
    .paths = {
        [ENDPOINT_CHAT]        = "/chat/completions",
        [ENDPOINT_COMPLETIONS] = "/completions",
        [ENDPOINT_EMBEDDINGS]  = "/embeddings",
        [ENDPOINT_RESPONSES]   = "/responses",
        [ENDPOINT_MODERATIONS] = "/moderations",
    },
    .put_request = openai_request_put,
    .read_whole = openai_whole_read,
    .read_event = read_event,
    .read_end = read_end,
};
/* clang-format on */
