/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "stream.h"

/*
 * A day whose mix moves by the hour, beyond any tolerance, and load with it, the same each day:
 * the third of five values has 1.8 % at noon and 10.9 % at midnight.
 */

enum { DAY_BINS = 5, DAY_HOURS = 24, DAY_TICKS = 1440 };

struct day {
    struct stream *hours[DAY_HOURS];
    struct stream *sums[DAY_HOURS]; /* of a whole hour at once, where answers are independent */
};

/* `ratio` times the odds of the third value; `load` times the answers. */
void day_open(struct day *day, double rho, double ratio, double load);
void day_close(struct day *day);
uint64_t day_tick(const struct day *day, struct dice *dice, unsigned tick,
                  uint64_t counts[STREAM_BINS]);
