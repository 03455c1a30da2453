/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/watch/counts.h"

/*
 * Ticks in which two versions answered, side by side: what is measured is how much one varies
 * beside the other. First the control's are told, then the other's, both in their order; hours
 * are left out, for how their ticks varied is not known.
 */

enum { PAIRS_MOST = 4096 }; /* more tell nothing new */

struct pairs {
    uint64_t ticks[PAIRS_MOST]; /* of the control */
    struct counts told[PAIRS_MOST];
    size_t told_count, told_at;
    struct counts own[PAIRS_MOST], control[PAIRS_MOST];
    size_t count;
};

void pairs_deinit(struct pairs *p); /* a zeroed one is empty, and so is this */
void pairs_add_control(struct pairs *p, uint64_t tick, bool is_hour,
                       const struct counts *counts);
void pairs_add(struct pairs *p, uint64_t tick, bool is_hour, const struct counts *counts);
