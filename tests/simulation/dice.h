/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * Random bits that are the same on every machine: xoshiro256++ (Blackman and Vigna 2019), its
 * state filled by splitmix64 from a seed and the number of a stream. Each month of each
 * setting throws dice of its own, so that any one of them can be played again alone.
 */
struct dice {
    uint64_t state[4];
};

void dice_init(struct dice *d, uint64_t seed, uint64_t stream);
uint64_t dice_throw(struct dice *d);                 /* 64 bits */
uint64_t dice_below(struct dice *d, uint64_t limit); /* 0 .. limit - 1, limit > 0 */
