/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which histograms are watched where there are more than there is room for. A function of what
 * the store has, so that whoever judges chooses the same:
 *
 *   first   those whose alarm is not over: nothing else would end it
 *   then    of those that had answers within a week of ticks the whole models, then single
 *           segments, then segments together; and behind them all that was quiet
 *   in each those with a baseline before those without, and of either those that were watched
 *           before; and then by name
 *
 * What is watched has a state from its first tick on, and so comes before what would take its
 * place: of its kind only a new baseline, or a new alarm, does. So the choice stays as it is
 * while nobody comes or goes.
 */

enum { CHOICE_QUIET_TICKS = 7 * 1440 };

struct candidate {
    struct str member; /* lent */
    uint64_t last;     /* the tick of its latest answers */
    bool alarmed;
    bool pinned;
    bool known; /* there is a state of it */
    unsigned rank;
};

/* Of each member one is left, the one with the latest answers; returns how many there are. */
size_t choice_unite(struct candidate *all, size_t count);

/* The best first; `now` is the tick of this round. */
void choice_sort(struct candidate *all, size_t count, uint64_t now);

/*
 * Of what is sorted with nothing known of states: those of [*from, *to) are alike, and some of
 * them are chosen and some not, so that their states decide. False: there are none such.
 */
bool choice_is_open(const struct candidate *all, size_t count, size_t room, size_t *from,
                    size_t *to);
