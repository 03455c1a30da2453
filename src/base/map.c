/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/map.h"

#include "weir/base/ensure.h"
#include "weir/base/mem.h"

#include <stdlib.h>

/*
 * Entries stand in an array in the order of their putting; `index` is an open-addressing
 * table of their numbers plus one, at most half full, so that a probe always ends.
 */
struct map_entry {
    uint64_t hash;
    char *key; /* owned */
    size_t key_len;
    void *value;
};

struct map {
    struct map_entry *entries;
    size_t size;
    size_t room;
    size_t *index;
    size_t slots; /* a power of two */
};

enum { FIRST_SLOTS = 16, LONGEST_NAME = 64 };

struct map *map_new(void)
{
    struct map *m = MEM_NEW(struct map);

    m->slots = FIRST_SLOTS;
    m->index = mem_new_array(m->slots, sizeof(*m->index));
    return m;
}

void map_free(struct map *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->size; i++)
        free(m->entries[i].key);
    free(m->entries);
    free(m->index);
    free(m);
}

static struct str key_of(const struct map_entry *e)
{
    return (struct str){ e->key, e->key_len };
}

/* The slot that holds `key`, or the empty one where it would go. */
static size_t find_slot(const struct map *m, struct str key, uint64_t hash)
{
    size_t slot = hash & (m->slots - 1);

    while (m->index[slot] != 0) {
        const struct map_entry *e = &m->entries[m->index[slot] - 1];

        if (e->hash == hash && str_eq(key_of(e), key))
            break;
        slot = (slot + 1) & (m->slots - 1);
    }
    return slot;
}

static void grow_index(struct map *m)
{
    free(m->index);
    m->slots *= 2;
    m->index = mem_new_array(m->slots, sizeof(*m->index));
    for (size_t i = 0; i < m->size; i++)
        m->index[find_slot(m, key_of(&m->entries[i]), m->entries[i].hash)] = i + 1;
}

bool map_put(struct map *m, struct str key, void *value)
{
    uint64_t hash = str_hash(key);
    struct map_entry *e;

    if (m->index[find_slot(m, key, hash)] != 0)
        return false;
    if (m->size == m->room) {
        m->room = m->room == 0 ? 8 : m->room * 2;
        m->entries = mem_grow(m->entries, m->room * sizeof(*m->entries));
    }
    e = &m->entries[m->size];
    *e = (struct map_entry){ hash, mem_new(key.len + 1), key.len, value };
    if (key.len > 0)
        memcpy(e->key, key.at, key.len);
    m->size++;
    if (m->size * 2 > m->slots)
        grow_index(m);
    else
        m->index[find_slot(m, key, hash)] = m->size;
    return true;
}

void *map_get(const struct map *m, struct str key)
{
    size_t number = m->index[find_slot(m, key, str_hash(key))];

    return number == 0 ? NULL : m->entries[number - 1].value;
}

size_t map_size(const struct map *m)
{
    return m->size;
}

struct str map_key_at(const struct map *m, size_t i)
{
    ensure(i < m->size);
    return key_of(&m->entries[i]);
}

void *map_value_at(const struct map *m, size_t i)
{
    ensure(i < m->size);
    return m->entries[i].value;
}

static unsigned least_of(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance, with two neighbours changing places as one edit: typing errors. */
static unsigned distance(struct str a, struct str b)
{
    unsigned rows[3][LONGEST_NAME + 1];

    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a.len; i++) {
        unsigned *now = rows[i % 3], *up = rows[(i + 2) % 3], *upper = rows[(i + 1) % 3];

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b.len; j++) {
            unsigned change = a.at[i - 1] != b.at[j - 1];

            now[j] = least_of(up[j - 1] + change, least_of(up[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] && a.at[i - 2] == b.at[j - 1])
                now[j] = least_of(now[j], upper[j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

struct str map_nearest(const struct map *m, struct str name)
{
    struct str nearest = { NULL, 0 };
    unsigned least = (unsigned)(name.len / 4 + 2); /* one edit, and one more per four letters */

    if (name.len == 0 || name.len > LONGEST_NAME)
        return nearest;
    for (size_t i = 0; i < m->size; i++) {
        struct str key = key_of(&m->entries[i]);
        unsigned far;

        if (key.len > LONGEST_NAME)
            continue;
        far = distance(name, key);
        if (far < least && far < name.len) {
            least = far;
            nearest = key;
        }
    }
    return nearest;
}
