/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger.h"

#include "source.h"
#include "weir/base/mem.h"
#include "weir/watch/fit.h"

#include <stdlib.h>
#include <string.h>

void ledger_init(struct ledger *l, struct metric_shard *shard, ledger_fn *tell, void *ctx)
{
    *l = (struct ledger){ .shard = shard, .tell = tell, .ctx = ctx, .fit = fit_new() };
}

static void free_line(struct ledger_line **way)
{
    if (!*way)
        return;
    watchlist_unref((*way)->list);
    free(*way);
    *way = NULL;
}

void ledger_deinit(struct ledger *l)
{
    for (size_t i = 0; i < LEDGER_SETS; i++)
        for (size_t j = 0; j < LEDGER_WAYS; j++)
            free_line(&l->sets[i][j]);
    fit_free(l->fit);
}

static void tell(struct ledger *l, struct ledger_line *line)
{
    if (line->count > 0)
        l->tell(l->ctx, line);
    line->count = 0;
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

static bool is_same(const struct ledger_line *a, const struct ledger_line *b)
{
    return a->hash == b->hash && a->list == b->list && a->source == b->source &&
           memcmp(a->segments, b->segments, sizeof(a->segments)) == 0 &&
           str_eq(a->version, b->version) && reading_same(&a->reading, &b->reading);
}

static struct ledger_line **set_of(struct ledger *l, const struct ledger_line *wanted)
{
    return l->sets[wanted->hash & (LEDGER_SETS - 1)];
}

static struct ledger_line *find(struct ledger *l, const struct ledger_line *wanted)
{
    struct ledger_line **set = set_of(l, wanted);

    for (size_t i = 0; i < LEDGER_WAYS; i++)
        if (set[i] && is_same(set[i], wanted))
            return set[i];
    return NULL;
}

/* ---- a new line ---- */

/* Fields are many, and it is the fresh ones that tell of a model. */
static bool is_metered(const struct ledger_line *line, size_t i)
{
    const struct prediction *p = reading_prediction(line->list, i);

    if (p->kind == PREDICTION_FIELD && line->source != WATCH_FRESH)
        return false;
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

/* A free way, or that of the line which has waited longest with the least to tell. */
static struct ledger_line **make_room(struct ledger *l, const struct ledger_line *wanted)
{
    struct ledger_line **set = set_of(l, wanted), **least = set;

    for (size_t i = 0; i < LEDGER_WAYS; i++) {
        if (!set[i])
            return &set[i];
        if (set[i]->minute < (*least)->minute ||
            (set[i]->minute == (*least)->minute && set[i]->count < (*least)->count))
            least = &set[i];
    }
    tell(l, *least);
    free_line(least);
    return least;
}

/* ---- adding and telling ---- */

void ledger_add(struct ledger *l, const struct watch_answer *a, uint64_t minute)
{
    struct ledger_line wanted = {
        .list = a->list, .version = a->version, .source = a->source, .minute = minute
    };
    struct ledger_line *line;

    reading_of(a, l->fit, &wanted.reading);
    memcpy(wanted.segments, a->segments, sizeof(wanted.segments));
    wanted.hash = hash_of(&wanted);
    line = find(l, &wanted);
    if (!line)
        line = *make_room(l, &wanted) = make_line(&wanted, l->shard);
    if (line->minute != minute) {
        tell(l, line);
        line->minute = minute;
    }
    line->count++;
    for (size_t i = 0; i < line->cell_count; i++)
        metric_cell_add(line->cells[i], 1);
}

bool ledger_tell(struct ledger *l, size_t sets, uint64_t minute)
{
    for (; sets > 0 && l->next < LEDGER_SETS; sets--, l->next++) {
        for (size_t i = 0; i < LEDGER_WAYS; i++) {
            struct ledger_line **way = &l->sets[l->next][i];

            if (!*way)
                continue;
            tell(l, *way);
            if ((*way)->minute < minute)
                free_line(way);
        }
    }
    if (l->next < LEDGER_SETS)
        return false;
    l->next = 0;
    return true;
}
