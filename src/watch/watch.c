/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/watch.h"

#include "ledger.h"
#include "source.h"
#include "tally.h"
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
 * Every few seconds, and when a minute is over, the ledger is read into a tally, which has a
 * cell for each value of each histogram. Telling that is left to a timer, which is armed by the
 * first count that waits: an idle gateway does not wake for it.
 *
 * There are two tallies. While one is told to Redis, in rounds that leave the link room for
 * look-ups, the other counts; when all is told they change places.
 *
 * While Redis is away minutes are not told apart: they will all be late.
 */

enum { MINUTE_MS = TICK_MS, MOST_COUNTS = 64, ROUND_COUNTS = 128, ROUND_US = 50 * 1000 };
enum { FLUSH_US = WATCH_FLUSH_MS * 1000 };

struct watch {
    struct loop *loop;     /* lent */
    struct remote *remote; /* lent; NULL: only metrics, and ticks */
    struct ticks *ticks;   /* lent; NULL: nobody asks */
    struct str prefix;     /* lent */
    struct ledger *ledger; /* owned, as are the next */
    struct tally *waiting;
    struct tally *telling; /* sorted */
    size_t told;           /* cells of `telling` that are done with */
    uint64_t minute;       /* of what is in the ledger */
    uint64_t dropped;
    struct timer timer;
};

static void on_due(struct timer *t);

struct watch *watch_new(struct loop *loop, struct remote *remote, struct str prefix)
{
    struct watch *w = MEM_NEW(struct watch);

    w->loop = loop;
    w->remote = remote;
    w->prefix = prefix;
    w->ledger = MEM_NEW(struct ledger);
    w->waiting = MEM_NEW(struct tally);
    w->telling = MEM_NEW(struct tally);
    ledger_init(w->ledger, loop_shard(loop));
    tally_init(w->waiting);
    tally_init(w->telling);
    timer_init(&w->timer, loop, on_due);
    return w;
}

void watch_set_ticks(struct watch *w, struct ticks *ticks)
{
    w->ticks = ticks;
}

bool watch_is_built_in(struct str prediction)
{
    return reading_is_built_in(prediction);
}

static uint64_t minute_now(void)
{
    return clock_wall_ms() / MINUTE_MS;
}

/* Does anybody want more than the metrics? */
static bool is_told(const struct watch *w)
{
    return w->remote || w->ticks;
}

/* ---- from the ledger to the tally ---- */

/* What is read of the ledger, and the minute that it is booked into. */
struct expansion {
    struct watch *watch;
    uint64_t minute;
};

static void tally(struct watch *w, const struct tally_key *key, uint64_t count)
{
    if (!tally_add(w->waiting, key, count))
        w->dropped += count;
}

/* Once under all answers, and once under each segment. */
static void expand_word(const struct expansion *e, const struct ledger_line *line, size_t i)
{
    const struct watchlist *list = line->list;
    const struct prediction *p = reading_prediction(list, i);
    struct tally_key key = { .model = list->model,
                             .version = line->version,
                             .prediction = p->name,
                             .value = prediction_word(p, line->reading.places[i]),
                             .source = line->source,
                             .minute = e->minute };

    tally(e->watch, &key, line->count);
    for (size_t s = 0; s < list->segment_count; s++) {
        key.segment = segment_text(&list->segments[s], line->segments[s]);
        tally(e->watch, &key, line->count);
    }
}

static void expand(void *ctx, const struct ledger_line *line)
{
    const struct expansion *e = ctx;

    for (size_t i = 0; i < line->reading.count; i++)
        if (line->reading.places[i] != READING_UNCOUNTED)
            expand_word(e, line, i);
}

static void read_ledger(struct watch *w)
{
    bool away = w->remote && !remote_is_up(w->remote);
    struct expansion e = { w, away ? TALLY_LATE : w->minute };

    if (is_told(w))
        ledger_read(w->ledger, expand, &e);
}

/* Lines are made anew each minute: what is said no more, or by a list that is no more, goes. */
static void turn_minute(struct watch *w, uint64_t minute)
{
    read_ledger(w);
    ledger_empty(w->ledger);
    w->minute = minute;
}

/* ---- noting ---- */

void watch_note(struct watch *w, const struct watch_answer *a)
{
    uint64_t minute = minute_now();

    if (minute != w->minute)
        turn_minute(w, minute);
    if (!ledger_add(w->ledger, a)) {
        turn_minute(w, minute);
        (void)ledger_add(w->ledger, a);
    }
    if (is_told(w) && !timer_is_armed(&w->timer))
        timer_arm(&w->timer, FLUSH_US);
}

/* ---- telling ---- */

