/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

/*
 * Memory of one exchange: taken piece by piece, given back all at once. The budget is what
 * a client may cost us; past it takes fail and the caller answers ERR_TOO_LARGE.
 * A zeroed arena with a budget is ready; nothing is allocated before the first take.
 */
struct arena_block;

/*
 * First blocks that are between two exchanges, so that a request costs no malloc of a size for
 * which malloc is slow. A thread's own; it must outlive the arenas that draw from it.
 */
struct arena_pool {
    struct arena_block *spare;
    size_t count;
};

void arena_pool_deinit(struct arena_pool *p); /* a zeroed one is ready */

struct arena {
    struct arena_pool *pool; /* lent; NULL: all blocks are malloc's */
    struct arena_block *blocks;
    char *next;
    size_t left;
    size_t used;   /* bytes of all blocks */
    size_t budget; /* bytes; 0 means no limit */
};

void arena_init(struct arena *a, size_t budget);
void arena_init_pooled(struct arena *a, struct arena_pool *pool, size_t budget);
void arena_deinit(struct arena *a);

/* Zeroed and aligned for any type; NULL when the budget is spent. */
void *arena_take(struct arena *a, size_t size);

/* A copy with a terminating NUL behind it; the absent str when the budget is spent. */
struct str arena_copy(struct arena *a, struct str s);
struct str arena_join(struct arena *a, const struct str *parts, size_t count);
struct str arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define ARENA_NEW(a, type) ((type *)arena_take((a), sizeof(type)))
