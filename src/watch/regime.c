/* SPDX-License-Identifier: Apache-2.0 */
#include "regime.h"

#include "reading.h"
#include "weir/base/scan.h"

#include <math.h>
#include <string.h>

static const double BEYOND_NOW = 0.8; /* the share of steps beyond that is looked for, */
static const double DEVIATIONS = 2.5; /* from the mean; by Cantelli's inequality */
static const double BEYOND_CHANCE = 1 / (1 + 2.5 * 2.5); /* at most lies beyond by chance */
static const double YEAR_MS = 365.0 * 24 * 3600 * 1000;
static const double SCALE =
    1e4; /* levels are rounded by it, so that their text is all of them */

enum { MOST_MEMORY = 24 }; /* levels that the variance of steps is the mean of, about */

bool regime_init(struct regime *r, struct str prediction)
{
    bool tokens = str_eq(prediction, READING_LENGTH);

    if (!tokens && !str_eq(prediction, READING_TIME))
        return false;
    *r = (struct regime){ .tolerance = log2(tokens ? 1.3 : 1.5), .unit = tokens ? 1 : 1e-3 };
    for (uint64_t i = 0, n = REGIME_STEP_N; i < REGIME_PACES; i++, n *= REGIME_SLOWER) {
        r->paces[i].step_n = n;
        r->paces[i].silence = i > 0 ? REGIME_DAY : 0;
    }
    return true;
}

double regime_threshold(uint64_t tick_ms)
{
    return log(2 * REGIME_PACES * fmax(1, YEAR_MS / (double)tick_ms));
}

/* ---- counts by bin ------------------------------------------------------------------------- */

static void add_into(uint64_t into[REGIME_BINS], const uint64_t from[REGIME_BINS])
{
    for (size_t k = 0; k < REGIME_BINS; k++)
        into[k] += from[k];
}

static uint64_t total(const uint64_t counts[REGIME_BINS])
{
    uint64_t n = 0;

    for (size_t k = 0; k < REGIME_BINS; k++)
        n += counts[k];
    return n;
}

/* What is no bin of ours, as another version may have counted it, tells nothing. */
static void sort_in(const struct counts *counts, uint64_t out[REGIME_BINS])
{
    unsigned bin;

    for (size_t i = 0; i < counts->size; i++)
        if (scale_read(counts->at[i].value, &bin))
            out[bin] += counts->at[i].n;
}

/* As log2; between a bin's bounds answers are taken to be spread evenly. */
static double quantile(const uint64_t counts[REGIME_BINS], double p)
{
    double rank = p * (double)total(counts), below = 0;
    unsigned k = 0;

    while (k + 1 < REGIME_BINS && below + (double)counts[k] < rank)
        below += (double)counts[k++];
    if (counts[k] == 0)
        return scale_edge(k);
    return scale_edge(k) - (1 - (rank - below) / (double)counts[k]) / SCALE_DOUBLING;
}

static void tell(const struct regime *r, const uint64_t counts[REGIME_BINS],
                 struct regime_quantiles *out)
{
    out->n = total(counts);
    out->p10 = r->unit * exp2(quantile(counts, 0.1));
    out->p50 = r->unit * exp2(quantile(counts, 0.5));
    out->p90 = r->unit * exp2(quantile(counts, 0.9));
}

/* ---- levels -------------------------------------------------------------------------------- */

static void add_level(struct regime_pace *p, double level)
{
    if (p->level_count == REGIME_LEVELS)
        memmove(p->levels, p->levels + 1, --p->level_count * sizeof(p->levels[0]));
    p->levels[p->level_count++] = round(level * SCALE) / SCALE;
}

static void forget_gathered(struct regime_pace *p)
{
    memset(p->gathered, 0, sizeof(p->gathered));
    p->steps = 0;
    p->sum = p->sum_of_squares = 0;
}

static void learn(struct regime_pace *p, const uint64_t counts[REGIME_BINS])
{
    for (size_t k = 0; k < REGIME_BINS; k++)
        p->before[k] -= p->before[k] / 4;
    add_into(p->before, counts);
}

/* While anything speaks for a change, nobody knows on which side of it a level would lie. */
static void close_level(struct regime_pace *p)
{
    double n = (double)p->steps;
    double variance = fmax(0, (p->sum_of_squares - p->sum * p->sum / n) / (n - 1));
    double memory = fmin((double)p->level_count + 1, MOST_MEMORY);

    if (p->up.evidence <= 0 && p->down.evidence <= 0) {
        p->variance += (variance - p->variance) / memory;
        add_level(p, p->sum / n);
        learn(p, p->gathered);
    }
    forget_gathered(p);
}

