/* SPDX-License-Identifier: Apache-2.0 */
#include "tape.h"

#include "weir/base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/*
 * Pieces that double from the first to the largest size: a short answer costs little, and a
 * long one is never moved.
 */
enum {
    FIRST_BYTES = 1024,
    LARGEST_BYTES = 64 * 1024,
};

struct tape_piece {
    struct tape_piece *next;
    size_t len;
    size_t capacity;
    char bytes[];
};

struct tape {
    _Atomic unsigned refs;
    struct tape_piece *first;
    struct tape_piece *last;
    size_t size;
    bool full;
};

struct tape *tape_new(void)
{
    struct tape *t = MEM_NEW(struct tape);

    atomic_init(&t->refs, 1);
    return t;
}

struct tape *tape_ref(struct tape *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void tape_unref(struct tape *t)
{
    struct tape_piece *piece;

    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) > 1)
        return;
    piece = t->first;
    while (piece) {
        struct tape_piece *next = piece->next;

        free(piece);
        piece = next;
    }
    free(t);
}

static void add_piece(struct tape *t)
{
    size_t capacity = t->last ? t->last->capacity * 2 : FIRST_BYTES;
    struct tape_piece *piece;

    if (capacity > LARGEST_BYTES)
        capacity = LARGEST_BYTES;
    piece = mem_new(sizeof(*piece) + capacity);
    piece->capacity = capacity;
    if (t->last)
        t->last->next = piece;
    else
        t->first = piece;
    t->last = piece;
}

bool tape_add(struct tape *t, struct str bytes)
{
    if (t->full || bytes.len > TAPE_BYTES - t->size) {
        t->full = true;
        return false;
    }
    t->size += bytes.len;
    while (bytes.len > 0) {
        size_t n;

        if (!t->last || t->last->len == t->last->capacity)
            add_piece(t);
        n = t->last->capacity - t->last->len;
        if (n > bytes.len)
            n = bytes.len;
        memcpy(t->last->bytes + t->last->len, bytes.at, n);
        t->last->len += n;
        bytes = str_cut(bytes, n, bytes.len);
    }
    return true;
}

bool tape_is_full(const struct tape *t)
{
    return t->full;
}

size_t tape_size(const struct tape *t)
{
    return t->size;
}

size_t tape_read(const struct tape *t, struct tape_cursor *c, struct buf *out, size_t most)
{
    size_t done = 0;

    if (!c->piece)
        c->piece = t->first;
    while (c->piece && done < most) {
        size_t n = c->piece->len - c->at;
        enum err err;

        if (n == 0) {
            if (!c->piece->next)
                break;
            c->piece = c->piece->next;
            c->at = 0;
            continue;
        }
        if (n > most - done)
            n = most - done;
        err = buf_add(out, (struct str){ c->piece->bytes + c->at, n });
        if (err)
            break; /* the reader's own ceiling: it comes back for the rest */
        done += n;
        c->at += n;
    }
    c->read += done;
    return done;
}
