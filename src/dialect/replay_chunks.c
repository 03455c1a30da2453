/* SPDX-License-Identifier: Apache-2.0 */
#include "replay_parts.h"

#include "pieces.h"

/*
 * Every chunk repeats the answer's own members (id, created, model, and whatever else stands
 * beside the choices), then says one thing. Choices come one after the other. What belongs to a
 * choice as a whole, and is no text, goes where it is read once: unknown members of the message
 * into its first delta, log probabilities to the first text, the rest to the finish reason.
 */

struct writer {
    struct buf *out;
    struct buf head; /* of every chunk, up to the choices */
    bool chat;
    bool usage_null; /* every chunk but the last then says so */
    struct str index;
    struct str logprobs; /* not told yet; absent: there are none */
};

static bool key_is_one_of(struct str key, const char *const *names)
{
    for (; *names; names++) {
        if (scan_key_is(key, str_of(*names)))
            return true;
    }
    return false;
}

static void put_member(struct buf *out, const struct scan_member *m)
{
    buf_put_text(out, "\"");
    buf_put(out, m->key);
    buf_put_text(out, "\":");
    buf_put(out, m->value);
}

static void make_head(struct writer *w, struct str body)
{
    static const char *const left_out[] = { "choices", "usage", NULL };
    struct scan s;
    struct scan_member m;

    buf_put_text(&w->head, "data: {");
    scan_start(&s, body);
    while (scan_next(&s, &m)) {
        if (key_is_one_of(m.key, left_out))
            continue;
        if (w->chat && scan_key_is(m.key, STR("object")))
            m.value = STR("\"chat.completion.chunk\"");
        put_member(&w->head, &m);
        buf_put_text(&w->head, ",");
    }
    buf_put_text(&w->head, "\"choices\":[");
}

/* ---- one chunk ---- */

/* Up to the inside of the delta, or to the text of a completion. */
static void open_chunk(struct writer *w)
{
    buf_put(w->out, buf_str(&w->head));
    buf_put_text(w->out, "{\"index\":");
    buf_put(w->out, w->index);
    buf_put_text(w->out, w->chat ? ",\"delta\":{" : ",\"text\":");
}

static void put_logprobs(struct writer *w, bool tell)
{
    buf_put_text(w->out, ",\"logprobs\":");
    if (tell && w->logprobs.at) {
        buf_put(w->out, w->logprobs);
        w->logprobs = (struct str){ NULL, 0 };
    } else {
        buf_put_text(w->out, "null");
    }
}

static void close_choices(struct writer *w)
{
    buf_put_text(w->out, w->usage_null ? "],\"usage\":null}\n\n" : "]}\n\n");
}

static void close_chunk(struct writer *w, bool tell_logprobs)
{
    buf_put_text(w->out, w->chat ? "}" : "");
    put_logprobs(w, tell_logprobs);
    buf_put_text(w->out, ",\"finish_reason\":null}");
    close_choices(w);
}

static void put_text(struct writer *w, const char *name, struct str text)
{
    struct str piece;

    while (pieces_next(&text, &piece)) {
        open_chunk(w);
        if (w->chat)
            buf_put_printf(w->out, "\"%s\":", name);
        buf_put_text(w->out, "\"");
        buf_put(w->out, piece);
        buf_put_text(w->out, "\"");
        close_chunk(w, true);
    }
}

/* ---- tool calls ---- */

/* The members of a call, its text emptied: that follows in pieces. */
static void put_emptied(struct buf *out, struct str object, struct str text_name)
{
    struct scan s;
    struct scan_member m;
    bool any = false;

    buf_put_text(out, "{");
    scan_start(&s, object);
    while (scan_next(&s, &m)) {
        if (m.type == SCAN_STRING && scan_key_is(m.key, text_name))
            m.value = STR("\"\"");
        buf_put_text(out, any ? "," : "");
        put_member(out, &m);
        any = true;
    }
    buf_put_text(out, "}");
}

static void put_call_start(struct writer *w, unsigned index, struct str call)
{
    struct scan s;
    struct scan_member m;

    open_chunk(w);
    buf_put_printf(w->out, "\"tool_calls\":[{\"index\":%u", index);
    scan_start(&s, call);
    while (scan_next(&s, &m)) {
        if (scan_key_is(m.key, STR("index")))
            continue;
        buf_put_text(w->out, ",\"");
        buf_put(w->out, m.key);
        buf_put_text(w->out, "\":");
        if (m.type == SCAN_OBJECT && scan_key_is(m.key, STR("function")))
            put_emptied(w->out, m.value, STR("arguments"));
        else if (m.type == SCAN_OBJECT && scan_key_is(m.key, STR("custom")))
            put_emptied(w->out, m.value, STR("input"));
        else
            buf_put(w->out, m.value);
    }
    buf_put_text(w->out, "}]");
    close_chunk(w, false);
}

static void put_call_text(struct writer *w, unsigned index, const char *kind, const char *name,
                          struct str text)
{
    struct str piece;

    while (pieces_next(&text, &piece)) {
        open_chunk(w);
        buf_put_printf(w->out, "\"tool_calls\":[{\"index\":%u,\"%s\":{\"%s\":\"", index, kind,
                       name);
        buf_put(w->out, piece);
        buf_put_text(w->out, "\"}}]");
        close_chunk(w, false);
    }
}

