/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/stats/distinct.h"

#include <math.h>

enum { INDEX_BITS = 12, RANK_BITS = 64 - INDEX_BITS };

void distinct_add(struct distinct *d, uint64_t hash)
{
    uint64_t rest = hash << INDEX_BITS;
    uint8_t *at = &d->registers[hash >> RANK_BITS];
    uint8_t rank = rest > 0 ? (uint8_t)(__builtin_clzll(rest) + 1) : RANK_BITS + 1;

    if (rank > *at)
        *at = rank;
}

void distinct_merge(struct distinct *into, const struct distinct *from)
{
    for (unsigned i = 0; i < DISTINCT_REGISTERS; i++)
        if (from->registers[i] > into->registers[i])
            into->registers[i] = from->registers[i];
}

/*
 * The estimate is alpha m^2 / z, z being the sum of 2^-register with two mends: a register that
 * is empty, or full, tells less than its number says, and sigma and tau are what it is worth
 * on average (Ertl 2017, arXiv 1702.01284).
 */
static double sigma(double x)
{
    double power = 1, sum = x, before;

    if (x >= 1)
        return HUGE_VAL;
    do {
        before = sum;
        x *= x;
        sum += x * power;
        power *= 2;
    } while (sum > before);
    return sum;
}

static double tau(double x)
{
    double power = 1, sum = 1 - x, before;

    if (x <= 0 || x >= 1)
        return 0;
    do {
        before = sum;
        x = sqrt(x);
        power /= 2;
        sum -= (1 - x) * (1 - x) * power;
    } while (sum < before);
    return sum / 3;
}

double distinct_estimate(const struct distinct *d)
{
    const double m = DISTINCT_REGISTERS;
    unsigned have[RANK_BITS + 2] = { 0 };
    double z;

    for (unsigned i = 0; i < DISTINCT_REGISTERS; i++)
        have[d->registers[i]]++;
    z = m * tau(1 - have[RANK_BITS + 1] / m);
    for (unsigned rank = RANK_BITS; rank > 0; rank--)
        z = (z + have[rank]) / 2;
    z += m * sigma(have[0] / m);
    return m * m / (2 * M_LN2 * z);
}
