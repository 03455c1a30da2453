/* SPDX-License-Identifier: Apache-2.0 */
#include "replay_parts.h"

#include "pieces.h"

/*
 * A kept Responses answer as the events that its provider would have sent: created, each item
 * added, filled and done, completed. Items of unknown kinds come whole, added and done.
 */

struct writer {
    struct buf *out;
    unsigned sequence;
    unsigned output_index;
    unsigned content_index;
    struct str item_id; /* with its quotes, or null */
};

static void open_event(struct writer *w, const char *type)
{
    buf_put_printf(w->out, "event: %s\ndata: {\"type\":\"%s\",\"sequence_number\":%u", type,
                   type, w->sequence++);
}

static void close_event(struct writer *w)
{
    buf_put_text(w->out, "}\n\n");
}

static void put_value(struct writer *w, const char *name, struct str value)
{
    buf_put_printf(w->out, ",\"%s\":", name);
    buf_put(w->out, value);
}

static void put_place(struct writer *w, bool in_content)
{
    put_value(w, "item_id", w->item_id);
    buf_put_printf(w->out, ",\"output_index\":%u", w->output_index);
    if (in_content)
        buf_put_printf(w->out, ",\"content_index\":%u", w->content_index);
}

/* ---- text in pieces ---- */

struct running {
    const char *delta, *done; /* names of the events */
    const char *member;       /* of the second, which holds all of it */
    bool in_content;
    bool has_logprobs;
};

static void put_running(struct writer *w, const struct running *kind,
                        const struct scan_member *text)
{
    struct str rest = inside_of(text), piece;

    while (pieces_next(&rest, &piece)) {
        open_event(w, kind->delta);
        put_place(w, kind->in_content);
        buf_put_text(w->out, ",\"delta\":\"");
        buf_put(w->out, piece);
        buf_put_text(w->out, kind->has_logprobs ? "\",\"logprobs\":[]" : "\"");
        close_event(w);
    }
    open_event(w, kind->done);
    put_place(w, kind->in_content);
    put_value(w, kind->member, text->value);
    buf_put_text(w->out, kind->has_logprobs ? ",\"logprobs\":[]" : "");
    close_event(w);
}

/* ---- messages ---- */

static void put_annotations(struct writer *w, struct str part)
{
    struct scan_member list, m;
    struct scan s;
    unsigned index = 0;

    if (!scan_get(part, STR("annotations"), &list))
        return;
    scan_start(&s, list.value);
    while (scan_next(&s, &m)) {
        open_event(w, "response.output_text.annotation.added");
        put_place(w, true);
        buf_put_printf(w->out, ",\"annotation_index\":%u", index++);
        put_value(w, "annotation", m.value);
        close_event(w);
    }
}

static void put_part(struct writer *w, struct str part)
{
    static const struct replay_change emptied[] = { { "text", "\"\"" },
                                                    { "refusal", "\"\"" },
                                                    { "annotations", "[]" },
                                                    { "logprobs", "[]" },
                                                    { NULL, NULL } };
    static const struct running text = { "response.output_text.delta",
                                         "response.output_text.done", "text", true, true };
    static const struct running refusal = { "response.refusal.delta", "response.refusal.done",
                                            "refusal", true, false };
    struct scan_member m;

    open_event(w, "response.content_part.added");
    put_place(w, true);
    buf_put_text(w->out, ",\"part\":");
    replay_put_changed(w->out, part, emptied);
    close_event(w);
    if (scan_get(part, STR("text"), &m) && m.type == SCAN_STRING) {
        put_annotations(w, part);
        put_running(w, &text, &m);
    }
    if (scan_get(part, STR("refusal"), &m) && m.type == SCAN_STRING)
        put_running(w, &refusal, &m);
    open_event(w, "response.content_part.done");
    put_place(w, true);
    put_value(w, "part", part);
    close_event(w);
}

static void put_parts(struct writer *w, struct str item)
{
    struct scan_member content, part;
    struct scan s;

    w->content_index = 0;
    if (!scan_get(item, STR("content"), &content))
        return;
    scan_start(&s, content.value);
    for (; scan_next(&s, &part); w->content_index++)
        put_part(w, part.value);
}

/* ---- items ---- */

static void put_item_event(struct writer *w, const char *type, struct str item,
                           const struct replay_change *changes)
{
    open_event(w, type);
    buf_put_printf(w->out, ",\"output_index\":%u,\"item\":", w->output_index);
    replay_put_changed(w->out, item, changes);
    close_event(w);
}

static bool is_type(struct str item, struct str word)
{
    struct scan_member type;

    return scan_get(item, STR("type"), &type) && scan_text_is(&type, word);
}

static void put_item(struct writer *w, struct str item)
{
    static const struct replay_change same[] = { { NULL, NULL } };
    static const struct replay_change started[] = { { "status", "\"in_progress\"" },
                                                    { "content", "[]" },
                                                    { "arguments", "\"\"" },
                                                    { "input", "\"\"" },
                                                    { NULL, NULL } };
    static const struct running arguments = { "response.function_call_arguments.delta",
                                              "response.function_call_arguments.done",
                                              "arguments", false, false };
    static const struct running input = { "response.custom_tool_call_input.delta",
                                          "response.custom_tool_call_input.done", "input",
                                          false, false };
    bool message = is_type(item, STR("message")), call = is_type(item, STR("function_call"));
    bool custom = is_type(item, STR("custom_tool_call"));
    struct scan_member m;

    w->item_id = scan_get(item, STR("id"), &m) ? m.value : STR("null");
    put_item_event(w, "response.output_item.added", item,
                   message || call || custom ? started : same);
    if (message)
        put_parts(w, item);
    if (call && scan_get(item, STR("arguments"), &m))
        put_running(w, &arguments, &m);
    if (custom && scan_get(item, STR("input"), &m))
        put_running(w, &input, &m);
    put_item_event(w, "response.output_item.done", item, same);
}

static void put_life(struct writer *w, const char *type, struct str body)
{
    static const struct replay_change begun[] = { { "status", "\"in_progress\"" },
                                                  { "output", "[]" },
                                                  { "usage", "null" },
                                                  { "completed_at", "null" },
                                                  { NULL, NULL } };

    open_event(w, type);
    buf_put_text(w->out, ",\"response\":");
    replay_put_changed(w->out, body, begun);
    close_event(w);
}

bool replay_response_put(struct str body, struct buf *out)
{
    struct writer w = { .out = out };
    struct scan_member output = { .type = SCAN_NONE }, status, item, whole;
    struct scan s;

    if (!scan_get(body, STR("output"), &output) || output.type != SCAN_ARRAY ||
        !scan_get(body, STR("status"), &status) || !scan_text_is(&status, STR("completed")) ||
        !scan_pointer(body, STR(""), &whole))
        return false;
    put_life(&w, "response.created", body);
    put_life(&w, "response.in_progress", body);
    scan_start(&s, output.value);
    for (; scan_next(&s, &item); w.output_index++) {
        if (item.type != SCAN_OBJECT)
            return false;
        put_item(&w, item.value);
    }
    open_event(&w, "response.completed");
    put_value(&w, "response", whole.value);
    close_event(&w);
    return true;
}
