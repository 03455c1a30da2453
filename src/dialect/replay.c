/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/dialect/replay.h"

#include "replay_parts.h"

#include <string.h>

/* A line of an event ends where the line ends; between a body's tokens a space means the same. */
static struct str as_one_line(struct str body, struct buf *copy)
{
    if (!memchr(body.at, '\n', body.len) && !memchr(body.at, '\r', body.len))
        return body;
    buf_put(copy, body);
    for (size_t i = 0; i < copy->len; i++) {
        if (copy->at[i] == '\n' || copy->at[i] == '\r')
            copy->at[i] = ' ';
    }
    return buf_str(copy);
}

/* Written into a buffer without a ceiling first, so that a failure leaves `out` as it was. */
enum err replay_events(enum endpoint endpoint, struct str body, bool include_usage,
                       struct buf *out)
{
    struct buf events = { 0 }, copy = { 0 };
    bool whole = false;
    enum err err;

    if (scan_check(body, NULL) != OK)
        return ERR_UNSUPPORTED;
    body = as_one_line(body, &copy);
    if (endpoint == ENDPOINT_CHAT || endpoint == ENDPOINT_COMPLETIONS)
        whole = replay_chunks_put(endpoint, body, include_usage, &events);
    else if (endpoint == ENDPOINT_RESPONSES)
        whole = replay_response_put(body, &events);
    else if (endpoint == ENDPOINT_MESSAGES)
        whole = replay_message_put(body, &events);
    err = whole ? buf_add(out, buf_str(&events)) : ERR_UNSUPPORTED;
    buf_deinit(&events);
    buf_deinit(&copy);
    return err;
}

void replay_put_changed(struct buf *out, struct str object, const struct replay_change *changes)
{
    struct scan s;
    struct scan_member m;
    bool any = false;

    buf_put_text(out, "{");
    scan_start(&s, object);
    while (scan_next(&s, &m)) {
        for (const struct replay_change *c = changes; c->key; c++) {
            if (scan_key_is(m.key, str_of(c->key)))
                m.value = str_of(c->value);
        }
        buf_put_text(out, any ? ",\"" : "\"");
        buf_put(out, m.key);
        buf_put_text(out, "\":");
        buf_put(out, m.value);
        any = true;
    }
    buf_put_text(out, "}");
}
