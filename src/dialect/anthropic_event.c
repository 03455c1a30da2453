/* SPDX-License-Identifier: Apache-2.0 */
#include "anthropic_parts.h"
#include "assembly.h"

/*
 * An event of a message. What it adds to the plain body is told to the assembly as the piece of
 * the body that it stands for: {"content":[{"index":1,"text":"more"}]}. Blocks that begin are
 * silent as long as they have nothing to show. A kind of event or of delta that nobody knows is
 * passed on, and such a message is not kept.
 */

struct news {
    struct str text;
    struct scan_member index;
    struct scan_member message; /* message_start */
    struct scan_member block;   /* content_block_start */
    struct scan_member delta;   /* content_block_delta, message_delta */
    struct scan_member usage;   /* message_delta */
};

typedef void read_fn(struct tap *t, const struct news *n, struct delta *out);

/* ---- the plain body ---- */

static bool keeps(const struct tap *t)
{
    return t->keep && !t->answer.keep_failed;
}

static void keep(struct tap *t, struct str piece)
{
    if (!t->assembly)
        t->assembly = assembly_new(ENDPOINT_MESSAGES);
    if (!assembly_add(t->assembly, piece))
        t->answer.keep_failed = true;
}

static void put_member(struct buf *out, struct str key, struct str value)
{
    buf_put_text(out, ",\"");
    buf_put(out, key);
    buf_put_text(out, "\":");
    buf_put(out, value);
}

/* A member of a block that began earlier, or its first one; a list where `listed`. */
static void keep_in_block(struct tap *t, const struct news *n, const char *name,
                          struct str value, bool listed)
{
    struct buf piece = { 0 };

    buf_put_text(&piece, "{\"content\":[{\"index\":");
    buf_put(&piece, n->index.value);
    buf_put_printf(&piece, ",\"%s\":%s", name, listed ? "[" : "");
    buf_put(&piece, value);
    buf_put_text(&piece, listed ? "]}]}" : "}]}");
    keep(t, buf_str(&piece));
    buf_deinit(&piece);
}

static void keep_block(struct tap *t, const struct news *n)
{
    struct buf piece = { 0 };
    struct scan s;
    struct scan_member m;

    buf_put_text(&piece, "{\"content\":[{\"index\":");
    buf_put(&piece, n->index.value);
    scan_start(&s, n->block.value);
    while (scan_next(&s, &m)) {
        if (m.type == SCAN_STRING && scan_key_is(m.key, STR("input")))
            t->answer.keep_failed = true; /* would be taken for a piece of its text */
        put_member(&piece, m.key, m.value);
    }
    buf_put_text(&piece, "}]}");
    if (keeps(t))
        keep(t, buf_str(&piece));
    buf_deinit(&piece);
}

/* What stands in the delta and beside it are members of the message, all of them totals. */
static void keep_end(struct tap *t, const struct news *n)
{
    struct buf piece = { 0 };
    struct scan s;
    struct scan_member m;

    buf_put_text(&piece, "{\"role\":\"assistant\"");
    scan_start(&s, n->delta.value);
    while (scan_next(&s, &m))
        put_member(&piece, m.key, m.value);
    scan_start(&s, n->text);
    while (scan_next(&s, &m)) {
        if (!scan_key_is(m.key, STR("type")) && !scan_key_is(m.key, STR("delta")))
            put_member(&piece, m.key, m.value);
    }
    buf_put_text(&piece, "}");
    keep(t, buf_str(&piece));
    buf_deinit(&piece);
}

/* ---- what each event says ---- */

static void show(struct tap *t, struct delta *out)
{
    t->answer.has_content = true;
    out->kind = DELTA_CONTENT;
}

static void read_start(struct tap *t, const struct news *n, struct delta *out)
{
    struct scan_member usage;

    (void)out;
    if (t->choices_seen == 0)
        t->choices_seen = t->choices_open = 1;
    if (scan_get(n->message.value, STR("usage"), &usage))
        anthropic_whole_read_usage(t, usage.value);
    if (n->message.type != SCAN_OBJECT)
        tap_give_up(t);
    else if (keeps(t))
        keep(t, n->message.value);
}

/* A text or a thought begins empty; whatever else begins is something to show. */
static void read_block(struct tap *t, const struct news *n, struct delta *out)
{
    struct scan_member type = { .type = SCAN_NONE }, text;
    bool is_text;

    (void)scan_get(n->block.value, STR("type"), &type);
    is_text = scan_text_is(&type, STR("text"));
    if (is_text || scan_text_is(&type, STR("thinking"))) {
        if (scan_get(n->block.value, is_text ? STR("text") : STR("thinking"), &text) &&
            text.type == SCAN_STRING && text.value.len > 2)
            show(t, out);
    } else {
        show(t, out);
    }
    if (n->index.type != SCAN_NUMBER || n->block.type != SCAN_OBJECT)
        tap_give_up(t);
    else if (keeps(t))
        keep_block(t, n);
}

