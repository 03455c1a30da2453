/* SPDX-License-Identifier: Apache-2.0 */
#include "replay_parts.h"

#include "pieces.h"

/*
 * A kept message as the events that its provider would have sent: started without content, each
 * block begun, filled and ended, then why it stopped, and what it used. Counts stand in the first
 * event, too, but for those of the answer: they are totals, and nothing has been said so far.
 * Blocks of kinds that come without deltas come whole.
 */

struct writer {
    struct buf *out;
    unsigned index;
};

static void open_event(struct writer *w, const char *type)
{
    buf_put_printf(w->out, "event: %s\ndata: {\"type\":\"%s\"", type, type);
}

static void close_event(struct writer *w)
{
    buf_put_text(w->out, "}\n\n");
}

static void open_block_event(struct writer *w, const char *type)
{
    open_event(w, type);
    buf_put_printf(w->out, ",\"index\":%u", w->index);
}

/* ---- the message ---- */

static void put_start(struct writer *w, struct str body)
{
    static const struct replay_change begun[] = { { "output_tokens", "0" }, { NULL, NULL } };
    struct buf usage = { 0 };
    struct scan_member m;

    if (scan_get(body, STR("usage"), &m) && m.type == SCAN_OBJECT)
        replay_put_changed(&usage, m.value, begun);
    else
        buf_put_text(&usage, "null");
    buf_put(&usage, (struct str){ "", 1 }); /* ended as a C string is */
    open_event(w, "message_start");
    buf_put_text(w->out, ",\"message\":");
    replay_put_changed(w->out, body,
                       (struct replay_change[]){ { "content", "[]" },
                                                 { "stop_reason", "null" },
                                                 { "stop_sequence", "null" },
                                                 { "stop_details", "null" },
                                                 { "usage", usage.at },
                                                 { NULL, NULL } });
    close_event(w);
    buf_deinit(&usage);
}

static void put_member(struct writer *w, const char *key, struct str value)
{
    buf_put_printf(w->out, "\"%s\":", key);
    buf_put(w->out, value);
}

static void put_end(struct writer *w, struct str body)
{
    static const char *const others[] = { "stop_sequence", "stop_details", "container" };
    struct scan_member m;

    open_event(w, "message_delta");
    buf_put_text(w->out, ",\"delta\":{");
    if (scan_get(body, STR("stop_reason"), &m))
        put_member(w, "stop_reason", m.value);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (!scan_get(body, str_of(others[i]), &m))
            continue;
        buf_put_text(w->out, ",");
        put_member(w, others[i], m.value);
    }
    buf_put_text(w->out, "}");
    if (scan_get(body, STR("usage"), &m)) {
        buf_put_text(w->out, ",");
        put_member(w, "usage", m.value);
    }
    close_event(w);
    open_event(w, "message_stop");
    close_event(w);
}

/* ---- blocks ---- */

static void put_delta(struct writer *w, const char *type, const char *member, struct str value,
                      const char *quote)
{
    open_block_event(w, "content_block_delta");
    buf_put_printf(w->out, ",\"delta\":{\"type\":\"%s\",\"%s\":%s", type, member, quote);
    buf_put(w->out, value);
    buf_put_printf(w->out, "%s}", quote);
    close_event(w);
}

static void put_text(struct writer *w, const char *type, const char *member, struct str inside)
{
    struct str piece;

    while (pieces_next(&inside, &piece))
        put_delta(w, type, member, piece, "\"");
}

/* The text of a JSON value, as a string in pieces; of an empty object none, as it began so. */
static void put_input(struct writer *w, struct str input)
{
    struct buf text = { 0 };
    struct scan s;
    struct scan_member first;

    scan_start(&s, input);
    put_delta(w, "input_json_delta", "partial_json", STR(""), "\"");
    if (scan_next(&s, &first)) {
        scan_put_string(&text, input);
        put_text(w, "input_json_delta", "partial_json",
                 str_cut(buf_str(&text), 1, text.len - 1));
    }
    buf_deinit(&text);
}

static void put_citations(struct writer *w, struct str list)
{
    struct scan s;
    struct scan_member m;

    scan_start(&s, list);
    while (scan_next(&s, &m))
        put_delta(w, "citations_delta", "citation", m.value, "");
}

static void put_deltas(struct writer *w, struct str block)
{
    struct scan_member m;

    if (scan_get(block, STR("thinking"), &m))
        put_text(w, "thinking_delta", "thinking", inside_of(&m));
    if (scan_get(block, STR("signature"), &m) && inside_of(&m).len > 0)
        put_delta(w, "signature_delta", "signature", inside_of(&m), "\"");
    if (scan_get(block, STR("text"), &m))
        put_text(w, "text_delta", "text", inside_of(&m));
    if (scan_get(block, STR("citations"), &m) && m.type == SCAN_ARRAY)
        put_citations(w, m.value);
    if (scan_get(block, STR("input"), &m) && m.type == SCAN_OBJECT)
        put_input(w, m.value);
}

static bool is_filled(const struct scan_member *type)
{
    static const char *const kinds[] = { "text", "thinking", "tool_use", "server_tool_use",
                                         "mcp_tool_use" };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (scan_text_is(type, str_of(kinds[i])))
            return true;
    }
    return false;
}

/* A list that is null stays so: only what is filled later begins empty. */
static void put_block_start(struct writer *w, struct str block, bool filled)
{
    static const struct replay_change same[] = { { NULL, NULL } };
    static const struct replay_change text_only[] = { { "text", "\"\"" },
                                                      { "thinking", "\"\"" },
                                                      { "signature", "\"\"" },
                                                      { "input", "{}" },
                                                      { NULL, NULL } };
    static const struct replay_change with_list[] = { { "text", "\"\"" },
                                                      { "citations", "[]" },
                                                      { NULL, NULL } };
    struct scan_member list;
    bool listed = scan_get(block, STR("citations"), &list) && list.type == SCAN_ARRAY;

    open_block_event(w, "content_block_start");
    buf_put_text(w->out, ",\"content_block\":");
    replay_put_changed(w->out, block, !filled ? same : listed ? with_list : text_only);
    close_event(w);
}

static bool put_block(struct writer *w, const struct scan_member *block)
{
    struct scan_member type = { .type = SCAN_NONE };
    bool filled;

    if (block->type != SCAN_OBJECT || !scan_get(block->value, STR("type"), &type) ||
        type.type != SCAN_STRING)
        return false;
    filled = is_filled(&type);
    put_block_start(w, block->value, filled);
    if (filled)
        put_deltas(w, block->value);
    open_block_event(w, "content_block_stop");
    close_event(w);
    return true;
}

bool replay_message_put(struct str body, struct buf *out)
{
    struct writer w = { .out = out };
    struct scan_member content, stop, block;
    struct scan s;

    if (!scan_get(body, STR("content"), &content) || content.type != SCAN_ARRAY ||
        !scan_get(body, STR("stop_reason"), &stop) || stop.type != SCAN_STRING)
        return false;
    put_start(&w, body);
    scan_start(&s, content.value);
    for (; scan_next(&s, &block); w.index++) {
        if (!put_block(&w, &block))
            return false;
    }
    put_end(&w, body);
    return true;
}
