/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/course.h"

#include "course_names.h"
#include "weir/base/log.h"
#include "weir/base/mem.h"
#include "weir/base/quantile.h"

#include <math.h>
#include <stdlib.h>

/*
 * A ring of ticks, each an array of cells sorted by series and word, as large as it need be:
 * most words do not come in most minutes. Names are known once for all ticks.
 */

struct cell {
    uint16_t series, word;
    uint32_t count;
};

struct tick {
    uint64_t tick;
    struct cell *cells; /* owned; NULL: nothing was counted */
    size_t count;
    unsigned gateways;
};

struct course {
    struct tick ring[COURSE_TICKS];
    struct course_names names;
    size_t cells; /* of all ticks */
    uint64_t first, last;
};

enum { BUCKETS_PER_BIN = 8 };

unsigned course_bin(uint64_t us)
{
    return (quantile_bucket((double)us / 1e6) + BUCKETS_PER_BIN - 1) / BUCKETS_PER_BIN;
}

double course_bin_ms(unsigned bin)
{
    unsigned top = bin < COURSE_BINS - 1 ? bin : COURSE_BINS - 2;
    double upper = quantile_upper(top * BUCKETS_PER_BIN) * 1e3;

    return bin == 0 || bin == COURSE_BINS - 1 ? upper : upper * exp2(-0.125);
}

struct course *course_new(void)
{
    struct course *c = MEM_NEW(struct course);

    course_names_init(&c->names);
    return c;
}

static void clear(struct course *c, struct tick *t)
{
    c->cells -= t->count;
    free(t->cells);
    *t = (struct tick){ .tick = t->tick };
}

void course_free(struct course *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < COURSE_TICKS; i++)
        free(c->ring[i].cells);
    course_names_deinit(&c->names);
    free(c);
}

static struct tick *place_of(struct course *c, uint64_t tick)
{
    return &c->ring[tick % COURSE_TICKS];
}

static const struct tick *find(const struct course *c, uint64_t tick)
{
    const struct tick *t = &c->ring[tick % COURSE_TICKS];

    return t->cells && t->tick == tick ? t : NULL;
}

/* ---- reading texts ---- */

struct reader {
    struct course *course;
    uint64_t tick;
    struct cell *cells; /* owned until the tick takes them */
    size_t count, capacity;
    int series; /* below 0: none that is known */
};

static void add_cell(struct reader *r, unsigned word, uint64_t count)
{
    if (r->count == r->capacity) {
        r->capacity = r->capacity > 0 ? r->capacity * 2 : 64;
        r->cells = mem_grow(r->cells, r->capacity * sizeof(struct cell));
    }
    r->cells[r->count++] = (struct cell){ (uint16_t)r->series, (uint16_t)word,
                                          count > UINT32_MAX ? UINT32_MAX : (uint32_t)count };
}

/* " intent=refund 3" */
static void read_count(struct reader *r, struct str line)
{
    struct str word;
    uint64_t count;
    int id;

    if (r->series < 0 || !str_split(&line, ' ', &word) || !str_to_u64(line, &count) ||
        count == 0)
        return;
    id = course_names_word(&r->course->names, word);
    if (id >= 0)
        add_cell(r, (unsigned)id, count);
}

static void read_text(struct reader *r, struct str text)
{
    struct str line;

    r->series = -1;
    while (str_split(&text, '\n', &line)) {
        if (str_starts(line, STR(" ")))
            read_count(r, str_cut(line, 1, line.len));
        else
            r->series = course_names_series(&r->course->names, line, r->tick);
    }
}

static int compare(const void *left, const void *right)
{
    const struct cell *a = left, *b = right;

    return a->series != b->series ? (int)a->series - (int)b->series
                                  : (int)a->word - (int)b->word;
}

/* Cells of the same series and word become one. */
static void add_up(struct reader *r)
{
    size_t n = 0;

    if (r->count > 1)
        qsort(r->cells, r->count, sizeof(r->cells[0]), compare);
    for (size_t i = 0; i < r->count; i++) {
        struct cell *last = n > 0 ? &r->cells[n - 1] : NULL;

        if (!last || compare(last, &r->cells[i]) != 0)
            r->cells[n++] = r->cells[i];
        else
            last->count = last->count > UINT32_MAX - r->cells[i].count
                              ? UINT32_MAX
                              : last->count + r->cells[i].count;
    }
    r->count = n;
    if (n > 0)
        r->cells = mem_grow(r->cells, n * sizeof(struct cell));
}

/* ---- keeping ---- */

static void find_ends(struct course *c)
{
    c->first = c->last = 0;
    for (size_t i = 0; i < COURSE_TICKS; i++) {
        const struct tick *t = &c->ring[i];

        if (!t->cells)
            continue;
        if (c->first == 0 || t->tick < c->first)
            c->first = t->tick;
        if (t->tick > c->last)
            c->last = t->tick;
    }
}

/* The oldest make room, but never the one that has just come. */
static void shed(struct course *c, uint64_t spared)
{
    find_ends(c);
    while (c->cells > COURSE_CELLS && c->first != spared) {
        clear(c, place_of(c, c->first));
        find_ends(c);
    }
}

void course_set(struct course *c, uint64_t tick, const struct str *texts, size_t count)
{
    struct tick *t = place_of(c, tick);
    struct reader r = { .course = c, .tick = tick };

    if (t->tick > tick)
        return; /* older than all that is held */
    for (size_t i = 0; i < count; i++)
        read_text(&r, texts[i]);
    add_up(&r);
    clear(c, t);
    *t = (struct tick){ tick, r.count > 0 ? r.cells : NULL, r.count, (unsigned)count };
    if (r.count == 0)
        free(r.cells);
    c->cells += r.count;
    shed(c, tick);
    if (course_names_full(&c->names))
        log_warn("course_full", F_U64("series", COURSE_SERIES), F_U64("words", COURSE_WORDS));
}

bool course_has(const struct course *c, uint64_t tick)
{
    return find(c, tick);
}

uint64_t course_first(const struct course *c)
{
    return c->first;
}

uint64_t course_last(const struct course *c)
{
    return c->last;
}

unsigned course_gateways(const struct course *c, uint64_t tick)
{
    const struct tick *t = find(c, tick);

    return t ? t->gateways : 0;
}

/* ---- asking ---- */

static bool fits(struct str asked, struct str name)
{
    return asked.len == 0 || str_eq(asked, name);
}

static void mark(const struct course *c, const struct course_ask *ask, bool wanted[])
{
    for (unsigned i = 0; i < c->names.series_count; i++) {
        const struct course_series *s = &c->names.series[i];

        wanted[i] = fits(ask->model, s->model) && fits(ask->version, s->version) &&
                    str_eq(ask->segment, s->segment);
    }
}

void course_each(const struct course *c, const struct course_ask *ask, course_fn *each,
                 void *ctx)
{
    bool wanted[COURSE_SERIES] = { false };
    uint64_t from = ask->from > c->first ? ask->from : c->first;
    uint64_t to = ask->to < c->last + 1 ? ask->to : c->last + 1;

    mark(c, ask, wanted);
    for (uint64_t tick = from; tick < to; tick++) {
        const struct tick *t = find(c, tick);

        for (size_t i = 0; t && i < t->count; i++)
            if (wanted[t->cells[i].series])
                each(ctx, tick, &c->names.words[t->cells[i].word], t->cells[i].count);
    }
}

void course_each_series(const struct course *c, course_series_fn *each, void *ctx)
{
    for (unsigned i = 0; i < c->names.series_count; i++)
        if (c->names.series[i].last >= c->first)
            each(ctx, &c->names.series[i]);
}
