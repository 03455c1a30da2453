/* SPDX-License-Identifier: Apache-2.0 */
#include "minute.h"

static uint64_t period_of(uint64_t now_us)
{
    return now_us / MINUTE_SLICE_US + 1;
}

void minute_add(struct minute *m, uint64_t now_us, double value)
{
    uint64_t now = period_of(now_us);
    _Atomic uint64_t *period = &m->slices[now % MINUTE_SLICES].period;
    struct quantile *values = &m->slices[now % MINUTE_SLICES].values;

    if (atomic_load_explicit(period, memory_order_relaxed) != now) {
        atomic_store(period, 0);
        quantile_reset(values);
        atomic_store(period, now);
    }
    quantile_add(values, value);
}

/*
 * A slice that is emptied while it is read may give a few values too many or too few, for
 * this one reading; it had less than ten seconds to live, and nothing adds readings up.
 */
void minute_merge(struct quantile *into, const struct minute *m, uint64_t now_us)
{
    uint64_t now = period_of(now_us);

    for (unsigned i = 0; i < MINUTE_SLICES; i++) {
        uint64_t period = atomic_load(&m->slices[i].period);

        if (period != 0 && period + MINUTE_SLICES > now)
            quantile_merge(into, &m->slices[i].values);
    }
}