static bool put_calls(struct writer *w, struct str calls)
{
    struct scan s;
    struct scan_member call, m;
    unsigned index = 0;

    scan_start(&s, calls);
    for (; scan_next(&s, &call); index++) {
        if (call.type != SCAN_OBJECT)
            return false;
        put_call_start(w, index, call.value);
        if (scan_pointer(call.value, STR("/function/arguments"), &m))
            put_call_text(w, index, "function", "arguments", inside_of(&m));
        if (scan_pointer(call.value, STR("/custom/input"), &m))
            put_call_text(w, index, "custom", "input", inside_of(&m));
    }
    return true;
}

static void put_function_call(struct writer *w, struct str call)
{
    struct scan_member m;
    struct str text, piece;

    open_chunk(w);
    buf_put_text(w->out, "\"function_call\":");
    put_emptied(w->out, call, STR("arguments"));
    close_chunk(w, false);
    if (!scan_get(call, STR("arguments"), &m))
        return;
    text = inside_of(&m);
    while (pieces_next(&text, &piece)) {
        open_chunk(w);
        buf_put_text(w->out, "\"function_call\":{\"arguments\":\"");
        buf_put(w->out, piece);
        buf_put_text(w->out, "\"}");
        close_chunk(w, false);
    }
}

/* ---- choices ---- */

static const char *const texts[] = { "reasoning_content", "reasoning", "content", "refusal",
                                     NULL };

/* The first delta: the role, empty or null texts, and all that nobody knows. */
static bool put_first(struct writer *w, struct str message)
{
    static const char *const later[] = { "tool_calls", "function_call", NULL };
    struct scan s;
    struct scan_member m;
    bool any = false;

    open_chunk(w);
    scan_start(&s, message);
    while (scan_next(&s, &m)) {
        bool is_text = key_is_one_of(m.key, texts);

        if (is_text && m.type != SCAN_STRING && m.type != SCAN_NULL)
            return false;
        if (key_is_one_of(m.key, later))
            continue;
        if (is_text && m.type == SCAN_STRING)
            m.value = STR("\"\"");
        buf_put_text(w->out, any ? "," : "");
        put_member(w->out, &m);
        any = true;
    }
    close_chunk(w, false);
    return true;
}

static bool put_message(struct writer *w, struct str message)
{
    struct scan_member m;

    if (!put_first(w, message))
        return false;
    for (size_t i = 0; texts[i]; i++) {
        if (scan_get(message, str_of(texts[i]), &m))
            put_text(w, texts[i], inside_of(&m));
    }
    if (scan_get(message, STR("tool_calls"), &m) && m.type == SCAN_ARRAY &&
        !put_calls(w, m.value))
        return false;
    if (scan_get(message, STR("function_call"), &m) && m.type == SCAN_OBJECT)
        put_function_call(w, m.value);
    return true;
}

static void put_finish(struct writer *w, struct str choice)
{
    static const char *const told[] = { "index", "message", "text", "logprobs", NULL };
    struct scan s;
    struct scan_member m;

    open_chunk(w);
    buf_put_text(w->out, w->chat ? "}" : "\"\"");
    put_logprobs(w, true);
    scan_start(&s, choice);
    while (scan_next(&s, &m)) {
        if (key_is_one_of(m.key, told))
            continue;
        buf_put_text(w->out, ",");
        put_member(w->out, &m);
    }
    buf_put_text(w->out, "}");
    close_choices(w);
}

static bool put_choice(struct writer *w, struct str choice)
{
    struct scan_member m, finish;

    if (!scan_get(choice, STR("finish_reason"), &finish))
        return false;
    w->index = scan_get(choice, STR("index"), &m) ? m.value : STR("0");
    w->logprobs = (struct str){ NULL, 0 };
    if (scan_get(choice, STR("logprobs"), &m) && m.type == SCAN_OBJECT)
        w->logprobs = m.value;
    if (w->chat) {
        if (!scan_get(choice, STR("message"), &m) || m.type != SCAN_OBJECT ||
            !put_message(w, m.value))
            return false;
    } else {
        if (!scan_get(choice, STR("text"), &m) || m.type != SCAN_STRING)
            return false;
        put_text(w, "text", inside_of(&m));
    }
    put_finish(w, choice);
    return true;
}

static bool put_all(struct writer *w, struct str body)
{
    struct scan s;
    struct scan_member choices = { .type = SCAN_NONE }, choice, usage;
    bool any = false;

    if (!scan_get(body, STR("choices"), &choices) || choices.type != SCAN_ARRAY)
        return false;
    scan_start(&s, choices.value);
    while (scan_next(&s, &choice)) {
        if (!put_choice(w, choice.value))
            return false;
        any = true;
    }
    if (w->usage_null && scan_get(body, STR("usage"), &usage)) {
        buf_put(w->out, buf_str(&w->head));
        buf_put_text(w->out, "],\"usage\":");
        buf_put(w->out, usage.value);
        buf_put_text(w->out, "}\n\n");
    }
    buf_put_text(w->out, "data: [DONE]\n\n");
    return any;
}

bool replay_chunks_put(enum endpoint endpoint, struct str body, bool include_usage,
                       struct buf *out)
{
    struct writer w = { .out = out,
                        .chat = endpoint == ENDPOINT_CHAT,
                        .usage_null = include_usage };
    bool whole;

    make_head(&w, body);
    whole = put_all(&w, body);
    buf_deinit(&w.head);
    return whole;
}
