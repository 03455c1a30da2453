/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "stream.h"

#include "weir/base/buf.h"
#include "weir/stats/ecusum.h"

/*
 * Months in which nothing changes: how many of them have a false alarm. Each of them has all
 * its 43,200 ticks.
 */

enum { MONTHS_TICKS = 43200, MONTHS_HOUR = 60, MONTHS_N_MIN = 50 };

/* What is promised: at most this chance of any false alarm in a month, over all histograms. */
#define MONTHS_PROMISE .05
/* The chance that bounds are wrong, over all baselines. */
#define MONTHS_ALPHA .01
#define MONTHS_TOLERANCE 1.2

/* How a baseline is made. */
struct months_baseline_kind {
    unsigned
        ticks;    /* counted, from the stream itself; 0: the bounds are the true shares, both of
                       them, which is the hardest case that the promise allows */
    double alpha; /* of this one baseline */
    bool ignores_clusters; /* counts answers of a tick as if they were independent */
};

/* What a histogram is judged by. */
struct months_baseline {
    uint64_t reference[STREAM_BINS];
    struct bound bounds[STREAM_BINS];
    double phi;
    double sigma_limit; /* of the three-sigma rule; 0 without an hour of ticks */
};

void months_baseline(struct months_baseline *b, const struct months_baseline_kind *how,
                     const struct stream *stream, const struct stream_kind *kind,
                     struct dice *dice);

/* Writes the tables; false if a promise was not kept. Ends the process if sprint.h errs. */
bool months_table(struct buf *out, uint64_t seed, unsigned months);
