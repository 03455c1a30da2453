/* SPDX-License-Identifier: Apache-2.0 */
#include "alias.h"

#include "pages.h"
#include "weir/base/ensure.h"
#include "weir/base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    WAYS = 4,
    LOCKS = 16, /* a few times the workers of a large machine's share */
};

struct alias {
    struct digest raw;
    struct digest key;
    uint64_t facts;
    bool used;
};

struct set {
    struct alias ways[WAYS];
};

struct aliases {
    pthread_mutex_t locks[LOCKS]; /* of the sets whose number is this, modulo LOCKS */
    size_t count;                 /* of sets: a power of two */
    struct set *sets;
};

struct aliases *aliases_new(size_t bytes)
{
    struct aliases *all = MEM_NEW(struct aliases);

    all->count = 1;
    while (all->count * 2 * sizeof(struct set) <= bytes)
        all->count *= 2;
    all->sets = pages_new(all->count * sizeof(struct set));
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_init(&all->locks[i], NULL);
    return all;
}

void aliases_free(struct aliases *all)
{
    if (!all)
        return;
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&all->locks[i]);
    pages_free(all->sets, aliases_cost(all));
    free(all);
}

size_t aliases_cost(const struct aliases *all)
{
    return all->count * sizeof(struct set);
}

static size_t number_of(const struct aliases *all, const struct digest *raw)
{
    return (size_t)digest_word(raw) & (all->count - 1);
}

/* The way that holds `raw`, or WAYS. */
static size_t find(const struct set *set, const struct digest *raw)
{
    size_t way = 0;

    while (way < WAYS &&
           !(set->ways[way].used && memcmp(&set->ways[way].raw, raw, sizeof(*raw)) == 0))
        way++;
    return way;
}

static void swap(struct alias *a, struct alias *b)
{
    struct alias was = *a;

    *a = *b;
    *b = was;
}

void alias_put(struct aliases *all, const struct digest *raw, const struct digest *key,
               uint64_t facts)
{
    size_t number = number_of(all, raw);
    struct set *set = &all->sets[number];
    size_t way;

    pthread_mutex_lock(&all->locks[number % LOCKS]);
    way = find(set, raw);
    if (way == WAYS) {
        set->ways[WAYS - 1] = set->ways[WAYS - 2];
        way = WAYS - 2;
    }
    set->ways[way] = (struct alias){ .raw = *raw, .key = *key, .facts = facts, .used = true };
    pthread_mutex_unlock(&all->locks[number % LOCKS]);
}

bool alias_get(struct aliases *all, const struct digest *raw, struct digest *key,
               uint64_t *facts)
{
    size_t number = number_of(all, raw);
    struct set *set = &all->sets[number];
    size_t way;

    pthread_mutex_lock(&all->locks[number % LOCKS]);
    way = find(set, raw);
    if (way < WAYS) {
        *key = set->ways[way].key;
        *facts = set->ways[way].facts;
    }
    if (way > 0 && way < WAYS)
        swap(&set->ways[way], &set->ways[way - 1]);
    pthread_mutex_unlock(&all->locks[number % LOCKS]);
    return way < WAYS;
}
