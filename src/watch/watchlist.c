/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/watchlist.h"

#include "meaning.h"
#include "reading.h"
#include "weir/base/buf.h"
#include "weir/base/digest.h"
#include "weir/base/log.h"
#include "weir/base/mem.h"
#include "weir/dialect/pattern.h"
#include "weir/watch/variety.h"

#include <stdlib.h>
#include <string.h>

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
    for (unsigned side = 0; side < WATCH_SIDES; side++)
        jsonschema_free(l->schemas[side]);
    arena_deinit(&l->arena);
    free(l);
}

/* ---- fields ---- */

enum { FIELD_NAME = 96 }; /* a longer one is not worth a line in every picture */

/* The name as a step of a JSON Pointer. */
static struct str field_name(struct watchlist *l, enum watch_side side, struct str name)
{
    struct buf text = { 0 };
    struct str copy;

    buf_put_text(&text, side == WATCH_ANSWER ? "field:answer/" : "field:request/");
    for (size_t i = 0; i < name.len; i++) {
        struct str one = str_cut(name, i, i + 1);

        buf_put(&text, one.at[0] == '~' ? STR("~0") : one.at[0] == '/' ? STR("~1") : one);
    }
    copy = arena_copy(&l->arena, buf_str(&text));
    buf_deinit(&text);
    return copy;
}

static void add_fields(struct watchlist *l, enum watch_side side)
{
    const struct jsonschema *schema = l->schemas[side];
    size_t count = schema ? jsonschema_field_count(schema) : 0;

    for (size_t i = 0; i < count; i++) {
        struct prediction *p = &l->predictions[l->prediction_count];

        if (jsonschema_field_name(schema, i).len > FIELD_NAME)
            continue;
        *p = (struct prediction){ .name = field_name(l, side, jsonschema_field_name(schema, i)),
                                  .kind = PREDICTION_FIELD,
                                  .of_request = side == WATCH_REQUEST,
                                  .schema = schema,
                                  .field = i };
        prediction_complete(p);
        l->prediction_count++;
    }
}

void watchlist_add_fields(struct watchlist *l)
{
    size_t most = l->prediction_count + WATCHLIST_FIELDS;
    struct prediction *all = arena_take(&l->arena, most * sizeof(*all));

    if (l->prediction_count > 0)
        memcpy(all, l->predictions, l->prediction_count * sizeof(*all));
    l->predictions = all;
    for (unsigned side = 0; side < WATCH_SIDES; side++)
        add_fields(l, (enum watch_side)side);
}

/* ---- what it is ---- */

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
    for (unsigned side = 0; side < WATCH_SIDES; side++)
        digest_add_u64(l->schemas[side] ? jsonschema_hash(l->schemas[side]) : 0);
    digest_end(&digest);
    l->id = digest_word(&digest);
    for (size_t i = 0; i < l->prediction_count; i++) {
        struct prediction *p = &l->predictions[i];

        p->meaning = meaning_of_prediction(p);
        if (has_variety(p))
            p->variety = variety_new();
    }
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

static const struct prediction *find_named(const struct watchlist *l, struct str name)
{
    for (size_t i = 0; i < l->prediction_count; i++)
        if (str_eq(l->predictions[i].name, name))
            return &l->predictions[i];
    return NULL;
}

static void tell_segments(const struct watchlist *l, const struct watchlist *previous)
{
    for (size_t i = 0; i < l->segment_count; i++)
        for (size_t k = 0; k < previous->segment_count; k++)
            if (l->segments[i].name.len > 0 &&
                str_eq(l->segments[i].name, previous->segments[k].name) &&
                l->segments[i].meaning != previous->segments[k].meaning)
                log_warn("segment_redefined", F_STR("model", l->model),
                         F_STR("segment", l->segments[i].name));
}

/* Its counts go on under the same name, and are told apart from those before by their meaning. */
static void tell_redefined(const struct watchlist *l, const struct watchlist *previous)
{
    for (size_t i = 0; i < l->prediction_count; i++) {
        const struct prediction *p = &l->predictions[i], *old = find_named(previous, p->name);

        if (old && old->meaning != p->meaning)
            log_warn("prediction_redefined", F_STR("model", l->model),
                     F_STR("prediction", p->name),
                     F_TEXT("hint", "baselines of the old definition are not judged by; they "
                                    "are again once it is back"));
    }
    tell_segments(l, previous);
}

/* Up to the first that differs: what is watched together needs all its parts, which stand before. */
void watchlist_adopt(struct watchlist *l, const struct watchlist *previous)
{
    if (l->id == previous->id)
        adopt_variety(l, previous);
    else
        tell_redefined(l, previous);
    for (size_t i = 0; i < l->segment_count && i < previous->segment_count; i++)
        if (!segment_adopt(&l->segments[i], &previous->segments[i]))
            return;
}

/* ---- by their places ---- */

const struct prediction *watchlist_prediction(const struct watchlist *l, size_t i)
{
    return i < READING_BUILT_IN + l->prediction_count ? reading_prediction(l, i) : NULL;
}
