/* SPDX-License-Identifier: Apache-2.0 */
#include "balance.h"

#include <math.h>

#define ALIKE_S 0.005 /* two latencies that differ by less are the same */
#define ALIKE_FACTOR 1.5

/* ---- chance -------------------------------------------------------------------------- */

/* SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014). */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

double balance_chance(struct turns *turns)
{
    turns->random += UINT64_C(0x9e3779b97f4a7c15);
    return (double)(mix(turns->random) >> 11) * 0x1p-53;
}

/* ---- by turns ------------------------------------------------------------------------ */

static double load_of(const struct candidate *c)
{
    return c->in_flight / c->weight;
}

/*
 * Of those with no more load: everybody earns its weight, the richest is next and pays what all
 * have earned.
 */
static size_t take_turn(const struct candidate *c, size_t n, double load)
{
    double all = 0;
    size_t best = n;

    for (size_t i = 0; i < n; i++) {
        if (load_of(&c[i]) > load)
            continue;
        *c[i].credit += c[i].weight;
        all += c[i].weight;
        if (best == n || *c[i].credit > *c[best].credit)
            best = i;
    }
    *c[best].credit -= all;
    return best;
}

static size_t round_robin(const struct candidate *c, size_t n)
{
    return take_turn(c, n, INFINITY);
}

/* While little is asked all are tied at nothing, and the turns see to the weights. */
static size_t least_outstanding(const struct candidate *c, size_t n)
{
    double least = INFINITY;

    for (size_t i = 0; i < n; i++)
        least = fmin(least, load_of(&c[i]));
    return take_turn(c, n, least);
}

/* ---- the better of two --------------------------------------------------------------- */

/* One at random by weight, but not `but`. */
static size_t draw(const struct candidate *c, size_t n, size_t but, struct turns *turns)
{
    double all = 0, at;
    size_t last = n;

    for (size_t i = 0; i < n; i++)
        all += i != but ? c[i].weight : 0;
    at = balance_chance(turns) * all;
    for (size_t i = 0; i < n && at >= 0; i++) {
        if (i == but)
            continue;
        at -= c[i].weight;
        last = i;
    }
    return last;
}

/* Whose latency is not known yet is tried: it counts as the best of those that are. */
static double best_latency(const struct candidate *c, size_t n)
{
    double best = INFINITY;

    for (size_t i = 0; i < n; i++)
        if (c[i].latency_s > 0)
            best = fmin(best, c[i].latency_s);
    return isinf(best) ? 1 : best;
}

/* Calls differ by as much among themselves: it says nothing about who makes them. */
static bool are_alike(double one_s, double other_s)
{
    return fabs(one_s - other_s) < ALIKE_S ||
           fmax(one_s, other_s) < ALIKE_FACTOR * fmin(one_s, other_s);
}

static double cost_of(const struct candidate *c, double latency_s)
{
    return latency_s * (c->in_flight + 1.0) / c->weight;
}

/*
 * Of two alike, the one that was drawn stays, as the weights wanted, unless with this call the
 * other would still be no busier than it is without.
 */
static bool is_better(const struct candidate *other, const struct candidate *one,
                      double unknown_s)
{
    double other_s = other->latency_s > 0 ? other->latency_s : unknown_s;
    double one_s = one->latency_s > 0 ? one->latency_s : unknown_s;

    if (are_alike(one_s, other_s))
        return (other->in_flight + 1.0) / other->weight <= load_of(one);
    return cost_of(other, other_s) < cost_of(one, one_s);
}

static size_t better_of_two(const struct candidate *c, size_t n, struct turns *turns)
{
    double unknown_s = best_latency(c, n);
    size_t one = draw(c, n, n, turns), other = draw(c, n, one, turns);

    return is_better(&c[other], &c[one], unknown_s) ? other : one;
}

/* ---- affinity ------------------------------------------------------------------------ */

/* What one more call may bring each of them to, for a unit of weight. */
static double bound_of(const struct candidate *c, size_t n)
{
    double calls = 1, weights = 0;

    for (size_t i = 0; i < n; i++) {
        calls += c[i].in_flight;
        weights += c[i].weight;
    }
    return BALANCE_BOUND * calls / weights;
}

/* Always true for somebody: the bounds add up to more than all calls. */
static bool has_room(const struct candidate *c, double bound)
{
    return c->in_flight + 1 <= ceil(bound * c->weight);
}

/* Weighted rendezvous: -weight / ln(u), u uniform in (0, 1) from the hash and the candidate. */
static double rank_of(const struct candidate *c, uint64_t hash)
{
    double u = ((double)(mix(hash ^ mix(c->id)) >> 11) + 0.5) * 0x1p-53;

    return -c->weight / log(u);
}

/* Of those within the bound the one that ranks highest. */
static size_t highest(const struct candidate *c, size_t n, uint64_t hash, double bound)
{
    double best_rank = -1;
    size_t best = 0;

    for (size_t i = 0; i < n; i++) {
        double rank = rank_of(&c[i], hash);

        if (rank > best_rank && has_room(&c[i], bound)) {
            best = i;
            best_rank = rank;
        }
    }
    return best;
}

/* Where its system prompt is at home, and when that is full, where its conversation is. */
static size_t prefix_affinity(const struct candidate *c, size_t n, uint64_t system_hash,
                              uint64_t dialog_hash)
{
    size_t home;
    double bound;

    if (system_hash == 0)
        system_hash = dialog_hash;
    if (system_hash == 0)
        return least_outstanding(c, n);
    bound = bound_of(c, n);
    home = highest(c, n, system_hash, INFINITY);
    if (has_room(&c[home], bound))
        return home;
    return highest(c, n, dialog_hash ? dialog_hash : system_hash, bound);
}

/* -------------------------------------------------------------------------------------- */

size_t balance_choose(enum balance by, const struct candidate *c, size_t n,
                      uint64_t system_hash, uint64_t dialog_hash, struct turns *turns)
{
    if (n == 1)
        return 0;
    switch (by) {
    case BALANCE_LEAST_OUTSTANDING: return least_outstanding(c, n);
    case BALANCE_ROUND_ROBIN: return round_robin(c, n);
    case BALANCE_P2C_EWMA: return better_of_two(c, n, turns);
    case BALANCE_PREFIX_AFFINITY: return prefix_affinity(c, n, system_hash, dialog_hash);
    }
    return 0;
}
