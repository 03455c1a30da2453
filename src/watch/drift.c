/* SPDX-License-Identifier: Apache-2.0 */
#include "drift.h"

#include "weir/stats/contrast.h"

#include <math.h>
#include <string.h>

/* ---- evidence ------------------------------------------------------------------------------ */

static struct ecusum_rule rule_of(const struct baseline *b, enum ecusum_unit unit)
{
    return (struct ecusum_rule){
        .bounds = b->bounds, .bins = b->bins, .unit = unit, .phi = b->phi, .n_min = DRIFT_STEP_N
    };
}

static bool has_control(const struct drift *d)
{
    return d->baseline->control.len > 0;
}

static bool can_suspect(const struct drift *d)
{
    return d->baseline->phi >= 1;
}

static double confirmed_score(const struct drift *d, double threshold)
{
    struct ecusum_rule rule = rule_of(d->baseline, ECUSUM_TICK);

    return ecusum_ln_m(&d->confirmed, &rule) / threshold;
}

static double suspected_score(const struct drift *d, double threshold)
{
    struct ecusum_rule rule = rule_of(d->baseline, ECUSUM_TEMPERED);

    return can_suspect(d) ? ecusum_ln_m(&d->suspected, &rule) / threshold : 0;
}

/* ---- by the hour --------------------------------------------------------------------------- */

static const struct bound *bounds_at(const struct baseline *b, uint64_t tick)
{
    const struct season_slot *slot = b->season ? season_at(b->season, tick) : NULL;

    return slot ? slot->bounds : b->bounds;
}

/*
 * A step may reach over hours, where few answers come: its share is a mean of theirs, and so
 * lies within the widest of their bounds. A week has them all.
 */
static const struct bound *bounds_of_step(const struct drift *d, uint64_t tick,
                                          struct bound widest[ECUSUM_BINS])
{
    const struct baseline *b = d->baseline;
    uint64_t ticks_an_hour = 3600 * 1000 / b->season->tick_ms;
    uint64_t from = d->held_from;

    ticks_an_hour = ticks_an_hour > 0 ? ticks_an_hour : 1;
    memcpy(widest, bounds_at(b, tick), b->bins * sizeof(widest[0]));
    if (tick - from > WEEK_HOURS * ticks_an_hour)
        from = tick - WEEK_HOURS * ticks_an_hour;
    for (uint64_t at = from; at < tick; at += ticks_an_hour) {
        const struct bound *one = bounds_at(b, at);

        for (size_t k = 0; k < b->bins; k++) {
            widest[k].lower = fmin(widest[k].lower, one[k].lower);
            widest[k].upper = fmax(widest[k].upper, one[k].upper);
        }
    }
    return widest;
}

static bool fold_evidence(struct drift *d, uint64_t tick, const uint64_t *counts, uint64_t n)
{
    struct ecusum_rule sure = rule_of(d->baseline, ECUSUM_TICK);
    struct ecusum_rule quick = rule_of(d->baseline, ECUSUM_TEMPERED);
    struct bound widest[ECUSUM_BINS];

    if (d->confirmed.held_n == 0)
        d->held_from = tick;
    if (d->baseline->season)
        sure.bounds = quick.bounds = bounds_of_step(d, tick, widest);
    if (can_suspect(d))
        (void)ecusum_fold(&d->suspected, &quick, n, counts);
    return ecusum_fold(&d->confirmed, &sure, n, counts);
}

static bool fold_contrast(struct drift *d, const uint64_t *counts, const uint64_t *control)
{
    const struct baseline *b = d->baseline;
    struct contrast_rule rule = { b->bounds, b->bins, ECUSUM_TICK, b->tolerance, b->phi };

    if (!contrast_fold(&d->confirmed, &rule, counts, control))
        return false;
    rule.unit = ECUSUM_TEMPERED;
    if (can_suspect(d))
        (void)contrast_fold(&d->suspected, &rule, counts, control);
    return true;
}

/* ---- the latch ----------------------------------------------------------------------------- */

struct edge {
    const struct drift *drift;
    struct ecusum_driver driver;
};

static double edge_at(void *ctx, uint64_t tick)
{
    const struct edge *e = ctx;
    const struct bound *bound = &bounds_at(e->drift->baseline, tick)[e->driver.bin];
    uint64_t row[ECUSUM_BINS], n = 0;

    if (has_control(e->drift)) {
        double tolerance = e->drift->baseline->tolerance;

        n = window_at(&e->drift->against, tick, row);
        return bound_shift(n > 0 ? (double)row[e->driver.bin] / (double)n : 0,
                           e->driver.up ? tolerance : 1 / tolerance);
    }
    return e->driver.up ? bound->upper : bound->lower;
}

