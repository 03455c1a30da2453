/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/upstream/upstream.h"

/*
 * When is an endpoint left alone? After `faults` faults in a row it opens for `rest_us`; then one
 * trial call at a time decides: a good one closes it (and its share grows over slow_start_us),
 * a fault opens it again for twice as long, as does a relapse before it has its whole share.
 * A good call closes it at any time; faults while it is open tell nothing new. A pure state
 * machine: time and chance come from outside.
 */

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN, BREAKER_STATES };
enum breaker_event {
    BREAKER_GOOD,    /* a call went well */
    BREAKER_FAULT,   /* a call failed */
    BREAKER_NEITHER, /* a trial ended without telling anything */
    BREAKER_TRIAL,   /* a trial call goes out */
    BREAKER_EVENTS
};

/* Zeroed: closed, without faults. */
struct breaker {
    enum breaker_state state;
    unsigned faults;       /* in a row */
    unsigned opened;       /* times, since it was last well */
    bool trying;           /* HALF_OPEN: a trial is under way */
    uint64_t until_us;     /* OPEN: when a trial may go out */
    uint64_t recovered_us; /* when it last closed after having been open; 0: never */
};

/* `chance` in [0, 1) spreads the ends of rests by up to a tenth. True: its state has changed. */
bool breaker_note(struct breaker *b, const struct upstream_breaker *s, enum breaker_event e,
                  uint64_t now_us, double chance);
/* Closed; or it is time for a trial and none is under way (the caller then notes TRIAL). */
bool breaker_allows(const struct breaker *b, uint64_t now_us);
/* From a tenth to 1: what share of its weight an endpoint has while it starts slowly; else 1. */
double breaker_share(const struct breaker *b, const struct upstream_breaker *s,
                     uint64_t now_us);
const char *breaker_word(enum breaker_state s); /* "closed", "open", "half_open" */
