/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"

#include "weir/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CELLS = 32 }; /* doubled until they are TALLY_CELLS */

void tally_init(struct tally *t)
{
    *t = (struct tally){ .count = 0 };
    arena_init(&t->text, TALLY_TEXT_BYTES);
}

void tally_deinit(struct tally *t)
{
    arena_deinit(&t->text);
    free(t->cells);
    free(t->slots);
    *t = (struct tally){ .count = 0 };
}

static uint64_t hash_of(const struct tally_key *k)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = (k->minute * 4 + k->source + 1) * odd + k->meaning;

    hash = (hash ^ str_hash(k->model)) * odd;
    hash = (hash ^ str_hash(k->version)) * odd;
    hash = (hash ^ str_hash(k->prediction)) * odd;
    hash = (hash ^ str_hash(k->segment)) * odd;
    return hash ^ hash >> 32;
}

static uint64_t hash_with(uint64_t histogram, struct str value)
{
    uint64_t hash = (histogram ^ str_hash(value)) * UINT64_C(0x9e3779b97f4a7c15);

    return hash ^ hash >> 32;
}

bool tally_same_histogram(const struct tally_key *a, const struct tally_key *b)
{
    return a->minute == b->minute && a->source == b->source && a->meaning == b->meaning &&
           str_eq(a->model, b->model) && str_eq(a->version, b->version) &&
           str_eq(a->prediction, b->prediction) && str_eq(a->segment, b->segment);
}

static size_t slot_count(const struct tally *t)
{
    return 2 * t->capacity;
}

/* The slot of a key, or the empty one where it would go. */
static uint16_t *find_slot(struct tally *t, const struct tally_key *key, uint64_t hash)
{
    size_t last = slot_count(t) - 1, i = hash & last;

    while (t->slots[i] > 0) {
        const struct tally_cell *cell = &t->cells[t->slots[i] - 1];

        if (cell->hash == hash && tally_same_histogram(&cell->key, key) &&
            str_eq(cell->key.value, key->value))
            break;
        i = (i + 1) & last;
    }
    return &t->slots[i];
}

static void grow(struct tally *t)
{
    t->capacity = t->capacity > 0 ? t->capacity * 2 : FIRST_CELLS;
    t->cells = mem_grow(t->cells, t->capacity * sizeof(struct tally_cell));
    free(t->slots);
    t->slots = mem_new_array(slot_count(t), sizeof(*t->slots));
    for (size_t i = 0; i < t->count; i++)
        *find_slot(t, &t->cells[i].key, t->cells[i].hash) = (uint16_t)(i + 1);
}

static bool copy_names(struct tally *t, struct tally_key *key)
{
    struct str *const names[] = { &key->model, &key->version, &key->prediction, &key->segment,
                                  &key->value };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        *names[i] = arena_copy(&t->text, *names[i]);
        if (!names[i]->at)
            return false;
    }
    return true;
}

static bool add_cell(struct tally *t, const struct tally_cell *new, uint16_t *slot)
{
    struct tally_cell cell = *new;

    if (t->count == TALLY_CELLS || !copy_names(t, &cell.key))
        return false;
    t->cells[t->count++] = cell;
    *slot = (uint16_t)t->count;
    return true;
}

bool tally_add(struct tally *t, const struct tally_key *key, uint64_t by)
{
    struct tally_cell cell = { .key = *key, .histogram = hash_of(key), .count = by };
    uint16_t *slot;

    if (t->count == t->capacity && t->count < TALLY_CELLS)
        grow(t);
    cell.hash = hash_with(cell.histogram, key->value);
    slot = find_slot(t, key, cell.hash);
    if (*slot == 0)
        return add_cell(t, &cell, slot);
    t->cells[*slot - 1].count += by;
    return true;
}

static int compare_cells(const void *left, const void *right)
{
    const struct tally_key *a = &((const struct tally_cell *)left)->key;
    const struct tally_key *b = &((const struct tally_cell *)right)->key;
    int order = (a->minute > b->minute) - (a->minute < b->minute);

    if (order == 0)
        order = str_compare(a->model, b->model);
    if (order == 0)
        order = str_compare(a->version, b->version);
    if (order == 0)
        order = str_compare(a->prediction, b->prediction);
    if (order == 0)
        order = str_compare(a->segment, b->segment);
    if (order == 0)
        order = (int)a->source - (int)b->source;
    if (order == 0)
        order = (a->meaning > b->meaning) - (a->meaning < b->meaning);
    return order != 0 ? order : str_compare(a->value, b->value);
}

static int compare_histograms(const void *left, const void *right)
{
    const struct tally_cell *a = left, *b = right;

    if (a->histogram != b->histogram)
        return a->histogram < b->histogram ? -1 : 1;
    return compare_cells(left, right);
}

void tally_group(struct tally *t)
{
    if (t->count > 1)
        qsort(t->cells, t->count, sizeof(t->cells[0]), compare_histograms);
}

void tally_sort(struct tally *t)
{
    if (t->count > 1)
        qsort(t->cells, t->count, sizeof(t->cells[0]), compare_cells);
}

void tally_reset(struct tally *t)
{
    arena_deinit(&t->text);
    t->count = 0;
    if (t->slots)
        memset(t->slots, 0, slot_count(t) * sizeof(*t->slots));
}
