/* SPDX-License-Identifier: Apache-2.0 */
#include "pairs.h"

void pairs_deinit(struct pairs *p)
{
    for (size_t i = 0; i < p->told_count; i++)
        counts_deinit(&p->told[i]);
    for (size_t i = 0; i < p->count; i++) {
        counts_deinit(&p->own[i]);
        counts_deinit(&p->control[i]);
    }
    p->told_count = p->told_at = p->count = 0;
}

void pairs_add_control(struct pairs *p, uint64_t tick, bool is_hour,
                       const struct counts *counts)
{
    if (is_hour || p->told_count == PAIRS_MOST)
        return;
    p->ticks[p->told_count] = tick;
    counts_merge(&p->told[p->told_count++], counts);
}

void pairs_add(struct pairs *p, uint64_t tick, bool is_hour, const struct counts *counts)
{
    while (!is_hour && p->told_at < p->told_count && p->ticks[p->told_at] < tick)
        p->told_at++;
    if (is_hour || p->told_at == p->told_count || p->ticks[p->told_at] != tick)
        return;
    counts_merge(&p->own[p->count], counts);
    counts_merge(&p->control[p->count++], &p->told[p->told_at]);
}