/* The outermost but one, where there are enough: one odd level does not blind it. */
static void bounds(const struct regime_pace *p, double tolerance, double *low, double *high)
{
    double least[2] = { INFINITY, INFINITY }, most[2] = { -INFINITY, -INFINITY };
    size_t which = p->level_count >= 4 ? 1 : 0;
    double slack = fmax(tolerance, DEVIATIONS * sqrt(p->variance));

    for (size_t i = 0; i < p->level_count; i++) {
        double x = p->levels[i];

        least[1] = fmin(least[1], fmax(least[0], x));
        least[0] = fmin(least[0], x);
        most[1] = fmax(most[1], fmin(most[0], x));
        most[0] = fmax(most[0], x);
    }
    *low = least[which] - slack;
    *high = most[which] + slack;
}

/* ---- evidence ------------------------------------------------------------------------------ */

static void weigh(struct regime_run *run, const struct regime_pace *p, bool beyond)
{
    if (run->evidence <= 0) {
        *run = (struct regime_run){ .since = p->step_from };
        if (!beyond)
            return;
    }
    run->evidence += beyond ? log(BEYOND_NOW / BEYOND_CHANCE)
                            : log((1 - BEYOND_NOW) / (1 - BEYOND_CHANCE));
    add_into(run->counts, p->step);
    if (run->evidence <= 0)
        *run = (struct regime_run){ .since = 0 };
}

static const struct regime_run *stronger(const struct regime_pace *p)
{
    return p->up.evidence > p->down.evidence ? &p->up : &p->down;
}

/* True: the step has spoken for a change so far that it is to be told. */
static bool judge(struct regime_pace *p, double tolerance, double threshold, double median)
{
    double low, high;

    if (p->known == 0)
        p->known = p->step_from;
    if (p->level_count < REGIME_LEAST_LEVELS || p->step_from < p->known + p->silence)
        return false;
    bounds(p, tolerance, &low, &high);
    weigh(&p->up, p, median > high);
    weigh(&p->down, p, median < low);
    return stronger(p)->evidence >= threshold;
}

/* True: this tick has ended a step that is to be told. */
static bool fold(struct regime_pace *p, double tolerance, double threshold, uint64_t tick,
                 const uint64_t counts[REGIME_BINS])
{
    bool changed;
    double median;

    if (tick > p->step_from + REGIME_DAY)
        memset(p->step, 0, sizeof(p->step));
    if (total(p->step) == 0)
        p->step_from = tick;
    add_into(p->step, counts);
    if (total(p->step) < p->step_n)
        return false;
    median = quantile(p->step, 0.5);
    changed = judge(p, tolerance, threshold, median);
    if (!changed) {
        p->steps++;
        p->sum += median;
        p->sum_of_squares += median * median;
        add_into(p->gathered, p->step);
        if (p->steps == REGIME_LEVEL_STEPS)
            close_level(p);
    }
    memset(p->step, 0, sizeof(p->step));
    return changed;
}

/* ---- all paces ----------------------------------------------------------------------------- */

/* What the other paces have half gathered lies on both sides of the change. */
static void begin_anew(struct regime_pace *p, const struct regime_run *run, bool forgets)
{
    if (forgets) {
        p->level_count = 0;
        p->known = 0;
        memset(p->before, 0, sizeof(p->before));
    } else {
        add_level(p, quantile(run->counts, 0.5));
    }
    learn(p, run->counts);
    forget_gathered(p);
    memset(p->step, 0, sizeof(p->step));
    p->up = p->down = (struct regime_run){ .since = 0 };
}

static void report(struct regime *r, const struct regime_pace *p, uint64_t tick,
                   struct regime_news *news)
{
    struct regime_run run = *stronger(p);

    news->since = run.since;
    tell(r, p->before, &news->before);
    tell(r, run.counts, &news->after);
    if (r->day != tick / REGIME_DAY)
        r->told = 0;
    r->day = tick / REGIME_DAY;
    r->told++;
    for (size_t i = 0; i < REGIME_PACES; i++)
        begin_anew(&r->paces[i], &run, r->told <= REGIME_TOLD);
}

bool regime_fold(struct regime *r, double threshold, uint64_t tick, const struct counts *counts,
                 struct regime_news *news)
{
    const struct regime_pace *changed = NULL;
    uint64_t sorted[REGIME_BINS] = { 0 };

