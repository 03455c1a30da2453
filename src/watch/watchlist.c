/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/watchlist.h"

#include "weir/base/digest.h"
#include "weir/base/mem.h"
#include "weir/dialect/pattern.h"
#include "weir/watch/variety.h"

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
    for (size_t i = 0; i < l->prediction_count; i++) {
        pattern_free(l->predictions[i].match);
        variety_unref(l->predictions[i].variety);
    }
    for (size_t i = 0; i < l->segment_count; i++)
        segment_close(&l->segments[i]);
    arena_deinit(&l->arena);
    free(l);
}

static void digest_list(const struct str *list, size_t count)
{
    digest_add_u64(count);
    for (size_t i = 0; i < count; i++)
        digest_add_part(list[i]);
}

static void digest_prediction(const struct prediction *p)
{
    digest_add_part(p->name);
    digest_add_u64(p->from.at ? 1 : 0);
    digest_add_part(p->from);
    digest_add_u64((uint64_t)p->kind * 2 + p->of_request);
    digest_add_part(p->match_text);
    digest_list(p->labels, p->label_count);
    digest_list(p->bound_words, p->bound_count > 0 ? p->bound_count + 1 : 0);
}

static void digest_segment(const struct segment *s)
{
    digest_add_part(s->name);
    digest_add_u64((uint64_t)s->kind);
    digest_add_part(s->from);
    digest_list(s->values, s->value_count);
    digest_add_part((struct str){ (const char *)s->parts, s->part_count });
}

/* Of whole texts no two are the same, and a pattern has taken a word out of one. */
static bool has_variety(const struct prediction *p)
{
    return (p->kind == PREDICTION_LABEL && !p->match) || p->kind == PREDICTION_NUMBER;
}

void watchlist_seal(struct watchlist *l)
{
    struct digest digest;

    digest_start();
    digest_add_part(l->model);
    digest_add_u64(l->prediction_count);
    for (size_t i = 0; i < l->prediction_count; i++)
        digest_prediction(&l->predictions[i]);
    for (size_t i = 0; i < l->segment_count; i++)
        digest_segment(&l->segments[i]);
    digest_end(&digest);
    l->id = digest_word(&digest);
    for (size_t i = 0; i < l->prediction_count; i++)
        if (has_variety(&l->predictions[i]))
            l->predictions[i].variety = variety_new();
}

static void adopt_variety(struct watchlist *l, const struct watchlist *previous)
{
    for (size_t i = 0; i < l->prediction_count; i++) {
        struct variety *v = previous->predictions[i].variety;

        if (!v)
            continue;
        variety_unref(l->predictions[i].variety);
        l->predictions[i].variety = variety_ref(v);
    }
}

/* Up to the first that differs: what is watched together needs all its parts, which stand before. */
void watchlist_adopt(struct watchlist *l, const struct watchlist *previous)
{
    if (l->id == previous->id)
        adopt_variety(l, previous);
    for (size_t i = 0; i < l->segment_count && i < previous->segment_count; i++)
        if (!segment_adopt(&l->segments[i], &previous->segments[i]))
            return;
}
