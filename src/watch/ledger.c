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

/*
 * What tells lines apart. Every hit comes by here, so nothing is copied: the reading lies where
 * it is noted, and its words and version are in its hash already.
 */
struct wanted {
    const struct watch_answer *answer;
    const struct reading *reading;
    uint64_t hash;
};

static struct wanted want(const struct watch_answer *a, const struct reading *r)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = (r->hash ^ r->list * odd) + a->source;
    uint64_t segments;

    _Static_assert(sizeof(segments) == sizeof(a->segments), "a byte for each segment");
    memcpy(&segments, a->segments, sizeof(segments));
    hash = (hash ^ segments * odd) * odd;
    return (struct wanted){ a, r, hash ^ hash >> 32 };
}

static bool is_wanted(const struct ledger_line *line, const struct wanted *w)
{
    const struct watch_answer *a = w->answer;

    return line->hash == w->hash && line->list == a->list && line->source == a->source &&
           memcmp(line->segments, a->segments, sizeof(a->segments)) == 0 &&
           str_eq(line->version, a->version) && reading_same(&line->reading, w->reading);
}

static struct ledger_line **set_of(struct ledger *l, const struct wanted *w)
{
    return l->sets[w->hash & (LEDGER_SETS - 1)];
}

static struct ledger_line *find(struct ledger *l, const struct wanted *w)
{
    struct ledger_line **set = set_of(l, w);

    for (size_t i = 0; i < LEDGER_WAYS; i++)
        if (set[i] && is_wanted(set[i], w))
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

static struct ledger_line *make_line(const struct wanted *w, struct metric_shard *shard,
                                     uint64_t minute)
{
    const struct watch_answer *a = w->answer;
    size_t cells = w->reading->count * sizeof(struct metric_cell *);
    struct ledger_line *line = mem_new(sizeof(*line) + cells + a->version.len);
    char *version = (char *)line + sizeof(*line) + cells;

    *line = (struct ledger_line){ .list = watchlist_ref(a->list),
                                  .version = { version, a->version.len },
                                  .source = a->source,
                                  .hash = w->hash,
                                  .minute = minute };
    reading_copy(&line->reading, w->reading);
    memcpy(version, a->version.at, a->version.len);
    memcpy(line->segments, a->segments, sizeof(line->segments));
    find_cells(line, shard);
    return line;
}

/* A free way, or that of the line which has waited longest with the least to tell. */
static struct ledger_line **make_room(struct ledger *l, const struct wanted *w)
{
    struct ledger_line **set = set_of(l, w), **least = set;

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
    struct reading room;
    struct wanted wanted = want(a, reading_of(a, l->fit, &room));
    struct ledger_line *line = find(l, &wanted);

    if (!line)
        line = *make_room(l, &wanted) = make_line(&wanted, l->shard, minute);
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
