/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/watch/baseline.h"

#include <stdint.h>
#include <stdlib.h>

/* A histogram with two values, and ticks of it, for the tests of what is made of them. */

#define REFUSAL "support-chat:qwen:refusal"

static inline struct tick_histogram refusal(void)
{
    return (struct tick_histogram){ STR("support-chat"), STR("qwen"), STR("refusal"), STR("") };
}

static inline struct counts answers(uint64_t yes, uint64_t no)
{
    struct counts c = { 0 };

    counts_add(&c, STR("yes"), yes);
    counts_add(&c, STR("no"), no);
    return c;
}

/* Of `ticks` ticks in which five in a hundred refuse, near enough. */
static inline struct baseline *refusal_baseline(size_t count)
{
    struct counts *ticks = calloc(count + 1, sizeof(*ticks));
    struct counts total = { 0 };
    struct baseline *b;

    for (size_t i = 0; i < count; i++) {
        ticks[i] = answers(3 + i % 5, 97 - i % 5);
        counts_merge(&total, &ticks[i]);
    }
    b = baseline_new(&(struct baseline_origin){ .of = refusal(),
                                                .total = &total,
                                                .ticks = ticks,
                                                .tick_count = count,
                                                .tolerance = 1.2,
                                                .alpha = .01,
                                                .created_ms = 1700000000000,
                                                .from = STR("auto") });
    for (size_t i = 0; i < count; i++)
        counts_deinit(&ticks[i]);
    counts_deinit(&total);
    free(ticks);
    return b;
}
