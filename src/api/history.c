/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include "weir/api/call.h"
#include "weir/base/mem.h"
#include "weir/base/scan.h"
#include "weir/watch/course.h"
#include "weir/watch/watch.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is asked ---- */

enum { HOUR_MS = 60 * 60 * 1000, USUAL_POINTS = 60 };

struct asked {
    uint64_t from_ms, to_ms, step_ms; /* whole ticks, once they are checked */
    struct str prediction;
    struct course_ask course;
    struct arena arena;
};

static bool read_one(struct asked *a, struct str name, struct str value)
{
    const struct {
        const char *name;
        struct str *text;
        uint64_t *number;
    } all[] = {
        { "from", NULL, &a->from_ms },           { "to", NULL, &a->to_ms },
        { "step", NULL, &a->step_ms },           { "model", &a->course.model, NULL },
        { "version", &a->course.version, NULL }, { "segment", &a->course.segment, NULL },
        { "prediction", &a->prediction, NULL },
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (!str_eq(name, str_of(all[i].name)))
            continue;
        if (all[i].text)
            *all[i].text = value;
        return all[i].text ? true : str_to_u64(value, all[i].number);
    }
    return false;
}

/* Whole ticks: the first that is begun, the last that is not over, and as many as a step has. */
static void set_ticks(struct asked *a, const struct history_clock *clock)
{
    uint64_t tick_ms = clock->tick_ms;

    if (a->to_ms == 0)
        a->to_ms = clock->settled_ms;
    if (a->from_ms == 0)
        a->from_ms = a->to_ms > HOUR_MS ? a->to_ms - HOUR_MS : 0;
    if (a->step_ms == 0 && a->to_ms > a->from_ms)
        a->step_ms = (a->to_ms - a->from_ms) / USUAL_POINTS;
    a->course.from = a->from_ms / tick_ms;
    a->course.to = (a->to_ms + tick_ms - 1) / tick_ms;
    a->step_ms = a->step_ms > 0 ? (a->step_ms + tick_ms - 1) / tick_ms * tick_ms : tick_ms;
    a->from_ms = a->course.from * tick_ms;
    a->to_ms = a->course.to * tick_ms;
}

static size_t points_of(const struct asked *a)
{
    return (size_t)((a->to_ms - a->from_ms + a->step_ms - 1) / a->step_ms);
}

/* Of fourteen digits at most, the year 5138: sums of them stay numbers. */
static bool is_sane(uint64_t ms)
{
    return ms < UINT64_C(100000000000000);
}

static enum err check(struct asked *a, const struct history_clock *clock, struct fault *why)
{
    unsigned most = a->prediction.len > 0 ? HISTORY_SAID : HISTORY_POINTS;

    if (!is_sane(a->from_ms) || !is_sane(a->to_ms) || !is_sane(a->step_ms))
        return fault_set(why, ERR_MALFORMED, NULL,
                         "from, to and step are milliseconds of at most 14 digits.");
    set_ticks(a, clock);
    if (a->from_ms >= a->to_ms)
        return fault_set(why, ERR_MALFORMED, NULL, "from must be before to.");
    if (points_of(a) > most)
        return fault_set(why, ERR_MALFORMED, NULL,
                         "That is %zu points, and one answer has at most %u%s: take a longer "
                         "step, or ask for less.",
                         points_of(a), most, a->prediction.len > 0 ? " with predictions" : "");
    return OK;
}

static enum err read_query(struct asked *a, struct str query, struct fault *why)
{
    struct str piece, name;

    while (str_split(&query, '&', &piece)) {
        struct str value;

        if (!str_split(&piece, '=', &name))
            continue;
        value = call_unescape(piece, &a->arena);
        if (!read_one(a, name, value.at ? value : STR("")))
            return fault_set(
                why, ERR_MALFORMED, NULL,
                "The query takes from, to and step in milliseconds, model, version, "
                "segment and prediction; not %.*s=%.*s.",
                STR_ARG(str_head(name, 32)), STR_ARG(str_head(piece, 32)));
    }
    return OK;
}

/* ---- adding up ---- */

struct point {
    uint64_t outcomes[WATCH_OUTCOMES];
    uint64_t requests;
    uint64_t bins[COURSE_BINS];
    uint64_t timed;
    uint64_t spent_microusd, saved_microusd;
};

