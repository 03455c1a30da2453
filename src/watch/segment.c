/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/segment.h"

#include "meaning.h"
#include "weir/base/buf.h"
#include "weir/base/ensure.h"
#include "weir/base/escape.h"
#include "weir/base/mem.h"
#include "weir/base/scan.h"
#include "weir/base/utf8.h"
#include "weir/watch/prediction.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/*
 * A table only grows, and a row is whole before it can be seen: finding takes no lock. Rows are
 * found by a mark: a value's hash, or, of segments together, their places side by side.
 */

enum { ROWS = SEGMENT_FIRST + SEGMENT_VALUES };

struct row {
    uint64_t mark;
    struct str value; /* owned, as is the next */
    struct str text;
    uint32_t meaning;
};

struct segment_table {
    _Atomic uint32_t refs;
    pthread_mutex_t lock; /* for adding */
    bool closed;
    _Atomic unsigned count;
    struct row rows[ROWS];
};

static struct str copy(struct str s)
{
    char *at = mem_new(s.len + 1);

    if (s.len > 0)
        memcpy(at, s.at, s.len);
    return (struct str){ at, s.len };
}

static void drop(struct str s)
{
    free((void *)(uintptr_t)s.at);
}

/* Under the lock, or before there are threads. */
static unsigned add_row(const struct segment *s, uint64_t mark, struct str value,
                        struct str text)
{
    struct segment_table *t = s->table;
    unsigned place = atomic_load_explicit(&t->count, memory_order_relaxed);

    ensure(place < ROWS);
    t->rows[place] = (struct row){ mark, copy(value), copy(text), segment_meaning_of(s, text) };
    atomic_store_explicit(&t->count, place + 1, memory_order_release);
    return place;
}

/* ---- texts ---- */

static void put_pair(struct buf *out, struct str name, struct str value)
{
    enum err err = escape_add(out, name);

    buf_put(out, STR("="));
    if (!err)
        err = escape_add(out, value);
    ensure(!err); /* the buffer has no ceiling */
}

static void put_parts(struct buf *out, const struct segment *s, const struct segment *all,
                      const uint8_t *places)
{
    for (unsigned i = 0; i < s->part_count; i++) {
        buf_put_text(out, i > 0 ? "," : "");
        buf_put(out, segment_text(&all[s->parts[i]], places[s->parts[i]]));
    }
}

struct str segment_text(const struct segment *s, unsigned place)
{
    ensure(place < atomic_load_explicit(&s->table->count, memory_order_acquire));
    return s->table->rows[place].text;
}

/* ---- what they mean ---- */

uint32_t segment_meaning(const struct segment *s, unsigned place)
{
    ensure(place < atomic_load_explicit(&s->table->count, memory_order_acquire));
    return s->table->rows[place].meaning;
}

/* Who is `other` depends on who is listed; who is `pro` does not. */
uint32_t segment_meaning_of(const struct segment *s, struct str text)
{
    struct str part;

    while (str_split(&text, ',', &part))
        if (str_ends(part, STR("=other")))
            return s->meaning_of_other;
    return s->meaning;
}

/* ---- making ---- */

/* What is there before any value is: none and other, in this order. */
static void add_special(struct segment *s, const struct segment *all, enum segment_place place)
{
    struct str word = place == SEGMENT_NONE ? STR("none") : STR("other");
    uint8_t places[SEGMENT_MOST];
    struct buf text = { 0 };

    memset(places, (int)place, sizeof(places));
    if (s->kind == SEGMENT_TOGETHER)
        put_parts(&text, s, all, places);
    else
        put_pair(&text, s->name, word);
    /* Of segments together, all of them missing is a combination as any other. */
    (void)add_row(s, 0, (struct str){ 0 }, buf_str(&text));
    buf_deinit(&text);
}

static unsigned add_value(const struct segment *s, struct str value)
{
    struct buf text = { 0 };
    unsigned place;

    put_pair(&text, s->name, value);
    place = add_row(s, str_hash(value), value, buf_str(&text));
    buf_deinit(&text);
    return place;
}

void segment_open(struct segment *s, const struct segment *all)
{
    struct segment_table *t = MEM_NEW(struct segment_table);
    int failed = pthread_mutex_init(&t->lock, NULL);

    ensure(!failed && s->value_count <= SEGMENT_VALUES);
    atomic_init(&t->refs, 1);
    s->table = t;
    s->meaning = meaning_of_segment(s, all, false);
    s->meaning_of_other = meaning_of_segment(s, all, true);
    add_special(s, all, SEGMENT_NONE);
    add_special(s, all, SEGMENT_OTHER);
    for (size_t i = 0; i < s->value_count; i++)
        (void)add_value(s, s->values[i]);
    t->closed = s->value_count > 0;
}

static void unref(struct segment_table *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (unsigned i = 0; i < t->count; i++) {
        drop(t->rows[i].value);
        drop(t->rows[i].text);
    }
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}

void segment_close(struct segment *s)
{
    unref(s->table);
    s->table = NULL;
}

