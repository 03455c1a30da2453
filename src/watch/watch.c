/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/watch.h"

#include "ledger.h"
#include "meaning.h"
#include "reading.h"
#include "scale.h"
#include "sighting.h"
#include "tally.h"
#include "telling.h"
#include "toll.h"
#include "weir/base/clock.h"
#include "weir/base/escape.h"
#include "weir/base/log.h"
#include "weir/base/mem.h"
#include "weir/cache/remote.h"
#include "weir/net/loop.h"
#include "weir/net/timer.h"
#include "weir/watch/ticks.h"

#include <stdlib.h>

/*
 * Noting is on the hot path of a cached answer: a line of the ledger is found and added to.
 * What lines hold goes to a tally, which has a cell for each value of each histogram, and from
 * there to Redis: both are left to a timer, which is armed by the first count that waits, so an
 * idle gateway does not wake for it. Both are done in rounds that leave the thread room for
 * answers, and the link for look-ups.
 *
 * There are two tallies. While one is told, the other counts; when all is told they change
 * places.
 *
 * While Redis is away minutes are not told apart: they will all be late.
 */

enum {
    MOST_COUNTS = 64,
    ROUND_COUNTS = 256,
    ROUND_SETS = LEDGER_SETS / 32, /* at most 0.7 ms, where every line differs */
    ROUND_TOLLS = TOLL_SETS / 32,
    ROUND_US = 25 * 1000,
};

struct watch {
    struct loop *loop;     /* lent */
    struct remote *remote; /* lent; NULL: only metrics, and ticks */
    struct ticks *ticks;   /* lent; NULL: nobody asks */
    struct ticks *course;  /* the same */
    struct str prefix;     /* lent */
    struct pace pace;      /* how long a minute is */
    bool names;            /* of upstreams are counted, and fine lengths and times */
    struct sightings sightings;
    struct buf by;         /* the segment of the upstream that is counted; its memory is kept */
    struct ledger *ledger; /* owned, as are the next */
    struct toll *toll;
    struct tally *waiting;
    struct tally *telling; /* grouped */
    size_t told;           /* cells of `telling` that are done with */
    bool in_rounds;        /* the timer's last call has not done all of it */
    bool reading;          /* first the ledger is told to the tally */
    bool tolling;          /* and the toll to the course */
    uint64_t dropped;
    struct timer timer;
};

static void on_due(struct timer *t);
static void expand(void *ctx, const struct ledger_line *line);
static void expand_end(void *ctx, const struct toll_line *line, struct str name,
                       struct str word, uint64_t count);

struct watch *watch_new(struct loop *loop, struct remote *remote, struct str prefix)
{
    struct watch *w = MEM_NEW(struct watch);

    w->loop = loop;
    w->remote = remote;
    w->prefix = prefix;
    w->pace = pace_of(TICK_MS);
    w->ledger = MEM_NEW(struct ledger);
    w->toll = MEM_NEW(struct toll);
    w->waiting = MEM_NEW(struct tally);
    w->telling = MEM_NEW(struct tally);
    ledger_init(w->ledger, loop_shard(loop), expand, w);
    toll_init(w->toll, expand_end, w);
    tally_init(w->waiting);
    tally_init(w->telling);
    timer_init(&w->timer, loop, on_due);
    return w;
}

void watch_set_ticks(struct watch *w, struct ticks *ticks)
{
    w->ticks = ticks;
}

void watch_set_course(struct watch *w, struct ticks *ticks)
{
    w->course = ticks;
}

void watch_set_pace(struct watch *w, const struct pace *pace)
{
    w->pace = *pace;
}

void watch_set_names(struct watch *w, bool counted)
{
    w->names = counted;
}

bool watch_is_built_in(struct str prediction)
{
    return reading_is_built_in(prediction);
}

static uint64_t minute_now(const struct watch *w)
{
    return pace_tick(&w->pace, clock_wall_ms());
}

/* Does Redis not listen? */
static bool is_away(const struct watch *w)
{
    return w->remote && !remote_is_up(w->remote);
}

/* Does anybody want more than the metrics? */
static bool is_told(const struct watch *w)
{
    return w->remote || w->ticks;
}

/* A minute that is closed, or may be before this arrives, does not change any more. */
static uint64_t book(const struct watch *w, uint64_t minute)
{
    return pace_book(&w->pace, minute, clock_wall_ms()); /* TALLY_LATE is late */
}

/* ---- from ledger and toll to the course ---- */

static struct tick_histogram histogram_of(const struct tally_key *k)
{
    return (struct tick_histogram){ k->model, k->version, k->prediction, k->segment,
                                    k->meaning };
}

