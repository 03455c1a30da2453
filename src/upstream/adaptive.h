/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * How many calls at once a model server does best with, found by itself: the limit follows the
 * gradient of latency. While calls take as long as they do without a queue, there is room and
 * the limit grows by about its square root; when they take longer, they wait for each other,
 * and it shrinks in proportion (after Netflix's concurrency-limits, "Gradient2": the ratio of
 * a long-term to a short-term mean, with a tolerance, clamped to [0.5, 1], smoothed). A fault by
 * overload (BUSY, silence) shrinks it at once. It does not grow while it is not used.
 */

struct adaptive {
    double limit;
    double short_s, long_s; /* means; 0: not known yet */
    double least_s;         /* the least in a while: what a call takes alone */
    unsigned calls;         /* since the limit was last looked at */
    uint64_t least_at_us;
};

void adaptive_init(struct adaptive *a, unsigned first);
/* A call has ended: how long it took, how many were under way, whether it was turned away. */
void adaptive_note(struct adaptive *a, uint64_t took_us, unsigned in_flight, bool overloaded,
                   unsigned most, uint64_t now_us);
unsigned adaptive_limit(const struct adaptive *a); /* at least 1 */
