/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * How many calls at once a model server does best with, found by itself. The idea is that of
 * gradient limiters (TCP Vegas; Netflix's concurrency-limits): where more calls at once take
 * longer, they only wait for each other. What a call takes without waiting is not kept as a
 * record low, which long and short answers would make meaningless, but measured anew: now and
 * then, and whenever calls seem to have become slower, fewer are let through for a moment. If
 * those are quicker, the limit falls to where calls would take no longer than that; if they are
 * not, the work itself has changed, and the limit stays.
 *
 * While there is room the limit grows: by half at first, later by a part of its square root. It
 * does not grow while it is not used. Being turned away (BUSY, silence) shrinks it at once.
 */

/* How long calls took: the mean, and by how much chance alone may have moved it. */
struct adaptive_look {
    double mean_s;  /* 0: not known yet */
    double error_s; /* the mean's standard error */
};

struct adaptive {
    double limit;
    bool starting;  /* no limit was ever felt: it grows fast */
    unsigned eased; /* the limit while fewer are let through; 0: they are not */
    unsigned looks; /* since fewer were let through */
    struct adaptive_look full, alone;
    unsigned full_at;   /* how many were under way at once in `full` */
    uint64_t shrunk_us; /* when it was last turned away */

    /* The look that is being taken. */
    unsigned stale; /* calls still to come that began before it */
    unsigned calls;
    unsigned peak;
    double sum_s, sum_of_squares;
};

void adaptive_init(struct adaptive *a, unsigned first);
/*
 * A call has ended: how long it took, how many were under way with it, itself included, and
 * whether it was turned away. The limit stays within `most`; 0: there is none.
 */
void adaptive_note(struct adaptive *a, uint64_t took_us, unsigned in_flight, bool overloaded,
                   unsigned most, uint64_t now_us);
unsigned adaptive_limit(const struct adaptive *a); /* at least 1 */
