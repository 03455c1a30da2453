/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/ticks.h"

#include "tally.h"
#include "weir/base/ensure.h"
#include "weir/base/mem.h"

#include <pthread.h>
#include <stdlib.h>

/*
 * A tally for each minute, made when its first count comes. Workers add every few seconds and
 * the judge takes once a minute, so one lock for all is never waited for long.
 */

_Static_assert((int)TICKS_CELLS == (int)TALLY_CELLS, "a minute is a tally");

struct page {
    uint64_t minute;
    struct tally *tally; /* owned; NULL: the page is free */
};

struct ticks {
    pthread_mutex_t lock;
    struct page pages[TICKS_MINUTES];
    uint64_t lost;
};

struct ticks *ticks_new(void)
{
    struct ticks *t = MEM_NEW(struct ticks);
    int failed = pthread_mutex_init(&t->lock, NULL);

    ensure(!failed);
    return t;
}

static void free_tally(struct tally *tally)
{
    if (!tally)
        return;
    tally_deinit(tally);
    free(tally);
}

void ticks_free(struct ticks *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < TICKS_MINUTES; i++)
        free_tally(t->pages[i].tally);
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}

/* ---- under the lock ---- */

static struct page *find(struct ticks *t, uint64_t minute)
{
    for (size_t i = 0; i < TICKS_MINUTES; i++)
        if (t->pages[i].tally && t->pages[i].minute == minute)
            return &t->pages[i];
    return NULL;
}

static void lose(struct ticks *t, struct page *page)
{
    for (size_t i = 0; i < page->tally->count; i++)
        t->lost += page->tally->cells[i].count;
    free_tally(page->tally);
    page->tally = NULL;
}

/* A free page, or that of the oldest minute; NULL: `minute` is older than all of them. */
static struct page *make_room(struct ticks *t, uint64_t minute)
{
    struct page *oldest = &t->pages[0];

    for (size_t i = 0; i < TICKS_MINUTES; i++) {
        struct page *page = &t->pages[i];

        if (!page->tally)
            return page;
        if (page->minute < oldest->minute)
            oldest = page;
    }
    if (oldest->minute > minute)
        return NULL;
    lose(t, oldest);
    return oldest;
}

static struct tally *tally_of(struct ticks *t, uint64_t minute)
{
    struct page *page = find(t, minute);

    if (page)
        return page->tally;
    page = make_room(t, minute);
    if (!page)
        return NULL;
    page->minute = minute;
    page->tally = MEM_NEW(struct tally);
    tally_init(page->tally);
    return page->tally;
}

/* ---- from outside ---- */

void ticks_add(struct ticks *t, uint64_t minute, const struct tick_histogram *of,
               struct str value, uint64_t count)
{
    struct tally_key key = { .model = of->model,
                             .version = of->version,
                             .prediction = of->prediction,
                             .segment = of->segment,
                             .value = value,
                             .source = WATCH_FRESH,
                             .meaning = of->meaning,
                             .minute = minute };
    struct tally *tally;

    (void)pthread_mutex_lock(&t->lock);
    tally = tally_of(t, minute);
    if (!tally || !tally_add(tally, &key, count))
        t->lost += count;
    (void)pthread_mutex_unlock(&t->lock);
}

/* The minute's tally for the caller; what is older is gone. NULL: nothing was counted in it. */
static struct tally *take(struct ticks *t, uint64_t minute)
{
    struct tally *taken = NULL;

    (void)pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < TICKS_MINUTES; i++) {
        struct page *page = &t->pages[i];

        if (!page->tally || page->minute > minute)
            continue;
        if (page->minute == minute)
            taken = steal(&page->tally);
        else
            lose(t, page);
    }
    (void)pthread_mutex_unlock(&t->lock);
    return taken;
}

void ticks_take(struct ticks *t, uint64_t minute, ticks_fn *each, void *ctx)
{
    struct tally *tally = take(t, minute);

    if (!tally)
        return;
    tally_sort(tally);
    for (size_t i = 0; i < tally->count; i++) {
        const struct tally_key *k = &tally->cells[i].key;
        struct tick_histogram of = { k->model, k->version, k->prediction, k->segment,
                                     k->meaning };

        each(ctx, &of, k->value, tally->cells[i].count);
    }
    free_tally(tally);
}

uint64_t ticks_lost(struct ticks *t)
{
    uint64_t lost;

    (void)pthread_mutex_lock(&t->lock);
    lost = t->lost;
    t->lost = 0;
    (void)pthread_mutex_unlock(&t->lock);
    return lost;
}
