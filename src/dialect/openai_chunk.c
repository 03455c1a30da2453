/* SPDX-License-Identifier: Apache-2.0 */
#include "assembly.h"
#include "openai_parts.h"

/*
 * A chunk of chat or completions. It is silent as long as it has nothing to show: a role, an
 * empty text. A finish reason before any content is silent too: an upstream that starts well
 * and then says nothing may yet turn out to have failed, and a truly empty answer loses
 * nothing by being shown at its end.
 */

struct chunk {
    struct scan_member model;
    struct scan_member choices;
    struct scan_member usage;
    struct scan_member fingerprint;
    bool any_choice;
    bool shows; /* something that the client waits for */
};

static void find_members(struct chunk *c, struct str text)
{
    struct scan s;
    struct scan_member m;

    *c = (struct chunk){ .any_choice = false };
    scan_start(&s, text);
    while (scan_next(&s, &m)) {
        if (scan_key_is(m.key, STR("model")))
            c->model = m;
        else if (scan_key_is(m.key, STR("choices")))
            c->choices = m;
        else if (scan_key_is(m.key, STR("usage")))
            c->usage = m;
        else if (scan_key_is(m.key, STR("system_fingerprint")))
            c->fingerprint = m;
    }
}

static bool is_shown(const struct scan_member *m)
{
    if (scan_key_is(m->key, STR("role")))
        return false;
    return (m->type == SCAN_STRING || m->type == SCAN_ARRAY || m->type == SCAN_OBJECT) &&
           m->value.len > 2;
}

static bool read_delta(struct tap *t, struct str delta)
{
    struct scan s;
    struct scan_member m;
    bool shows = false;

    scan_start(&s, delta);
    while (scan_next(&s, &m)) {
        if (!is_shown(&m))
            continue;
        shows = true;
        if (scan_key_is(m.key, STR("refusal")))
            t->answer.refusal = true;
    }
    return shows;
}

static bool test_and_set(uint64_t *bits, uint64_t index)
{
    uint64_t bit = UINT64_C(1) << (index % 64);
    bool was = bits[index / 64] & bit;

    bits[index / 64] |= bit;
    return was;
}

/* A choice that is counted open until its finish reason comes. */
static void count_choice(struct tap *t, uint64_t index, const struct scan_member *finish)
{
    if (index >= TAP_CHOICES) {
        tap_give_up(t);
        return;
    }
    if (!test_and_set(t->choice_seen, index)) {
        t->choices_seen++;
        t->choices_open++;
    }
    if (finish->type == SCAN_STRING && !test_and_set(t->choice_over, index))
        t->choices_open--;
}

static void read_choice(struct tap *t, struct chunk *c, struct str choice)
{
    struct scan s;
    struct scan_member m, finish = { .type = SCAN_NONE };
    uint64_t index = 0;

    c->any_choice = true;
    scan_start(&s, choice);
    while (scan_next(&s, &m)) {
        if (scan_key_is(m.key, STR("index")))
            (void)scan_u64(m.value, &index);
        else if (scan_key_is(m.key, STR("finish_reason")))
            finish = m;
        else if (scan_key_is(m.key, STR("delta")))
            c->shows = read_delta(t, m.value) || c->shows;
        else if (scan_key_is(m.key, STR("text")))
            c->shows = (m.type == SCAN_STRING && m.value.len > 2) || c->shows;
    }
    count_choice(t, index, &finish);
    if (finish.type != SCAN_STRING)
        return;
    if (index == 0)
        tap_note_finish(t, finish.value);
    c->shows = c->shows || t->answer.has_content;
}

static void read_choices(struct tap *t, struct chunk *c)
{
    struct scan s;
    struct scan_member choice;

    if (c->choices.type != SCAN_ARRAY)
        return;
    scan_start(&s, c->choices.value);
    while (scan_next(&s, &choice))
        read_choice(t, c, choice.value);
}

static void keep(struct tap *t, struct str text)
{
    if (!t->keep || t->answer.keep_failed)
        return;
    if (!t->assembly)
        t->assembly = assembly_new(t->request->endpoint);
    if (!assembly_add(t->assembly, text))
        t->answer.keep_failed = true;
}

enum err openai_chunk_read(struct tap *t, const struct tap_event *e, struct str text,
                           struct delta *out)
{
    struct splices splices = { .count = 0 };
    struct buf name = { 0 };
    struct chunk c;

    find_members(&c, text);
    tap_note_name(t->answer.model, &c.model);
    tap_note_name(t->answer.fingerprint, &c.fingerprint);
    read_choices(t, &c);
    if (c.usage.type == SCAN_OBJECT)
        openai_whole_read_usage(t, c.usage.value);
    t->answer.has_content = t->answer.has_content || c.shows;
    if (c.shows)
        out->kind = DELTA_CONTENT;
    else if (!c.any_choice && c.usage.type == SCAN_OBJECT)
        out->kind = DELTA_USAGE;
    keep(t, text);

    tap_splice_model(t, text, &c.model, &splices, &name);
    if (t->usage_injected && c.usage.type == SCAN_NULL)
        splice_out(&splices, text, c.usage.key, c.usage.value);
    tap_splice(t, e, &splices, out);
    buf_deinit(&name);
    return OK;
}
