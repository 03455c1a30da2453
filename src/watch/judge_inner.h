/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store_inner.h"

#include "weir/net/loop.h"
#include "weir/net/timer.h"
#include "weir/watch/judge.h"
#include "weir/watch/pace.h"

/*
 * The judge's files: judge.c is the round that follows each tick, judge_alarm.c and
 * judge_change.c what a fold comes to, judge_put.c what operators are told when they ask and
 * judge_measure.c what in gauges, judge_order.c what people change, judge_create.c how they make
 * baselines, judge_names.c what is said of names that fit nothing, judge_watch.c what is no
 * longer watched, judge_meaning.c what was counted by another definition.
 */

enum judge_phase { JUDGE_WAITING, JUDGE_WORKING, JUDGE_STOPPED };

struct judge {
    struct loop *loop;   /* lent */
    struct store *store; /* owned */
    struct judge_settings settings;
    struct pace pace;
    struct metrics *metrics;    /* lent */
    struct metric_shard *shard; /* lent; may be NULL */
    struct book book;
    struct timer timer;
    enum judge_phase phase;
    bool stopping;
    uint64_t upto;    /* the tick of this round */
    uint64_t oldest;  /* what had its last answers before it is forgotten */
    uint64_t judged;  /* the last tick that this process has judged; 0: none */
    double threshold; /* ln c */
    struct store_op op;
    size_t at;                  /* the next subject that may get a baseline by itself */
    char made[BASELINE_ID];     /* and the one that was made for it */
    size_t orders;              /* under way */
    bool failed;                /* the last round did not reach its end */
    bool left_out;              /* some histograms are, which has been logged */
    struct judge_model *models; /* that are watched; owned, their versions in the arena */
    size_t model_count;
    bool knows_models; /* else all are */
    struct arena versions;
    void (*on_delivery)(void *owner);
    void *delivery_owner;
};

/* judge.c: does this one get a baseline by itself? */
bool judge_makes_baseline(const struct judge *j, const struct subject *s);

/* judge_alarm.c */
void judge_fold(void *judge, struct subject *s, const struct drift_tick *t);
void judge_write_hour(struct judge *j, struct subject *s, uint64_t hour,
                      const struct counts *counts);
void judge_adopt(struct judge *j, struct subject *s, const struct baseline *b);
void judge_set_threshold(struct judge *j);
/* Into the book, to be written; `why` is one word, lent for good. */
void judge_resolve(struct judge *j, struct subject *s, uint64_t at_ms, struct str why);
double judge_alpha(const struct judge *j); /* of one baseline, so that all hold together */

/* judge_names.c: ERR_NO_MODEL, and which name it is that fits nothing. */
enum err judge_tell_missing(const struct judge *j, const struct judge_recipe *r,
                            struct fault *why);
/* Likewise, if there is no such version to be held against. */
enum err judge_tell_control(const struct judge *j, const struct judge_recipe *r,
                            struct fault *why);

/* judge_change.c: has the upstream changed? */
void judge_notice(struct judge *j, struct subject *s, uint64_t tick,
                  const struct counts *counts);

/* judge_watch.c: which are gone by this tick; the alarms of these end. */
void judge_look_round(struct judge *j);
void judge_let_go(struct judge *j);
void judge_watch_deinit(struct judge *j);
/* As the configuration has it: are its values words, and no numbers? Does it name the version? */
bool judge_has_words(const struct judge *j, const struct tick_histogram *of);
bool judge_names_version(const struct judge *j, struct str model, struct str version);

/* judge_watch.c: as the configuration has it; 0: it does not name that. */
uint32_t judge_meaning(const struct judge *j, const struct tick_histogram *of);

/* judge_meaning.c: false: the tick is of no one meaning, and was passed over. */
bool judge_take_meaning(struct judge *j, struct subject *s, const struct drift_tick *t);
void judge_adopt_pinned(struct judge *j, struct subject *s);
/* What a baseline is pinned for. */
void judge_put_pin(const struct judge *j, const struct baseline *b, struct buf *out);
/* Is its baseline of an older version, and to be pinned for the definition that it has now? */
bool judge_wants_claim(const struct judge *j, const struct subject *s);
/* Why it is not judged, or not judged by; NULL: it is. */
const char *judge_reason(const struct judge *j, const struct subject *s);
const char *judge_unfit(const struct judge *j, const struct baseline *b);

/* judge_measure.c */
void judge_measure(struct judge *j);

/* judge_order.c */
struct judge_work {
    struct store_op op;
    struct judge *judge;
    struct judge_order *order;
    struct edit edit; /* to be applied to the book once it is written; texts in the arena */
    struct str id;    /* of a baseline that is dropped when its pin is gone; in the arena */
    struct deferred turn;
    enum err err;
    struct arena arena;
};

void judge_work_begin(struct judge_work *w, struct judge *j, struct judge_order *o,
                      judge_fn *on_done);
void judge_work_end(struct judge_work *w, enum err err);
/* From inside the call that starts the order. */
void judge_work_end_later(struct judge_work *w, enum err err);
/* Writes an edit and applies it; then `on_done`. */
void judge_work_edit(struct judge_work *w, const struct edit *edit, store_fn *on_done);
/* In each such on_done, first. */
void judge_work_edited(struct judge_work *w, enum err err);
