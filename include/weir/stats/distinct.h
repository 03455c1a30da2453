/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * How many different values were seen, from their hashes: HyperLogLog (Flajolet and others
 * 2007) with 2^12 registers of one byte, off by 1.04/64 = 1.6 % (one standard deviation).
 * For display only: an alarm on "many new values" counts values that the baseline lacks.
 * Plain: a zeroed one is empty, merging is the maximum of each register, in any order and as
 * often as one likes.
 */

enum { DISTINCT_REGISTERS = 4096, DISTINCT_MOST = 53 };

struct distinct {
    uint8_t registers
        [DISTINCT_REGISTERS]; /* 0 .. DISTINCT_MOST: the longest run of zero bits, plus one */
};

/* `hash` has 64 well mixed bits, the same for the same value wherever it is counted. */
void distinct_add(struct distinct *d, uint64_t hash);
void distinct_merge(struct distinct *into, const struct distinct *from);

/*
 * 0 for an empty one. Without a seam between few and many (Ertl 2017): nearly exact for a few
 * hundred, and no bias about 2.5 * 4096, where the original changes from one formula to another.
 */
double distinct_estimate(const struct distinct *d);
