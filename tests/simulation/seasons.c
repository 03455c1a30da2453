/* SPDX-License-Identifier: Apache-2.0 */
#include "seasons.h"

#include "day.h"
#include "months.h"
#include "sprint.h"

#include "weir/base/ensure.h"
#include "weir/base/mem.h"
#include "weir/stats/interval.h"
#include "weir/watch/baseline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BINS = DAY_BINS,
    HOURS = DAY_HOURS,
    WEEKS = 2,          /* of baseline */
    STEPS = 60,         /* of which phi is measured, as the gateway does */
    WALKED_TICKS = 3000 /* of the first month beside ecusum.h */
};

static const uint64_t monday_ms = 1767571200000; /* 2026-01-05T00:00Z */
static const char *const names[BINS] = { "a", "b", "c", "d", "e" };

/* ---- the baseline ---------------------------------------------------------------------------- */

struct drawing {
    struct counts total, steps[STEPS], pending;
    size_t step_count;
    struct week *week;
};

static void name_counts(struct counts *into, const uint64_t *counts)
{
    for (size_t k = 0; k < BINS; k++)
        counts_add(into, str_of(names[k]), counts[k]);
}

static void draw_steps(struct drawing *d, const uint64_t *counts)
{
    if (d->step_count == STEPS)
        return;
    name_counts(&d->pending, counts);
    if (counts_total(&d->pending) < MONTHS_N_MIN)
        return;
    d->steps[d->step_count++] = d->pending;
    d->pending = (struct counts){ 0 };
}

static void draw_hour(struct drawing *d, const struct day *day, struct dice *dice,
                      unsigned hour)
{
    uint64_t sum[STREAM_BINS] = { 0 };
    struct counts named = { 0 };

    if (day->sums[hour % HOURS] && d->step_count == STEPS) {
        (void)stream_tick(day->sums[hour % HOURS], dice, 0, sum);
    } else {
        for (unsigned t = 0; t < MONTHS_HOUR; t++) {
            uint64_t counts[STREAM_BINS];

            (void)day_tick(day, dice, hour * MONTHS_HOUR, counts);
            draw_steps(d, counts);
            for (size_t k = 0; k < BINS; k++)
                sum[k] += counts[k];
        }
    }
    name_counts(&named, sum);
    week_add(d->week, monday_ms + hour * UINT64_C(3600000), &named);
    counts_merge(&d->total, &named);
    counts_deinit(&named);
}

static struct baseline *draw_baseline(const struct day *day, struct dice *dice, bool by_hour)
{
    struct drawing d = { .week = week_new() };
    struct baseline *b;

    for (unsigned hour = 0; hour < WEEKS * WEEK_HOURS; hour++)
        draw_hour(&d, day, dice, hour);
    b = baseline_new(&(struct baseline_origin){ .of = { STR("m"), STR("v"), STR("p"), STR("") },
                                                .total = &d.total,
                                                .ticks = d.steps,
                                                .tick_count = d.step_count,
                                                .week = by_hour ? d.week : NULL,
                                                .tick_ms = 60000,
                                                .tolerance = MONTHS_TOLERANCE,
                                                .alpha = MONTHS_ALPHA,
                                                .from = STR("auto") });
    for (size_t i = 0; i < d.step_count; i++)
        counts_deinit(&d.steps[i]);
    counts_deinit(&d.pending);
    counts_deinit(&d.total);
    week_free(d.week);
    return b;
}

/* To the streams' five bins: `other` behind them was never given, and is left out. */
static void bounds_at(const struct baseline *b, unsigned hour, struct bound out[BINS])
{
    const struct season_slot *slot = b->season ? season_at(b->season, monday_ms / 60000 +
                                                                          hour * MONTHS_HOUR)
                                               : NULL;

    memcpy(out, slot ? slot->bounds : b->bounds, BINS * sizeof(out[0]));
}

static void widen(struct bound *bounds, const struct bound *by)
{
    for (size_t k = 0; k < BINS; k++) {
        bounds[k].lower = fmin(bounds[k].lower, by[k].lower);
        bounds[k].upper = fmax(bounds[k].upper, by[k].upper);
    }
}

