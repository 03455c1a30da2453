/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/upstream/upstream.h"

#include <stddef.h>

/*
 * Which of several endpoints is next. All candidates may be called; the caller has left out
 * those that are not well, full or tried. Pure: what changes between calls is in the candidates'
 * credits and in `turns`.
 *
 *   least_outstanding  the least calls under way for its weight; ties go round by weight
 *   round_robin        by turns, smoothly by weight
 *   p2c_ewma           two at random (by weight), the one with less latency * (calls + 1) for
 *                      its weight (Mitzenmacher, "The Power of Two Choices in Randomized Load
 *                      Balancing", 2001); one whose latency is not known counts as the best
 *                      known
 *   prefix_affinity    rendezvous hashing of the system prompt, weighted, with bounded loads:
 *                      nobody gets more than BALANCE_BOUND of its share of the calls under way
 *                      (Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded
 *                      Loads", 2018), rounded up; past it by the hash of the conversation, so
 *                      that it too stays where it was. Without hashes: least_outstanding.
 */

#define BALANCE_BOUND 1.25

struct candidate {
    uint64_t id;   /* stable over reloads: a hash of its URL and address */
    double weight; /* above 0; smaller while it starts slowly */
    unsigned in_flight;
    double latency_s; /* 0: not known */
    double *credit;   /* of its turns, whatever the way; the pool keeps it for each endpoint */
};

struct turns {
    uint64_t random; /* state of a small generator; 0 is fine */
};

/* The place in `c`; n is above 0. */
size_t balance_choose(enum balance by, const struct candidate *c, size_t n,
                      uint64_t system_hash, uint64_t dialog_hash, struct turns *turns);

/* A number in [0, 1) from the same generator. */
double balance_chance(struct turns *turns);