/* clang-format off */
static const struct piece {
    const char *type;
    const char *from; /* the delta's member */
    const char *into; /* the block's */
    bool listed;
} pieces[] = {
    { "text_delta",       "text",         "text",      false },
    { "input_json_delta", "partial_json", "input",     false },
    { "thinking_delta",   "thinking",     "thinking",  false },
    { "signature_delta",  "signature",    "signature", false },
    { "citations_delta",  "citation",     "citations", true },
};
/* clang-format on */

static const struct piece *piece_of(struct str delta)
{
    struct scan_member type;

    if (!scan_get(delta, STR("type"), &type))
        return NULL;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        if (scan_text_is(&type, str_of(pieces[i].type)))
            return &pieces[i];
    }
    return NULL;
}

static void read_piece(struct tap *t, const struct news *n, struct delta *out)
{
    const struct piece *p = piece_of(n->delta.value);
    struct scan_member m = { .type = SCAN_NONE };

    if (!p || !scan_get(n->delta.value, str_of(p->from), &m) || n->index.type != SCAN_NUMBER ||
        (!p->listed && m.type != SCAN_STRING)) {
        show(t, out);
        tap_give_up(t);
        return;
    }
    if (m.value.len > 2)
        show(t, out);
    if (keeps(t))
        keep_in_block(t, n, p->into, m.value, p->listed);
}

static void read_end(struct tap *t, const struct news *n, struct delta *out)
{
    struct scan_member reason = { .type = SCAN_NONE };

    (void)out;
    anthropic_whole_read_usage(t, n->usage.value);
    if (scan_get(n->delta.value, STR("stop_reason"), &reason) && reason.type == SCAN_STRING) {
        anthropic_whole_read_stop(t, &reason);
        t->choices_open = 0;
    }
    if (n->delta.type != SCAN_OBJECT)
        tap_give_up(t);
    else if (keeps(t))
        keep_end(t, n);
}

static void read_stop(struct tap *t, const struct news *n, struct delta *out)
{
    (void)n;
    t->done = true;
    out->kind = DELTA_DONE;
}

static void read_nothing(struct tap *t, const struct news *n, struct delta *out)
{
    (void)t;
    (void)n;
    (void)out;
}

/* clang-format off */
static const struct kind {
    const char *type;
    read_fn *read;
} kinds[] = {
    { "content_block_delta", read_piece },
    { "content_block_start", read_block },
    { "content_block_stop",  read_nothing },
    { "ping",                read_nothing },
    { "message_start",       read_start },
    { "message_delta",       read_end },
    { "message_stop",        read_stop },
};
/* clang-format on */

/* The name of the event and its data's type are the same; some servers leave out one of them. */
static read_fn *reader_of(const struct tap_event *e, const struct scan_member *type)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct str name = str_of(kinds[i].type);

        if (type->type == SCAN_STRING ? scan_text_is(type, name) : str_eq(e->name, name))
            return kinds[i].read;
    }
    return NULL;
}

static void splice_message(struct tap *t, const struct tap_event *e, const struct news *n,
                           struct delta *out)
{
    struct splices splices = { .count = 0 };
    struct buf name = { 0 };
    struct scan_member model;

    if (scan_get(n->message.value, STR("model"), &model)) {
        tap_note_name(t->answer.model, &model);
        tap_splice_model(t, n->text, &model, &splices, &name);
    }
    tap_splice(t, e, &splices, out);
    buf_deinit(&name);
}

enum err anthropic_event_read(struct tap *t, const struct tap_event *e, struct str text,
                              struct delta *out)
{
    const struct str names[] = { STR("type"),          STR("index"), STR("message"),
                                 STR("content_block"), STR("delta"), STR("usage") };
    struct scan_member found[6];
    struct news n = { .text = text };
    read_fn *read;

    scan_find(text, names, 6, found);
    n.index = found[1];
    n.message = found[2];
    n.block = found[3];
    n.delta = found[4];
    n.usage = found[5];
    read = reader_of(e, &found[0]);
    if (!read) {
        tap_give_up(t);
        return OK;
    }
    read(t, &n, out);
    if (read == read_start)
        splice_message(t, e, &n, out);
    return OK;
}
