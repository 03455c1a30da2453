/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/list.h"
#include "weir/watch/alarm.h"
#include "weir/watch/change.h"
#include "weir/watch/judge.h"

#include <stdint.h>

/*
 * One change, of an alarm's state or of an upstream, on its way to all receivers. Each receiver
 * is a leg of its own: tried again with growing pauses, given up after a day. Its key is the
 * same on each try and in each process, so whoever gets it twice can tell.
 */

struct parcel {
    struct link link;
    char *key;             /* "<alarm id>:<state>", "<change id>:changed" */
    char *json;            /* of the alarm, at that change, or of the change */
    struct alarm *alarm;   /* the same; or NULL, and then it is */
    struct change *change; /* this */
    void *owner;           /* whose list it is in */
    bool seen;             /* the judge still has it */
    bool returning;        /* the judge is being told that it is delivered */
    bool returned;         /* and knows */
    struct judge_order order;
    size_t leg_count;
    struct parcel_leg {
        bool over; /* taken, or given up */
        unsigned tries;
        uint64_t first_us, due_us;
    } legs[];
};

/* NULL: the key or what it is of are none of ours. */
struct parcel *parcel_new(struct str key, struct str json, size_t legs);
void parcel_free(struct parcel *p);

const char *parcel_id(const struct parcel *p);             /* of the alarm or the change */
uint64_t parcel_at_ms(const struct parcel *p);             /* when it came to that */
bool parcel_is_end(const struct parcel *p);                /* the alarm is over by it */
struct tick_histogram parcel_name(const struct parcel *p); /* what silences go by */
bool parcel_is_of(const struct parcel *p, const char *id);
bool parcel_is_over(const struct parcel *p); /* on all legs */
bool parcel_is_due(const struct parcel *p, size_t leg, uint64_t now_us);

void parcel_try(struct parcel *p, size_t leg, uint64_t now_us);
/* After a try that failed: the next pause in microseconds, or 0: it is given up. */
uint64_t parcel_put_off(struct parcel *p, size_t leg, uint64_t now_us);

/* From 1 s, doubled with each failure up to `most_us`; of that half to all, at random. */
uint64_t parcel_pause_us(unsigned failures, uint64_t most_us);
