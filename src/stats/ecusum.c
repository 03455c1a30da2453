/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/stats/ecusum.h"

#include "weir/base/ensure.h"

#include <math.h>
#include <string.h>

/*
 * Everything is kept and added up in logarithms: a component may reach e^(thousands) within a
 * tick, and its factor may be 0 but for rounding. Only ratios to the greatest are ever taken
 * out of them.
 */

/* Of the largest stake that keeps a factor above 0: small ones for small lasting changes. */
static const double stakes[ECUSUM_STAKES] = { .02, .05, .1, .2, .4, .8 };

/* Of the odds at the bound: the changes that are looked for. */
static const double ratios[ECUSUM_PER_BIN] = { 1.25, 1.5,  2,  3,    5,  10,
                                               .8,   .667, .5, .333, .2, .1 };

void ecusum_init(struct ecusum *e, size_t bins)
{
    ensure(bins >= 1 && bins <= ECUSUM_BINS);
    memset(e, 0, sizeof(*e));
    e->bins = bins;
}

void ecusum_reset(struct ecusum *e)
{
    e->ticks = 0;
    memset(e->ln_m, 0, sizeof(e->ln_m));
}

bool ecusum_equal(const struct ecusum *a, const struct ecusum *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

double ecusum_likelihood(uint64_t count, uint64_t n, double bound, double ratio)
{
    /* q/B = ratio/(1 - B + ratio B) and (1 - q)/(1 - B) = 1/(1 - B + ratio B). */
    return (double)count * log(ratio) - (double)n * log1p(bound * (ratio - 1));
}

double ecusum_threshold(double ticks, double histograms, double p)
{
    ensure(ticks > 0 && histograms > 0 && p > 0 && p <= 1);
    return log(ticks) + log(histograms) - log(p);
}

double ecusum_delay(double threshold, double share, double bound)
{
    double divergence = 0;

    ensure(bound > 0 && bound < 1);
    if (share > 0)
        divergence += share * log(share / bound);
    if (share < 1)
        divergence += (1 - share) * (log1p(-share) - log1p(-bound));
    return divergence > 0 ? threshold / divergence : HUGE_VAL;
}

static bool is_up(unsigned component)
{
    return component < ECUSUM_STAKES;
}

/* The bound that a component watches; at 0 or 1 there is nothing beyond, and it is none. */
static double bound_of(const struct ecusum_rule *rule, size_t bin, unsigned component)
{
    return is_up(component) ? rule->bounds[bin].upper : rule->bounds[bin].lower;
}

static bool is_live(const struct ecusum_rule *rule, size_t bin, unsigned component)
{
    double bound = bound_of(rule, bin, component);

    return bound > 0 && bound < 1;
}

static double mean_gain(double share, double bound, unsigned component)
{
    double stake = stakes[component % ECUSUM_STAKES];

    if (is_up(component))
        return log1p(stake / bound * (share - bound));
    return log1p(stake / (1 - bound) * (bound - share));
}

/* ln of the factor of one tick. */
static double gain(const struct ecusum_rule *rule, const struct ecusum *e, size_t bin,
                   unsigned component)
{
    double bound = bound_of(rule, bin, component);
    double share = (double)e->held[bin] / (double)e->held_n;
    double likelihood;

    if (rule->unit == ECUSUM_TICK)
        return mean_gain(share, bound, component);
    likelihood = ecusum_likelihood(e->held[bin], e->held_n, bound, ratios[component]);
    return rule->unit == ECUSUM_TEMPERED ? likelihood / rule->phi : likelihood;
}

static void judge(struct ecusum *e, const struct ecusum_rule *rule)
{
    for (size_t k = 0; k < e->bins; k++)
        for (unsigned j = 0; j < ECUSUM_PER_BIN; j++)
            if (is_live(rule, k, j))
                e->ln_m[k][j] = fmax(e->ln_m[k][j], 0) + gain(rule, e, k, j);
    e->ticks++;
    e->held_n = 0;
    memset(e->held, 0, sizeof(e->held));
}

bool ecusum_fold(struct ecusum *e, const struct ecusum_rule *rule, uint64_t n,
                 const uint64_t *counts)
{
    ensure(rule->bins == e->bins);
    ensure(rule->unit != ECUSUM_TEMPERED || rule->phi >= 1);
    for (size_t k = 0; k < e->bins; k++) {
        ensure(counts[k] <= n);
        e->held[k] += counts[k];
    }
    e->held_n += n;
    if (e->held_n == 0 || e->held_n < rule->n_min)
        return false;
    judge(e, rule);
    return true;
}

/* ---- what the components say together ------------------------------------------------------- */

/* M of one direction of one bin, as parts of e^top. */
static double weight_of(const struct ecusum *e, const struct ecusum_rule *rule, size_t bin,
                        unsigned first, double top)
{
    double sum = 0;

    if (!is_live(rule, bin, first))
        return 0;
    for (unsigned j = first; j < first + ECUSUM_STAKES; j++)
        sum += exp(e->ln_m[bin][j] - top);
    return sum;
}

/* The greatest of the components that there are, and how many those are. */
static double find_top(const struct ecusum *e, const struct ecusum_rule *rule, size_t *live)
{
    double top = -HUGE_VAL;

    *live = 0;
    for (size_t k = 0; k < e->bins; k++)
        for (unsigned j = 0; j < ECUSUM_PER_BIN; j++)
            if (is_live(rule, k, j)) {
                top = fmax(top, e->ln_m[k][j]);
                ++*live;
            }
    return top;
}

double ecusum_ln_m(const struct ecusum *e, const struct ecusum_rule *rule)
{
    size_t live;
    double top, sum = 0;

    ensure(rule->bins == e->bins);
    top = find_top(e, rule, &live);
    if (live == 0)
        return 0;
    for (size_t k = 0; k < e->bins; k++)
        for (unsigned first = 0; first < ECUSUM_PER_BIN; first += ECUSUM_STAKES)
            sum += weight_of(e, rule, k, first, top);
    return top + log(sum / (double)live);
}

struct ecusum_driver ecusum_driver(const struct ecusum *e, const struct ecusum_rule *rule)
{
    struct ecusum_driver driver = { .bin = 0 };
    size_t live;
    double top, sum = 0;

    ensure(rule->bins == e->bins);
    top = find_top(e, rule, &live);
    for (size_t k = 0; k < e->bins; k++)
        for (unsigned first = 0; first < ECUSUM_PER_BIN; first += ECUSUM_STAKES) {
            double weight = weight_of(e, rule, k, first, top);

            sum += weight;
            if (weight > driver.weight)
                driver = (struct ecusum_driver){ k, is_up(first), weight };
        }
    if (sum > 0)
        driver.weight /= sum;
    return driver;
}
