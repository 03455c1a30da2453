/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger.h"

#include "source.h"
#include "weir/base/mem.h"

#include <stdlib.h>
#include <string.h>

void ledger_init(struct ledger *l, struct metric_shard *shard)
{
    *l = (struct ledger){ .shard = shard };
}

/* ---- finding a line ---- */

static uint64_t hash_of(const struct ledger_line *line)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = (line->reading.hash ^ line->reading.list * odd) + line->source;
    uint64_t segments;

    _Static_assert(sizeof(segments) == sizeof(line->segments), "a byte for each segment");
    memcpy(&segments, line->segments, sizeof(segments));
    hash = (hash ^ segments * odd) * odd;
    return hash ^ hash >> 32;
}

/* Where a line stands, or would. */
static struct ledger_line **find(struct ledger *l, const struct ledger_line *wanted)
{
    size_t i = wanted->hash & (LEDGER_SLOTS - 1);

    while (l->slots[i]) {
        const struct ledger_line *line = l->slots[i];

        if (line->hash == wanted->hash && line->list == wanted->list &&
            line->source == wanted->source &&
            memcmp(line->segments, wanted->segments, sizeof(line->segments)) == 0 &&
            str_eq(line->version, wanted->version) &&
            reading_same(&line->reading, &wanted->reading))
            break;
        i = (i + 1) & (LEDGER_SLOTS - 1);
    }
    return &l->slots[i];
}

/* ---- a new line ---- */

static bool is_metered(const struct ledger_line *line, size_t i)
{
    return line->reading.places[i] != READING_UNCOUNTED && reading_is_metered(i);
}

static void find_cells(struct ledger_line *line, struct metric_shard *shard)
{
    for (size_t i = 0; i < line->reading.count; i++) {
        const struct prediction *p = reading_prediction(line->list, i);

        if (is_metered(line, i))
            line->cells[line->cell_count++] = metric_cell(
                shard, METRIC_PREDICTIONS,
                METRIC_LABEL(line->list->model, line->version, p->name,
                             prediction_word(p, line->reading.places[i]),
                             source_word(line->source)));
    }
}

static struct ledger_line *make_line(const struct ledger_line *like, struct metric_shard *shard)
{
    size_t cells = like->reading.count * sizeof(struct metric_cell *);
    struct ledger_line *line = mem_new(sizeof(*line) + cells + like->version.len);
    char *version = (char *)line + sizeof(*line) + cells;

    *line = *like;
    memcpy(version, like->version.at, like->version.len);
    line->version.at = version;
    line->list = watchlist_ref(like->list);
    find_cells(line, shard);
    return line;
}

bool ledger_is_full(const struct ledger *l)
{
    return l->used == LEDGER_LINES;
}

bool ledger_add(struct ledger *l, const struct watch_answer *a)
{
    struct ledger_line wanted = { .list = a->list, .version = a->version, .source = a->source };
    struct ledger_line **slot, *line;

    reading_of(a, &wanted.reading);
    memcpy(wanted.segments, a->segments, sizeof(wanted.segments));
    wanted.hash = hash_of(&wanted);
    slot = find(l, &wanted);
    if (!*slot) {
        if (ledger_is_full(l))
            return false;
        *slot = make_line(&wanted, l->shard);
        l->used++;
    }
    line = *slot;
    line->count++;
    for (size_t i = 0; i < line->cell_count; i++)
        metric_cell_add(line->cells[i], 1);
    return true;
}

/* ---- reading ---- */

void ledger_read(struct ledger *l, ledger_fn *each, void *ctx)
{
    for (size_t i = 0; i < LEDGER_SLOTS; i++) {
        struct ledger_line *line = l->slots[i];

        if (!line || line->count == 0)
            continue;
        each(ctx, line);
        line->count = 0;
    }
}

void ledger_empty(struct ledger *l)
{
    for (size_t i = 0; i < LEDGER_SLOTS; i++) {
        if (!l->slots[i])
            continue;
        watchlist_unref(l->slots[i]->list);
        free(l->slots[i]);
        l->slots[i] = NULL;
    }
    l->used = 0;
}
