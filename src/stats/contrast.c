/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/stats/contrast.h"

#include "weir/base/ensure.h"
#include "weir/stats/dispersion.h"
#include "weir/stats/special.h"

#include <math.h>

static const double stakes[ECUSUM_STAKES] = { .02, .05, .1, .2, .4, .8 };
static const double ratios[ECUSUM_STAKES] = { 1.25, 1.5, 2, 3, 5, 10 };

/* One tick of one bin: how many of the new version's answers, and of the control's. */
struct pair {
    uint64_t a, n, b, m;
};

static uint64_t total(const uint64_t *counts, size_t bins)
{
    uint64_t n = 0;

    for (size_t k = 0; k < bins; k++)
        n += counts[k];
    return n;
}

static bool is_live(double bound)
{
    return bound > 0 && bound < 1;
}

/* So that what is looked at, inside the bin or outside of it, is the rarer. */
static bool is_rare(const struct bound *bound)
{
    return bound->lower + bound->upper <= 1;
}

static struct pair outside(struct pair p)
{
    return (struct pair){ p.n - p.a, p.n, p.m - p.b, p.m };
}

static struct pair exchanged(struct pair p)
{
    return (struct pair){ p.b, p.m, p.a, p.n };
}

/* ln of the factor for "p.a has more than the tolerance allows over p.b". */
static double gain(const struct contrast_rule *rule, struct pair p, unsigned size)
{
    double t = rule->tolerance, n = (double)p.n, m = (double)p.m, odds, more;

    if (rule->unit == ECUSUM_TICK)
        return log1p(stakes[size] / t * ((double)p.a / n - t * (double)p.b / m));
    odds = t * n / m;
    more = odds * ratios[size];
    return ((double)p.a * log(ratios[size]) -
            (double)(p.a + p.b) * (log1p(more) - log1p(odds))) /
           rule->phi;
}

static void judge(struct ecusum *e, const struct contrast_rule *rule, size_t bin,
                  struct pair pair)
{
    const struct bound *bound = &rule->bounds[bin];
    struct pair up = is_rare(bound) ? pair : exchanged(outside(pair));
    struct pair down = exchanged(up);

    for (unsigned j = 0; j < ECUSUM_STAKES; j++) {
        double *rise = &e->ln_m[bin][j], *fall = &e->ln_m[bin][ECUSUM_STAKES + j];

        if (is_live(bound->upper))
            *rise = fmax(*rise, 0) + gain(rule, up, j);
        if (is_live(bound->lower))
            *fall = fmax(*fall, 0) + gain(rule, down, j);
    }
}

bool contrast_fold(struct ecusum *e, const struct contrast_rule *rule, const uint64_t *counts,
                   const uint64_t *control)
{
    uint64_t n = total(counts, rule->bins), m = total(control, rule->bins);

    ensure(rule->bins == e->bins && rule->tolerance >= 1);
    ensure(rule->unit == ECUSUM_TICK || (rule->unit == ECUSUM_TEMPERED && rule->phi >= 1));
    if (n == 0 || m == 0)
        return false;
    for (size_t k = 0; k < rule->bins; k++)
        judge(e, rule, k, (struct pair){ counts[k], n, control[k], m });
    e->ticks++;
    return true;
}

/* ---- how much more than chance -------------------------------------------------------------- */

/* (a - E a)^2 / Var a of the hypergeometric law; false where a could not vary. */
static bool ratio_of(struct pair p, double *out)
{
    double n = (double)p.n, m = (double)p.m, all = n + m, in = (double)(p.a + p.b);
    double gap = (double)p.a - in * n / all;
    double variance = all > 1 ? in * n / all * m / all * (all - in) / (all - 1) : 0;

    if (variance <= 0)
        return false;
    *out = gap * gap / variance;
    return true;
}

struct moments {
    double used, sum, squares;
};

static double upper_mean(const struct moments *s, double z)
{
    double mean, spread;

    if (s->used < DISPERSION_TICKS)
        return 1;
    mean = s->sum / s->used;
    spread = fmax(0, s->squares / s->used - mean * mean);
    return mean + z * sqrt(spread / s->used);
}

bool contrast_dispersion(const uint64_t *counts, const uint64_t *control, size_t ticks,
                         size_t bins, double alpha, double *phi)
{
    struct moments moments[ECUSUM_BINS] = { { 0 } };
    double most = 1, z = special_normal_point(1 - alpha / (double)bins), ratio;
    size_t used = 0;

    ensure(bins > 0 && bins <= ECUSUM_BINS);
    for (size_t t = 0; t < ticks; t++) {
        const uint64_t *a = counts + t * bins, *b = control + t * bins;
        struct pair p = { .n = total(a, bins), .m = total(b, bins) };

        used += p.n > 0 && p.m > 0 ? 1 : 0;
        for (size_t k = 0; k < bins; k++) {
            p.a = a[k];
            p.b = b[k];
            if (!ratio_of(p, &ratio))
                continue;
            moments[k].used++;
            moments[k].sum += ratio;
            moments[k].squares += ratio * ratio;
        }
    }
    for (size_t k = 0; k < bins; k++)
        most = fmax(most, upper_mean(&moments[k], z));
    if (used < DISPERSION_TICKS)
        return false;
    *phi = most;
    return true;
}
