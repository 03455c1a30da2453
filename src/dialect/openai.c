/* SPDX-License-Identifier: Apache-2.0 */
#include "openai.h"

#include "assembly.h"
#include "inband.h"
#include "openai_parts.h"

static bool is_responses(const struct tap *t)
{
    return t->request->endpoint == ENDPOINT_RESPONSES;
}

/* `event: error` may carry an error, an object around one, or a mere text. */
static enum err read_error_event(struct tap *t, struct str text, struct delta *out)
{
    struct scan_member error;

    if (scan_get(text, STR("error"), &error) && inband_is_truthy(error.value))
        return tap_report(t, error.value, text, out);
    return tap_report(t, text, text, out);
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
        return tap_pass_unread(t, out);
    if (scan_get(text, STR("error"), &error) && inband_is_truthy(error.value))
        return tap_report(t, error.value, text, out);
    return is_responses(t) ? openai_event_read(t, e, text, out)
                           : openai_chunk_read(t, e, text, out);
}

/* ---- the end ---- */

static bool put_plain(struct tap *t)
{
    if (is_responses(t))
        return t->answer.body.len > 0;
    return t->assembly && assembly_put(t->assembly, t->model, &t->answer.body);
}

static enum err read_end(struct tap *t)
{
    return tap_close(t, t->done && !is_responses(t), put_plain);
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
