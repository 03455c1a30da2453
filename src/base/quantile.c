/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/quantile.h"

#include "weir/base/ensure.h"

#include <string.h>

/*
 * A double is already a logarithm: its exponent tells the octave. Within the octave the upper
 * six bits of the mantissa choose a 64th of it, which holds at most one of the 32
 * bounds, so one look into a table and one comparison find the bucket. No log(), no division.
 */
enum { WIDTH = 32, LOWEST = -20, HIGHEST = 12 };

/* clang-format off */
/* 2^(j/32), rounded to the nearest double. */
static const double bounds[WIDTH + 1] = {
    0x1.0000000000000p+0, 0x1.059b0d3158574p+0, 0x1.0b5586cf9890fp+0, 0x1.11301d0125b51p+0,
    0x1.172b83c7d517bp+0, 0x1.1d4873168b9aap+0, 0x1.2387a6e756238p+0, 0x1.29e9df51fdee1p+0,
    0x1.306fe0a31b715p+0, 0x1.371a7373aa9cbp+0, 0x1.3dea64c123422p+0, 0x1.44e086061892dp+0,
    0x1.4bfdad5362a27p+0, 0x1.5342b569d4f82p+0, 0x1.5ab07dd485429p+0, 0x1.6247eb03a5585p+0,
    0x1.6a09e667f3bcdp+0, 0x1.71f75e8ec5f74p+0, 0x1.7a11473eb0187p+0, 0x1.82589994cce13p+0,
    0x1.8ace5422aa0dbp+0, 0x1.93737b0cdc5e5p+0, 0x1.9c49182a3f090p+0, 0x1.a5503b23e255dp+0,
    0x1.ae89f995ad3adp+0, 0x1.b7f76f2fb5e47p+0, 0x1.c199bdd85529cp+0, 0x1.cb720dcef9069p+0,
    0x1.d5818dcfba487p+0, 0x1.dfc97337b9b5fp+0, 0x1.ea4afa2a490dap+0, 0x1.f50765b6e4540p+0,
    0x1.0000000000000p+1,
};

/* For each 64th of an octave: the first bound that is not below it. */
static const uint8_t first_bound[64] = {
     0,  1,  2,  3,  3,  4,  5,  5,  6,  7,  7,  8,  8,  9, 10, 10,
    11, 11, 12, 13, 13, 14, 14, 15, 15, 16, 16, 17, 17, 18, 18, 19,
    19, 20, 20, 21, 21, 22, 22, 22, 23, 23, 24, 24, 25, 25, 26, 26,
    26, 27, 27, 28, 28, 28, 29, 29, 30, 30, 30, 31, 31, 31, 32, 32,
};
/* clang-format on */

/* 2^(-1/64): from a bucket's upper bound to its geometric middle. */
static const double to_middle = 0x1.fa7c1819e90d8p-1;

static double power_of_two(int exponent)
{
    uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double power;

    memcpy(&power, &bits, sizeof(power));
    return power;
}

unsigned quantile_bucket(double value)
{
    uint64_t bits;
    unsigned octave, bound;
    double mantissa;

    if (!(value > power_of_two(LOWEST)))
        return 0;
    if (value > power_of_two(HIGHEST))
        return QUANTILE_CELLS - 1;
    memcpy(&bits, &value, sizeof(bits));
    octave = (unsigned)(bits >> 52) - (1023 + LOWEST);
    bound = first_bound[bits >> 46 & 63];
    bits = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1023) << 52;
    memcpy(&mantissa, &bits, sizeof(mantissa));
    return octave * WIDTH + bound + (mantissa > bounds[bound]);
}

double quantile_upper(unsigned bucket)
{
    ensure(bucket < QUANTILE_CELLS);
    if (bucket == QUANTILE_CELLS - 1)
        return __builtin_inf();
    return bounds[bucket % WIDTH] * power_of_two((int)(bucket / WIDTH) + LOWEST);
}

/* One writer needs no locked instruction; the atomics only keep words whole for readers. */
#define LOAD(at) atomic_load_explicit((at), memory_order_relaxed)
#define STORE(at, value) atomic_store_explicit((at), (value), memory_order_relaxed)

void quantile_add(struct quantile *q, double value)
{
    uint64_t count = LOAD(&q->count);
    _Atomic uint64_t *cell;

    if (!__builtin_isfinite(value))
        return;
    cell = &q->cells[quantile_bucket(value)];
    STORE(cell, LOAD(cell) + 1);
    STORE(&q->sum, LOAD(&q->sum) + value);
    if (count == 0 || value < LOAD(&q->least))
        STORE(&q->least, value);
    if (count == 0 || value > LOAD(&q->most))
        STORE(&q->most, value);
    STORE(&q->count, count + 1);
}

void quantile_merge(struct quantile *into, const struct quantile *from)
{
    uint64_t have = LOAD(&into->count), more = 0;
    double least = LOAD(&from->least), most = LOAD(&from->most);

    for (unsigned i = 0; i < QUANTILE_CELLS; i++) {
        uint64_t n = LOAD(&from->cells[i]);

        if (n == 0)
            continue;
        more += n;
        STORE(&into->cells[i], LOAD(&into->cells[i]) + n);
    }
    if (more == 0)
        return;
    STORE(&into->count, have + more);
    STORE(&into->sum, LOAD(&into->sum) + LOAD(&from->sum));
    if (have == 0 || least < LOAD(&into->least))
        STORE(&into->least, least);
    if (have == 0 || most > LOAD(&into->most))
        STORE(&into->most, most);
}

void quantile_reset(struct quantile *q)
{
    for (unsigned i = 0; i < QUANTILE_CELLS; i++)
        STORE(&q->cells[i], 0);
    STORE(&q->count, 0);
    STORE(&q->sum, 0.0);
    STORE(&q->least, 0.0);
    STORE(&q->most, 0.0);
}

/* A decimal fraction is seldom a double: what misses a whole number by this much is meant. */
static const double slack = 1e-9;

bool quantile_at(const struct quantile *q, double p, double *out)
{
    return (double)LOAD(&q->count) * (1 - p) >= 10 - slack && quantile_seen(q, p, out);
}

bool quantile_seen(const struct quantile *q, double p, double *out)
{
    double n = (double)LOAD(&q->count);
    double value, least = LOAD(&q->least), most = LOAD(&q->most);
    uint64_t rank, met = 0;
    unsigned i = 0;

    if (n < 1)
        return false;
    rank = p * n <= 1 ? 1 : (uint64_t)(p * n - slack) + 1;
    for (; i < QUANTILE_CELLS - 1; i++) {
        met += LOAD(&q->cells[i]);
        if (met >= rank)
            break;
    }
    value = quantile_upper(i) * to_middle;
    if (value < least)
        value = least;
    *out = value > most ? most : value;
    return true;
}

uint64_t quantile_at_most(const struct quantile *q, double bound)
{
    uint64_t met = 0;

    for (unsigned i = 0; i < QUANTILE_CELLS && quantile_upper(i) <= bound; i++)
        met += LOAD(&q->cells[i]);
    return met;
}