struct sums {
    const struct asked *asked;
    uint64_t step; /* ticks */
    size_t count;
    struct point *points;                          /* owned */
    uint64_t *said;                                /* owned: words of each point */
    const struct course_word *words[COURSE_WORDS]; /* those that were said, by id */
};

static const char *const outcome_words[WATCH_OUTCOMES] = {
#define O(name, word) word,
    WATCH_OUTCOME_WORDS(O)
#undef O
};

static void add_outcome(struct point *p, struct str word, uint32_t count)
{
    for (unsigned i = 0; i < WATCH_OUTCOMES; i++)
        if (str_eq(word, str_of(outcome_words[i])))
            p->outcomes[i] += count;
    p->requests += count;
}

static void add_said(struct sums *s, size_t at, const struct course_word *w, uint32_t count)
{
    struct str wanted = s->asked->prediction;

    if (!s->said || (!str_eq(wanted, STR("*")) && !str_eq(wanted, w->prediction)))
        return;
    s->words[w->id] = w;
    s->said[at * COURSE_WORDS + w->id] += count;
}

static void add(void *ctx, uint64_t tick, const struct course_word *w, uint32_t count)
{
    struct sums *s = ctx;
    size_t at = (size_t)((tick - s->asked->course.from) / s->step);
    struct point *p = &s->points[at];

    if (!str_starts(w->prediction, STR("~"))) {
        add_said(s, at, w, count);
    } else if (str_eq(w->prediction, COURSE_SECONDS)) {
        p->bins[w->number] += count;
        p->timed += count;
    } else if (str_eq(w->prediction, COURSE_OUTCOME)) {
        add_outcome(p, w->value, count);
    } else if (str_eq(w->value, STR("spent"))) {
        p->spent_microusd += count;
    } else if (str_eq(w->value, STR("saved"))) {
        p->saved_microusd += count;
    }
}

/* ---- telling ---- */

static void put_percentile(struct buf *out, const char *name, const struct point *p,
                           double share)
{
    double rank = ceil(share * (double)p->timed);
    uint64_t below = 0;
    unsigned bin = 0;

    if (p->timed == 0) {
        buf_put_printf(out, ",\"%s\":null", name);
        return;
    }
    while (bin < COURSE_BINS - 1 && (double)(below += p->bins[bin]) < rank)
        bin++;
    buf_put_printf(out, ",\"%s\":%.4g", name, course_bin_ms(bin));
}

static void put_errors(struct buf *out, const struct point *p)
{
    bool any = false;

    buf_put_text(out, ",\"errors\":{");
    for (unsigned i = WATCH_UPSTREAM_ERROR; i < WATCH_OUTCOMES; i++) {
        if (p->outcomes[i] == 0)
            continue;
        buf_put_printf(out, "%s\"%s\":%" PRIu64, any ? "," : "", outcome_words[i],
                       p->outcomes[i]);
        any = true;
    }
    buf_put_text(out, "}");
}

static int compare_words(const void *left, const void *right)
{
    const struct course_word *a = *(const struct course_word *const *)left;
    const struct course_word *b = *(const struct course_word *const *)right;
    int order = str_compare(a->prediction, b->prediction);

    return order != 0 ? order : str_compare(a->value, b->value);
}

/* Puts those that were said side by side, in the order of their names. */
static size_t sort_words(struct sums *s)
{
    size_t n = 0;

    for (size_t i = 0; i < COURSE_WORDS; i++)
        if (s->words[i])
            s->words[n++] = s->words[i];
    if (n > 1)
        qsort(s->words, n, sizeof(s->words[0]), compare_words);
    return n;
}

static void put_said(struct buf *out, const struct sums *s, size_t at, size_t words)
{
    const struct course_word *last = NULL;

    buf_put_text(out, ",\"said\":{");
    for (size_t i = 0; i < words; i++) {
        const struct course_word *w = s->words[i];
        uint64_t count = s->said[at * COURSE_WORDS + w->id];

        if (count == 0)
            continue;
        if (!last || !str_eq(last->prediction, w->prediction)) {
            buf_put_text(out, last ? "}," : "");
            scan_put_string(out, w->prediction);
            buf_put_text(out, ":{");
        } else {
            buf_put_text(out, ",");
        }
        scan_put_string(out, w->value);
        buf_put_printf(out, ":%" PRIu64, count);
        last = w;
    }
    buf_put_text(out, last ? "}}" : "}");
}

