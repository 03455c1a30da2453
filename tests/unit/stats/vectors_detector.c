/* SPDX-License-Identifier: Apache-2.0 */
#include "vectors.h"

#include "entry.h"
#include "rivals.h"

#include "weir/stats/ecusum.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

void vectors_page_hinkley(json_t *e)
{
    struct rivals_page_hinkley p = {
        .delta = entry_take(e, "delta"),
        .lambda = entry_take(e, "lam"),
        .alpha = entry_take(e, "alpha"),
        .least = (uint64_t)entry_take(e, "min_instances"),
    };
    double hits[ENTRY_MOST];
    size_t count = 0;

    for (int i = 0; i < 80; i++)
        if (rivals_page_hinkley(&p, i < 40 ? i % 2 : 3))
            hits[count++] = i;
    entry_are(e, "hits", hits, count);
    entry_is(e, "final_sum", p.sum);
}

void vectors_adwin(json_t *e)
{
    double n0 = entry_take(e, "n0"), n1 = entry_take(e, "n1"), variance = entry_take(e, "var");
    double width = entry_take(e, "width"), delta = entry_take(e, "delta");

    entry_is(e, "eps", rivals_adwin_cut(n0, n1, variance, width, delta));
}

/* .03 has 3.06 times the odds of .01. */
void vectors_bernoulli(json_t *e)
{
    double ratio = (.03 / .97) / (.01 / .99), sum = 0, sums[ENTRY_MOST];
    uint64_t ticks[ENTRY_MOST][2];
    size_t count = entry_take_ticks(e, ticks);

    for (size_t t = 0; t < count; t++)
        sums[t] = sum = fmax(0, sum) + ecusum_likelihood(ticks[t][0], ticks[t][1], .01, ratio);
    entry_are(e, "logS", sums, count);
}

static double average(const double ln_m[ECUSUM_STAKES])
{
    double sum = 0;

    for (size_t j = 0; j < ECUSUM_STAKES; j++)
        sum += exp(ln_m[j]) / ECUSUM_STAKES;
    return log(sum);
}

/* ln of each component's factor: what one tick makes of a state that has seen nothing. */
static void gains(const uint64_t tick[2], double out[ECUSUM_STAKES])
{
    static const struct bound bound = { .lower = 0, .upper = .08 };
    static const struct ecusum_rule rule = { .bounds = &bound,
                                             .bins = 1,
                                             .unit = ECUSUM_REQUEST };
    struct ecusum e;

    ecusum_init(&e, 1);
    cr_assert(ecusum_fold(&e, &rule, tick[1], tick));
    memcpy(out, e.ln_m[0], ECUSUM_STAKES * sizeof(out[0]));
}

/* Multiplied only: a test of one hypothesis from the start, and not a detector. */
void vectors_e_process(json_t *e)
{
    double ln_e[ECUSUM_STAKES] = { 0 }, gain[ECUSUM_STAKES], averages[ENTRY_MOST];
    uint64_t ticks[ENTRY_MOST][2];
    size_t count = entry_take_ticks(e, ticks);

    for (size_t t = 0; t < count; t++) {
        gains(ticks[t], gain);
        for (size_t j = 0; j < ECUSUM_STAKES; j++)
            ln_e[j] += gain[j];
        averages[t] = average(ln_e);
    }
    entry_are(e, "logE", averages, count);
}

/* Shiryaev and Roberts' form, (M + 1) * factor, which grows on an idle stream. */
void vectors_sr(json_t *e)
{
    double m[ECUSUM_STAKES] = { 0 }, ln_m[ECUSUM_STAKES], gain[ECUSUM_STAKES],
           averages[ENTRY_MOST];
    uint64_t ticks[ENTRY_MOST][2];
    size_t count = entry_take_ticks(e, ticks);

    for (size_t t = 0; t < count; t++) {
        gains(ticks[t], gain);
        for (size_t j = 0; j < ECUSUM_STAKES; j++) {
            m[j] = (m[j] + 1) * exp(gain[j]);
            ln_m[j] = log(m[j]);
        }
        averages[t] = average(ln_m);
    }
    entry_are(e, "logM", averages, count);
}

static void fold_all(json_t *e, const struct bound *bound, enum ecusum_unit unit,
                     uint64_t ticks[ENTRY_MOST][2], size_t count)
{
    struct ecusum_rule rule = { .bounds = bound, .bins = 1, .unit = unit, .phi = 2 };
    struct ecusum state;
    double ln_m[ENTRY_MOST];

    ecusum_init(&state, 1);
    for (size_t t = 0; t < count; t++) {
        cr_assert(ecusum_fold(&state, &rule, ticks[t][1], &ticks[t][0]));
        ln_m[t] = ecusum_ln_m(&state, &rule);
    }
    entry_are(e, "logM", ln_m, count);
}

static const struct bound up = { .lower = 0, .upper = .08 };

void vectors_up(json_t *e)
{
    uint64_t ticks[ENTRY_MOST][2];
    size_t count = entry_take_ticks(e, ticks);

    fold_all(e, &up, ECUSUM_REQUEST, ticks, count);
}

void vectors_down(json_t *e)
{
    static const struct bound down = { .lower = .62, .upper = 1 };
    uint64_t ticks[ENTRY_MOST][2];
    size_t count = entry_take_ticks(e, ticks);

    fold_all(e, &down, ECUSUM_REQUEST, ticks, count);
}

void vectors_tempered(json_t *e)
{
    uint64_t ticks[ENTRY_MOST][2];
    size_t count = entry_take_ticks(e, ticks);

    fold_all(e, &up, ECUSUM_TEMPERED, ticks, count);
}

void vectors_tick_mean(json_t *e)
{
    double shares[ENTRY_MOST];
    uint64_t ticks[ENTRY_MOST][2];
    size_t count = entry_take_numbers(e, "x", shares);

    for (size_t t = 0; t < count; t++) {
        ticks[t][0] = (uint64_t)lround(shares[t] * 100);
        ticks[t][1] = 100;
    }
    fold_all(e, &up, ECUSUM_TICK, ticks, count);
}

void vectors_factor(json_t *e)
{
    entry_is(e, "q", bound_shift(.08, 2));
    entry_is(e, "ln_event", ecusum_likelihood(1, 1, .08, 2));
    entry_is(e, "ln_nonevent", ecusum_likelihood(0, 1, .08, 2));
}

void vectors_merge(json_t *e)
{
    static const uint64_t whole[] = { 11, 200 }, left[] = { 5, 100 }, right[] = { 6, 100 };
    double one[ECUSUM_STAKES], two[ECUSUM_STAKES], more[ECUSUM_STAKES];

    gains(whole, one);
    gains(left, two);
    gains(right, more);
    for (size_t j = 0; j < ECUSUM_STAKES; j++)
        two[j] += more[j];
    entry_is(e, "one", average(one));
    entry_is(e, "two", average(two));
}
