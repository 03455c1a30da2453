/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/cache/memory.h"

#include "alias.h"
#include "pages.h"
#include "weir/base/list.h"
#include "weir/base/mem.h"

#include <pthread.h>
#include <stdlib.h>

/*
 * Each shard is a chained hash table and a queue in the order of arrival, the newest first.
 * What always holds: an entry is in both or in neither; `used` is the cost of what is in the
 * queue and at most the shard's share; the hand is in the queue, or NULL: at the tail.
 * Entries that go are freed after the lock is given back.
 */

enum {
    SHARD_BYTES = 8
                  << 20, /* so that answers of a MiB, the most that Redis takes, fit in well */
    MOST_SHARDS = 16,    /* enough that two workers seldom meet */
    LARGEST_PART = 4,    /* of a shard's share: larger ones push out too much */
    BYTES_A_BUCKET = 1024,    /* answers are seldom smaller */
    BYTES_AN_ALIAS_BYTE = 32, /* the index of raw bodies takes 1/32 of the budget */
    HEAP_HEAD_BYTES = sizeof(size_t),
};

struct node {
    struct node *next; /* in its bucket; or among those that go */
    struct link link;  /* in the queue */
    struct entry *entry;
    bool visited;
};

struct shard {
    pthread_mutex_t lock;
    struct node **buckets;
    struct link queue;
    struct link *hand;
    struct memory_numbers numbers;
};

struct memory {
    struct aliases *aliases;
    struct node **tables;
    size_t tables_bytes;
    size_t bucket_count; /* of one shard: a power of two */
    size_t share;        /* bytes: what the entries of one shard may cost */
    size_t shard_count;  /* a power of two */
    struct shard shards[MOST_SHARDS];
};

/* ---- made and freed ---------------------------------------------------------------- */

static size_t power_of_two(size_t most)
{
    size_t n = 1;

    while (n * 2 <= most)
        n *= 2;
    return n;
}

struct memory *memory_new(size_t bytes)
{
    struct memory *m = MEM_NEW(struct memory);
    size_t tables;

    m->shard_count = power_of_two(bytes / SHARD_BYTES);
    if (m->shard_count > MOST_SHARDS)
        m->shard_count = MOST_SHARDS;
    m->bucket_count = power_of_two(bytes / m->shard_count / BYTES_A_BUCKET);
    m->tables_bytes = m->shard_count * m->bucket_count * sizeof(struct node *);
    m->tables = pages_new(m->tables_bytes);
    m->aliases = aliases_new(bytes / BYTES_AN_ALIAS_BYTE);
    tables = m->tables_bytes + aliases_cost(m->aliases);
    m->share = bytes > tables ? (bytes - tables) / m->shard_count : 0;
    for (size_t i = 0; i < m->shard_count; i++) {
        pthread_mutex_init(&m->shards[i].lock, NULL);
        m->shards[i].buckets = m->tables + i * m->bucket_count;
        link_init(&m->shards[i].queue);
    }
    return m;
}

static void free_nodes(struct node *gone)
{
    while (gone) {
        struct node *next = gone->next;

        entry_unref(gone->entry);
        free(gone);
        gone = next;
    }
}

void memory_free(struct memory *m)
{
    struct link *l;

    if (!m)
        return;
    for (size_t i = 0; i < m->shard_count; i++) {
        while ((l = list_pop(&m->shards[i].queue))) {
            struct node *n = container_of(l, struct node, link);

            n->next = NULL;
            free_nodes(n);
        }
        pthread_mutex_destroy(&m->shards[i].lock);
    }
    aliases_free(m->aliases);
    pages_free(m->tables, m->tables_bytes);
    free(m);
}

/* ---- within a shard, under its lock ------------------------------------------------ */

static struct shard *shard_of(struct memory *m, const struct digest *key)
{
    return &m->shards[digest_word(key) & (m->shard_count - 1)];
}

/* Where the node of `key` hangs, or the end of its chain. */
static struct node **find(struct memory *m, struct shard *s, const struct digest *key)
{
    /* The lowest bits have chosen the shard. */
    size_t bucket = (size_t)(digest_word(key) >> 8) & (m->bucket_count - 1);
    struct node **slot = &s->buckets[bucket];

    while (*slot && memcmp(&(*slot)->entry->facts.key, key, sizeof(*key)) != 0)
        slot = &(*slot)->next;
    return slot;
}

static size_t cost_of(const struct entry *e)
{
    return e->cost_bytes + sizeof(struct node) + HEAP_HEAD_BYTES;
}

