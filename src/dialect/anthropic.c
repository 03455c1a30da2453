/* SPDX-License-Identifier: Apache-2.0 */
#include "anthropic.h"

#include "anthropic_parts.h"
#include "assembly.h"
#include "inband.h"
#include "wire.h"

/*
 * A message is the one choice of its stream: open with message_start, over with its stop reason.
 * Every event has a name beside its data, and clients go by it: both are passed on as they came.
 */

static enum err put_request(const struct request *r, struct str upstream_model, bool ask_usage,
                            struct arena *arena, struct dialect_body *out)
{
    struct splices splices = { .count = 0 };
    struct dialect_body body = { .count = 0 };
    enum err err = wire_splice_model(r, upstream_model, arena, &splices);

    (void)ask_usage; /* it is told unasked */
    if (err)
        return err;
    wire_put(r, &splices, &body);
    *out = body;
    return OK;
}

/* A server that speaks of an error without the dialect's frame around it is understood, too. */
static bool find_error(const struct tap_event *e, struct str text, struct str *error)
{
    struct scan_member type = { .type = SCAN_NONE }, m;

    (void)scan_get(text, STR("type"), &type);
    if (!scan_get(text, STR("error"), &m) || !inband_is_truthy(m.value)) {
        *error = text;
        return str_eq(e->name, STR("error")) || scan_text_is(&type, STR("error"));
    }
    *error = m.value;
    return true;
}

static enum err read_event(struct tap *t, const struct tap_event *e, struct delta *out)
{
    struct scan_member whole;
    struct str text, error;

    *out = (struct delta){ DELTA_SILENT, e->raw };
    if (!e->data.at || e->data.len == 0)
        return OK;
    text = tap_readable(t, e->data);
    if (!text.at || !scan_pointer(text, STR(""), &whole) || whole.type != SCAN_OBJECT)
        return str_eq(e->name, STR("error")) ? tap_report(t, text, text, out)
                                             : tap_pass_unread(t, out);
    if (find_error(e, text, &error))
        return tap_report(t, error, text, out);
    return anthropic_event_read(t, e, text, out);
}

static bool put_plain(struct tap *t)
{
    return t->assembly && assembly_put(t->assembly, t->model, &t->answer.body);
}

static enum err read_end(struct tap *t)
{
    return tap_close(t, t->done, put_plain);
}

/* clang-format off */
const struct dialect dialect_anthropic = {
    .name = "anthropic",
    .names_model = true,
    .paths = {
        [ENDPOINT_MESSAGES] = "/v1/messages",
        [ENDPOINT_TOKENS]   = "/v1/messages/count_tokens",
    },
    .put_request = put_request,
    .read_whole = anthropic_whole_read,
    .read_event = read_event,
    .read_end = read_end,
};
/* clang-format on */
