/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/watch.h"

#include "source.h"
#include "tally.h"
#include "weir/base/clock.h"
#include "weir/base/escape.h"
#include "weir/base/log.h"
#include "weir/base/mem.h"
#include "weir/base/metric.h"
#include "weir/base/scan.h"
#include "weir/cache/remote.h"
#include "weir/net/loop.h"
#include "weir/net/timer.h"

#include <stdlib.h>

/*
 * Noting is on the hot path of a cached answer: it touches counters and a table of its own, and
 * reads the body only when the configuration names a prediction. Telling Redis is left to a
 * timer, which is armed by the first count that waits: an idle gateway does not wake for it.
 *
 * There are two tallies. While one is told to Redis, in rounds that leave the link room for
 * look-ups, the other counts; when all is told they change places.
 */

enum { MINUTE_MS = 60 * 1000, MOST_COUNTS = 64, ROUND_COUNTS = 128, ROUND_US = 50 * 1000 };
enum { FLUSH_US = WATCH_FLUSH_MS * 1000 };

struct watch {
    struct loop *loop;     /* lent */
    struct remote *remote; /* lent; NULL: only metrics */
    struct str prefix;     /* lent */
    struct tally *waiting; /* owned, as is the next */
    struct tally *telling; /* sorted */
    size_t told;           /* cells of `telling` that are done with */
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
    w->waiting = MEM_NEW(struct tally);
    w->telling = MEM_NEW(struct tally);
    tally_init(w->waiting);
    tally_init(w->telling);
    timer_init(&w->timer, loop, on_due);
    return w;
}

/* ---- noting ---- */

static void count(struct watch *w, struct tally_key *key, struct str prediction,
                  struct str value)
{
    metric_add(
        loop_shard(w->loop), METRIC_PREDICTIONS, 1,
        METRIC_LABEL(key->model, key->version, prediction, value, source_word(key->source)));
    if (!w->remote)
        return;
    key->prediction = prediction;
    key->value = value;
    if (!tally_add(w->waiting, key))
        w->dropped++;
}

static void count_configured(struct watch *w, struct tally_key *key,
                             const struct watch_answer *a)
{
    bool readable;

    if (a->prediction_count == 0 || !a->body.at)
        return;
    readable = scan_check(a->body, NULL) == OK;
    for (size_t i = 0; i < a->prediction_count; i++) {
        const struct prediction *p = &a->predictions[i];

        count(w, key, p->name, readable ? prediction_value(p, a->body) : prediction_invalid());
    }
}

void watch_note(struct watch *w, const struct watch_answer *a)
{
    struct tally_key key = { .model = a->model, .version = a->version, .source = a->source };

    if (w->remote) {
        key.minute = clock_wall_ms() / MINUTE_MS;
        if (!timer_is_armed(&w->timer))
            timer_arm(&w->timer, FLUSH_US);
    }
    count(w, &key, STR("finish_reason"), prediction_finish(a->finish_reason));
    count(w, &key, STR("output_tokens"), prediction_tokens_bin(a->completion_tokens));
    count(w, &key, STR("refusal"), a->refusal ? STR("yes") : STR("no"));
    count_configured(w, &key, a);
}

/* ---- telling Redis ---- */

static bool put_key(const struct watch *w, const struct tally_key *k, struct buf *out)
{
    buf_reset(out);
    buf_put(out, w->prefix);
    buf_put(out, STR("v1:histogram:"));
    if (escape_add(out, k->model))
        return false;
    buf_put(out, STR(":"));
    if (escape_add(out, k->version))
        return false;
    buf_put(out, STR(":"));
    if (escape_add(out, k->prediction))
        return false;
    if (k->source != WATCH_FRESH) {
        buf_put(out, STR(";"));
        buf_put(out, source_word(k->source));
    }
    buf_put_printf(out, ":%llu", (unsigned long long)k->minute);
    return true;
}

/* Tells one histogram, or as much of it as goes at once; how many counts that were. */
static size_t tell_one(struct watch *w, struct buf *key)
{
    const struct tally_cell *first = &w->telling->cells[w->told];
    const struct tally_cell *end = w->telling->cells + w->telling->count;
    struct remote_count counts[MOST_COUNTS];
    size_t n = 0;

    for (const struct tally_cell *cell = first;
         cell < end && n < MOST_COUNTS && tally_same_histogram(&first->key, &cell->key); cell++)
        counts[n++] = (struct remote_count){ cell->key.value, cell->count };
    if (put_key(w, &first->key, key))
        remote_count(w->remote, buf_str(key), counts, n, WATCH_TTL_S);
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
    struct buf key = { 0 };
    bool more = true;

    for (size_t n = 0; n < most && more;) {
        more = w->told < w->telling->count || turn(w);
        if (more)
            n += tell_one(w, &key);
    }
    buf_deinit(&key);
    return more;
}

static void flush(struct watch *w, size_t most)
{
    timer_disarm(&w->timer);
    if (!w->remote)
        return;
    if (!remote_is_up(w->remote))
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
    flush(container_of(t, struct watch, timer), ROUND_COUNTS);
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
    tally_deinit(w->waiting);
    tally_deinit(w->telling);
    free(w->waiting);
    free(w->telling);
    free(w);
}
