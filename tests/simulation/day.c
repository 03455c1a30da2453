/* SPDX-License-Identifier: Apache-2.0 */
#include "day.h"

#include "weir/stats/bound.h"

#include <math.h>

static struct stream_kind kind_at(unsigned hour, double rho, double ratio, double load)
{
    struct stream_kind kind = { .bins = DAY_BINS, .rho = rho };
    static const double usual[DAY_BINS] = { .82, .12, .045, .01, .005 };
    double phase = cos(2 * M_PI * hour / DAY_HOURS);
    double moved = bound_shift(usual[2], ratio * exp(.95 * phase));

    for (size_t k = 0; k < DAY_BINS; k++)
        kind.shares[k] = k == 2 ? moved : usual[k] * (1 - moved) / (1 - usual[2]);
    kind.rate = 60 * load * (1 - .9 * phase);
    return kind;
}

void day_open(struct day *day, double rho, double ratio, double load)
{
    *day = (struct day){ { NULL }, { NULL } };
    for (unsigned h = 0; h < DAY_HOURS; h++) {
        struct stream_kind kind = kind_at(h, rho, ratio, load);

        day->hours[h] = stream_new(&kind);
        kind.rate *= DAY_TICKS / DAY_HOURS;
        if (rho <= 0)
            day->sums[h] = stream_new(&kind);
    }
}

void day_close(struct day *day)
{
    for (unsigned h = 0; h < DAY_HOURS; h++) {
        stream_free(day->hours[h]);
        stream_free(day->sums[h]);
    }
}

uint64_t day_tick(const struct day *day, struct dice *dice, unsigned tick,
                  uint64_t counts[STREAM_BINS])
{
    return stream_tick(day->hours[tick / (DAY_TICKS / DAY_HOURS) % DAY_HOURS], dice, 0, counts);
}