static void add_to_course(struct watch *w, const struct tick_histogram *of, struct str word,
                          uint64_t minute, uint64_t count)
{
    if (w->course)
        ticks_add(w->course, book(w, minute), of, word, count);
}

/* Once under all requests, and once under each segment. */
static void expand_end(void *ctx, const struct toll_line *line, struct str name,
                       struct str word, uint64_t count)
{
    struct watch *w = ctx;
    const struct watchlist *list = line->list;
    struct tick_histogram of = { list->model, line->version, name, { 0 }, 0 };

    add_to_course(w, &of, word, line->minute, count);
    for (size_t s = 0; s < list->segment_count; s++) {
        of.segment = segment_text(&list->segments[s], line->segments[s]);
        add_to_course(w, &of, word, line->minute, count);
    }
}

/* What is drawn over time is told by fresh answers. */
static void expand_said(struct watch *w, const struct ledger_line *line,
                        const struct tally_key *k)
{
    struct tick_histogram of = histogram_of(k);

    of.meaning = 0; /* what is drawn is not judged */
    if (k->source == WATCH_FRESH)
        add_to_course(w, &of, k->value, line->minute, line->count);
}

/* ---- from the ledger to the tally ---- */

static void tally(struct watch *w, const struct tally_key *key, uint64_t count)
{
    if (!tally_add(w->waiting, key, count))
        w->dropped += count;
}

/* Once under all answers, and once under each segment. */
static void expand_word(struct watch *w, const struct ledger_line *line, size_t i,
                        uint64_t minute)
{
    const struct watchlist *list = line->list;
    const struct prediction *p = reading_prediction(list, i);
    struct tally_key key = { .model = list->model,
                             .version = line->version,
                             .prediction = p->name,
                             .value = prediction_word(p, line->reading.places[i]),
                             .source = line->source,
                             .meaning = p->meaning,
                             .minute = minute };

    if (is_told(w))
        tally(w, &key, line->count);
    expand_said(w, line, &key);
    for (size_t s = 0; s < list->segment_count; s++) {
        key.segment = segment_text(&list->segments[s], line->segments[s]);
        key.meaning = meaning_join(p->meaning,
                                   segment_meaning(&list->segments[s], line->segments[s]));
        if (is_told(w))
            tally(w, &key, line->count);
        expand_said(w, line, &key);
    }
}

static void expand(void *ctx, const struct ledger_line *line)
{
    struct watch *w = ctx;
    bool away = is_away(w);

    if (!is_told(w) && !w->course)
        return;
    for (size_t i = 0; i < line->reading.count; i++)
        if (line->reading.places[i] != READING_UNCOUNTED)
            expand_word(w, line, i, away ? TALLY_LATE : line->minute);
}

/* ---- noting ---- */

static void wake(struct watch *w)
{
    if (!timer_is_armed(&w->timer))
        timer_arm(&w->timer, w->pace.flush_ms * 1000);
}

/* What an upstream said, or how: no place in a list, so it goes by the ledger. */
static struct tally_key key_apart(const struct watch *w, const struct watch_answer *a,
                                  struct str what)
{
    return (struct tally_key){ .model = a->list->model,
                               .version = a->version,
                               .prediction = what,
                               .segment = buf_str(&w->by),
                               .source = WATCH_FRESH,
                               .minute = is_away(w) ? TALLY_LATE : minute_now(w) };
}

/* Such words come from outside. */
static void note_name(struct watch *w, const struct watch_answer *a, struct str what,
                      struct str name)
{
    struct tally_key key = key_apart(w, a, what);
    uint64_t histogram = str_hash(key.model) * 31 + str_hash(key.version);

    if (name.len == 0)
        return;
    histogram = (histogram * 31 + str_hash(what)) * 31 + str_hash(key.segment);
    key.value = sighting_word(&w->sightings, minute_now(w), histogram, name);
    if (key.value.at)
        tally(w, &key, 1);
}

static void note_size(struct watch *w, const struct watch_answer *a, struct str what,
                      double size)
{
    struct tally_key key = key_apart(w, a, what);
    char room[SCALE_WORD];

    key.value = scale_word(scale_bin(size), room);
    tally(w, &key, 1);
}

static void note_apart(struct watch *w, const struct watch_answer *a)
{
    buf_reset(&w->by);
    buf_put(&w->by, STR("upstream="));
    if (escape_add(&w->by, a->upstream))
        return;
    note_name(w, a, READING_RETURNED_MODEL, a->returned_model);
    note_name(w, a, READING_FINGERPRINT, a->fingerprint);
    if (a->completion_tokens >= 0)
        note_size(w, a, READING_LENGTH, (double)a->completion_tokens);
    if (a->took_us > 0)
        note_size(w, a, READING_TIME, (double)a->took_us / 1e3);
}

