/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "scale.h"
#include "weir/base/buf.h"
#include "weir/base/str.h"
#include "weir/watch/counts.h"

#include <stdint.h>

/*
 * How long the answers of a model are, or how long it takes for them, and whether that has
 * changed of a sudden: a pure fold over ticks, without a baseline that anybody made.
 *
 * What is looked at is the median of each step, as a logarithm, in four paces at once. Steps of
 * twenty answers (a tick, or as many as it takes) show what is large within minutes; those of
 * each next pace have four times as many, scatter half as much, and show what is smaller.
 * Ten steps make a level; the last levels, a day of minutes, are kept. A step is beyond when
 * its median lies above the highest of them (the second highest, where there are four) by more
 * than both the tolerance, a ratio, and two and a half times what steps vary within their levels. By Cantelli's inequality a step is beyond by chance in 4 cases of 29 at
 * most, whatever its distribution, as long as its mean lies between those levels and it varies
 * no more than they did. Each step beyond multiplies the evidence by 5.8, each other one by
 * 0.23, and it never begins below 1: that is a likelihood ratio of 0.8 against 4/29, so with a
 * threshold of c the mean time to a false report is c steps at least, also where steps hang
 * together. But for the quickest, no pace says anything before it knows a day, for its hours may
 * well differ by what such steps show.
 * Upwards and downwards run apart, in each pace, so c is eight times the number of ticks in a
 * year: then it is a year at least, for each model and quantity. That takes nine steps.
 *
 * What was reported is the level from then on, and what came before is forgotten; but from the
 * fourth report in a day on it is not, so that what goes to and fro is no longer news.
 * Slow changes move the levels with them and are not reported: baselines are there for these.
 */

enum {
    REGIME_BINS = SCALE_BINS,
    REGIME_PACES = 4,
    REGIME_STEP_N = 20, /* answers of a step of the quickest, */
    REGIME_SLOWER = 4,  /* and how many more of each next one's */
    REGIME_LEVEL_STEPS = 10,
    REGIME_LEAST_LEVELS = 2, /* below which nothing is said */
    REGIME_LEVELS = 144,     /* a day of them */
    REGIME_DAY = 1440,       /* ticks */
    REGIME_TOLD = 3,         /* reports in a day that begin anew */
};

/* Evidence for one direction. */
struct regime_run {
    double evidence;              /* ln, at least 0 */
    uint64_t since;               /* the tick that it began to gather in */
    uint64_t counts[REGIME_BINS]; /* since then */
};

struct regime_pace {
    uint64_t step_n;    /* answers that make a step */
    uint64_t silence;   /* ticks to be known before anything is said */
    uint64_t known;     /* the tick that levels are known since; 0: none is */
    uint64_t step_from; /* the first tick of the step that is gathered */
    uint64_t step[REGIME_BINS];
    double levels[REGIME_LEVELS]; /* medians as log2, oldest first */
    size_t level_count;
    uint64_t steps;             /* of the level that is gathered, */
    double sum, sum_of_squares; /* and of their medians */
    uint64_t gathered[REGIME_BINS];
    uint64_t before[REGIME_BINS]; /* of the last levels */
    double variance;              /* of steps within their levels */
    struct regime_run up, down;
};

struct regime {
    double tolerance; /* log2 of a ratio */
    double unit; /* what is counted as one, in what is told: a token, a thousandth second */
    struct regime_pace paces[REGIME_PACES];
    uint64_t day, told;
};

struct regime_quantiles {
    uint64_t n;
    double p10, p50, p90;
};

struct regime_news {
    struct regime_quantiles before, after;
    uint64_t since; /* tick */
};

/* False: this one is not watched so. READING_LENGTH and READING_TIME are. */
bool regime_init(struct regime *r, struct str prediction);
double regime_threshold(uint64_t tick_ms); /* ln c */

/* True: it has changed, and `news` tells how. Ticks rise. */
bool regime_fold(struct regime *r, double threshold, uint64_t tick, const struct counts *counts,
                 struct regime_news *news);

/* One line, without its end; reading is into an initialised one. */
void regime_put(const struct regime *r, struct buf *out);
bool regime_read(struct regime *r, struct str line);
