/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/cache/backoff.h"

#include "weir/base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A table of small sets. It is large, but its pages are touched only while renewals fail. */
enum {
    SETS = 4096,
    WAYS = 4,
    LOCKS = 16,
};

struct backoff {
    struct digest key;
    uint64_t until_us; /* 0: nothing stands here */
    uint64_t pause_us;
};

struct set {
    struct backoff ways[WAYS];
};

struct backoffs {
    pthread_mutex_t locks[LOCKS]; /* of the sets whose number is this, modulo LOCKS */
    struct set sets[SETS];
};

struct backoffs *backoffs_new(void)
{
    struct backoffs *all = MEM_NEW(struct backoffs);

    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_init(&all->locks[i], NULL);
    return all;
}

void backoffs_free(struct backoffs *all)
{
    if (!all)
        return;
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&all->locks[i]);
    free(all);
}

static size_t number_of(const struct digest *key)
{
    return (size_t)(digest_word(key) % SETS);
}

static struct set *lock(struct backoffs *all, const struct digest *key)
{
    size_t number = number_of(key);

    pthread_mutex_lock(&all->locks[number % LOCKS]);
    return &all->sets[number];
}

static void unlock(struct backoffs *all, const struct digest *key)
{
    pthread_mutex_unlock(&all->locks[number_of(key) % LOCKS]);
}

static struct backoff *find(struct set *set, const struct digest *key)
{
    for (size_t i = 0; i < WAYS; i++)
        if (set->ways[i].until_us > 0 && digest_eq(&set->ways[i].key, key))
            return &set->ways[i];
    return NULL;
}

static struct backoff *make_room(struct set *set)
{
    struct backoff *soonest = &set->ways[0];

    for (size_t i = 1; i < WAYS; i++)
        if (set->ways[i].until_us < soonest->until_us)
            soonest = &set->ways[i];
    return soonest;
}

bool backoff_is_over(struct backoffs *all, const struct digest *key, uint64_t now_us)
{
    const struct backoff *b;
    bool over;

    if (!all)
        return true;
    b = find(lock(all, key), key);
    over = !b || b->until_us <= now_us;
    unlock(all, key);
    return over;
}

/* What nobody wanted for long after its pause begins anew. */
static uint64_t next_pause_us(const struct backoff *last, uint64_t now_us)
{
    if (!last || now_us >= last->until_us + BACKOFF_MOST_US)
        return BACKOFF_FIRST_US;
    return last->pause_us * 2 < BACKOFF_MOST_US ? last->pause_us * 2 : BACKOFF_MOST_US;
}

void backoff_fail(struct backoffs *all, const struct digest *key, uint64_t now_us)
{
    struct backoff *b;
    struct set *set;
    uint64_t pause_us;

    if (!all)
        return;
    set = lock(all, key);
    b = find(set, key);
    pause_us = next_pause_us(b, now_us);
    b = b ? b : make_room(set);
    *b = (struct backoff){ .key = *key, .until_us = now_us + pause_us, .pause_us = pause_us };
    unlock(all, key);
}

void backoff_forget(struct backoffs *all, const struct digest *key)
{
    struct backoff *b;

    if (!all)
        return;
    b = find(lock(all, key), key);
    if (b)
        *b = (struct backoff){ 0 };
    unlock(all, key);
}
