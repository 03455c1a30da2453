/* SPDX-License-Identifier: Apache-2.0 */
#include "delays.h"

#include "months.h"
#include "rivals.h"

#include "weir/base/mem.h"

#include <stdlib.h>
#include <string.h>

/*
 * A run: twenty hours of baseline, four to five hours without a change, then the change, at
 * some minute of an hour, until all have noticed or two weeks are over. An alarm before the
 * change is forgotten and the detector starts anew, as in real life; a rule that cries often
 * will so be lucky more often than others, and the months above say how often it cries.
 */
enum {
    BASELINE_TICKS = 1200,
    BEFORE_TICKS = 240,
    MOST_TICKS = DELAYS_DAYS * 1440,
    UNITS = 3,
    WATCHERS = UNITS + 3, /* e-CUSUM by each unit, then the rules of others */
};

#define CLUSTERED .02

struct shift {
    const char *what;
    size_t bins;
    double before[STREAM_BINS], after[STREAM_BINS];
};

/* clang-format off */
static const struct shift shifts[] = {
    { "4.5 % to 9 %",   5, { .82, .12, .045, .01, .005 }, { .775, .12, .09, .01, .005 } },
    { "4.5 % to 20 %",  5, { .82, .12, .045, .01, .005 }, { .665, .12, .20, .01, .005 } },
    { "0.5 % to 5 %",   5, { .82, .12, .045, .01, .005 }, { .775, .12, .045, .01, .05 } },
    { "82 % to 78 %",   5, { .82, .12, .045, .01, .005 }, { .78, .16, .045, .01, .005 } },
    { "5 % to 10 %",    2, { .95, .05 },                  { .90, .10 } },
};
/* clang-format on */
enum { SHIFTS = sizeof(shifts) / sizeof(shifts[0]) };

struct run {
    struct months_baseline baseline;
    struct ecusum_rule rules[UNITS];
    struct ecusum states[UNITS];
    uint64_t hour[STREAM_BINS];
    size_t bins;
    unsigned change;            /* the first tick that is changed */
    unsigned noticed[WATCHERS]; /* ticks from the change, 0: not yet */
};

/* At some minute of an hour, for rules that look once an hour. */
static unsigned draw_change(struct dice *dice)
{
    return BEFORE_TICKS + (unsigned)dice_below(dice, MONTHS_HOUR);
}

static void begin(struct run *r, const struct stream *stream, const struct stream_kind *kind,
                  struct dice *dice)
{
    struct months_baseline_kind how = { BASELINE_TICKS, MONTHS_ALPHA, false };

    memset(r, 0, sizeof(*r));
    months_baseline(&r->baseline, &how, stream, kind, dice);
    r->bins = kind->bins;
    r->change = draw_change(dice);
    for (int u = 0; u < UNITS; u++) {
        ecusum_init(&r->states[u], r->bins);
        r->rules[u] = (struct ecusum_rule){ .bounds = r->baseline.bounds,
                                            .bins = r->bins,
                                            .unit = (enum ecusum_unit)u,
                                            .phi = r->baseline.phi,
                                            .n_min = MONTHS_N_MIN };
    }
}

static void note(struct run *r, int watcher, unsigned tick)
{
    if (tick >= r->change && r->noticed[watcher] == 0)
        r->noticed[watcher] = tick - r->change + 1;
}

static void ask_detectors(struct run *r, unsigned tick, uint64_t n, const uint64_t *counts,
                          double threshold)
{
    for (int u = 0; u < UNITS; u++) {
        if (r->noticed[u] > 0 || !ecusum_fold(&r->states[u], &r->rules[u], n, counts) ||
            ecusum_ln_m(&r->states[u], &r->rules[u]) < threshold)
            continue;
        note(r, u, tick);
        ecusum_reset(&r->states[u]);
    }
}

static void ask_others(struct run *r, unsigned tick)
{
    const struct months_baseline *b = &r->baseline;

    if (rivals_psi(b->reference, r->hour, r->bins))
        note(r, UNITS, tick);
    if (rivals_sigma(b->reference, r->hour, r->bins, b->sigma_limit))
        note(r, UNITS + 1, tick);
    if (rivals_chi2(b->reference, r->hour, r->bins))
        note(r, UNITS + 2, tick);
    memset(r->hour, 0, sizeof(r->hour));
}

static bool all_noticed(const struct run *r)
{
    for (int i = 0; i < WATCHERS; i++)
        if (r->noticed[i] == 0)
            return false;
    return true;
}

static void play(struct run *r, const struct stream *before, const struct stream *after,
                 struct dice *dice)
{
    double threshold = ecusum_threshold(MONTHS_TICKS, DELAYS_HISTOGRAMS, MONTHS_PROMISE);

    for (unsigned t = 0; t < r->change + MOST_TICKS && !all_noticed(r); t++) {
        uint64_t counts[STREAM_BINS];
        uint64_t n = stream_tick(t < r->change ? before : after, dice, t, counts);

        for (size_t k = 0; k < r->bins; k++)
            r->hour[k] += counts[k];
        ask_detectors(r, t, n, counts, threshold);
        if ((t + 1) % MONTHS_HOUR == 0)
            ask_others(r, t);
    }
}

