/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/own.h"
#include "weir/base/str.h"

#include <stddef.h>
#include <stdint.h>

/*
 * What was counted in each minute, for a process that has no Redis to tell it to: merged over
 * all workers, until the judge takes it. Shared; every call takes its lock for a moment.
 *
 * Fresh answers only. It is bounded: so many minutes of so many cells, a cell being one value of
 * one histogram. When nobody takes, the oldest minute makes room for the newest.
 */

enum { TICKS_MINUTES = 16, TICKS_CELLS = 16384, TICK_MS = 60 * 1000 };

struct ticks;

struct ticks *ticks_new(void);
void ticks_free(struct ticks *t); /* NULL is fine */
DEFINE_AUTO(struct ticks, ticks_free)

/*
 * Which answers were counted, and by which definition. `segment` is empty (all of them), or as it stands in a key in
 * Redis: "plan=pro", or "plan=pro,country=de" of segments that are watched together; its values
 * are escaped (escape.h), so it needs no more of that.
 */
struct tick_histogram {
    struct str model;
    struct str version;
    struct str prediction;
    struct str segment;
    uint32_t meaning; /* what the last two stood for when that was counted; 0: not known */
};

/* Copies the names; `minute` is since 1970. */
void ticks_add(struct ticks *t, uint64_t minute, const struct tick_histogram *of,
               struct str value, uint64_t count);

/*
 * Calls `each` for every cell of that minute, those of one histogram one behind the other and
 * in an order that does not depend on who counted first, and forgets them, with all minutes
 * before. All texts are lent for the call. `each` may not call back.
 */
typedef void ticks_fn(void *ctx, const struct tick_histogram *of, struct str value,
                      uint64_t count);
void ticks_take(struct ticks *t, uint64_t minute, ticks_fn *each, void *ctx);

/* How many counts have found no room, or made it, since the last call. */
uint64_t ticks_lost(struct ticks *t);
