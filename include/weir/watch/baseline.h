/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/base/buf.h"
#include "weir/base/own.h"
#include "weir/stats/bound.h"
#include "weir/stats/ecusum.h"
#include "weir/watch/counts.h"
#include "weir/watch/season.h"
#include "weir/watch/ticks.h"

/*
 * What a histogram is held against: counts of a time when all was well, and the shares that
 * are not yet drift from there. Never changed once it is made; which one is in force for a
 * histogram is said elsewhere (a pin).
 *
 * Its id is the beginning of the SHA-256 of its content, so two gateways that make one from the
 * same ticks make the same, and a text that was touched is not read.
 *
 * One with a control is held against no time, but against what another version, the control,
 * says in the same ticks (contrast.h). Its counts are those of both, from which its values
 * come and which of them are rare; its bounds only say what is watched at all.
 *
 * Values that it does not know are counted as `other`, which it always has. Bins of numbers
 * stand in their natural order before all other values, those by their bytes. Words of the
 * grid (upto_0.5) are merged into bins of about a tenth of the numbers, and empty ones between
 * them for what nobody said, named le_ and gt_ by the edges they end at: a word belongs to the
 * first bin that reaches as far. Where values are words whatever they look like (a label that
 * is called upto_5), they have no such order and are merged into nothing.
 */

enum { BASELINE_ID = 17 }; /* sixteen hexadecimal digits and a NUL */

struct baseline {
    char id[BASELINE_ID];
    struct tick_histogram of; /* version "*": any of that model */
    size_t bins;
    size_t ordered; /* the first so many are bins of a number */
    bool worded;    /* no value is one, though some may look like it */
    struct str values[ECUSUM_BINS];
    uint64_t counts[ECUSUM_BINS];
    struct bound bounds[ECUSUM_BINS];
    uint64_t n;
    double tolerance; /* ratio of odds */
    double alpha;
    double phi; /* 0: not known, too few ticks */
    uint64_t created_ms;
    struct str from;       /* "auto", "ticks", "file", "control" */
    struct str control;    /* the version that it is held against; empty: a time that is past */
    struct season *season; /* bounds by the hour of the week; NULL: the same at all hours */
    struct arena arena;
};

struct baseline_origin {
    struct tick_histogram of;
    const struct counts *total;
    const struct counts *ticks; /* the same by tick, from which phi is measured; may be NULL */
    size_t tick_count;
    struct str control;                 /* empty: none */
    const struct counts *control_ticks; /* of it, beside `ticks` */
    const struct week *week; /* the same by the hour of the week; NULL: not asked for */
    uint64_t tick_ms;        /* of a week */
    double tolerance;
    double alpha;
    uint64_t created_ms;
    struct str from;
    bool worded; /* its values are known to be words */
};

struct baseline *baseline_new(const struct baseline_origin *origin); /* texts are copied */
void baseline_free(struct baseline *b);
DEFINE_AUTO(struct baseline, baseline_free)

/* One JSON object; reading refuses what was touched and what is no baseline (NULL). */
void baseline_put(const struct baseline *b, struct buf *out);
struct baseline *baseline_read(struct str json);

/* Which bin has a value; false: it is not known, and `other` has it. */
bool baseline_find(const struct baseline *b, struct str value, size_t *bin);
/* Of one of the first b->ordered: its upper edge, infinite for the last. */
bool baseline_edge(const struct baseline *b, size_t bin, double *edge);

/* Counts by name to counts by bin. */
void baseline_sort_in(const struct baseline *b, const struct counts *counts,
                      uint64_t out[ECUSUM_BINS]);