/* A minute that is closed, or may be before this arrives, does not change any more. */
static uint64_t minute_to_tell(const struct tally_key *k)
{
    uint64_t now_ms = clock_wall_ms(), end_ms = (k->minute + 1) * MINUTE_MS;

    return k->minute == TALLY_LATE || now_ms > end_ms + WATCH_LATE_MS ? now_ms / MINUTE_MS
                                                                      : k->minute;
}

/* How a histogram is called, over all minutes and sources. */
static bool put_name(const struct tally_key *k, struct buf *out)
{
    const struct str parts[] = { k->model, k->version, k->prediction };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        buf_put_text(out, i > 0 ? ":" : "");
        if (escape_add(out, parts[i]))
            return false;
    }
    buf_put_text(out, k->segment.len > 0 ? "@" : "");
    buf_put(out, k->segment);
    return true;
}

/* The texts that one histogram takes to be told; used again for the next. */
struct texts {
    struct buf name, key, index;
};

static void deinit_texts(struct texts *t)
{
    buf_deinit(&t->name);
    buf_deinit(&t->key);
    buf_deinit(&t->index);
}

static void tell_redis(struct watch *w, const struct tally_key *k, struct texts *t,
                       const struct remote_count *counts, size_t n)
{
    struct remote_histogram h = { .minute = minute_to_tell(k), .ttl_s = WATCH_TTL_S };

    buf_reset(&t->name);
    buf_reset(&t->key);
    buf_reset(&t->index);
    if (!put_name(k, &t->name))
        return;
    buf_put_printf(&t->key, "%.*sv1:histogram:%.*s", STR_ARG(w->prefix),
                   STR_ARG(buf_str(&t->name)));
    if (k->source != WATCH_FRESH)
        buf_put_printf(&t->key, ";%.*s", STR_ARG(source_word(k->source)));
    buf_put_printf(&t->key, ":%llu", (unsigned long long)h.minute);
    h.key = buf_str(&t->key);
    if (k->source == WATCH_FRESH) {
        buf_put_printf(&t->index, "%.*sv1:histograms", STR_ARG(w->prefix));
        h.index = buf_str(&t->index);
        h.name = buf_str(&t->name);
        h.index_ttl_s = WATCH_INDEX_TTL_S;
    }
    remote_count(w->remote, &h, counts, n);
}

static void tell_ticks(struct watch *w, const struct tally_key *k,
                       const struct remote_count *counts, size_t n)
{
    struct tick_histogram of = { k->model, k->version, k->prediction, k->segment };

    for (size_t i = 0; i < n && k->source == WATCH_FRESH; i++)
        ticks_add(w->ticks, minute_to_tell(k), &of, counts[i].field, counts[i].by);
}

/* Tells one histogram, or as much of it as goes at once; how many counts that were. */
static size_t tell_one(struct watch *w, struct texts *texts)
{
    const struct tally_cell *first = &w->telling->cells[w->told];
    const struct tally_cell *end = w->telling->cells + w->telling->count;
    struct remote_count counts[MOST_COUNTS];
    size_t n = 0;

    for (const struct tally_cell *cell = first;
         cell < end && n < MOST_COUNTS && tally_same_histogram(&first->key, &cell->key); cell++)
        counts[n++] = (struct remote_count){ cell->key.value, cell->count };
    if (w->remote)
        tell_redis(w, &first->key, texts, counts, n);
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
    tally_sort(waiting);
    return true;
}

/* At least `most` counts, if there are so many; false when nothing is left. */
static bool tell(struct watch *w, size_t most)
{
    struct texts texts = { 0 };
    bool more = true;

    for (size_t n = 0; n < most && more;) {
        more = w->told < w->telling->count || turn(w);
        if (more)
            n += tell_one(w, &texts);
    }
    deinit_texts(&texts);
    return more;
}

static void flush(struct watch *w, size_t most)
{
    timer_disarm(&w->timer);
    if (!is_told(w))
        return;
    read_ledger(w);
    if (w->remote && !remote_is_up(w->remote))
        timer_arm(&w->timer, FLUSH_US);
    else if (tell(w, most))
        timer_arm(&w->timer, ROUND_US);
    if (w->dropped > 0) {
        log_warn("watch_dropped", F_U64("counts", w->dropped));
        w->dropped = 0;
    }
}

static void on_due(struct timer *t)
{
    struct watch *w = container_of(t, struct watch, timer);

    flush(w, w->remote ? ROUND_COUNTS : SIZE_MAX);
}

void watch_flush(struct watch *w)
{
    flush(w, SIZE_MAX);
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    watch_flush(w);
    timer_disarm(&w->timer);
    ledger_empty(w->ledger);
    tally_deinit(w->waiting);
    tally_deinit(w->telling);
    free(w->ledger);
    free(w->waiting);
    free(w->telling);
    free(w);
}
