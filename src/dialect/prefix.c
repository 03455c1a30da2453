/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/dialect/prefix.h"

#include "weir/base/scan.h"

/*
 * Texts are hashed as they stand in the body, escapes and all: a client writes the same prompt
 * the same way each time. What is cut off or not what it should be counts as absent; the scanner
 * stays inside the body even if that was never checked.
 */

/* Of PREFIX_BYTES; the rest is for the user's message, which tells conversations apart. */
enum { SYSTEM_BYTES = 48 << 10 };

struct trace {
    uint64_t hash; /* 0: of nothing */
    size_t left;   /* bytes that may still be hashed */
};

static void add(struct trace *t, struct str piece)
{
    piece = str_head(piece, t->left);
    if (piece.len == 0)
        return;
    t->left -= piece.len;
    t->hash = (t->hash ^ str_hash(piece)) * UINT64_C(0x9e3779b97f4a7c15);
    t->hash ^= t->hash >> 32;
    if (t->hash == 0)
        t->hash = 1;
}

static bool is_whole(const struct scan_member *m)
{
    char last = m->value.len >= 2 ? m->value.at[m->value.len - 1] : '\0';

    switch (m->type) {
    case SCAN_STRING: return last == '"';
    case SCAN_ARRAY: return last == ']';
    case SCAN_OBJECT: return last == '}';
    case SCAN_NONE:
    case SCAN_NULL:
    case SCAN_BOOL:
    case SCAN_NUMBER: break;
    }
    return false;
}

/* What is between the brackets or quotes: nothing, if it is neither a text nor a list of parts. */
static struct str inside(const struct scan_member *m)
{
    if (m->type == SCAN_OBJECT || !is_whole(m))
        return (struct str){ NULL, 0 };
    return str_cut(m->value, 1, m->value.len - 1);
}

static bool role_is(const struct scan_member *role, struct str name)
{
    return is_whole(role) && scan_text_is(role, name);
}

/*
 * The leading system messages into `system`, which then begins `dialog`; then the first message
 * of the user, behind whatever stands between them.
 */
static void add_messages(struct trace *system, struct trace *dialog, struct str list)
{
    const struct str names[] = { STR("role"), STR("content") };
    struct scan_member message, found[2];
    struct scan s;
    bool leading = true;

    scan_start(&s, list);
    for (unsigned i = 0; i < PREFIX_MESSAGES && scan_next(&s, &message); i++) {
        scan_find(message.value, names, 2, found);
        leading = leading &&
                  (role_is(&found[0], STR("system")) || role_is(&found[0], STR("developer")));
        if (leading) {
            add(system, inside(&found[1]));
        } else if (role_is(&found[0], STR("user"))) {
            dialog->hash = system->hash;
            add(dialog, inside(&found[1]));
            return;
        }
    }
    dialog->hash = system->hash;
}

/* `before` names what stands beside the messages, `list` the messages. */
static void add_conversation(struct trace *system, struct trace *dialog, struct str body,
                             struct str before, struct str list)
{
    const struct str names[] = { before, list };
    struct scan_member found[2];

    scan_find(body, names, 2, found);
    add(system, inside(&found[0]));
    dialog->hash = system->hash;
    if (!is_whole(&found[1]))
        return;
    if (found[1].type == SCAN_STRING)
        add(dialog, inside(&found[1]));
    else if (found[1].type == SCAN_ARRAY)
        add_messages(system, dialog, found[1].value);
}

static void add_prompt(struct trace *system, struct trace *dialog, struct str body)
{
    const struct str name = STR("prompt");
    struct scan_member found;

    scan_find(body, &name, 1, &found);
    add(system, str_head(inside(&found), PREFIX_PROMPT_SYSTEM));
    add(dialog, str_head(inside(&found), PREFIX_PROMPT_DIALOG));
}

void prefix_of(const struct request *r, uint64_t *system_hash, uint64_t *dialog_hash)
{
    struct trace system = { .left = SYSTEM_BYTES };
    struct trace dialog = { .left = PREFIX_BYTES - SYSTEM_BYTES };

    switch (r->endpoint) {
    case ENDPOINT_CHAT:
    case ENDPOINT_MESSAGES:
        add_conversation(&system, &dialog, r->body, STR("system"), STR("messages"));
        break;
    case ENDPOINT_RESPONSES:
        add_conversation(&system, &dialog, r->body, STR("instructions"), STR("input"));
        break;
    case ENDPOINT_COMPLETIONS: add_prompt(&system, &dialog, r->body); break;
    case ENDPOINT_EMBEDDINGS:
    case ENDPOINT_MODERATIONS:
    case ENDPOINT_PREDICT:
    case ENDPOINT_TOKENS:
    case ENDPOINT_COUNT: break;
    }
    *dialog_hash = dialog.hash;
    *system_hash = system.hash ? system.hash : dialog.hash;
}