void watch_note(struct watch *w, const struct watch_answer *a)
{
    ledger_add(w->ledger, a, minute_now(w));
    if (w->names && a->source == WATCH_FRESH && is_told(w))
        note_apart(w, a);
    wake(w);
}

void watch_end(struct watch *w, const struct watch_end *e)
{
    if (!w->course)
        return;
    toll_add(w->toll, e, minute_now(w));
    wake(w);
}

/* ---- telling ---- */

static void tell_ticks(struct watch *w, const struct tally_key *k,
                       const struct remote_count *counts, size_t n)
{
    struct tick_histogram of = histogram_of(k);

    for (size_t i = 0; i < n && k->source == WATCH_FRESH; i++)
        ticks_add(w->ticks, book(w, k->minute), &of, counts[i].field, counts[i].by);
}

/* Tells one histogram, or as much of it as goes at once; how many counts that were. */
static size_t tell_one(struct watch *w, struct telling *telling)
{
    const struct tally_cell *first = &w->telling->cells[w->told];
    const struct tally_cell *end = w->telling->cells + w->telling->count;
    struct remote_count counts[MOST_COUNTS];
    size_t n = 0;

    for (const struct tally_cell *cell = first;
         cell < end && n < MOST_COUNTS && tally_same_histogram(&first->key, &cell->key); cell++)
        counts[n++] = (struct remote_count){ cell->key.value, cell->count };
    if (w->remote)
        telling_put(telling, &first->key, book(w, first->key.minute), counts, n);
    else
        tell_ticks(w, &first->key, counts, n);
    w->told += n;
    return n;
}

/* The tallies change places; false when there is nothing to tell. */
static bool turn(struct watch *w)
{
    struct tally *waiting = w->waiting;

    tally_reset(w->telling);
    w->told = 0;
    if (waiting->count == 0)
        return false;
    w->waiting = w->telling;
    w->telling = waiting;
    tally_group(waiting);
    return true;
}

/* At least `most` counts, if there are so many; false when nothing is left. */
static bool tell(struct watch *w, size_t most)
{
    struct telling telling = { .remote = w->remote,
                               .prefix = w->prefix,
                               .tick_ms = w->pace.tick_ms };
    bool more = true;

    for (size_t n = 0; n < most && more;) {
        more = w->told < w->telling->count || turn(w);
        if (more)
            n += tell_one(w, &telling);
    }
    telling_deinit(&telling);
    return more;
}

static void tell_dropped(struct watch *w)
{
    if (w->dropped > 0)
        log_warn("watch_dropped", F_U64("counts", w->dropped));
    w->dropped = 0;
}

/* True: something is left for another round. */
static bool flush(struct watch *w, size_t sets, size_t tolls, size_t counts)
{
    if (w->tolling)
        w->tolling = !toll_tell(w->toll, tolls, minute_now(w));
    if (w->reading)
        w->reading = !ledger_tell(w->ledger, sets, minute_now(w));
    if (w->reading || w->tolling)
        return true;
    return is_told(w) && !is_away(w) && tell(w, counts);
}

static void on_due(struct timer *t)
{
    struct watch *w = container_of(t, struct watch, timer);

    if (!w->in_rounds)
        w->reading = w->tolling = true;
    w->in_rounds = flush(w, ROUND_SETS, ROUND_TOLLS, ROUND_COUNTS);
    if (w->in_rounds)
        timer_arm(t, ROUND_US);
    else if (is_away(w))
        timer_arm(t, w->pace.flush_ms * 1000);
    if (!w->in_rounds)
        tell_dropped(w);
}

void watch_flush(struct watch *w)
{
    timer_disarm(&w->timer);
    w->reading = w->tolling = true;
    w->in_rounds = false;
    (void)ledger_tell(w->ledger, LEDGER_SETS, minute_now(w)); /* to its end ... */
    (void)toll_tell(w->toll, TOLL_SETS, minute_now(w));
    (void)flush(w, LEDGER_SETS, TOLL_SETS, SIZE_MAX); /* ... and once round */
    if (is_away(w))
        timer_arm(&w->timer, w->pace.flush_ms * 1000);
    tell_dropped(w);
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    watch_flush(w);
    timer_disarm(&w->timer);
    ledger_deinit(w->ledger);
    toll_deinit(w->toll);
    tally_deinit(w->waiting);
    tally_deinit(w->telling);
    sightings_deinit(&w->sightings);
    buf_deinit(&w->by);
    free(w->ledger);
    free(w->toll);
    free(w->waiting);
    free(w->telling);
    free(w);
}
