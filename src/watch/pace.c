/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/pace.h"

#include <stdbool.h>

enum { MOST_FLUSH_MS = 5000, FLUSHES = 4 };

struct pace pace_of(uint64_t tick_ms)
{
    uint64_t flush_ms = tick_ms / FLUSHES;

    if (flush_ms > MOST_FLUSH_MS)
        flush_ms = MOST_FLUSH_MS;
    return (struct pace){ tick_ms, flush_ms, 2 * flush_ms, 3 * flush_ms };
}

uint64_t pace_tick(const struct pace *p, uint64_t wall_ms)
{
    return wall_ms / p->tick_ms;
}

uint64_t pace_closed(const struct pace *p, uint64_t wall_ms)
{
    uint64_t settled = wall_ms < p->settle_ms ? 0 : (wall_ms - p->settle_ms) / p->tick_ms;

    return settled > 0 ? settled - 1 : 0;
}

uint64_t pace_book(const struct pace *p, uint64_t tick, uint64_t wall_ms)
{
    bool late = wall_ms > (tick + 1) * p->tick_ms + p->late_ms;

    return late ? pace_tick(p, wall_ms) : tick;
}
