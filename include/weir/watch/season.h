/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/stats/bound.h"
#include "weir/stats/ecusum.h"
#include "weir/watch/week.h"

/*
 * The part of a baseline that is by the hour of the week (UTC): night questions differ from day
 * questions, and that is no drift.
 *
 * An hour of the week that was seen in three weeks or more, with 200 answers, has bounds of its
 * own. Of fewer weeks one odd Monday would be the rule, so it shares those of the same hour on
 * all working days (or on Saturday and Sunday), if that was seen twice with 200 answers: of two
 * weeks all hours are of this kind, ten days behind each working hour and four behind each of
 * the weekend. What is left falls back on the whole baseline. Which of these an hour gets looks
 * at how much was counted, never at what, so it takes nothing from the promise.
 *
 * All bounds hold together but with the chance alpha: each set is made with alpha over the
 * number of sets, the whole one counted too, and each bin of it with its part of that.
 */

struct baseline;

enum {
    SEASON_WHOLE = 255, /* no slot: as in the whole baseline */
    SEASON_SLOTS = 168 + 48,
    SEASON_WEEKS = 3, /* for an hour of its own */
    SEASON_DAYS = 2,  /* for one that is shared */
    SEASON_LEAST_N = 200,
};

struct season_slot {
    uint64_t n;
    uint64_t *counts; /* by the baseline's bins; in its arena, as the next */
    struct bound *bounds;
};

struct season {
    uint64_t tick_ms;
    uint8_t slot_of[WEEK_HOURS];
    size_t count, shared; /* the first so many slots are shared */
    struct season_slot slots[SEASON_SLOTS];
};

/* How the hours stand, for people: on their own, with others, or not at all. */
struct season_feet {
    unsigned alone, shared, whole;
};

/* Of a baseline that has its values and their counts; in its arena. */
struct season *season_new(struct baseline *b, const struct week *w, uint64_t tick_ms);
void season_bound(struct season *s, size_t bins, const struct bound_care *care);

/* NULL: as in the whole. */
const struct season_slot *season_at(const struct season *s, uint64_t tick);
struct season_feet season_feet(const struct season *s);

/* As a JSON object; reading is NULL for what season_put() has not written. */
void season_put(const struct season *s, size_t bins, struct buf *out);
struct season *season_read(struct str json, size_t bins, struct arena *arena);
