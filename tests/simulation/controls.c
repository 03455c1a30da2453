/* SPDX-License-Identifier: Apache-2.0 */
#include "controls.h"

#include "day.h"
#include "months.h"

#include "weir/base/ensure.h"
#include "weir/base/mem.h"
#include "weir/stats/contrast.h"
#include "weir/stats/interval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WALKED_TICKS = 3000, BASELINE_TICKS = 1200, LOOK_TICKS = 7 * DAY_TICKS };

/* Which values are rare does not depend on the hour; nor which are watched. */
static const struct bound bounds[DAY_BINS] = { { .6, .9 },
                                               { .08, .15 },
                                               { .02, .12 },
                                               { .008, .012 },
                                               { .004, .006 } };

static struct contrast_rule rule_of(enum ecusum_unit unit, double phi)
{
    return (struct contrast_rule){ bounds, DAY_BINS, unit, MONTHS_TOLERANCE, phi };
}

static double ln_m(const struct ecusum *e)
{
    return ecusum_ln_m(e, &(struct ecusum_rule){ .bounds = bounds, .bins = DAY_BINS });
}

/* ---- the same as contrast.h by tick, but quick ------------------------------------------------ */

/* M itself is kept, without logarithms, as in sprint.h; every alarm is played again. */
struct quick {
    double m[DAY_BINS][ECUSUM_PER_BIN];
};

static const double stakes[ECUSUM_STAKES] = { .02, .05, .1, .2, .4, .8 };

static double bet(double m, double stake, double gap)
{
    return (m > 1 ? m : 1) * (1 + stake / MONTHS_TOLERANCE * gap);
}

/* Returns the sum of all M. */
static double quick_fold(struct quick *q, const uint64_t *a, uint64_t n, const uint64_t *b,
                         uint64_t m)
{
    double sum = 0;

    for (size_t k = 0; k < DAY_BINS; k++) {
        double x = (double)a[k] / (double)n, y = (double)b[k] / (double)m;
        bool rare = bounds[k].lower + bounds[k].upper <= 1;
        double more = rare ? x : 1 - y, less = rare ? y : 1 - x;

        for (unsigned j = 0; j < ECUSUM_STAKES; j++) {
            double *up = &q->m[k][j], *down = &q->m[k][ECUSUM_STAKES + j];

            *up = bet(*up, stakes[j], more - MONTHS_TOLERANCE * less);
            *down = bet(*down, stakes[j], less - MONTHS_TOLERANCE * more);
            sum += *up + *down;
        }
    }
    return sum;
}

static double quick_ln_m(double sum)
{
    return log(sum / (DAY_BINS * ECUSUM_PER_BIN));
}

/* ---- months ----------------------------------------------------------------------------------- */

struct both {
    struct day own, control;
};

static bool draw_both(const struct both *both, struct dice *dice, unsigned tick,
                      uint64_t counts[2][STREAM_BINS], uint64_t n[2])
{
    n[0] = day_tick(&both->own, dice, tick, counts[0]);
    n[1] = day_tick(&both->control, dice, tick, counts[1]);
    return n[0] > 0 && n[1] > 0;
}

/* The tick of the first alarm, from 1; 0: there is none. */
static unsigned sprint_through(const struct both *both, struct dice dice, double threshold)
{
    struct quick q = { 0 };
    double limit = exp(threshold) * DAY_BINS * ECUSUM_PER_BIN;

    for (unsigned t = 0; t < MONTHS_TICKS; t++) {
        uint64_t counts[2][STREAM_BINS], n[2];

        if (draw_both(both, &dice, t, counts, n) &&
            quick_fold(&q, counts[0], n[0], counts[1], n[1]) >= limit)
            return t + 1;
    }
    return 0;
}

