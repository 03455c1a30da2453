/* SPDX-License-Identifier: Apache-2.0 */
#include "months.h"

#include "rivals.h"

#include "weir/base/mem.h"
#include "weir/stats/dispersion.h"

#include <stdlib.h>

/* Adds up ticks [t][bins] into whole hours; returns how many. */
static size_t add_up_hours(const uint64_t *ticks, size_t count, size_t bins, uint64_t *hours)
{
    size_t whole = count / MONTHS_HOUR;

    for (size_t t = 0; t < whole * MONTHS_HOUR; t++)
        for (size_t k = 0; k < bins; k++)
            hours[t / MONTHS_HOUR * bins + k] += ticks[t * bins + k];
    return whole;
}

static void count_reference(struct months_baseline *b, const struct stream *stream,
                            struct dice *dice, size_t bins, unsigned count)
{
    uint64_t *ticks = mem_new_array(count * bins, sizeof(ticks[0]));
    uint64_t *hours = mem_new_array(count * bins, sizeof(hours[0]));
    size_t whole;

    for (unsigned t = 0; t < count; t++) {
        uint64_t counts[STREAM_BINS];

        (void)stream_tick(stream, dice, t, counts);
        for (size_t k = 0; k < bins; k++) {
            ticks[t * bins + k] = counts[k];
            b->reference[k] += counts[k];
        }
    }
    if (!dispersion_bound(ticks, count, bins, .05, &b->phi))
        b->phi = 1;
    whole = add_up_hours(ticks, count, bins, hours);
    if (whole > 0)
        b->sigma_limit = rivals_sigma_limit(b->reference, hours, whole, bins);
    free(ticks);
    free(hours);
}

void months_baseline(struct months_baseline *b, const struct months_baseline_kind *how,
                     const struct stream *stream, const struct stream_kind *kind,
                     struct dice *dice)
{
    struct bound_care care = { .alpha = how->alpha, .tolerance = MONTHS_TOLERANCE, .phi = 1 };

    *b = (struct months_baseline){ .phi = 1 };
    if (how->ticks == 0) {
        for (size_t k = 0; k < kind->bins; k++)
            b->bounds[k] = (struct bound){ kind->shares[k], kind->shares[k] };
        return;
    }
    count_reference(b, stream, dice, kind->bins, how->ticks);
    if (!how->ignores_clusters)
        care.phi = b->phi;
    bound_find_clustered(b->bounds, b->reference, kind->bins, &care);
}