/* ---- a month --------------------------------------------------------------------------------- */

/* The bounds that a step is judged by, which began in this hour or in the one before. */
struct hour_rule {
    bool known;
    struct bound bounds[BINS];
    struct sprint sprint;
};

struct month {
    const struct day *day;
    struct baseline *baseline;
    double threshold;
    struct hour_rule rules[2 * HOURS + WEEK_HOURS];
};

/* Of two weeks, all working days have the same bounds, and both days of the weekend. */
static unsigned rule_of(unsigned hour, bool crosses)
{
    if (crosses)
        return 2 * HOURS + hour;
    return hour % HOURS + (week_is_weekend(hour) ? HOURS : 0);
}

static const struct hour_rule *rule_at(struct month *m, unsigned tick, unsigned held_from)
{
    unsigned hour = tick / MONTHS_HOUR, crosses = held_from / MONTHS_HOUR < hour;
    struct hour_rule *rule = &m->rules[rule_of(hour % WEEK_HOURS, crosses)];
    struct ecusum_rule exact = { .bounds = rule->bounds, .bins = BINS, .n_min = MONTHS_N_MIN };

    if (rule->known)
        return rule;
    bounds_at(m->baseline, hour, rule->bounds);
    for (unsigned h = held_from / MONTHS_HOUR; crosses && h < hour; h++) {
        struct bound before[BINS];

        bounds_at(m->baseline, h, before);
        widen(rule->bounds, before);
    }
    sprint_init(&rule->sprint, &exact, m->threshold);
    rule->known = true;
    return rule;
}

static unsigned sprint_through(struct month *m, struct dice dice)
{
    struct sprint s = rule_at(m, 0, 0)->sprint;
    unsigned held_from = 0;

    for (unsigned t = 0; t < MONTHS_TICKS; t++) {
        const struct hour_rule *rule;
        uint64_t counts[STREAM_BINS], n = day_tick(m->day, &dice, t, counts);

        held_from = s.held_n == 0 ? t : held_from;
        if (s.held_n + n >= MONTHS_N_MIN) {
            rule = rule_at(m, t, held_from);
            memcpy(s.a, rule->sprint.a, sizeof(s.a));
            memcpy(s.b, rule->sprint.b, sizeof(s.b));
        }
        if (sprint_fold(&s, n, counts))
            return t + 1;
    }
    return 0;
}

/* The same by ecusum.h; `change` is the tick from which `after` answers, if there is one. */
static unsigned walk_through(struct month *m, struct dice dice, unsigned ticks,
                             const struct day *after, unsigned change)
{
    struct ecusum_rule whole = { .bounds = m->baseline->bounds, .bins = BINS };
    struct ecusum e;
    unsigned held_from = 0;

    ecusum_init(&e, BINS);
    for (unsigned t = 0; t < ticks; t++) {
        struct ecusum_rule rule = whole;
        uint64_t counts[STREAM_BINS];
        uint64_t n = day_tick(after && t >= change ? after : m->day, &dice, t, counts);

        held_from = e.held_n == 0 ? t : held_from;
        rule.bounds = rule_at(m, t, held_from)->bounds;
        rule.n_min = MONTHS_N_MIN;
        if (!ecusum_fold(&e, &rule, n, counts) || ecusum_ln_m(&e, &whole) < m->threshold)
            continue;
        if (!after || t >= change)
            return t + 1;
        ecusum_reset(&e);
    }
    return 0;
}

static struct month *month_new(const struct day *day, struct dice *dice, bool by_hour,
                               double histograms)
{
    struct month *m = MEM_NEW(struct month);

    m->day = day;
    m->baseline = draw_baseline(day, dice, by_hour);
    ensure(m->baseline->bins == BINS + 1);
    m->threshold = ecusum_threshold(MONTHS_TICKS, histograms, MONTHS_PROMISE);
    return m;
}

static void month_free(struct month *m)
{
    baseline_free(m->baseline);
    free(m);
}

