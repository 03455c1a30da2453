/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/cache/entry.h"

#include "weir/base/mem.h"

#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>

enum { HEAP_HEAD_BYTES = sizeof(size_t) }; /* what glibc keeps in front of a block */

/* The texts of an entry, each copied behind the struct. */
static const size_t texts[] = {
    offsetof(struct entry_facts, scope),        offsetof(struct entry_facts, model),
    offsetof(struct entry_facts, upstream),     offsetof(struct entry_facts, upstream_model),
    offsetof(struct entry_facts, content_type), offsetof(struct entry_facts, body),
    offsetof(struct entry_facts, request),
};

enum { TEXTS = sizeof(texts) / sizeof(texts[0]) };

static struct str *text_at(struct entry_facts *facts, size_t i)
{
    return (struct str *)(void *)((char *)facts + texts[i]);
}

struct entry *entry_new(const struct entry_facts *facts)
{
    struct entry_facts copy = *facts;
    size_t size = sizeof(struct entry);
    struct entry *e;
    char *at;

    for (size_t i = 0; i < TEXTS; i++)
        size += text_at(&copy, i)->len;
    e = mem_new(size);
    at = (char *)(e + 1);
    for (size_t i = 0; i < TEXTS; i++) {
        struct str *text = text_at(&copy, i);

        if (text->len > 0)
            memcpy(at, text->at, text->len);
        text->at = at;
        at += text->len;
    }
    e->facts = copy;
    e->cost_bytes = malloc_usable_size(e) + HEAP_HEAD_BYTES + ENTRY_NOTE_BYTES;
    atomic_init(&e->refs, 1);
    return e;
}

struct entry *entry_ref(struct entry *e)
{
    atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    return e;
}

static void free_notes(struct entry_note *note)
{
    while (note) {
        struct entry_note *older = note->older;

        free(note);
        note = older;
    }
}

void entry_unref(struct entry *e)
{
    if (!e || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) > 1)
        return;
    free_notes(atomic_load_explicit(&e->note, memory_order_relaxed));
    free(e);
}

bool entry_add_note(struct entry *e, struct entry_note *seen, struct entry_note *note)
{
    note->older = seen;
    return atomic_compare_exchange_strong_explicit(&e->note, &seen, note, memory_order_acq_rel,
                                                   memory_order_acquire);
}

uint64_t entry_age_ms(const struct entry *e, uint64_t wall_ms)
{
    /* The clocks of two gateways differ a little: made a moment from now is made now. */
    return wall_ms > e->facts.created_ms ? wall_ms - e->facts.created_ms : 0;
}

int64_t entry_ttl_ms(const struct entry *e, uint64_t wall_ms)
{
    return (int64_t)e->facts.fresh_ms - (int64_t)entry_age_ms(e, wall_ms);
}

bool entry_is_kept(const struct entry *e, uint64_t wall_ms)
{
    return entry_ttl_ms(e, wall_ms) + (int64_t)e->facts.stale_ms > 0;
}
