/* SPDX-License-Identifier: Apache-2.0 */
#include "judge_inner.h"

#include "weir/base/mem.h"
#include "weir/base/metric.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * The gauges of drift, once a round. A series tells of all values of a segment the worst. Of
 * more series than are told those are named that somebody must look at: what fires, what is
 * suspected, what fired within an hour of ticks (so that an alert ends by a 0), then what has
 * the most evidence, in steps of a tenth, lest names come and go with chance. The rest is told
 * as one, `other`: the worst of it.
 */

enum { NAMED = METRIC_SERIES - 1, AFTER_TICKS = 60, LABELS = 4 };

enum urgency {
    UNKNOWN, /* whether it is well */
    SCORED,  /* and a tenth of the threshold more each */
    CALMED = SCORED + 100,
    SUSPECTED,
    FIRING
};

struct line {
    struct str
        labels[LABELS]; /* the last in the arena, the others the subject's or the alarm's */
    unsigned urgency;
    bool fires;
    int64_t score; /* METRIC_ABSENT: there is none */
};

struct lines {
    struct line *all; /* owned */
    size_t count;
    struct arena names;
};

/* "plan=pro,country=de" becomes "plan,country": its values are callers' words, and no labels. */
static struct str names_of(struct arena *arena, struct str segment)
{
    struct buf names = { 0 };
    struct str part, name, copy;

    while (str_split(&segment, ',', &part))
        if (str_split(&part, '=', &name)) {
            if (names.len > 0)
                buf_put(&names, STR(","));
            buf_put(&names, name);
        }
    copy = arena_copy(arena, buf_str(&names));
    buf_deinit(&names);
    return copy;
}

static struct line line_of(struct arena *names, const struct tick_histogram *of)
{
    return (struct line){ .labels = { of->model, of->version, of->prediction,
                                      names_of(names, of->segment) },
                          .score = METRIC_ABSENT };
}

/* ---- one line for each series ------------------------------------------------------------------ */

static int by_labels(const void *left, const void *right)
{
    const struct line *a = left, *b = right;
    int order = 0;

    for (unsigned i = 0; i < LABELS && order == 0; i++)
        order = str_compare(a->labels[i], b->labels[i]);
    return order;
}

static void take_worst(struct line *into, const struct line *from)
{
    into->fires = into->fires || from->fires;
    into->urgency = from->urgency > into->urgency ? from->urgency : into->urgency;
    into->score = from->score > into->score ? from->score : into->score;
}

static void unite(struct lines *l)
{
    size_t kept = 0;

    if (l->count > 1)
        qsort(l->all, l->count, sizeof(l->all[0]), by_labels);
    for (size_t i = 0; i < l->count; i++)
        if (kept > 0 && by_labels(&l->all[kept - 1], &l->all[i]) == 0)
            take_worst(&l->all[kept - 1], &l->all[i]);
        else
            l->all[kept++] = l->all[i];
    l->count = kept;
}

static unsigned urgency_of(enum drift_verdict verdict, double score)
{
    switch (verdict) {
    case DRIFT_CONFIRMED: return FIRING;
    case DRIFT_SUSPECTED: return SUSPECTED;
    case DRIFT_OK: return SCORED + (unsigned)fmin(score * 10, CALMED - SCORED - 1);
    case DRIFT_INSUFFICIENT_DATA:
    case DRIFT_NO_BASELINE: break;
    }
    return UNKNOWN;
}

static void add(const struct judge *j, struct lines *l, const struct subject *s)
{
    enum drift_verdict verdict = subject_verdict(s, j->upto);
    double score = s->drift ? drift_score(s->drift, j->threshold) : 0;
    struct line *line = &l->all[l->count++];

    *line = line_of(&l->names, &s->of);
    line->fires = verdict == DRIFT_CONFIRMED;
    line->urgency = urgency_of(verdict, score);
    if (verdict >= DRIFT_OK)
        line->score = (int64_t)lround(score * 1e6);
}

/* Those that fired a moment ago: whoever was told 1 is told 0, also where others are worse. */
static void mark_calmed(const struct judge *j, struct lines *l)
{
    for (size_t i = 0; i < j->book.alarm_count; i++) {
        const struct alarm *a = j->book.alarms[i];
        struct line key = line_of(&l->names, &a->of), *line;

        if (a->state != ALARM_RESOLVED ||
            a->updated_ms / j->settings.tick_ms + AFTER_TICKS < j->upto)
            continue;
        line = bsearch(&key, l->all, l->count, sizeof(key), by_labels);
        if (line && line->urgency < CALMED)
            line->urgency = CALMED;
    }
}

static void gather(const struct judge *j, struct lines *l)
{
    l->all = mem_new_array(j->book.subject_count + 1, sizeof(l->all[0]));
    arena_init(&l->names, 0);
    for (size_t i = 0; i < j->book.subject_count; i++)
        if (subject_is_watched(j->book.subjects[i]))
            add(j, l, j->book.subjects[i]);
    unite(l);
    mark_calmed(j, l);
}

/* ---- which are named --------------------------------------------------------------------------- */

static unsigned width_of(const struct line *l)
{
    struct str names = l->labels[LABELS - 1];

    if (names.len == 0)
        return 0;
    return memchr(names.at, ',', names.len) ? 2 : 1;
}

/* The most urgent first; else whole models before segments, and by name. */
static int by_urgency(const void *left, const void *right)
{
    const struct line *a = left, *b = right;

    if (a->urgency != b->urgency)
        return a->urgency > b->urgency ? -1 : 1;
    if (width_of(a) != width_of(b))
        return width_of(a) < width_of(b) ? -1 : 1;
    return by_labels(left, right);
}

struct family {
    struct metric_shard *shard;
    enum metric metric;
};

static void clear_series(void *ctx, const struct str *labels, int64_t value)
{
    const struct family *f = ctx;

    if (value != METRIC_ABSENT)
        metric_set(f->shard, f->metric, METRIC_ABSENT, labels);
}

static void clear(const struct judge *j, enum metric metric)
{
    metrics_each(j->metrics, metric, clear_series, &(struct family){ j->shard, metric });
}

static void tell(const struct judge *j, const struct line *line)
{
    metric_set(j->shard, METRIC_DRIFT_ALARM, line->fires ? 1 : 0, line->labels);
    metric_set(j->shard, METRIC_DRIFT_SCORE, line->score, line->labels);
}

static void tell_all(const struct judge *j, struct lines *l)
{
    struct str word = STR("other");
    struct line other = { .labels = { word, word, word, word }, .score = METRIC_ABSENT };

    if (l->count > NAMED)
        qsort(l->all, l->count, sizeof(l->all[0]), by_urgency);
    for (size_t i = 0; i < l->count && i < NAMED; i++)
        tell(j, &l->all[i]);
    for (size_t i = NAMED; i < l->count; i++)
        take_worst(&other, &l->all[i]);
    if (l->count > NAMED)
        tell(j, &other);
}

void judge_measure(struct judge *j)
{
    struct lines l = { .count = 0 };

    if (!j->shard)
        return;
    clear(j, METRIC_DRIFT_SCORE);
    clear(j, METRIC_DRIFT_ALARM);
    gather(j, &l);
    tell_all(j, &l);
    free(l.all);
    arena_deinit(&l.names);
    metric_set(j->shard, METRIC_DRIFT_HISTOGRAMS, (int64_t)book_watched(&j->book), NULL);
    metric_set(j->shard, METRIC_DRIFT_LEFT_OUT, (int64_t)j->book.left_out, NULL);
}
