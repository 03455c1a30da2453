/* SPDX-License-Identifier: Apache-2.0 */
#include "rules_inner.h"

#include "pieces.h"
#include "weir/base/buf.h"
#include "weir/base/scan.h"

#include <string.h>

/*
 * What of a request is matched: the user's last words in a chat, the prompt of a completion,
 * the input of a response, and of anything else every string that it holds, each on a line.
 */

enum { TEXT_BYTES = 32 << 10 }; /* some 8,000 tokens: what is looked for costs time */

/* A string on a line of its own; of one that is too long its first characters. */
static void add(struct buf *out, struct str value, struct arena *arena)
{
    struct str rest = str_cut(value, 1, value.len - 1), piece;
    size_t len = 0;

    if (rest.len == 0 || out->len >= TEXT_BYTES)
        return;
    while (len < TEXT_BYTES - out->len && pieces_next(&rest, &piece))
        len += piece.len;
    if (out->len > 0)
        buf_put(out, STR("\n"));
    buf_put(out, scan_text(str_cut(value, 0, len + 2), arena, NULL));
}

/* Where the string that starts at `at` has its last quote. */
static size_t end_of_string(struct str text, size_t at)
{
    for (at++; at < text.len && text.at[at] != '"'; at++)
        at += text.at[at] == '\\';
    return at;
}

static bool is_name(struct str text, size_t behind)
{
    while (behind < text.len && memchr(" \t\r\n", text.at[behind], 4))
        behind++;
    return behind < text.len && text.at[behind] == ':';
}

/*
 * Every string of a value, members' names left out. In one pass, however deep it is: going down
 * level by level would read the innermost as often as there are levels.
 */
static void add_strings(struct buf *out, struct str value, struct arena *arena)
{
    for (size_t at = 0, end; at < value.len && out->len < TEXT_BYTES; at = end + 1) {
        const char *quote = memchr(value.at + at, '"', value.len - at);

        if (!quote)
            return;
        at = (size_t)(quote - value.at);
        end = end_of_string(value, at);
        if (end < value.len && !is_name(value, end + 1))
            add(out, str_cut(value, at, end + 1), arena);
    }
}

/* A message's content is a text, or a list of parts with a text each. */
static void add_content(struct buf *out, const struct scan_member *content, struct arena *arena)
{
    struct scan s;
    struct scan_member part, text;

    if (content->type == SCAN_STRING) {
        add(out, content->value, arena);
        return;
    }
    for (scan_start(&s, content->value); scan_next(&s, &part);)
        if (part.type == SCAN_OBJECT && scan_get(part.value, STR("text"), &text) &&
            text.type == SCAN_STRING)
            add(out, text.value, arena);
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
    struct scan_member m = { .type = SCAN_NONE };

    switch (r->endpoint) {
    case ENDPOINT_CHAT:
    case ENDPOINT_MESSAGES:
        if (scan_get(r->body, STR("messages"), &m))
            add_last_user(out, m.value, arena);
        return;
    case ENDPOINT_RESPONSES:
        if (scan_get(r->body, STR("input"), &m) && m.type == SCAN_STRING)
            add(out, m.value, arena);
        else if (m.type == SCAN_ARRAY)
            add_last_user(out, m.value, arena);
        return;
    case ENDPOINT_COMPLETIONS:
        if (scan_get(r->body, STR("prompt"), &m))
            add_strings(out, m.value, arena);
        return;
    case ENDPOINT_EMBEDDINGS:
    case ENDPOINT_MODERATIONS:
    case ENDPOINT_PREDICT:
    case ENDPOINT_TOKENS:
    case ENDPOINT_COUNT: break;
    }
    if (scan_pointer(r->body, STR(""), &m))
        add_strings(out, m.value, arena);
}

/* A number or truth value as it is written: a field may well be one. */
static void add_value(struct buf *out, const struct scan_member *m, struct arena *arena)
{
    if (m->type == SCAN_NUMBER || m->type == SCAN_BOOL)
        buf_put(out, str_head(m->value, TEXT_BYTES));
    else
        add_strings(out, m->value, arena);
}

struct str rules_text(const struct request *r, struct str field, struct arena *arena)
{
    struct buf out = { 0 };
    struct scan_member m;
    struct str text;

    if (field.len == 0)
        add_member(&out, r, arena);
    else if (scan_pointer(r->body, field, &m))
        add_value(&out, &m, arena);
    text = arena_copy(arena, buf_str(&out));
    buf_deinit(&out);
    return text;
}