static void put_point(struct buf *out, const struct sums *s, size_t at, size_t words)
{
    const struct point *p = &s->points[at];
    const uint64_t *n = p->outcomes;
    uint64_t failed = n[WATCH_UPSTREAM_ERROR] + n[WATCH_UPSTREAM_TRUNCATED] + n[WATCH_TIMEOUT] +
                      n[WATCH_INTERNAL_ERROR];

    buf_put_printf(out,
                   "{\"at_ms\":%" PRIu64 ",\"requests\":%" PRIu64 ",\"fresh\":%" PRIu64
                   ",\"cached\":%" PRIu64 ",\"coalesced\":%" PRIu64 ",\"degraded\":%" PRIu64
                   ",\"failed\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"cancelled\":%" PRIu64,
                   s->asked->from_ms + at * s->asked->step_ms, p->requests, n[WATCH_OK],
                   n[WATCH_CACHE_HIT], n[WATCH_WAS_COALESCED],
                   n[WATCH_STALE] + n[WATCH_FALLBACK], failed, n[WATCH_REJECTED],
                   n[WATCH_CLIENT_CANCEL]);
    put_errors(out, p);
    put_percentile(out, "p50_ms", p, 0.5);
    put_percentile(out, "p95_ms", p, 0.95);
    put_percentile(out, "p99_ms", p, 0.99);
    buf_put_printf(out, ",\"spent_usd\":%.6f,\"saved_usd\":%.6f",
                   (double)p->spent_microusd / 1e6, (double)p->saved_microusd / 1e6);
    if (s->said)
        put_said(out, s, at, words);
    buf_put_text(out, "}");
}

static void put_points(struct buf *out, struct sums *s)
{
    size_t words = s->said ? sort_words(s) : 0;
    bool any = false;

    buf_put_text(out, "\"points\":[");
    for (size_t i = 0; i < s->count; i++) {
        if (s->points[i].requests == 0)
            continue;
        buf_put_text(out, any ? ",\n" : "\n");
        put_point(out, s, i, words);
        any = true;
    }
    buf_put_text(out, "]}");
}

struct listing {
    struct buf *out;
    bool any;
};

static void put_series(void *ctx, const struct course_series *s)
{
    struct listing *l = ctx;

    buf_put_text(l->out, l->any ? ",\n{\"model\":" : "\n{\"model\":");
    l->any = true;
    scan_put_string(l->out, s->model);
    buf_put_text(l->out, ",\"version\":");
    scan_put_string(l->out, s->version);
    buf_put_text(l->out, ",\"segment\":");
    scan_put_string(l->out, s->segment);
    buf_put_text(l->out, "}");
}

static void put_all(const struct course *c, const struct asked *a,
                    const struct history_clock *clock, struct buf *out)
{
    struct sums *s = MEM_NEW(struct sums);
    struct listing listing = { .out = out };

    s->asked = a;
    s->step = a->step_ms / clock->tick_ms;
    s->count = points_of(a);
    s->points = mem_new_array(s->count, sizeof(*s->points));
    if (a->prediction.len > 0)
        s->said = mem_new_array(s->count * COURSE_WORDS, sizeof(*s->said));
    course_each(c, &a->course, add, s);
    buf_put_printf(out,
                   "{\"from_ms\":%" PRIu64 ",\"to_ms\":%" PRIu64 ",\"step_ms\":%" PRIu64
                   ",\"tick_ms\":%" PRIu64 ",\"settled_ms\":%" PRIu64
                   ",\"gateways\":%u,\n\"series\":[",
                   a->from_ms, a->to_ms, a->step_ms, clock->tick_ms, clock->settled_ms,
                   course_gateways(c, course_last(c)));
    course_each_series(c, put_series, &listing);
    buf_put_text(out, "],\n");
    put_points(out, s);
    free(s->points);
    free(s->said);
    free(s);
}

enum err history_put_json(const struct course *c, const struct history_clock *clock,
                          struct str query, struct buf *out, struct fault *why)
{
    struct asked asked = { 0 };
    enum err err;

    arena_init(&asked.arena, 64 << 10);
    err = read_query(&asked, query, why);
    if (!err)
        err = check(&asked, clock, why);
    if (!err)
        put_all(c, &asked, clock, out);
    arena_deinit(&asked.arena);
    return err;
}
