/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What of a request is matched: the user's last words in a chat, the prompt of a completion,
 * the input of a response, and of anything else every string that it holds, each on a line.
 */

#include "rules_inner.h"

#include "weir/base/buf.h"
#include "weir/base/scan.h"

enum { TEXT_BYTES = 64 << 10, VALUES_DEPTH = 16 };

static void add(struct buf *out, const struct scan_member *m, struct arena *arena)
{
    struct str text = scan_text(m->value, arena, NULL);

    if (text.len == 0)
        return;
    if (out->len > 0)
        buf_put(out, STR("\n"));
    buf_put(out, str_head(text, TEXT_BYTES - (out->len < TEXT_BYTES ? out->len : TEXT_BYTES)));
}

/* Every string below a value, keys left out. */
static void add_strings(struct buf *out, const struct scan_member *m, struct arena *arena,
                        int depth)
{
    struct scan s;
    struct scan_member inner;

    if (out->len >= TEXT_BYTES || depth > VALUES_DEPTH)
        return;
    if (m->type == SCAN_STRING)
        add(out, m, arena);
    if (m->type != SCAN_ARRAY && m->type != SCAN_OBJECT)
        return;
    for (scan_start(&s, m->value); scan_next(&s, &inner);)
        add_strings(out, &inner, arena, depth + 1);
}

/* A message's content is a text, or a list of parts with a text each. */
static void add_content(struct buf *out, const struct scan_member *content, struct arena *arena)
{
    struct scan s;
    struct scan_member part, text;

    if (content->type == SCAN_STRING) {
        add(out, content, arena);
        return;
    }
    for (scan_start(&s, content->value); scan_next(&s, &part);)
        if (part.type == SCAN_OBJECT && scan_get(part.value, STR("text"), &text) &&
            text.type == SCAN_STRING)
            add(out, &text, arena);
}

static void add_last_user(struct buf *out, struct str messages, struct arena *arena)
{
    struct scan s;
    struct scan_member message, role, content, last = { .type = SCAN_NONE };

    for (scan_start(&s, messages); scan_next(&s, &message);)
        if (message.type == SCAN_OBJECT && scan_get(message.value, STR("role"), &role) &&
            scan_text_is(&role, STR("user")) &&
            scan_get(message.value, STR("content"), &content))
            last = content;
    if (last.type != SCAN_NONE)
        add_content(out, &last, arena);
}

static void add_member(struct buf *out, const struct request *r, struct arena *arena)
{
    struct scan_member m;

    switch (r->endpoint) {
    case ENDPOINT_CHAT:
        if (scan_get(r->body, STR("messages"), &m))
            add_last_user(out, m.value, arena);
        return;
    case ENDPOINT_RESPONSES:
        if (scan_get(r->body, STR("input"), &m) && m.type == SCAN_STRING)
            add(out, &m, arena);
        else if (m.type == SCAN_ARRAY)
            add_last_user(out, m.value, arena);
        return;
    case ENDPOINT_COMPLETIONS:
        if (scan_get(r->body, STR("prompt"), &m))
            add_strings(out, &m, arena, 0);
        return;
    case ENDPOINT_EMBEDDINGS:
    case ENDPOINT_MODERATIONS:
    case ENDPOINT_PREDICT:
    case ENDPOINT_COUNT: break;
    }
    if (scan_pointer(r->body, STR(""), &m))
        add_strings(out, &m, arena, 0);
}

struct str rules_text(const struct request *r, struct str field, struct arena *arena)
{
    struct buf out = { 0 };
    struct scan_member m;
    struct str text;

    if (field.len == 0)
        add_member(&out, r, arena);
    else if (scan_pointer(r->body, field, &m))
        add_strings(&out, &m, arena, 0);
    text = arena_copy(arena, buf_str(&out));
    buf_deinit(&out);
    return text;
}
