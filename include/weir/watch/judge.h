/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/err.h"
#include "weir/watch/counts.h"
#include "weir/watch/watchlist.h"

#include <stdint.h>

/*
 * The judge: after each tick, when its counts have settled, every histogram that had answers is
 * folded against its baseline, and who has left it raises an alarm. On the control loop.
 *
 * The promise is "the chance of any false alarm in `per` is at most `probability`, over all
 * histograms": from it and the number of histograms that have a baseline (rounded up to a
 * power of two, so that it does not wobble) follows the threshold, ln(T H / p). It covers what
 * is confirmed, not what is suspected.
 *
 * Of all processes that share a store one judges, by a lease; the others read what it found
 * once a tick. What it found is written before it is told, so who takes over neither loses an
 * alarm nor raises one twice.
 */

struct judge;
struct loop;
struct metric_shard;
struct metrics;
struct store;

struct judge_settings {
    uint64_t tick_ms;
    double probability;
    uint64_t per_ms;
    uint64_t min_n;            /* answers that a baseline by itself takes at least, */
    uint64_t baseline_ticks;   /* and ticks */
    double tolerance;          /* ratio of odds that is not yet a change */
    double alpha;              /* chance that bounds of any baseline are wrong */
    bool hour_of_week;         /* baselines by themselves are by the hour of the week */
    bool changes;              /* of upstreams are noticed, without a baseline */
    bool automatic;            /* baselines are made by themselves, */
    const struct str *by_hand; /* but not for these predictions; lent while the judge lives */
    size_t by_hand_count;
};

struct judge *judge_new(struct loop *loop, struct store *store, /* taken */
                        const struct judge_settings *s, struct metrics *metrics,
                        struct metric_shard *shard);
/*
 * What the configuration has, from now on; copied, the lists are counted. A histogram that it does
 * not name, and that had no answers for sixty ticks, is no longer watched: its alarm is resolved.
 * Before the first call all that is counted is watched.
 */
struct judge_model {
    struct watchlist *list;
    const struct str *versions;
    size_t version_count;
};
void judge_watch(struct judge *j, const struct judge_model *models, size_t count);
void judge_start(struct judge *j);
/* No more ticks; somebody else may judge. What is under way ends: then it is idle. */
void judge_stop(struct judge *j);
bool judge_is_idle(const struct judge *j);
void judge_free(struct judge *j); /* idle, or with its store's link gone first */

/* ---- what is known: JSON for operators ---------------------------------------------------- */

void judge_put_drift(const struct judge *j, struct buf *out);
void judge_put_alarms(const struct judge *j, struct buf *out);
/* {"changes":[...]}, the newest first; and the array alone, of at most so many. */
void judge_put_changes(const struct judge *j, struct buf *out);
void judge_put_change_list(const struct judge *j, size_t most, struct buf *out);
void judge_put_silences(const struct judge *j, struct buf *out);
void judge_put_baselines(const struct judge *j, struct buf *out);
bool judge_put_baseline(const struct judge *j, const char *id, struct buf *out);

/* ---- what people change -------------------------------------------------------------------- */

struct judge_order;
struct judge_work;
typedef void judge_fn(struct judge_order *o, enum err err);

/*
 * Embedded in who asks, who must stay until the end. It ends once, never from inside the call
 * that starts it: OK with `answer` filled, ERR_MALFORMED or ERR_NO_MODEL (nothing of that name)
 * with `why`, or ERR_STORE_DOWN.
 */
struct judge_order {
    judge_fn *on_done;
    struct buf answer; /* the asker's to free */
    struct fault why;
    struct judge_work *work; /* the judge's */
};

enum {
    JUDGE_NAME_BYTES = 256, /* of a model, a version, a prediction, a segment */
    JUDGE_WHY_BYTES = 500,
    JUDGE_SILENCES = 100, /* at once */
};

struct judge_recipe {
    struct str model;
    struct str version, prediction, segment; /* absent: every one that there is */
    uint64_t from_ms, to_ms;
    const struct counts *counts; /* in place of ticks, for one histogram; lent for the call */
    bool hour_of_week;           /* of ticks: bounds by the hour of the week */
    struct str control; /* a version: hold `version` against what this one says meanwhile */
    bool pin;
};

/* Each of those histograms gets one, of the ticks in [from, to) or of the counts. */
void judge_create_baseline(struct judge *j, struct judge_order *o, const struct judge_recipe *r,
                           judge_fn *on_done);
void judge_pin(struct judge *j, struct judge_order *o, struct str id, judge_fn *on_done);
void judge_drop(struct judge *j, struct judge_order *o, struct str id, judge_fn *on_done);
void judge_acknowledge(struct judge *j, struct judge_order *o, struct str id,
                       judge_fn *on_done);

struct judge_silence {
    struct str model, version, prediction, segment; /* absent: any */
    uint64_t until_ms;
    struct str why; /* for people to read; may be absent */
};
void judge_silence(struct judge *j, struct judge_order *o, const struct judge_silence *s,
                   judge_fn *on_done);
void judge_unsilence(struct judge *j, struct judge_order *o, struct str id, judge_fn *on_done);

/* ---- for whoever tells others ---------------------------------------------------------------- */

/*
 * Changes of alarms that nobody has been told of: each as "<alarm id>:<state>" and the alarm's
 * JSON. They stay until judge_delivered(). False, and nothing: another process judges.
 */
typedef void judge_delivery_fn(void *ctx, struct str key, struct str alarm_json);
bool judge_each_delivery(const struct judge *j, judge_delivery_fn *fn, void *ctx);
void judge_delivered(struct judge *j, struct judge_order *o, struct str key, judge_fn *on_done);
/* Called after each tick as long as there are any. */
void judge_on_delivery(struct judge *j, void (*fn)(void *owner), void *owner);
