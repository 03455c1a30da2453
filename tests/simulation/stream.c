/* SPDX-License-Identifier: Apache-2.0 */
#include "stream.h"

#include "law.h"

#include "weir/base/mem.h"

#include <math.h>
#include <stdlib.h>

/*
 * Independent answers: counts of bins are independent Poisson numbers, which is the same as a
 * Poisson number of answers that fall into bins by their shares. Clustered ones: a Poisson
 * number of answers, dealt out bin by bin, each a beta-binomial part of what is left, which is
 * the same as shares drawn from a Dirichlet law.
 */

enum { LEVELS = 48 }; /* of the day: half an hour each */

struct stream {
    struct stream_kind kind;
    struct law *arrivals[LEVELS];            /* clustered: answers of a tick */
    struct law *counts[LEVELS][STREAM_BINS]; /* independent: of a bin */
    struct law **parts[STREAM_BINS];         /* clustered: of a bin, by what is left */
    uint32_t most;
};

static unsigned levels_of(const struct stream *s)
{
    return s->kind.diurnal ? LEVELS : 1;
}

static double rate_at(const struct stream_kind *kind, unsigned level)
{
    if (!kind->diurnal)
        return kind->rate;
    return kind->rate * (1 - .9 * cos(2 * M_PI * level / LEVELS));
}

static void deal_out_by_part(struct stream *s)
{
    double left = (1 - s->kind.rho) / s->kind.rho, all = left;

    for (size_t k = 0; k + 1 < s->kind.bins; k++) {
        double own = all * s->kind.shares[k];

        left -= own;
        s->parts[k] = mem_new((s->most + 1) * sizeof(s->parts[k][0]));
        for (uint32_t n = 0; n <= s->most; n++)
            s->parts[k][n] = law_beta_binomial(n, own, left);
    }
}

struct stream *stream_new(const struct stream_kind *kind)
{
    struct stream *s = mem_new(sizeof(*s));

    *s = (struct stream){ .kind = *kind };
    for (unsigned level = 0; level < levels_of(s); level++) {
        double rate = rate_at(kind, level);

        if (kind->rho <= 0) {
            for (size_t k = 0; k < kind->bins; k++)
                s->counts[level][k] = law_poisson(rate * kind->shares[k]);
            continue;
        }
        s->arrivals[level] = law_poisson(rate);
        if (law_most(s->arrivals[level]) > s->most)
            s->most = law_most(s->arrivals[level]);
    }
    if (kind->rho > 0)
        deal_out_by_part(s);
    return s;
}

void stream_free(struct stream *s)
{
    if (!s)
        return;
    for (unsigned level = 0; level < LEVELS; level++) {
        law_free(s->arrivals[level]);
        for (size_t k = 0; k < STREAM_BINS; k++)
            law_free(s->counts[level][k]);
    }
    for (size_t k = 0; k < STREAM_BINS; k++) {
        for (uint32_t n = 0; s->parts[k] && n <= s->most; n++)
            law_free(s->parts[k][n]);
        free(s->parts[k]);
    }
    free(s);
}

uint64_t stream_tick(const struct stream *s, struct dice *dice, unsigned tick,
                     uint64_t counts[STREAM_BINS])
{
    unsigned level = s->kind.diurnal ? tick % STREAM_DAY / (STREAM_DAY / LEVELS) : 0;
    size_t last = s->kind.bins - 1;
    uint32_t left;
    uint64_t n = 0;

    if (s->kind.rho <= 0) {
        for (size_t k = 0; k <= last; k++)
            n += counts[k] = law_draw(s->counts[level][k], dice);
        return n;
    }
    n = left = law_draw(s->arrivals[level], dice);
    for (size_t k = 0; k < last; k++) {
        uint32_t part = law_draw(s->parts[k][left], dice);

        counts[k] = part;
        left -= part;
    }
    counts[last] = left;
    return n;
}