static bool same_values(const struct segment *a, const struct segment *b)
{
    if (a->value_count != b->value_count)
        return false;
    for (size_t i = 0; i < a->value_count; i++)
        if (!str_eq(a->values[i], b->values[i]))
            return false;
    return true;
}

bool segment_adopt(struct segment *s, const struct segment *other)
{
    if (!str_eq(s->name, other->name) || s->kind != other->kind ||
        !str_eq(s->from, other->from) || !same_values(s, other) ||
        s->part_count != other->part_count ||
        memcmp(s->parts, other->parts, sizeof(s->parts)) != 0)
        return false;
    atomic_fetch_add_explicit(&other->table->refs, 1, memory_order_relaxed);
    unref(s->table);
    s->table = other->table;
    return true;
}

/* ---- finding ---- */

static unsigned find_row(const struct segment_table *t, uint64_t mark, struct str value)
{
    unsigned count = atomic_load_explicit(&t->count, memory_order_acquire);

    for (unsigned i = SEGMENT_FIRST; i < count; i++)
        if (t->rows[i].mark == mark && str_eq(t->rows[i].value, value))
            return i;
    return SEGMENT_NONE;
}

static bool is_sane(struct str value)
{
    for (size_t at = 0, len; at < value.len; at += len) {
        len = utf8_length(value.at + at, value.len - at);
        if (len == 0)
            return false;
    }
    return value.len <= SEGMENT_VALUE_BYTES;
}

static bool is_full(const struct segment_table *t)
{
    return t->closed || atomic_load_explicit(&t->count, memory_order_relaxed) == ROWS;
}

static unsigned place_of(const struct segment *s, struct str value)
{
    struct segment_table *t = s->table;
    uint64_t mark = str_hash(value);
    unsigned place;

    if (value.len == 0)
        return SEGMENT_NONE;
    if (value.len > SEGMENT_VALUE_BYTES)
        return SEGMENT_OTHER;
    place = find_row(t, mark, value);
    if (place != SEGMENT_NONE)
        return place;
    if (is_full(t) || !is_sane(value))
        return SEGMENT_OTHER;
    (void)pthread_mutex_lock(&t->lock);
    place = find_row(t, mark, value);
    if (place == SEGMENT_NONE)
        place = is_full(t) ? (unsigned)SEGMENT_OTHER : add_value(s, value);
    (void)pthread_mutex_unlock(&t->lock);
    return place;
}

static unsigned place_in_body(const struct segment *s, struct str body)
{
    struct arena texts;
    struct scan_member at;
    unsigned place = SEGMENT_NONE;

    arena_init(&texts, 0);
    if (prediction_at(body, s->from, &texts, &at)) {
        if (at.type == SCAN_STRING)
            place = place_of(s, scan_text(at.value, &texts, NULL));
        else if (at.type == SCAN_NUMBER || at.type == SCAN_BOOL)
            place = place_of(s, at.value);
        else
            place = SEGMENT_OTHER;
    }
    arena_deinit(&texts);
    return place;
}

static unsigned add_together(const struct segment *s, const struct segment *all, uint64_t mark,
                             const uint8_t *places)
{
    struct buf text = { 0 };
    unsigned place;

    put_parts(&text, s, all, places);
    place = add_row(s, mark, (struct str){ 0 }, buf_str(&text));
    buf_deinit(&text);
    return place;
}

static unsigned place_together(const struct segment *s, const struct segment *all,
                               const uint8_t *places)
{
    struct segment_table *t = s->table;
    uint64_t mark = 0;
    unsigned place;

    for (unsigned i = 0; i < s->part_count; i++)
        mark = mark << 8 | places[s->parts[i]];
    place = find_row(t, mark, (struct str){ 0 });
    if (place != SEGMENT_NONE)
        return place;
    if (is_full(t))
        return SEGMENT_OTHER;
    (void)pthread_mutex_lock(&t->lock);
    place = find_row(t, mark, (struct str){ 0 });
    if (place == SEGMENT_NONE)
        place = is_full(t) ? (unsigned)SEGMENT_OTHER : add_together(s, all, mark, places);
    (void)pthread_mutex_unlock(&t->lock);
    return place;
}

void segment_find(const struct segment *all, size_t count, const struct segment_source *from,
                  uint8_t places[SEGMENT_MOST])
{
    for (size_t i = 0; i < count; i++) {
        const struct segment *s = &all[i];

        switch (s->kind) {
        case SEGMENT_HEADER:
            places[i] = (uint8_t)place_of(s, from->headers ? from->headers[s->header]
                                                           : (struct str){ 0 });
            break;
        case SEGMENT_TENANT: places[i] = (uint8_t)place_of(s, from->tenant); break;
        case SEGMENT_POINTER:
            if (from->body.at)
                places[i] = (uint8_t)place_in_body(s, from->body);
            break;
        case SEGMENT_TOGETHER: places[i] = (uint8_t)place_together(s, all, places); break;
        }
    }
}
