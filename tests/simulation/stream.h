/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a histogram's counts look like, minute by minute. */

enum { STREAM_BINS = 8, STREAM_DAY = 1440 };

struct stream_kind {
    size_t bins;
    double shares[STREAM_BINS]; /* of sum 1 */
    double rate;                /* answers per tick, on average over a day */
    bool diurnal;               /* a tenth of it at night, nearly twice of it by day */
    /*
     * Correlation of any two answers of a tick, in [0, 1): 0 is independent; else the shares
     * of each tick are drawn anew from a Dirichlet law around those above.
     */
    double rho;
};

struct stream;

struct stream *stream_new(const struct stream_kind *kind);
void stream_free(struct stream *s);

/* Draws the tick: sets counts[0..bins) and returns their sum. */
uint64_t stream_tick(const struct stream *s, struct dice *dice, unsigned tick,
                     uint64_t counts[STREAM_BINS]);