static uint64_t find_since(const struct drift *d, const struct ecusum *e, enum ecusum_unit unit)
{
    struct ecusum_rule rule = rule_of(d->baseline, unit);
    struct edge edge = { d, ecusum_driver(e, &rule) };

    return window_since_by(&d->window, edge.driver.bin, edge.driver.up, edge_at, &edge);
}

static void latch(struct drift *d, enum drift_latched how, uint64_t tick, uint64_t since)
{
    uint64_t hold = tick - since;

    if (hold < DRIFT_LEAST_HOLD)
        hold = DRIFT_LEAST_HOLD;
    if (hold > DRIFT_MOST_HOLD)
        hold = DRIFT_MOST_HOLD;
    if (d->latch.on == LATCHED_NOT)
        d->latch.tick = tick;
    d->latch.on = how;
    d->latch.since = since;
    d->latch.hold = hold;
}

static enum drift_turn confirm(struct drift *d, uint64_t tick)
{
    bool raises = d->latch.on != LATCHED_CONFIRMED;

    if (raises)
        latch(d, LATCHED_CONFIRMED, tick, find_since(d, &d->confirmed, ECUSUM_TICK));
    ecusum_reset(&d->confirmed);
    ecusum_reset(&d->suspected);
    d->latch.calm = 0;
    return raises ? DRIFT_ALARM : DRIFT_STAYED;
}

static enum drift_turn suspect(struct drift *d, uint64_t tick)
{
    bool raises = d->latch.on == LATCHED_NOT;

    if (raises)
        latch(d, LATCHED_SUSPECTED, tick, find_since(d, &d->suspected, ECUSUM_TEMPERED));
    ecusum_reset(&d->suspected);
    d->latch.calm = 0;
    return raises ? DRIFT_SUSPICION : DRIFT_STAYED;
}

static enum drift_turn rest(struct drift *d, bool calm)
{
    if (d->latch.on == LATCHED_NOT)
        return DRIFT_STAYED;
    d->latch.calm = calm ? d->latch.calm + 1 : 0;
    if (d->latch.calm < d->latch.hold)
        return DRIFT_STAYED;
    d->latch.on = LATCHED_NOT; /* its tick stays: it names the alarm that is over */
    return DRIFT_OVER;
}

/* False: no step of evidence has come of it. */
static bool fold_tick(struct drift *d, const struct drift_tick *t)
{
    uint64_t bins[ECUSUM_BINS], control[ECUSUM_BINS], n = counts_total(t->counts);

    if (n == 0 || (has_control(d) && (!t->control || counts_total(t->control) == 0)))
        return false;
    baseline_sort_in(d->baseline, t->counts, bins);
    window_add(&d->window, t->tick, bins);
    if (!has_control(d))
        return fold_evidence(d, t->tick, bins, n);
    baseline_sort_in(d->baseline, t->control, control);
    window_add(&d->against, t->tick, control);
    return fold_contrast(d, bins, control);
}

enum drift_turn drift_fold(struct drift *d, double threshold, const struct drift_tick *t,
                           double *score)
{
    double sure, quick;

    *score = 0;
    if (!fold_tick(d, t))
        return DRIFT_STAYED;
    sure = confirmed_score(d, threshold);
    quick = suspected_score(d, threshold);
    *score = sure >= 1 ? sure : fmax(fmax(sure, quick), 0);
    if (sure >= 1)
        return confirm(d, t->tick);
    if (quick >= 1)
        return suspect(d, t->tick);
    return rest(d, 3 * sure < 1 && 3 * quick < 1);
}

/* ---- what it says -------------------------------------------------------------------------- */

void drift_init(struct drift *d, const struct baseline *baseline)
{
    *d = (struct drift){ .baseline = baseline };
    ecusum_init(&d->confirmed, baseline->bins);
    ecusum_init(&d->suspected, baseline->bins);
    window_init(&d->window, baseline->bins);
    window_init(&d->against, has_control(d) ? baseline->bins : 0);
}

void drift_deinit(struct drift *d)
{
    window_deinit(&d->window);
    window_deinit(&d->against);
}

double drift_score(const struct drift *d, double threshold)
{
    return fmax(confirmed_score(d, threshold), 0);
}

enum drift_verdict drift_verdict(const struct drift *d, uint64_t now_tick)
{
    uint64_t sum[ECUSUM_BINS], from = now_tick > DRIFT_DAY ? now_tick - DRIFT_DAY : 0;
    uint64_t n = window_sum(&d->window, from, sum), m = n;

    if (has_control(d))
        m = window_sum(&d->against, from, sum);
    n = n < m ? n : m;
    if (d->latch.on == LATCHED_CONFIRMED)
        return DRIFT_CONFIRMED;
    if (d->latch.on == LATCHED_SUSPECTED)
        return DRIFT_SUSPECTED;
    return n < DRIFT_LEAST_N || n < 10 * d->baseline->bins ? DRIFT_INSUFFICIENT_DATA : DRIFT_OK;
}

