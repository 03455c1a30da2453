/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/watchlist.h"

#include "weir/base/mem.h"
#include "weir/dialect/pattern.h"

#include <stdlib.h>

struct watchlist *watchlist_new(struct str model)
{
    static _Atomic uint64_t ids;
    struct watchlist *l = MEM_NEW(struct watchlist);

    atomic_init(&l->refs, 1);
    l->id = atomic_fetch_add(&ids, 1) + 1;
    arena_init(&l->arena, 0);
    l->model = arena_copy(&l->arena, model);
    return l;
}

struct watchlist *watchlist_ref(struct watchlist *l)
{
    atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
    return l;
}

void watchlist_unref(struct watchlist *l)
{
    if (!l || atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < l->prediction_count; i++)
        pattern_free(l->predictions[i].match);
    for (size_t i = 0; i < l->segment_count; i++)
        segment_close(&l->segments[i]);
    arena_deinit(&l->arena);
    free(l);
}

/* Up to the first that differs: what is watched together needs all its parts, which stand before. */
void watchlist_adopt(struct watchlist *l, const struct watchlist *previous)
{
    for (size_t i = 0; i < l->segment_count && i < previous->segment_count; i++)
        if (!segment_adopt(&l->segments[i], &previous->segments[i]))
            return;
}
