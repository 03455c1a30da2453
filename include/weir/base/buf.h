/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/err.h"
#include "weir/base/own.h"
#include "weir/base/str.h"

/*
 * Bytes that grow, up to a ceiling. A zeroed buf is empty and has no ceiling. Adding past
 * the ceiling fails with ERR_TOO_LARGE and changes nothing.
 */
struct buf {
    char *at;
    size_t len;
    size_t capacity;
    size_t most; /* bytes; 0 means no ceiling */
};

void buf_init(struct buf *b, size_t most);
void buf_deinit(struct buf *b); /* leaves it empty, with its ceiling */
void buf_reset(struct buf *b);  /* empty again; keeps its memory */
struct str buf_str(const struct buf *b);

MUST_CHECK enum err buf_add(struct buf *b, struct str s);
MUST_CHECK enum err buf_printf(struct buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Room for `n` more bytes at *at, which buf_grown(b, used) then makes part of it. */
MUST_CHECK enum err buf_room(struct buf *b, size_t n, char **at);
void buf_grown(struct buf *b, size_t n);

/* For text that we size ourselves in a buf without a ceiling: cannot fail. */
void buf_put(struct buf *b, struct str s);
void buf_put_text(struct buf *b, const char *zero_terminated);
void buf_put_u64(struct buf *b, uint64_t n);
void buf_put_ms(struct buf *b, uint64_t us); /* microseconds as milliseconds: 1.234 */
void buf_put_printf(struct buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Takes the first `n` bytes off the front. */
void buf_drop(struct buf *b, size_t n);

/* Replaces the bytes [from, to) by `with`. */
MUST_CHECK enum err buf_splice(struct buf *b, size_t from, size_t to, struct str with);
