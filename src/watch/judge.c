/* SPDX-License-Identifier: Apache-2.0 */
#include "judge_inner.h"

#include "weir/base/clock.h"
#include "weir/base/ensure.h"
#include "weir/base/log.h"
#include "weir/base/mem.h"
#include "weir/base/metric.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * One round follows each tick, settle_ms behind its end:
 *
 *     load ─> adopt what is pinned ─> feed (folding) ─> let go what is gone
 *               tell <─ save <─ claim and make baselines <─┘
 *
 * Who has not got the lease goes from load to tell. Any failure ends the round; the next one
 * takes up what is left, for nothing is lost by then: what was folded and could not be
 * written waits in the book, and what was not folded in the store.
 */

enum {
    LEASE_TICKS = 2,       /* how many rounds who judges may miss before another takes over */
    LEAST_LEASE_MS = 2000, /* for short ticks on a busy machine */
    FORGET_S = 35 * 24 * 3600,
    AGAIN_MS = 1000,    /* after a failure, as when the link is not up yet */
    KEEP_TICKS = 240,   /* two to three hours are read as ticks, and some more to be sure */
    MOST_LATE_MS = 200, /* rounds of several gateways are spread a little */
};

static void end_round(struct judge *j, enum err err);

/* ---- the next round ------------------------------------------------------------------------ */

static void wait(struct judge *j)
{
    uint64_t now_ms = clock_wall_ms();
    uint64_t next_ms = (pace_closed(&j->pace, now_ms) + 2) * j->settings.tick_ms +
                       j->pace.settle_ms;

    if (j->failed && next_ms > now_ms + AGAIN_MS)
        next_ms = now_ms + AGAIN_MS;

    j->phase = j->stopping ? JUDGE_STOPPED : JUDGE_WAITING;
    if (!j->stopping)
        timer_arm(&j->timer,
                  (next_ms > now_ms ? next_ms - now_ms : 1) * 1000 +
                      clock_now_us() % (MOST_LATE_MS * 1000) * (j->settings.tick_ms >= 10000));
}

/* ---- save ---------------------------------------------------------------------------------- */

static void on_saved(struct store_op *op, enum err err)
{
    struct judge *j = container_of(op, struct judge, op);

    if (!err && j->shard && j->judged > 0 && j->upto > j->judged)
        metric_add(j->shard, METRIC_DRIFT_TICKS, (int64_t)(j->upto - j->judged), NULL);
    if (!err)
        j->judged = j->upto;
    end_round(j, err);
}

static void save(struct judge *j)
{
    j->op.on_done = on_saved;
    j->store->kind->save(j->store, &j->book, &j->op);
}

/* ---- baselines that make themselves --------------------------------------------------------- */

static void claim_next(struct judge *j);
static void make_next(struct judge *j);

static void keep_pin(struct judge *j, const struct subject *s)
{
    struct buf name = { 0 };

    book_put_pin(&name, &s->of);
    book_pin(&j->book, buf_str(&name), j->made);
    buf_deinit(&name);
}

static void on_pinned(struct store_op *op, enum err err)
{
    struct judge *j = container_of(op, struct judge, op);
    struct subject *s = j->book.subjects[j->at];
    const struct baseline *b = book_baseline(&j->book, j->made);

    if (err || !b) { /* somebody may have dropped it by hand */
        end_round(j, err);
        return;
    }
    keep_pin(j, s);
    judge_adopt(j, s, b);
    j->at++;
    make_next(j);
}

static void edit(struct judge *j, const struct edit *e, store_fn *on_done)
{
    j->op.on_done = on_done;
    j->store->kind->edit(j->store, &j->book, e, &j->op);
}

static void pin(struct judge *j, const struct tick_histogram *of, store_fn *on_done)
{
    struct buf name = { 0 };

    book_put_pin(&name, of);
    edit(j, &(struct edit){ .kind = EDIT_PIN, .key = buf_str(&name), .text = str_of(j->made) },
         on_done);
    buf_deinit(&name);
}

static void on_kept(struct store_op *op, enum err err)
{
    struct judge *j = container_of(op, struct judge, op);

    if (err)
        end_round(j, err);
    else
        pin(j, &j->book.subjects[j->at]->of, on_pinned);
}

static void make(struct judge *j, struct subject *s)
{
    struct buf json = { 0 };
    const struct baseline *b;
    struct baseline_origin origin = {
        .of = s->of,
        .total = &s->draft.total,
        .ticks = s->draft.steps,
        .tick_count = s->draft.count,
        .week = s->draft.week,
        .tick_ms = j->settings.tick_ms,
        .tolerance = j->settings.tolerance,
        .alpha = judge_alpha(j),
        .created_ms = (s->tick + 1) * j->settings.tick_ms,
        .from = STR("auto"),
        .worded = judge_has_words(j, &s->of),
    };

    b = book_add_baseline(&j->book, baseline_new(&origin));
    (void)snprintf(j->made, sizeof(j->made), "%s", b->id);
    baseline_put(b, &json);
    edit(j,
         &(struct edit){ .kind = EDIT_BASELINE,
                         .key = str_of(j->made),
                         .text = buf_str(&json),
                         .at_ms = origin.created_ms },
         on_kept);
    buf_deinit(&json);
}

bool judge_makes_baseline(const struct judge *j, const struct subject *s)
{
    for (size_t i = 0; i < j->settings.by_hand_count; i++)
        if (str_eq(s->of.prediction, j->settings.by_hand[i]))
            return false;
    return j->settings.automatic && j->book.baseline_count < BOOK_MADE;
}

