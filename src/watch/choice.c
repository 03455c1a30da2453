/* SPDX-License-Identifier: Apache-2.0 */
#include "choice.h"

#include "reading.h"

#include <stdlib.h>
#include <string.h>

static int by_member(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    int order = str_compare(a->member, b->member);

    return order ? order : (a->last < b->last) - (a->last > b->last);
}

size_t choice_unite(struct candidate *all, size_t count)
{
    size_t kept = 0;

    if (count > 1)
        qsort(all, count, sizeof(all[0]), by_member);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || !str_eq(all[kept - 1].member, all[i].member))
            all[kept++] = all[i];
    return kept;
}

/* The names of upstreams are of whole models, though each stands in the segment of its upstream. */
static bool is_of_names(struct str member)
{
    struct str model, version, prediction;

    return str_split(&member, ':', &model) && str_split(&member, ':', &version) &&
           str_split(&member, '@', &prediction) &&
           (str_eq(prediction, READING_RETURNED_MODEL) ||
            str_eq(prediction, READING_FINGERPRINT));
}

/* 0: all of a model, 1: a segment, 2: segments together. In names such marks are escaped. */
static unsigned width_of(struct str member)
{
    if (!memchr(member.at, '@', member.len) || is_of_names(member))
        return 0;
    return memchr(member.at, ',', member.len) ? 2 : 1;
}

static unsigned rank(const struct candidate *c, uint64_t now)
{
    unsigned rank = c->last + CHOICE_QUIET_TICKS < now ? 1 : 0;

    if (c->alarmed)
        return 0;
    rank = rank * 3 + width_of(c->member);
    rank = rank * 2 + (c->pinned ? 0 : 1);
    return 1 + rank * 2 + (c->known ? 0 : 1);
}

static int by_rank(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;

    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return str_compare(a->member, b->member);
}

void choice_sort(struct candidate *all, size_t count, uint64_t now)
{
    for (size_t i = 0; i < count; i++)
        all[i].rank = rank(&all[i], now);
    if (count > 1)
        qsort(all, count, sizeof(all[0]), by_rank);
}

bool choice_is_open(const struct candidate *all, size_t count, size_t room, size_t *from,
                    size_t *to)
{
    if (room == 0 || count <= room || all[room - 1].rank != all[room].rank)
        return false;
    *from = *to = room;
    while (*from > 0 && all[*from - 1].rank == all[room].rank)
        --*from;
    while (*to < count && all[*to].rank == all[room].rank)
        ++*to;
    return true;
}
