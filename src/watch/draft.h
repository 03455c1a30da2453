/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/watch/counts.h"
#include "weir/watch/week.h"

/*
 * A baseline that is still being gathered: ticks since a histogram was first seen, until they
 * are enough. Ticks of few answers are put together until they have `step_n`, as the detector
 * will do, so that what is measured on them is measured on what it will see.
 *
 * One that is to be by the hour of the week takes two weeks, and tells fewer steps apart.
 */

enum {
    DRAFT_STEPS = 4096,     /* more tell nothing new of how ticks vary */
    DRAFT_HOUR_STEPS = 60,  /* of about one hour: over many of them the hour would vary too */
    DRAFT_WEEKS_H = 2 * 168 /* so that each hour of the weekend was seen four times */
};

struct draft {
    struct counts total;
    struct counts pending; /* not yet a step; part of the total, as is the next */
    struct counts rest;    /* steps for which there was no room */
    struct counts *steps;  /* owned */
    size_t count;
    size_t capacity;
    struct week *week; /* owned; NULL: not by the hour */
};

void draft_deinit(struct draft *d); /* a zeroed one is empty */
/* `most` steps are told apart; who never makes a baseline by itself needs none. */
void draft_add(struct draft *d, const struct counts *tick, uint64_t step_n, size_t most);
void draft_drop_week(struct draft *d); /* it is no longer to be by the hour */
void draft_add_hour(struct draft *d, uint64_t ms, const struct counts *tick); /* besides */
bool draft_is_enough(const struct draft *d, uint64_t min_n, uint64_t min_steps);

/* "no=48 yes=2;no=50;...|rest|pending", and "|week" of one by the hour; false: other text. */
void draft_put(const struct draft *d, struct buf *out);
bool draft_read(struct draft *d, struct str text);
