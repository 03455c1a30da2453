/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/str.h"

/*
 * The bytes of a streamed answer, kept for those who come late: it only grows, up to
 * TAPE_BYTES, and each reader has a cursor of its own. Counted: the last to let go frees it.
 * Adding and reading are for the owner to keep apart; letting go is safe anywhere.
 */

enum { TAPE_BYTES = 16 << 20 };

struct tape;
struct tape_piece;

/* Zeroed: at the start. */
struct tape_cursor {
    const struct tape_piece *piece;
    size_t at;   /* within the piece */
    size_t read; /* bytes since the start */
};

struct tape *tape_new(void);
struct tape *tape_ref(struct tape *t);
void tape_unref(struct tape *t); /* NULL is fine */

/* All of `bytes` or nothing; once it has refused some it is full and refuses all. */
bool tape_add(struct tape *t, struct str bytes);
bool tape_is_full(const struct tape *t);
size_t tape_size(const struct tape *t);

/* Copies at most `most` bytes on; returns how many. */
size_t tape_read(const struct tape *t, struct tape_cursor *c, struct buf *out, size_t most);
