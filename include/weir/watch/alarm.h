/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/base/buf.h"
#include "weir/base/own.h"
#include "weir/watch/baseline.h"

/*
 * What is told when a histogram has left its baseline, with the evidence of that moment.
 *
 * Its id is made of the histogram, the baseline and the tick of crossing: whoever judges the
 * same ticks raises the same alarm, and raising it twice is raising it once.
 *
 *   pending       suspected: quick evidence without a promise; nobody need be woken
 *   firing        confirmed: the evidence that holds the promise
 *   acknowledged  firing, and somebody has said that they know
 *   resolved      the evidence stayed away ("calm"), another baseline is in force ("baseline"),
 *                 it is counted by another definition ("redefined"), or nothing comes of it any
 *                 more ("gone")
 */

enum { ALARM_ID = BASELINE_ID };

enum alarm_state { ALARM_PENDING, ALARM_FIRING, ALARM_ACKNOWLEDGED, ALARM_RESOLVED };

struct alarm {
    char id[ALARM_ID];
    char baseline[BASELINE_ID];
    enum alarm_state state;
    bool confirmed; /* severity: else suspected */
    struct tick_histogram of;
    uint64_t began_ms;   /* where the change began, as far as can be told */
    uint64_t since_ms;   /* when it was raised */
    uint64_t updated_ms; /* when its state last changed */
    double score;        /* evidence over threshold that raised it */
    struct str sentence; /* "refusal=yes 4.5 % → 20.3 %" */
    struct str ended;    /* the word why it is resolved; else empty */
    struct str evidence; /* a JSON object: n, values, moved, distances; empty for none */
    struct arena arena;
};

/* A zeroed one with the name copied; the rest is the maker's. */
struct alarm *alarm_new(const struct tick_histogram *of);
void alarm_free(struct alarm *a);
DEFINE_AUTO(struct alarm, alarm_free)

void alarm_name(struct alarm *a, struct str member, const char *baseline, uint64_t tick);
/* What was before and since the change; `names` by name of about the same time. */
struct effect;
void alarm_explain(struct alarm *a, const struct effect *e, const struct counts *names);

const char *alarm_state_word(enum alarm_state s);
void alarm_put(const struct alarm *a, struct buf *out); /* one JSON object */
struct alarm *alarm_read(struct str json);              /* NULL: not ours */
