/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * When a tick's counts are told, and when they are all there.
 *
 * Ticks are numbered by the wall clock: number = ms since 1970 / tick_ms. Who counts tells the
 * store every flush_ms. What comes more than late_ms behind a tick's end is booked into the
 * running tick, so a tick never changes any more settle_ms behind its end, and whoever folds
 * it then folds the same counts. With the usual tick of a minute: 5, 10 and 15 s; shorter ticks
 * have shorter waits.
 */
struct pace {
    uint64_t tick_ms;
    uint64_t flush_ms;
    uint64_t late_ms;
    uint64_t settle_ms;
};

struct pace pace_of(uint64_t tick_ms);

uint64_t pace_tick(const struct pace *p, uint64_t wall_ms);   /* the tick that runs */
uint64_t pace_closed(const struct pace *p, uint64_t wall_ms); /* the last that is settled */
/* Where counts of `tick` are booked at this time: there, or in the running one if it is late. */
uint64_t pace_book(const struct pace *p, uint64_t tick, uint64_t wall_ms);