/* Takes out the node that hangs at `slot` and adds it to those that go. */
static void take_out(struct shard *s, struct node **slot, struct node **gone)
{
    struct node *n = *slot;

    if (s->hand == &n->link)
        s->hand = n->link.prev == &s->queue ? NULL : n->link.prev;
    link_out(&n->link);
    s->numbers.bytes -= cost_of(n->entry);
    s->numbers.entries--;
    *slot = n->next;
    n->next = *gone;
    *gone = n;
}

/* The hand goes from old to new and spares, once, what has been asked for since it last came. */
static void evict(struct memory *m, struct shard *s, struct node **gone)
{
    struct link *l = s->hand ? s->hand : s->queue.prev;

    for (;;) {
        struct node *n = container_of(l, struct node, link);

        if (!n->visited) {
            s->hand = l;
            take_out(s, find(m, s, &n->entry->facts.key), gone);
            s->numbers.evictions++;
            return;
        }
        n->visited = false;
        l = l->prev == &s->queue ? s->queue.prev : l->prev;
    }
}

static void add(struct memory *m, struct shard *s, struct entry *e)
{
    struct node *n = MEM_NEW(struct node);
    struct node **slot = find(m, s, &e->facts.key);

    n->entry = entry_ref(e);
    *slot = n;
    link_before(s->queue.next, &n->link);
    s->numbers.bytes += cost_of(e);
    s->numbers.entries++;
}

/* ---- entries ----------------------------------------------------------------------- */

struct entry *memory_get(struct memory *m, const struct digest *key, uint64_t wall_ms)
{
    struct shard *s = shard_of(m, key);
    struct node *gone = NULL;
    struct entry *found = NULL;
    struct node **slot;

    pthread_mutex_lock(&s->lock);
    slot = find(m, s, key);
    if (*slot && !entry_is_kept((*slot)->entry, wall_ms)) {
        take_out(s, slot, &gone);
    } else if (*slot) {
        (*slot)->visited = true;
        found = entry_ref((*slot)->entry);
    }
    pthread_mutex_unlock(&s->lock);
    free_nodes(gone);
    return found;
}

bool memory_put(struct memory *m, struct entry *e)
{
    struct shard *s = shard_of(m, &e->facts.key);
    bool fits = cost_of(e) <= m->share / LARGEST_PART;
    struct node *gone = NULL;
    struct node **slot;

    pthread_mutex_lock(&s->lock);
    slot = find(m, s, &e->facts.key);
    if (*slot)
        take_out(s, slot, &gone);
    if (fits) {
        while (s->numbers.bytes + cost_of(e) > m->share)
            evict(m, s, &gone);
        add(m, s, e);
    }
    pthread_mutex_unlock(&s->lock);
    free_nodes(gone);
    return fits;
}

/* Drops what `key` holds; if `only` is given, nothing but that. */
static void drop(struct memory *m, const struct digest *key, const struct entry *only)
{
    struct shard *s = shard_of(m, key);
    struct node *gone = NULL;
    struct node **slot;

    pthread_mutex_lock(&s->lock);
    slot = find(m, s, key);
    if (*slot && (!only || (*slot)->entry == only))
        take_out(s, slot, &gone);
    pthread_mutex_unlock(&s->lock);
    free_nodes(gone);
}

void memory_drop(struct memory *m, const struct digest *key)
{
    drop(m, key, NULL);
}

void memory_drop_entry(struct memory *m, const struct entry *e)
{
    drop(m, &e->facts.key, e);
}

/* ---- raw bodies -------------------------------------------------------------------- */

void memory_alias(struct memory *m, const struct digest *raw, const struct digest *key,
                  uint64_t facts)
{
    alias_put(m->aliases, raw, key, facts);
}

bool memory_alias_get(struct memory *m, const struct digest *raw, struct digest *key,
                      uint64_t *facts)
{
    return alias_get(m->aliases, raw, key, facts);
}

/* ---- numbers ----------------------------------------------------------------------- */

void memory_read(struct memory *m, struct memory_numbers *out)
{
    *out = (struct memory_numbers){ 0 };
    for (size_t i = 0; i < m->shard_count; i++) {
        struct shard *s = &m->shards[i];

        pthread_mutex_lock(&s->lock);
        out->bytes += s->numbers.bytes;
        out->entries += s->numbers.entries;
        out->evictions += s->numbers.evictions;
        pthread_mutex_unlock(&s->lock);
    }
}
