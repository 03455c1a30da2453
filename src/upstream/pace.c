/* SPDX-License-Identifier: Apache-2.0 */
#include "pace.h"

#include <string.h>

enum {
    HALF_US = 30 * 1000 * 1000,
    KNOWN_FOR_US = 100 * 1000, /* a percentile of half a minute does not move faster */
};

static void turn(struct pace *p, uint64_t now_us)
{
    uint64_t passed_us = now_us - p->began_us;

    if (passed_us < HALF_US)
        return;
    p->newest ^= 1;
    quantile_reset(&p->halves[p->newest]);
    if (passed_us >= 2 * (uint64_t)HALF_US)
        quantile_reset(&p->halves[p->newest ^ 1]);
    p->began_us = now_us;
    memset(p->known, 0, sizeof(p->known));
}

void pace_note(struct pace *p, uint64_t first_us, uint64_t now_us)
{
    turn(p, now_us);
    quantile_add(&p->halves[p->newest], (double)first_us / 1e6);
}

static uint64_t percentile_us(const struct pace *p, double at)
{
    struct quantile all = { 0 };
    double seconds;

    quantile_merge(&all, &p->halves[0]);
    quantile_merge(&all, &p->halves[1]);
    if (all.count < PACE_LEAST || !quantile_seen(&all, at, &seconds))
        return 0;
    return (uint64_t)(seconds * 1e6) + 1;
}

static bool is_of(const struct pace_reading *r, double at)
{
    return !(r->at < at) && !(r->at > at);
}

/* The reading of this percentile, or the place for it: that of the one longer ago. */
static struct pace_reading *reading_of(struct pace *p, double at)
{
    struct pace_reading *one = &p->known[0], *two = &p->known[1];

    if (is_of(one, at) || is_of(two, at))
        return is_of(one, at) ? one : two;
    return one->read_at_us <= two->read_at_us ? one : two;
}

uint64_t pace_read_us(struct pace *p, double at, uint64_t now_us)
{
    struct pace_reading *r;

    turn(p, now_us);
    r = reading_of(p, at);
    if (!is_of(r, at) || now_us - r->read_at_us >= KNOWN_FOR_US)
        *r = (struct pace_reading){ at, percentile_us(p, at), now_us };
    return r->us;
}
