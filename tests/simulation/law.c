/* SPDX-License-Identifier: Apache-2.0 */
#include "law.h"

#include "weir/base/mem.h"

#include <math.h>
#include <stdlib.h>

__extension__ typedef unsigned __int128 wide;

/* A cell gives its own number with the chance keep / 2^64, else another. */
struct cell {
    uint64_t keep;
    uint32_t other;
};

struct law {
    uint32_t count;
    struct cell cells[];
};

static const double whole = 0x1p64;

static uint64_t chance_of(double part)
{
    return part >= 1 ? UINT64_MAX : (uint64_t)(part * whole);
}

/*
 * Cells that hold less than the average are filled up from those that hold more. `weights`,
 * of sum 1, is used up; `stack` has room for `count` numbers: poor ones grow from its start,
 * rich ones from its end.
 */
static void fill(struct law *law, double *weights, uint32_t *stack)
{
    uint32_t poor = 0, rich = law->count;

    for (uint32_t i = 0; i < law->count; i++) {
        weights[i] *= law->count;
        law->cells[i] = (struct cell){ .keep = UINT64_MAX, .other = i };
        if (weights[i] < 1)
            stack[poor++] = i;
        else
            stack[--rich] = i;
    }
    while (poor > 0 && rich < law->count) {
        uint32_t from = stack[rich], to = stack[--poor];

        law->cells[to] = (struct cell){ .keep = chance_of(weights[to]), .other = from };
        weights[from] -= 1 - weights[to];
        if (weights[from] < 1) {
            rich++;
            stack[poor++] = from;
        }
    }
}

/* From logarithms of chances. */
static struct law *make(double *weights, uint32_t count)
{
    struct law *law = mem_new(sizeof(*law) + count * sizeof(law->cells[0]));
    uint32_t *stack = mem_new(count * sizeof(stack[0]));
    double sum = 0;

    law->count = count;
    for (uint32_t i = 0; i < count; i++)
        sum += weights[i] = exp(weights[i]);
    for (uint32_t i = 0; i < count; i++)
        weights[i] /= sum;
    fill(law, weights, stack);
    free(stack);
    free(weights);
    return law;
}

struct law *law_poisson(double mean)
{
    /* Twelve deviations and a bit: beyond lies less than 1e-20. */
    uint32_t count = (uint32_t)(mean + 12 * sqrt(mean) + 30);
    double *weights = mem_new(count * sizeof(weights[0]));

    for (uint32_t i = 0; i < count; i++)
        weights[i] = i * log(mean) - mean - lgamma(i + 1.0);
    return make(weights, count);
}

static double ln_beta(double a, double b)
{
    return lgamma(a) + lgamma(b) - lgamma(a + b);
}

struct law *law_beta_binomial(uint32_t n, double a, double b)
{
    double *weights = mem_new((n + 1) * sizeof(weights[0]));

    for (uint32_t i = 0; i <= n; i++)
        weights[i] = ln_beta(i + a, n - i + b) - ln_beta(a, b) + lgamma(n + 1.0) -
                     lgamma(i + 1.0) - lgamma(n - i + 1.0);
    return make(weights, n + 1);
}

void law_free(struct law *law)
{
    free(law);
}

uint32_t law_draw(const struct law *law, struct dice *dice)
{
    wide product = (wide)dice_throw(dice) * law->count;
    uint32_t at = (uint32_t)(product >> 64);

    return (uint64_t)product < law->cells[at].keep ? at : law->cells[at].other;
}

uint32_t law_most(const struct law *law)
{
    return law->count - 1;
}