/* The same with contrast.h; also that both say the same on the way. */
static unsigned walk_through(const struct both *both, struct dice dice, double threshold,
                             unsigned ticks)
{
    struct contrast_rule rule = rule_of(ECUSUM_TICK, 1);
    struct quick q = { 0 };
    struct ecusum e;

    ecusum_init(&e, DAY_BINS);
    for (unsigned t = 0; t < ticks; t++) {
        uint64_t counts[2][STREAM_BINS], n[2];
        double sum;

        if (!draw_both(both, &dice, t, counts, n))
            continue;
        sum = quick_fold(&q, counts[0], n[0], counts[1], n[1]);
        ensure(contrast_fold(&e, &rule, counts[0], counts[1]));
        ensure(fabs(ln_m(&e) - quick_ln_m(sum)) < 1e-9);
        if (ln_m(&e) >= threshold)
            return t + 1;
    }
    return 0;
}

struct setting {
    const char *what;
    double rho, ratio, load;
};

/* clang-format off */
static const struct setting settings[] = {
    { "alike; the new one has a tenth of the answers", .02, 1,                .1 },
    { "one value apart by the tolerance",              .02, MONTHS_TOLERANCE, 1 },
};
/* clang-format on */
enum { SETTINGS = sizeof(settings) / sizeof(settings[0]) };

static bool put_row(struct buf *out, const struct setting *s, uint64_t seed, unsigned months)
{
    double threshold = ecusum_threshold(MONTHS_TICKS, 1, MONTHS_PROMISE);
    struct interval found;
    struct both both;
    unsigned alarmed = 0;

    day_open(&both.own, s->rho, s->ratio, s->load);
    day_open(&both.control, s->rho, 1, 1);
    for (unsigned i = 0; i < months; i++) {
        struct dice dice;
        unsigned at;

        dice_init(&dice, seed, i);
        at = sprint_through(&both, dice, threshold);
        if (at > 0 || i == 0)
            ensure(walk_through(&both, dice, threshold, at > 0 ? at : WALKED_TICKS) == at);
        alarmed += at > 0;
    }
    day_close(&both.own);
    day_close(&both.control);
    found = interval_wilson(alarmed, months, .05);
    buf_put_printf(out, "| %s | %u of %u | %.2f to %.2f %% | %.0f %% |\n", s->what, alarmed,
                   months, 100 * found.low, 100 * found.high, 100 * MONTHS_PROMISE);
    return (months >= 200 ? found.high : found.low) <= MONTHS_PROMISE;
}