/* Shares of the hours, each as often as its answers came now; in answers of all of them. */
struct mixture {
    const struct baseline *baseline;
    double shares[ECUSUM_BINS];
    double n, behind;
};

static void mix_in(void *ctx, uint64_t tick, const uint64_t *counts)
{
    struct mixture *m = ctx;
    const struct baseline *b = m->baseline;
    const struct season_slot *slot = season_at(b->season, tick);
    const uint64_t *row = slot ? slot->counts : b->counts;
    double behind = (double)(slot ? slot->n : b->n), n = 0;

    for (size_t k = 0; k < b->bins; k++)
        n += (double)counts[k];
    for (size_t k = 0; k < b->bins; k++)
        m->shares[k] += n * (double)row[k] / behind;
    m->n += n;
    m->behind += n * behind;
}

void drift_before(const struct drift *d, uint64_t from, uint64_t before[ECUSUM_BINS])
{
    struct mixture m = { .baseline = d->baseline };

    memcpy(before, d->baseline->counts, d->baseline->bins * sizeof(before[0]));
    if (has_control(d))
        (void)window_sum(&d->against, from, before);
    if (!d->baseline->season)
        return;
    window_each(&d->window, from, mix_in, &m);
    for (size_t k = 0; m.n > 0 && k < d->baseline->bins; k++)
        before[k] = (uint64_t)llround(m.shares[k] / m.n * (m.behind / m.n));
}

const char *drift_word(enum drift_verdict v)
{
    switch (v) {
    case DRIFT_NO_BASELINE: return "no_baseline";
    case DRIFT_INSUFFICIENT_DATA: return "insufficient_data";
    case DRIFT_OK: return "ok";
    case DRIFT_SUSPECTED: return "suspected";
    case DRIFT_CONFIRMED: return "confirmed";
    }
    return "no_baseline";
}

/* ---- as text ------------------------------------------------------------------------------- */

enum { LATCH_NUMBERS = 5 };

void drift_put(const struct drift *d, struct buf *out)
{
    const struct drift_latch *l = &d->latch;

    ecusum_put(&d->confirmed, out);
    buf_put(out, STR("\n"));
    ecusum_put(&d->suspected, out);
    buf_put_printf(out, "\n%u %llu %llu %llu %llu\n", (unsigned)l->on,
                   (unsigned long long)l->tick, (unsigned long long)l->since,
                   (unsigned long long)l->hold, (unsigned long long)l->calm);
    window_put_ticks(&d->window, out);
    buf_put(out, STR("\n"));
    window_put_hours(&d->window, out);
    buf_put(out, STR("\n"));
    if (has_control(d)) {
        window_put_ticks(&d->against, out);
        buf_put(out, STR("\n"));
        window_put_hours(&d->against, out);
        buf_put(out, STR("\n"));
    }
    if (d->baseline->season)
        buf_put_printf(out, "%llu\n", (unsigned long long)d->held_from);
}

static bool read_evidence(struct ecusum *e, size_t bins, struct str *lines)
{
    struct str line;

    return str_split(lines, '\n', &line) && ecusum_read(e, line) && e->bins == bins;
}

static bool read_latch(struct drift_latch *l, struct str *lines)
{
    uint64_t numbers[LATCH_NUMBERS];
    struct str line, word;

    if (!str_split(lines, '\n', &line))
        return false;
    for (unsigned i = 0; i < LATCH_NUMBERS; i++)
        if (!str_split(&line, ' ', &word) || !str_to_u64(word, &numbers[i]))
            return false;
    if (numbers[0] > LATCHED_CONFIRMED)
        return false;
    *l = (struct drift_latch){ (enum drift_latched)numbers[0], numbers[1], numbers[2],
                               numbers[3], numbers[4] };
    return true;
}

static bool read_window(struct window *w, struct str *lines)
{
    struct str ticks, hours;

    return str_split(lines, '\n', &ticks) && str_split(lines, '\n', &hours) &&
           window_read_ticks(w, ticks) && window_read_hours(w, hours);
}

static bool read_held(struct drift *d, struct str *lines)
{
    struct str line;

    return !d->baseline->season ||
           (str_split(lines, '\n', &line) && str_to_u64(line, &d->held_from));
}

bool drift_read(struct drift *d, const struct baseline *baseline, struct str *lines)
{
    drift_init(d, baseline);
    if (read_evidence(&d->confirmed, baseline->bins, lines) &&
        read_evidence(&d->suspected, baseline->bins, lines) && read_latch(&d->latch, lines) &&
        read_window(&d->window, lines) &&
        (!has_control(d) || read_window(&d->against, lines)) && read_held(d, lines))
        return true;
    drift_deinit(d);
    return false;
}