/* ---- the table ------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

    return (x > y) - (x < y);
}

static void put_time(struct buf *out, unsigned minutes)
{
    if (minutes > MOST_TICKS)
        buf_put_text(out, "never");
    else if (minutes < 180)
        buf_put_printf(out, "%u min", minutes);
    else
        buf_put_printf(out, "%.1f h", minutes / 60.);
}

/* The median and the ninetieth of a hundred. */
static void put_cell(struct buf *out, unsigned *delays, unsigned runs)
{
    for (unsigned i = 0; i < runs; i++)
        delays[i] = delays[i] > 0 ? delays[i] : MOST_TICKS + 1;
    qsort(delays, runs, sizeof(delays[0]), compare);
    buf_put_text(out, " ");
    put_time(out, delays[runs / 2]);
    buf_put_text(out, " (");
    put_time(out, delays[runs * 9 / 10]);
    buf_put_text(out, ") |");
}

/* A shift of independent or clustered answers, as the two streams that make it up. */
struct scene {
    struct stream_kind kind;
    struct stream *before, *after;
};

static void scene_open(struct scene *scene, const struct shift *shift, double rho)
{
    struct stream_kind kind = { .bins = shift->bins, .rate = 60, .rho = rho };

    memcpy(kind.shares, shift->after, sizeof(kind.shares));
    scene->after = stream_new(&kind);
    memcpy(kind.shares, shift->before, sizeof(kind.shares));
    scene->before = stream_new(&kind);
    scene->kind = kind;
}

static void scene_close(struct scene *scene)
{
    stream_free(scene->before);
    stream_free(scene->after);
}

static void put_row(struct buf *out, const struct shift *shift, double rho, uint64_t seed,
                    unsigned runs)
{
    unsigned *delays = mem_new_array((size_t)runs * WATCHERS, sizeof(delays[0]));
    struct scene scene;

    scene_open(&scene, shift, rho);
    for (unsigned i = 0; i < runs; i++) {
        struct dice dice;
        struct run r;

        dice_init(&dice, seed, i);
        begin(&r, scene.before, &scene.kind, &dice);
        play(&r, scene.before, scene.after, &dice);
        for (unsigned w = 0; w < WATCHERS; w++)
            delays[w * runs + i] = r.noticed[w];
    }
    buf_put_printf(out, "| %s |", shift->what);
    for (unsigned w = 0; w < WATCHERS; w++)
        put_cell(out, delays + w * runs, runs);
    buf_put_text(out, "\n");
    scene_close(&scene);
    free(delays);
}

static void put_head(struct buf *out, const char *streams)
{
    buf_put_printf(
        out,
        "\n%s\n\n"
        "| change | e-CUSUM by tick (confirmed) | by answer | tempered (suspected) | "
        "PSI > 0.1 | 3 sigma | chi-square, p < .05 |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n",
        streams);
}

void delays_table(struct buf *out, uint64_t seed, unsigned runs)
{
    put_head(out, "Independent answers:");
    for (unsigned i = 0; i < SHIFTS; i++)
        put_row(out, &shifts[i], 0, seed + i, runs);
    put_head(out, "Clustered answers, rho = .02 (by answer, e-CUSUM promises nothing here):");
    for (unsigned i = 0; i < SHIFTS; i++)
        put_row(out, &shifts[i], CLUSTERED, seed + SHIFTS + i, runs);
}

/* ---- the streams themselves ------------------------------------------------------------------ */

static void print_ticks(struct buf *out, const char *phase, const struct scene *scene,
                        bool changed, struct dice *dice, unsigned first, unsigned count)
{
    for (unsigned t = first; t < first + count; t++) {
        uint64_t counts[STREAM_BINS];

        (void)stream_tick(changed ? scene->after : scene->before, dice, t, counts);
        buf_put_text(out, phase);
        for (size_t k = 0; k < scene->kind.bins; k++)
            buf_put_printf(out, ",%llu", (unsigned long long)counts[k]);
        buf_put_text(out, "\n");
    }
}

void delays_print(struct buf *out, uint64_t seed, unsigned row, unsigned run)
{
    bool changes = row < 2 * SHIFTS;
    unsigned before = MONTHS_TICKS;
    struct scene scene;
    struct dice dice;

    scene_open(&scene, &shifts[changes ? row % SHIFTS : 0],
               (changes ? row >= SHIFTS : row > 2 * SHIFTS) ? CLUSTERED : 0);
    dice_init(&dice, seed + row, run);
    print_ticks(out, "baseline", &scene, false, &dice, 0, BASELINE_TICKS);
    if (changes)
        before = draw_change(&dice);
    print_ticks(out, "before", &scene, false, &dice, 0, before);
    if (changes)
        print_ticks(out, "after", &scene, true, &dice, before, MOST_TICKS);
    scene_close(&scene);
}
