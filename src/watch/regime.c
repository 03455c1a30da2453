/* SPDX-License-Identifier: Apache-2.0 */
#include "regime.h"

#include "reading.h"
#include "weir/base/ensure.h"
#include "weir/base/scan.h"
#include "weir/watch/prediction.h"

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
    bool tokens = str_eq(prediction, STR("output_tokens"));

    if (!tokens && !str_eq(prediction, STR("latency")))
        return false;
    *r = (struct regime){ .grid = reading_built_in(prediction),
                          .tolerance = log2(tokens ? 1.3 : 1.5) };
    ensure(r->grid && r->grid->bound_count < REGIME_BINS);
    return true;
}

double regime_threshold(uint64_t tick_ms)
{
    return log(2 * fmax(1, YEAR_MS / (double)tick_ms));
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

/* Answers that did not tell are in no bin. */
static void sort_in(const struct prediction *grid, const struct counts *counts,
                    uint64_t out[REGIME_BINS])
{
    for (size_t k = 0; k <= grid->bound_count; k++)
        out[k] += counts_of(counts, grid->bound_words[k]);
}

/* log2 of a bin's upper bound; the outermost bins are as wide as the one beside the first. */
static double edge(const struct prediction *grid, size_t k)
{
    double width = log2(grid->bounds[1] / grid->bounds[0]);

    if (k == grid->bound_count)
        return log2(grid->bounds[k - 1]) + width;
    return log2(grid->bounds[k]);
}

/* As log2; between a bin's bounds answers are taken to be spread evenly. */
static double quantile(const struct prediction *grid, const uint64_t counts[REGIME_BINS],
                       double p)
{
    double rank = p * (double)total(counts), below = 0;
    size_t k = 0;
    double low, high;

    while (k < grid->bound_count && below + (double)counts[k] < rank)
        below += (double)counts[k++];
    high = edge(grid, k);
    low = k > 0 ? edge(grid, k - 1) : 2 * edge(grid, 0) - edge(grid, 1);
    if (counts[k] == 0)
        return high;
    return low + (high - low) * (rank - below) / (double)counts[k];
}

static void tell(const struct regime *r, const uint64_t counts[REGIME_BINS],
                 struct regime_quantiles *out)
{
    out->n = total(counts);
    out->p10 = exp2(quantile(r->grid, counts, 0.1));
    out->p50 = exp2(quantile(r->grid, counts, 0.5));
    out->p90 = exp2(quantile(r->grid, counts, 0.9));
}

/* ---- levels -------------------------------------------------------------------------------- */

static void add_level(struct regime *r, double level)
{
    if (r->level_count == REGIME_LEVELS)
        memmove(r->levels, r->levels + 1, --r->level_count * sizeof(r->levels[0]));
    r->levels[r->level_count++] = round(level * SCALE) / SCALE;
}

static void forget_gathered(struct regime *r)
{
    memset(r->gathered, 0, sizeof(r->gathered));
    r->steps = 0;
    r->sum = r->sum_of_squares = 0;
}

static void learn(struct regime *r, const uint64_t counts[REGIME_BINS])
{
    for (size_t k = 0; k < REGIME_BINS; k++)
        r->before[k] -= r->before[k] / 4;
    add_into(r->before, counts);
}

/* While anything speaks for a change, nobody knows on which side of it a level would lie. */
static void close_level(struct regime *r)
{
    double n = (double)r->steps;
    double variance = fmax(0, (r->sum_of_squares - r->sum * r->sum / n) / (n - 1));
    double memory = fmin((double)r->level_count + 1, MOST_MEMORY);

    if (r->up.evidence <= 0 && r->down.evidence <= 0) {
        r->variance += (variance - r->variance) / memory;
        add_level(r, r->sum / n);
        learn(r, r->gathered);
    }
    forget_gathered(r);
}

/* The outermost but one, where there are enough: one odd level does not blind it. */
static void bounds(const struct regime *r, double *low, double *high)
{
    double least[2] = { INFINITY, INFINITY }, most[2] = { -INFINITY, -INFINITY };
    size_t which = r->level_count >= 4 ? 1 : 0;
    double slack = fmax(r->tolerance, DEVIATIONS * sqrt(r->variance));

    for (size_t i = 0; i < r->level_count; i++) {
        double x = r->levels[i];

        least[1] = fmin(least[1], fmax(least[0], x));
        least[0] = fmin(least[0], x);
        most[1] = fmax(most[1], fmin(most[0], x));
        most[0] = fmax(most[0], x);
    }
    *low = least[which] - slack;
    *high = most[which] + slack;
}

/* ---- evidence ------------------------------------------------------------------------------ */

static void weigh(struct regime_run *run, const struct regime *r, bool beyond)
{
    if (run->evidence <= 0) {
        *run = (struct regime_run){ .since = r->step_from };
        if (!beyond)
            return;
    }
    run->evidence += beyond ? log(BEYOND_NOW / BEYOND_CHANCE)
                            : log((1 - BEYOND_NOW) / (1 - BEYOND_CHANCE));
    add_into(run->counts, r->step);
    if (run->evidence <= 0)
        *run = (struct regime_run){ .since = 0 };
}

static void report(struct regime *r, const struct regime_run *run, uint64_t tick,
                   struct regime_news *news)
{
    news->since = run->since;
    tell(r, r->before, &news->before);
    tell(r, run->counts, &news->after);
    if (r->day != tick / REGIME_DAY)
        r->told = 0;
    r->day = tick / REGIME_DAY;
    if (r->told++ < REGIME_TOLD) {
        r->level_count = 0;
        memset(r->before, 0, sizeof(r->before));
    } else {
        add_level(r, quantile(r->grid, run->counts, 0.5));
    }
    learn(r, run->counts);
    forget_gathered(r);
    r->up = r->down = (struct regime_run){ .since = 0 };
}

static bool judge(struct regime *r, double threshold, uint64_t tick, double median,
                  struct regime_news *news)
{
    double low, high;
    struct regime_run run;

    if (r->level_count < REGIME_LEAST_LEVELS)
        return false;
    bounds(r, &low, &high);
    weigh(&r->up, r, median > high);
    weigh(&r->down, r, median < low);
    run = r->up.evidence > r->down.evidence ? r->up : r->down;
    if (run.evidence < threshold)
        return false;
    report(r, &run, tick, news);
    return true;
}

bool regime_fold(struct regime *r, double threshold, uint64_t tick, const struct counts *counts,
                 struct regime_news *news)
{
    double median;
    bool changed;

    if (tick > r->step_from + REGIME_DAY)
        memset(r->step, 0, sizeof(r->step));
    if (total(r->step) == 0)
        r->step_from = tick;
    sort_in(r->grid, counts, r->step);
    if (total(r->step) < REGIME_STEP_N)
        return false;
    median = quantile(r->grid, r->step, 0.5);
    changed = judge(r, threshold, tick, median, news);
    if (!changed) {
        r->steps++;
        r->sum += median;
        r->sum_of_squares += median * median;
        add_into(r->gathered, r->step);
        if (r->steps == REGIME_LEVEL_STEPS)
            close_level(r);
    }
    memset(r->step, 0, sizeof(r->step));
    return changed;
}

/* ---- as text ------------------------------------------------------------------------------- */

static void put_bins(struct buf *out, const uint64_t counts[REGIME_BINS])
{
    for (size_t k = 0; k < REGIME_BINS; k++) {
        buf_put_text(out, k > 0 ? "," : " ");
        buf_put_u64(out, counts[k]);
    }
}

static bool read_bins(struct str *line, uint64_t counts[REGIME_BINS])
{
    struct str row, piece;

    if (!str_split(line, ' ', &row))
        return false;
    for (size_t k = 0; k < REGIME_BINS; k++)
        if (!str_split(&row, ',', &piece) || !str_to_u64(piece, &counts[k]))
            return false;
    return row.len == 0;
}

void regime_put(const struct regime *r, struct buf *out)
{
    buf_put_printf(out, "%llu %llu %llu %llu %llu %llu %.17g %.17g %.17g %.17g %.17g",
                   (unsigned long long)r->step_from, (unsigned long long)r->steps,
                   (unsigned long long)r->day, (unsigned long long)r->told,
                   (unsigned long long)r->up.since, (unsigned long long)r->down.since, r->sum,
                   r->sum_of_squares, r->variance, r->up.evidence, r->down.evidence);
    put_bins(out, r->step);
    put_bins(out, r->gathered);
    put_bins(out, r->before);
    put_bins(out, r->up.counts);
    put_bins(out, r->down.counts);
    for (size_t i = 0; i < r->level_count; i++)
        buf_put_printf(out, " %.4f", r->levels[i]);
}

static bool read_numbers(struct regime *r, struct str *line)
{
    uint64_t *const whole[] = { &r->step_from, &r->steps,    &r->day,
                                &r->told,      &r->up.since, &r->down.since };
    double *const real[] = { &r->sum, &r->sum_of_squares, &r->variance, &r->up.evidence,
                             &r->down.evidence };
    struct str piece;

    for (size_t k = 0; k < sizeof(whole) / sizeof(whole[0]); k++)
        if (!str_split(line, ' ', &piece) || !str_to_u64(piece, whole[k]))
            return false;
    for (size_t k = 0; k < sizeof(real) / sizeof(real[0]); k++)
        if (!str_split(line, ' ', &piece) || !scan_number(piece, real[k]))
            return false;
    return r->steps < REGIME_LEVEL_STEPS && r->variance >= 0;
}

bool regime_read(struct regime *r, struct str line)
{
    struct str piece;

    if (!read_numbers(r, &line) || !read_bins(&line, r->step) ||
        !read_bins(&line, r->gathered) || !read_bins(&line, r->before) ||
        !read_bins(&line, r->up.counts) || !read_bins(&line, r->down.counts))
        return false;
    while (str_split(&line, ' ', &piece))
        if (r->level_count == REGIME_LEVELS ||
            !scan_number(piece, &r->levels[r->level_count++]))
            return false;
    return true;
}
