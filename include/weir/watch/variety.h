/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/own.h"
#include "weir/stats/distinct.h"

#include <stdint.h>

/*
 * About how many different values were seen today and yesterday (UTC), off by some 2 %: for
 * people who wonder whether a field has three values or three million. Shared by all threads;
 * only answers that a model has just given are asked, so its lock is seldom waited for.
 */

struct variety;

struct variety *variety_new(void); /* one reference */
struct variety *variety_ref(struct variety *v);
void variety_unref(struct variety *v); /* NULL is fine */
DEFINE_AUTO(struct variety, variety_unref)

/* `hash` is of the value, `day` since 1970; one before the last that was added counts nowhere. */
void variety_add(struct variety *v, uint64_t day, uint64_t hash);

struct variety_counts {
    uint64_t today;
    uint64_t yesterday;
};

/* Adds what others have seen that day; `all` is then the day's sketch, empty for any other day. */
void variety_merge(struct variety *v, uint64_t day, const struct distinct *theirs,
                   struct distinct *all);

void variety_read(struct variety *v, uint64_t day, struct variety_counts *out);