static bool wants_one(const struct judge *j, const struct subject *s)
{
    return !s->drift && !s->unread && s->unsaved && judge_makes_baseline(j, s) &&
           draft_is_enough(&s->draft, j->settings.min_n, j->settings.baseline_ticks);
}

/* ---- baselines of older versions ------------------------------------------------------------ */

static void on_claimed(struct store_op *op, enum err err)
{
    struct judge *j = container_of(op, struct judge, op);

    if (err) {
        end_round(j, err);
        return;
    }
    keep_pin(j, j->book.subjects[j->at++]);
    claim_next(j);
}

static void claim_next(struct judge *j)
{
    while (j->at < j->book.subject_count && !judge_wants_claim(j, j->book.subjects[j->at]))
        j->at++;
    if (j->at == j->book.subject_count) {
        j->at = 0;
        make_next(j);
        return;
    }
    (void)snprintf(j->made, sizeof(j->made), "%s",
                   subject_baseline(j->book.subjects[j->at])->id);
    pin(j, &j->book.subjects[j->at]->of, on_claimed);
}

static void make_next(struct judge *j)
{
    while (j->at < j->book.subject_count && !wants_one(j, j->book.subjects[j->at]))
        j->at++;
    if (j->at < j->book.subject_count)
        make(j, j->book.subjects[j->at]);
    else
        save(j);
}

/* ---- load, adopt, feed ---------------------------------------------------------------------- */

static void on_fed(struct store_op *op, enum err err)
{
    struct judge *j = container_of(op, struct judge, op);

    j->at = 0;
    if (err) {
        end_round(j, err);
        return;
    }
    judge_let_go(j);
    claim_next(j);
}

static void adopt_pinned(struct judge *j)
{
    for (size_t i = 0; i < j->book.subject_count; i++) {
        struct subject *s = j->book.subjects[i];

        if (!s->unread && !subject_is_apart(s))
            judge_adopt_pinned(j, s);
    }
}

static void on_loaded(struct store_op *op, enum err err)
{
    struct judge *j = container_of(op, struct judge, op);
    struct store_feed feed = { .upto = j->upto, .each = judge_fold, .ctx = j };

    judge_look_round(j);
    if (err || !j->book.ours) {
        j->judged = 0;
        judge_set_threshold(j);
        end_round(j, err);
        return;
    }
    adopt_pinned(j);
    judge_set_threshold(j);
    j->op.on_done = on_fed;
    j->store->kind->feed(j->store, &j->book, &feed, &j->op);
}

static void on_due(struct timer *t)
{
    struct judge *j = container_of(t, struct judge, timer);
    uint64_t lease_ms = LEASE_TICKS * j->settings.tick_ms + j->settings.tick_ms / 2;
    uint64_t back = FORGET_S * UINT64_C(1000) / j->settings.tick_ms;
    struct store_now now = { .lease_ms = lease_ms > LEAST_LEASE_MS ? lease_ms
                                                                   : LEAST_LEASE_MS };

    j->phase = JUDGE_WORKING;
    j->book.left_out = 0;
    j->upto = pace_closed(&j->pace, clock_wall_ms());
    now.tick = j->upto;
    now.oldest = j->oldest = j->upto > back ? j->upto - back : 0;
    now.keep_s = KEEP_TICKS * j->settings.tick_ms / 1000 + 1;
    j->op.on_done = on_loaded;
    j->store->kind->load(j->store, &j->book, &now, &j->op);
}

/* ---- tell ---------------------------------------------------------------------------------- */

static void tell_left_out(struct judge *j)
{
    if (j->book.left_out > 0 && !j->left_out)
        log_warn("drift_left_out", F_U64("watched", j->book.subject_count),
                 F_U64("left_out", j->book.left_out));
    j->left_out = j->book.left_out > 0;
}

static void end_round(struct judge *j, enum err err)
{
    size_t deliveries = j->book.ours ? j->book.delivery_count : 0;

    j->failed = err != OK;
    if (err)
        log_debug("drift_round", F_ERR(err)); /* the link and the file tell why */
    else
        tell_left_out(j);
    judge_measure(j);
    wait(j);
    if (j->stopping)
        j->store->kind->leave(j->store);
    else if (deliveries > 0 && j->on_delivery)
        j->on_delivery(j->delivery_owner);
}

/* ---- life ---------------------------------------------------------------------------------- */

struct judge *judge_new(struct loop *loop, struct store *store, const struct judge_settings *s,
                        struct metrics *metrics, struct metric_shard *shard)
{
    struct judge *j = MEM_NEW(struct judge);

    ensure(s->tick_ms > 0);
    j->loop = loop;
    j->store = store;
    j->settings = *s;
    j->pace = pace_of(s->tick_ms);
    j->metrics = metrics;
    j->shard = shard;
    book_init(&j->book);
    timer_init(&j->timer, loop, on_due);
    judge_set_threshold(j);
    return j;
}

void judge_start(struct judge *j)
{
    j->phase = JUDGE_WAITING;
    timer_arm(&j->timer, 1);
}

void judge_stop(struct judge *j)
{
    if (!j || j->stopping)
        return;
    j->stopping = true;
    timer_disarm(&j->timer);
    if (j->phase == JUDGE_WORKING)
        return;
    j->phase = JUDGE_STOPPED;
    if (j->book.ours)
        j->store->kind->leave(j->store);
}

bool judge_is_idle(const struct judge *j)
{
    return !j || (j->phase != JUDGE_WORKING && j->orders == 0);
}

void judge_free(struct judge *j)
{
    if (!j)
        return;
    timer_disarm(&j->timer);
    store_free(j->store);
    judge_watch_deinit(j);
    book_deinit(&j->book);
    free(j);
}