static bool has_alarm(const struct day *day, struct dice dice, bool by_hour, bool first)
{
    struct month *m = month_new(day, &dice, by_hour, 1);
    unsigned at = sprint_through(m, dice);

    if (at > 0)
        ensure(walk_through(m, dice, at, NULL, 0) == at);
    else if (first)
        ensure(walk_through(m, dice, WALKED_TICKS, NULL, 0) == 0);
    month_free(m);
    return at > 0;
}

/* ---- the tables ------------------------------------------------------------------------------ */

struct setting {
    const char *baseline, *stream;
    double rho;
    bool by_hour;
};

/* clang-format off */
static const struct setting settings[] = {
    { "of all hours",           "independent",          0,   false },
    { "by the hour of the week", "clustered, rho = .02", .02, true },
};
/* clang-format on */
enum { SETTINGS = sizeof(settings) / sizeof(settings[0]) };

#define PROMISED (MONTHS_PROMISE + MONTHS_ALPHA)

static bool put_row(struct buf *out, const struct setting *s, uint64_t seed, unsigned months)
{
    struct interval found;
    unsigned alarmed = 0;
    struct day day;

    day_open(&day, s->rho, 1, 1);
    for (unsigned i = 0; i < months; i++) {
        struct dice dice;

        dice_init(&dice, seed, i);
        alarmed += has_alarm(&day, dice, s->by_hour, i == 0);
    }
    day_close(&day);
    found = interval_wilson(alarmed, months, .05);
    buf_put_printf(out, "| %s | %s | %u of %u | %.2f to %.2f %% | ", s->baseline, s->stream,
                   alarmed, months, 100 * found.low, 100 * found.high);
    if (s->by_hour)
        buf_put_printf(out, "%.0f %% |\n", 100 * PROMISED);
    else
        buf_put_text(out, "nothing: it does change |\n");
    return !s->by_hour || (months >= 200 ? found.high : found.low) <= PROMISED;
}

bool seasons_table(struct buf *out, uint64_t seed, unsigned months)
{
    bool kept = true;

    buf_put_text(
        out,
        "\n## Months whose mix moves by the hour\n\n"
        "The same every day: one value has 1.8 % at noon and 10.9 % at midnight, the others\n"
        "what is left, and load moves too. Baselines of two weeks, evidence by tick.\n\n"
        "| baseline | stream | months with an alarm | 95 % interval | promised |\n"
        "| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < SETTINGS; i++)
        kept = put_row(out, &settings[i], seed + i, months) && kept;
    return kept;
}

static int compare(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

    return (x > y) - (x < y);
}

/* At any minute of the second day; looked for during a week. */
static unsigned play_change(const struct day *before, const struct day *after,
                            struct dice *dice)
{
    enum { LOOK = 8 * DAY_TICKS };
    struct month *m = month_new(before, dice, true, 50);
    unsigned change = DAY_TICKS + (unsigned)dice_below(dice, DAY_TICKS);
    unsigned at = walk_through(m, *dice, change + LOOK, after, change);

    month_free(m);
    return at > 0 ? at - change : LOOK;
}

void seasons_delays(struct buf *out, uint64_t seed, unsigned runs)
{
    unsigned *delays = mem_new_array(runs, sizeof(delays[0]));
    struct day before, after;

    day_open(&before, 0, 1, 1);
    day_open(&after, 0, 2, 1);
    for (unsigned i = 0; i < runs; i++) {
        struct dice dice;

        dice_init(&dice, seed, i);
        delays[i] = play_change(&before, &after, &dice);
    }
    day_close(&before);
    day_close(&after);
    qsort(delays, runs, sizeof(delays[0]), compare);
    buf_put_printf(out,
                   "\nMix that moves by the hour, baseline by the hour of the week: when the "
                   "odds of the value that\nmoves double, at some minute of a day, e-CUSUM by "
                   "tick confirms it after %.1f h (%.1f h).\n",
                   delays[runs / 2] / 60., delays[runs * 9 / 10] / 60.);
    free(delays);
}
