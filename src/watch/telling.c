/* SPDX-License-Identifier: Apache-2.0 */
#include "telling.h"

#include "meaning.h"
#include "member.h"
#include "source.h"

void telling_deinit(struct telling *t)
{
    buf_deinit(&t->texts.name);
    buf_deinit(&t->texts.key);
    buf_deinit(&t->texts.index);
    buf_deinit(&t->texts.meaning);
}

/* Segments are many, and whoever judges keeps their hours. */
static uint64_t ttl_s(const struct telling *t, const struct tally_key *k)
{
    return k->segment.len > 0 ? t->tick_ms * WATCH_SEGMENT_TICKS / 1000 : WATCH_TTL_S;
}

/* It is needed for as long as ticks are read one by one. */
static void put_meaning(struct telling *t, const struct tally_key *k, uint64_t minute,
                        const struct remote_count *counts, size_t n)
{
    struct remote_histogram h = { .minute = minute,
                                  .ttl_s = t->tick_ms * WATCH_MEANING_TICKS / 1000 };
    struct remote_count all = { .by = 0 };

    buf_reset(&t->texts.key);
    buf_reset(&t->texts.meaning);
    buf_put_printf(&t->texts.key, "%.*sv1:definition:%.*s:%llu", STR_ARG(t->prefix),
                   STR_ARG(buf_str(&t->texts.name)), (unsigned long long)minute);
    meaning_put(k->meaning, &t->texts.meaning);
    h.key = buf_str(&t->texts.key);
    all.field = buf_str(&t->texts.meaning);
    for (size_t i = 0; i < n; i++)
        all.by += counts[i].by;
    remote_count(t->remote, &h, &all, 1);
}

static void put_counts(struct telling *t, const struct tally_key *k, uint64_t minute,
                       const struct remote_count *counts, size_t n)
{
    struct remote_histogram h = { .minute = minute, .ttl_s = ttl_s(t, k) };

    buf_reset(&t->texts.key);
    buf_reset(&t->texts.index);
    buf_put_printf(&t->texts.key, "%.*sv1:histogram:%.*s", STR_ARG(t->prefix),
                   STR_ARG(buf_str(&t->texts.name)));
    if (k->source != WATCH_FRESH)
        buf_put_printf(&t->texts.key, ";%.*s", STR_ARG(source_word(k->source)));
    buf_put_printf(&t->texts.key, ":%llu", (unsigned long long)minute);
    h.key = buf_str(&t->texts.key);
    if (k->source == WATCH_FRESH) {
        buf_put_printf(&t->texts.index, "%.*sv1:histograms", STR_ARG(t->prefix));
        h.index = buf_str(&t->texts.index);
        h.name = buf_str(&t->texts.name);
        h.index_ttl_s = WATCH_INDEX_TTL_S;
    }
    remote_count(t->remote, &h, counts, n);
}

void telling_put(struct telling *t, const struct tally_key *k, uint64_t minute,
                 const struct remote_count *counts, size_t n)
{
    const struct tick_histogram of = { k->model, k->version, k->prediction, k->segment, 0 };

    buf_reset(&t->texts.name);
    member_put(&t->texts.name, &of);
    if (k->source == WATCH_FRESH && k->meaning != 0)
        put_meaning(t, k, minute, counts, n); /* first: counts are never there without it */
    put_counts(t, k, minute, counts, n);
}
