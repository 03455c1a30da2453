/* SPDX-License-Identifier: Apache-2.0 */
#include "sprint.h"

#include <math.h>
#include <string.h>

/* A component that does not exist weighs nothing: its M is 0, its ln M far below all others. */
static const double nothing = -1e9;

static bool lives(double bound)
{
    return bound > 0 && bound < 1;
}

/*
 * What the components multiply by is learnt from ecusum.h itself: from a state that has seen
 * nothing, one tick with all and one with none of the answers in the bin give both ends of
 * what is a straight line in the share (tick) or in the counts (else).
 */
static void learn(struct sprint *s, const struct ecusum_rule *rule, size_t bin)
{
    struct ecusum_rule one = {
        .bounds = &rule->bounds[bin], .bins = 1, .unit = rule->unit, .phi = rule->phi
    };
    struct ecusum none, all;
    uint64_t zero = 0, whole = 1;

    ecusum_init(&none, 1);
    ecusum_init(&all, 1);
    (void)!ecusum_fold(&none, &one, 1, &zero);
    (void)!ecusum_fold(&all, &one, 1, &whole);
    for (unsigned j = 0; j < ECUSUM_PER_BIN; j++) {
        double low = none.ln_m[0][j], high = all.ln_m[0][j];
        bool tick = s->unit == ECUSUM_TICK;
        double bound = j < ECUSUM_STAKES ? one.bounds->upper : one.bounds->lower;

        s->m[bin][j] = tick ? 1 : 0;
        s->a[bin][j] = tick ? exp(low) : high - low;
        s->b[bin][j] = tick ? exp(high) - exp(low) : low;
        s->live += lives(bound);
        if (!lives(bound)) {
            s->a[bin][j] = 0;
            s->b[bin][j] = tick ? 0 : nothing;
        }
    }
}

void sprint_init(struct sprint *s, const struct ecusum_rule *rule, double threshold)
{
    memset(s, 0, sizeof(*s));
    s->bins = rule->bins;
    s->unit = rule->unit;
    s->n_min = rule->n_min;
    s->threshold = threshold;
    for (size_t k = 0; k < rule->bins; k++)
        learn(s, rule, k);
    s->limit = s->unit == ECUSUM_TICK ? exp(threshold) * (double)s->live : threshold;
}

static double plus(double x, double floor)
{
    return x > floor ? x : floor;
}

/* Returns the sum of all M. */
static double fold_means(struct sprint *s)
{
    double per_answer = 1 / (double)s->held_n, sums[ECUSUM_PER_BIN] = { 0 }, sum = 0;

    for (size_t k = 0; k < s->bins; k++) {
        double x = (double)s->held[k] * per_answer;

        for (unsigned j = 0; j < ECUSUM_PER_BIN; j++) {
            s->m[k][j] = plus(s->m[k][j], 1) * (s->a[k][j] + s->b[k][j] * x);
            sums[j] += s->m[k][j];
        }
    }
    for (unsigned j = 0; j < ECUSUM_PER_BIN; j++)
        sum += sums[j];
    return sum;
}

/* Returns the greatest ln M. */
static double fold_likelihoods(struct sprint *s)
{
    double n = (double)s->held_n, tops[ECUSUM_PER_BIN], top = nothing;

    for (unsigned j = 0; j < ECUSUM_PER_BIN; j++)
        tops[j] = nothing;
    for (size_t k = 0; k < s->bins; k++) {
        double count = (double)s->held[k];

        for (unsigned j = 0; j < ECUSUM_PER_BIN; j++) {
            s->m[k][j] = plus(s->m[k][j], 0) + (s->a[k][j] * count + s->b[k][j] * n);
            tops[j] = plus(s->m[k][j], tops[j]);
        }
    }
    for (unsigned j = 0; j < ECUSUM_PER_BIN; j++)
        top = plus(tops[j], top);
    return top;
}

double sprint_ln_m(const struct sprint *s)
{
    double sum = 0;

    for (size_t k = 0; k < s->bins; k++)
        for (unsigned j = 0; j < ECUSUM_PER_BIN; j++)
            sum += s->unit == ECUSUM_TICK ? s->m[k][j] : exp(s->m[k][j]);
    return log(sum / (double)s->live);
}

bool sprint_fold(struct sprint *s, uint64_t n, const uint64_t *counts)
{
    double told;

    for (size_t k = 0; k < s->bins; k++)
        s->held[k] += counts[k];
    s->held_n += n;
    if (s->held_n == 0 || s->held_n < s->n_min)
        return false;
    told = s->unit == ECUSUM_TICK ? fold_means(s) : fold_likelihoods(s);
    s->held_n = 0;
    memset(s->held, 0, sizeof(s->held));
    if (told < s->limit)
        return false;
    /* An average reaches what its greatest part does not, never. */
    return s->unit == ECUSUM_TICK || sprint_ln_m(s) >= s->threshold;
}