    sort_in(counts, sorted);
    for (size_t i = REGIME_PACES; i > 0; i--)
        if (fold(&r->paces[i - 1], r->tolerance, threshold, tick, sorted))
            changed = &r->paces[i - 1];
    if (changed)
        report(r, changed, tick, news);
    return changed;
}

/* ---- as text ------------------------------------------------------------------------------- */

/* Bins that have counts: "12:3,13:9". */
static void put_bins(struct buf *out, const uint64_t counts[REGIME_BINS])
{
    const char *mark = " ";

    for (size_t k = 0; k < REGIME_BINS; k++) {
        if (counts[k] == 0)
            continue;
        buf_put_printf(out, "%s%zu:%llu", mark, k, (unsigned long long)counts[k]);
        mark = ",";
    }
    if (*mark == ' ')
        buf_put(out, STR(" -"));
}

static bool read_bins(struct str *line, uint64_t counts[REGIME_BINS])
{
    struct str row, piece, bin;
    unsigned k;

    if (!str_split(line, ' ', &row))
        return false;
    if (str_eq(row, STR("-")))
        return true;
    while (str_split(&row, ',', &piece))
        if (!str_split(&piece, ':', &bin) || !scale_read(bin, &k) ||
            !str_to_u64(piece, &counts[k]))
            return false;
    return true;
}

static void put_pace(const struct regime_pace *p, struct buf *out)
{
    buf_put_printf(out, " %llu %llu %llu %llu %llu %.17g %.17g %.17g %.17g %.17g",
                   (unsigned long long)p->known, (unsigned long long)p->step_from,
                   (unsigned long long)p->steps, (unsigned long long)p->up.since,
                   (unsigned long long)p->down.since, p->sum, p->sum_of_squares, p->variance,
                   p->up.evidence, p->down.evidence);
    put_bins(out, p->step);
    put_bins(out, p->gathered);
    put_bins(out, p->before);
    put_bins(out, p->up.counts);
    put_bins(out, p->down.counts);
    buf_put_printf(out, " %zu", p->level_count);
    for (size_t i = 0; i < p->level_count; i++)
        buf_put_printf(out, " %.4f", p->levels[i]);
}

void regime_put(const struct regime *r, struct buf *out)
{
    buf_put_printf(out, "%llu %llu", (unsigned long long)r->day, (unsigned long long)r->told);
    for (size_t i = 0; i < REGIME_PACES; i++)
        put_pace(&r->paces[i], out);
}

static bool read_u64(struct str *line, uint64_t *out)
{
    struct str piece;

    return str_split(line, ' ', &piece) && str_to_u64(piece, out);
}

static bool read_double(struct str *line, double *out)
{
    struct str piece;

    return str_split(line, ' ', &piece) && scan_number(piece, out);
}

static bool read_numbers(struct regime_pace *p, struct str *line)
{
    uint64_t *const whole[] = { &p->known, &p->step_from, &p->steps, &p->up.since,
                                &p->down.since };
    double *const real[] = { &p->sum, &p->sum_of_squares, &p->variance, &p->up.evidence,
                             &p->down.evidence };

    for (size_t k = 0; k < sizeof(whole) / sizeof(whole[0]); k++)
        if (!read_u64(line, whole[k]))
            return false;
    for (size_t k = 0; k < sizeof(real) / sizeof(real[0]); k++)
        if (!read_double(line, real[k]))
            return false;
    return p->steps < REGIME_LEVEL_STEPS && p->variance >= 0;
}

static bool read_levels(struct regime_pace *p, struct str *line)
{
    uint64_t count;

    if (!read_u64(line, &count) || count > REGIME_LEVELS)
        return false;
    while (p->level_count < count)
        if (!read_double(line, &p->levels[p->level_count++]))
            return false;
    return true;
}

static bool read_pace(struct regime_pace *p, struct str *line)
{
    return read_numbers(p, line) && read_bins(line, p->step) && read_bins(line, p->gathered) &&
           read_bins(line, p->before) && read_bins(line, p->up.counts) &&
           read_bins(line, p->down.counts) && read_levels(p, line);
}

bool regime_read(struct regime *r, struct str line)
{
    if (!read_u64(&line, &r->day) || !read_u64(&line, &r->told))
        return false;
    for (size_t i = 0; i < REGIME_PACES; i++)
        if (!read_pace(&r->paces[i], &line))
            return false;
    return line.len == 0;
}
