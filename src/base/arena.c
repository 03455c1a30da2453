/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/arena.h"

#include "weir/base/ensure.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Small takes share blocks; a take that would waste much of one gets a block of its own, behind
 * the current one, which stays in use. Every block counts with its head, so `used` is
 * what the exchange really costs.
 */
enum {
    FIRST_BLOCK = 4096, /* most exchanges need no second */
    MOST_BLOCK = 64 * 1024,
    POOLED = 64, /* blocks: as many exchanges may start together without malloc */
    ALIGN = alignof(max_align_t),
};

struct arena_block {
    alignas(max_align_t) struct arena_block *next;
};

/* Under AddressSanitizer nothing is pooled, or it would not see who touches what is freed. */
static void give_back(struct arena_pool *p, struct arena_block *block)
{
#ifdef __SANITIZE_ADDRESS__
    (void)p;
    free(block);
#else
    if (p->count == POOLED) {
        free(block);
        return;
    }
    block->next = p->spare;
    p->spare = block;
    p->count++;
#endif
}

void arena_pool_deinit(struct arena_pool *p)
{
    while (p->spare) {
        struct arena_block *next = p->spare->next;

        free(p->spare);
        p->spare = next;
    }
    p->count = 0;
}

void arena_init(struct arena *a, size_t budget)
{
    *a = (struct arena){ .budget = budget };
}

/* The first block, which is the last in the list, is the pool's. */
void arena_init_pooled(struct arena *a, struct arena_pool *pool, size_t budget)
{
    struct arena_block *block = pool->spare;

    ensure(budget == 0 || budget >= FIRST_BLOCK);
    if (block) {
        pool->spare = block->next;
        pool->count--;
    } else {
        block = malloc(FIRST_BLOCK);
        ensure(block);
    }
    block->next = NULL;
    *a = (struct arena){
        .pool = pool,
        .blocks = block,
        .next = (char *)(block + 1),
        .left = FIRST_BLOCK - sizeof(*block),
        .used = FIRST_BLOCK,
        .budget = budget,
    };
}

void arena_deinit(struct arena *a)
{
    struct arena_block *block = a->blocks;

    while (block) {
        struct arena_block *next = block->next;

        if (!next && a->pool)
            give_back(a->pool, block);
        else
            free(block);
        block = next;
    }
    *a = (struct arena){ .budget = a->budget };
}

static size_t left_of_budget(const struct arena *a)
{
    return a->budget == 0 ? SIZE_MAX : a->budget - a->used;
}

/* The bytes of a shared block: doubles as the arena grows, within the budget. */
static size_t size_of_shared(const struct arena *a)
{
    size_t size = a->used < FIRST_BLOCK ? FIRST_BLOCK : a->used;

    if (size > MOST_BLOCK)
        size = MOST_BLOCK;
    return size < left_of_budget(a) ? size : left_of_budget(a);
}

static char *add_block(struct arena *a, size_t size)
{
    struct arena_block *block = malloc(size);

    if (!block)
        return NULL;
    block->next = a->blocks;
    a->blocks = block;
    a->used += size;
    return (char *)(block + 1);
}

/* `size` bytes as they come, aligned; NULL when they do not fit in the budget. */
static char *carve(struct arena *a, size_t size)
{
    size_t room, shared;
    char *at;

    if (size > SIZE_MAX / 2)
        return NULL;
    room = size == 0 ? ALIGN : (size + ALIGN - 1) / ALIGN * ALIGN;
    if (room > a->left) {
        size_t alone = room + sizeof(struct arena_block);

        if (alone > left_of_budget(a))
            return NULL;
        shared = size_of_shared(a);
        if (alone > shared / 2)
            return add_block(a, alone);
        at = add_block(a, shared);
        if (!at)
            return NULL;
        a->next = at;
        a->left = shared - sizeof(struct arena_block);
    }
    at = a->next;
    a->next += room;
    a->left -= room;
    return at;
}

void *arena_take(struct arena *a, size_t size)
{
    char *at = carve(a, size);

    if (at)
        memset(at, 0, size);
    return at;
}

struct str arena_copy(struct arena *a, struct str s)
{
    char *at = carve(a, s.len + 1);

    if (!at)
        return (struct str){ NULL, 0 };
    if (s.len > 0)
        memcpy(at, s.at, s.len);
    at[s.len] = '\0';
    return (struct str){ at, s.len };
}

struct str arena_join(struct arena *a, const struct str *parts, size_t count)
{
    size_t len = 0;
    char *at, *to;

    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    at = to = carve(a, len + 1);
    if (!at)
        return (struct str){ NULL, 0 };
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            memcpy(to, parts[i].at, parts[i].len);
        to += parts[i].len;
    }
    *to = '\0';
    return (struct str){ at, len };
}

struct str arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    int len;
    char *at;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ensure(len >= 0);

    at = carve(a, (size_t)len + 1);
    if (!at)
        return (struct str){ NULL, 0 };
    va_start(args, format);
    (void)vsnprintf(at, (size_t)len + 1, format, args);
    va_end(args);
    return (struct str){ at, (size_t)len };
}
