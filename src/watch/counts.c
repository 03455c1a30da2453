/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/counts.h"

#include "member.h"
#include "weir/base/ensure.h"
#include "weir/base/escape.h"
#include "weir/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_VALUES = 8 };

void counts_deinit(struct counts *c)
{
    for (size_t i = 0; i < c->size; i++)
        free((char *)(uintptr_t)c->at[i].value.at);
    free(c->at);
    *c = (struct counts){ 0 };
}

/* The place of a value, or where it would go. */
static size_t find(const struct counts *c, struct str value, bool *found)
{
    size_t low = 0, high = c->size;

    *found = false;
    while (low < high && !*found) {
        size_t middle = (low + high) / 2;
        int order = str_compare(c->at[middle].value, value);

        *found = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return high;
}

static struct str copy(struct str value)
{
    char *own = mem_new(value.len + 1);

    if (value.len > 0)
        memcpy(own, value.at, value.len);
    return (struct str){ own, value.len };
}

static void insert(struct counts *c, size_t at, struct str value, uint64_t n)
{
    if (c->size == c->capacity) {
        c->capacity = c->capacity > 0 ? c->capacity * 2 : FIRST_VALUES;
        c->at = mem_grow(c->at, c->capacity * sizeof(struct count));
    }
    memmove(&c->at[at + 1], &c->at[at], (c->size - at) * sizeof(struct count));
    c->at[at] = (struct count){ copy(value), n };
    c->size++;
}

void counts_add(struct counts *c, struct str value, uint64_t n)
{
    const struct str other = STR("other");
    bool found;
    size_t at = find(c, value, &found);

    if (n == 0)
        return;
    if (!found && c->size >= COUNTS_VALUES && !str_eq(value, other)) {
        value = other;
        at = find(c, value, &found);
    }
    if (found)
        c->at[at].n += n;
    else
        insert(c, at, value, n);
}

void counts_merge(struct counts *into, const struct counts *from)
{
    for (size_t i = 0; i < from->size; i++)
        counts_add(into, from->at[i].value, from->at[i].n);
}

uint64_t counts_total(const struct counts *c)
{
    uint64_t n = 0;

    for (size_t i = 0; i < c->size; i++)
        n += c->at[i].n;
    return n;
}

uint64_t counts_of(const struct counts *c, struct str value)
{
    bool found;
    size_t at = find(c, value, &found);

    return found ? c->at[at].n : 0;
}

void counts_put(const struct counts *c, struct buf *out)
{
    for (size_t i = 0; i < c->size; i++) {
        enum err err;

        if (i > 0)
            buf_put(out, STR(" "));
        err = escape_add(out, c->at[i].value);
        ensure(!err);
        buf_put(out, STR("="));
        buf_put_u64(out, c->at[i].n);
    }
}

bool counts_read(struct counts *c, struct str text)
{
    struct str piece, value;
    struct buf plain = { 0 };
    bool good = true;

    while (good && str_split(&text, ' ', &piece)) {
        uint64_t n;

        buf_reset(&plain);
        good = str_split(&piece, '=', &value) && member_unescape(&plain, value) &&
               str_to_u64(piece, &n);
        if (good)
            counts_add(c, buf_str(&plain), n);
    }
    buf_deinit(&plain);
    return good;
}
