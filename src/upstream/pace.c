/* SPDX-License-Identifier: Apache-2.0 */
#include "pace.h"

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
    p->known_at_us = 0;
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

uint64_t pace_read_us(struct pace *p, double at, uint64_t now_us)
{
    bool known = p->known_at_us > 0 && now_us - p->known_at_us < KNOWN_FOR_US &&
                 !(p->known_p < at) && !(p->known_p > at);

    turn(p, now_us);
    if (known && p->known_at_us > 0)
        return p->known_us;
    p->known_us = percentile_us(p, at);
    p->known_p = at;
    p->known_at_us = now_us;
    return p->known_us;
}