bool controls_table(struct buf *out, uint64_t seed, unsigned months)
{
    bool kept = true;

    buf_put_text(out,
                 "\n## Months against a control version\n\n"
                 "Both answer in the same ticks, and the mix of both moves by the hour as "
                 "above, clustered, rho = .02.\nEvidence by tick.\n\n"
                 "| two versions | months with a false alarm | 95 % interval | promised |\n"
                 "| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < SETTINGS; i++)
        kept = put_row(out, &settings[i], seed + i, months) && kept;
    return kept;
}

/* ---- delays ----------------------------------------------------------------------------------- */

struct shift {
    const char *what;
    double after[STREAM_BINS];
};

static const double usual[STREAM_BINS] = { .82, .12, .045, .01, .005 };

/* clang-format off */
static const struct shift shifts[] = {
    { "4.5 % to 9 %",   { .775, .12, .09, .01, .005 } },
    { "4.5 % to 20 %",  { .665, .12, .20, .01, .005 } },
    { "0.5 % to 5 %",   { .775, .12, .045, .01, .05 } },
    { "82 % to 60 %",   { .60, .34, .045, .01, .005 } },
};
/* clang-format on */
enum { SHIFTS = sizeof(shifts) / sizeof(shifts[0]) };

static struct stream *open_stream(const double *shares, double rho)
{
    struct stream_kind kind = { .bins = DAY_BINS, .rate = 60, .rho = rho };

    memcpy(kind.shares, shares, sizeof(kind.shares));
    return stream_new(&kind);
}

static double measure_phi(const struct stream *usually, struct dice *dice)
{
    uint64_t rows[2][BASELINE_TICKS * DAY_BINS], counts[STREAM_BINS];
    double phi = 1;

    for (size_t t = 0; t < BASELINE_TICKS; t++)
        for (unsigned side = 0; side < 2; side++) {
            (void)stream_tick(usually, dice, 0, counts);
            memcpy(&rows[side][t * DAY_BINS], counts, DAY_BINS * sizeof(counts[0]));
        }
    ensure(contrast_dispersion(rows[0], rows[1], BASELINE_TICKS, DAY_BINS, .05, &phi));
    return phi;
}

/* Ticks until confirmed, and until suspected. */
static void play(const struct stream *control, const struct stream *changed, struct dice *dice,
                 unsigned delays[2])
{
    double threshold = ecusum_threshold(MONTHS_TICKS, 50, MONTHS_PROMISE);
    struct contrast_rule tempered = rule_of(ECUSUM_TEMPERED, measure_phi(control, dice));
    struct quick q = { 0 };
    struct ecusum e;

    ecusum_init(&e, DAY_BINS);
    delays[0] = delays[1] = LOOK_TICKS;
    for (unsigned t = 0; t < LOOK_TICKS && delays[0] == LOOK_TICKS; t++) {
        uint64_t a[STREAM_BINS], b[STREAM_BINS];
        uint64_t n = stream_tick(changed, dice, 0, a), m = stream_tick(control, dice, 0, b);

        if (n > 0 && m > 0 && quick_ln_m(quick_fold(&q, a, n, b, m)) >= threshold)
            delays[0] = t + 1;
        if (delays[1] == LOOK_TICKS && contrast_fold(&e, &tempered, a, b) &&
            ln_m(&e) >= threshold)
            delays[1] = t + 1;
    }
}

static int compare(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

    return (x > y) - (x < y);
}

static void put_time(struct buf *out, unsigned minutes)
{
    if (minutes >= LOOK_TICKS)
        buf_put_text(out, "not within 7 days");
    else if (minutes < 180)
        buf_put_printf(out, "%u min", minutes);
    else
        buf_put_printf(out, "%.1f h", minutes / 60.);
}

static void put_cells(struct buf *out, const struct shift *shift, double rho, uint64_t seed,
                      unsigned runs)
{
    struct stream *control = open_stream(usual, rho), *changed = open_stream(shift->after, rho);
    unsigned *delays[2] = { mem_new_array(runs, sizeof(unsigned)),
                            mem_new_array(runs, sizeof(unsigned)) };

    for (unsigned i = 0; i < runs; i++) {
        struct dice dice;
        unsigned one[2];

        dice_init(&dice, seed, i);
        play(control, changed, &dice, one);
        delays[0][i] = one[0];
        delays[1][i] = one[1];
    }
    for (unsigned w = 0; w < 2; w++) {
        qsort(delays[w], runs, sizeof(unsigned), compare);
        buf_put_text(out, " ");
        put_time(out, delays[w][runs / 2]);
        buf_put_text(out, " (");
        put_time(out, delays[w][runs * 9 / 10]);
        buf_put_text(out, ") |");
        free(delays[w]);
    }
    stream_free(control);
    stream_free(changed);
}

void controls_delays(struct buf *out, uint64_t seed, unsigned runs)
{
    buf_put_text(out,
                 "\nAgainst a control version with as many answers, 60 a tick each, which goes "
                 "on as before:\n\n"
                 "| the new version has | independent: by tick (confirmed) | tempered "
                 "(suspected) | rho = .02: by tick (confirmed) | tempered (suspected) |\n"
                 "| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < SHIFTS; i++) {
        buf_put_printf(out, "| %s |", shifts[i].what);
        put_cells(out, &shifts[i], 0, seed + i, runs);
        put_cells(out, &shifts[i], .02, seed + SHIFTS + i, runs);
        buf_put_text(out, "\n");
    }
}
