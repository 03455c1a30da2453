/* SPDX-License-Identifier: Apache-2.0 */
#include "months.h"

#include "rivals.h"
#include "sprint.h"

#include "weir/base/ensure.h"
#include "weir/stats/interval.h"

#include <math.h>
#include <string.h>

enum { RIVALS = 3, A_DAY = 1440, TWENTY_HOURS = 1200, AN_HOUR = 60 };

/* ---- the settings ---------------------------------------------------------------------------- */

struct setting {
    const char *what;
    struct stream_kind kind;
    unsigned baseline_ticks; /* 0: the bounds are the true shares */
    unsigned histograms;
    enum ecusum_unit unit;
    bool promised;         /* whether the promise covers it */
    bool with_rivals;      /* whether the rules of others see the same months */
    bool ignores_clusters; /* in its baseline */
};

#define LABELS .bins = 5, .shares = { .82, .12, .045, .01, .005 }, .rate = 60

/* clang-format off */
static const struct setting settings[] = {
    { "independent; shares exactly on both bounds",
      { LABELS }, 0, 1, ECUSUM_TICK, true },
    { "the same, four histograms at once",
      { LABELS }, 0, 4, ECUSUM_TICK, true },
    { "load by the hour; on the bounds",
      { LABELS, .diurnal = true }, 0, 1, ECUSUM_TICK, true },
    { "clustered, rho = .005; on the bounds",
      { LABELS, .rho = .005 }, 0, 1, ECUSUM_TICK, true },
    { "clustered, rho = .02; on the bounds",
      { LABELS, .rho = .02 }, 0, 1, ECUSUM_TICK, true },
    { "clustered, rho = .05; on the bounds",
      { LABELS, .rho = .05 }, 0, 1, ECUSUM_TICK, true },
    { "clustered, rho = .02, load by the hour; on the bounds",
      { LABELS, .diurnal = true, .rho = .02 }, 0, 1, ECUSUM_TICK, true },
    { "independent; baseline of 20 hours",
      { LABELS }, TWENTY_HOURS, 1, ECUSUM_TICK, true, .with_rivals = true },
    { "clustered, rho = .02; baseline of 20 hours",
      { LABELS, .rho = .02 }, TWENTY_HOURS, 1, ECUSUM_TICK, true, .with_rivals = true },
    { "clustered, rho = .05, load by the hour; baseline of a day",
      { LABELS, .diurnal = true, .rho = .05 }, A_DAY, 1, ECUSUM_TICK, true, .with_rivals = true },
    { "independent; baseline of an hour",
      { LABELS }, AN_HOUR, 1, ECUSUM_TICK, true },
    { "clustered, rho = .05; baseline of an hour, three histograms",
      { LABELS, .rho = .05 }, AN_HOUR, 3, ECUSUM_TICK, true },
    { "the same, bounds as if answers were independent",
      { LABELS, .rho = .05 }, AN_HOUR, 3, ECUSUM_TICK, false, .ignores_clusters = true },
    { "independent; on the bounds",
      { LABELS }, 0, 1, ECUSUM_REQUEST, true },
    { "clustered, rho = .005; on the bounds",
      { LABELS, .rho = .005 }, 0, 1, ECUSUM_REQUEST, false },
    { "clustered, rho = .02; on the bounds",
      { LABELS, .rho = .02 }, 0, 1, ECUSUM_REQUEST, false },
    { "clustered, rho = .02; baseline of 20 hours",
      { LABELS, .rho = .02 }, TWENTY_HOURS, 1, ECUSUM_TEMPERED, false },
    { "clustered, rho = .05; baseline of 20 hours",
      { LABELS, .rho = .05 }, TWENTY_HOURS, 1, ECUSUM_TEMPERED, false },
};
/* clang-format on */
enum { SETTINGS = sizeof(settings) / sizeof(settings[0]) };

static const char *const unit_names[] = { "tick", "answer", "tempered" };

/* What is promised of a setting: of a counted baseline, also that its bounds may be wrong. */
static double promise_of(const struct setting *s)
{
    return MONTHS_PROMISE + (s->baseline_ticks > 0 ? MONTHS_ALPHA : 0);
}

/* ---- one month ------------------------------------------------------------------------------- */

struct month {
    const struct setting *setting;
    const struct stream *stream;
    struct months_baseline baseline;
    struct ecusum_rule rule;
    double threshold;
    struct dice dice; /* as they lie when the baseline has been counted */
};

static void begin(struct month *m, const struct setting *s, const struct stream *stream,
                  struct dice dice)
{
    struct months_baseline_kind how = { s->baseline_ticks, MONTHS_ALPHA / s->histograms,
                                        s->ignores_clusters };

    *m = (struct month){ .setting = s, .stream = stream };
    m->threshold = ecusum_threshold(MONTHS_TICKS, s->histograms, MONTHS_PROMISE);
    months_baseline(&m->baseline, &how, stream, &s->kind, &dice);
    m->rule = (struct ecusum_rule){ .bounds = m->baseline.bounds,
                                    .bins = s->kind.bins,
                                    .unit = s->unit,
                                    .phi = m->baseline.phi,
                                    .n_min = MONTHS_N_MIN };
    m->dice = dice;
}

/* The tick of the first alarm, from 1; 0 if there is none. */
static unsigned sprint_through(const struct month *m)
{
    struct dice dice = m->dice;
    struct sprint s;

    sprint_init(&s, &m->rule, m->threshold);
    for (unsigned t = 0; t < MONTHS_TICKS; t++) {
        uint64_t counts[STREAM_BINS];
        uint64_t n = stream_tick(m->stream, &dice, t, counts);

        if (sprint_fold(&s, n, counts))
            return t + 1;
    }
    return 0;
}

/* The same with ecusum.h, no further than `ticks`; also that both say the same on the way. */
static unsigned walk_through(const struct month *m, unsigned ticks)
{
    struct dice dice = m->dice;
    struct sprint s;
    struct ecusum e;

    ecusum_init(&e, m->rule.bins);
    sprint_init(&s, &m->rule, m->threshold);
    for (unsigned t = 0; t < ticks; t++) {
        uint64_t counts[STREAM_BINS];
        uint64_t n = stream_tick(m->stream, &dice, t, counts);
        double ln_m;

        (void)sprint_fold(&s, n, counts);
        if (!ecusum_fold(&e, &m->rule, n, counts))
            continue;
        ln_m = ecusum_ln_m(&e, &m->rule);
        ensure(fabs(ln_m - sprint_ln_m(&s)) < 1e-9);
        if (ln_m >= m->threshold)
            return t + 1;
    }
    return 0;
}

/* The rules of others look at each whole hour of the same month. */
static void watch_as_others(const struct month *m, uint64_t alarms[RIVALS])
{
    const struct months_baseline *b = &m->baseline;
    struct dice dice = m->dice;
    uint64_t hour[STREAM_BINS] = { 0 };
    size_t bins = m->rule.bins;

    for (unsigned t = 0; t < MONTHS_TICKS; t++) {
        uint64_t counts[STREAM_BINS];

        (void)stream_tick(m->stream, &dice, t, counts);
        for (size_t k = 0; k < bins; k++)
            hour[k] += counts[k];
        if ((t + 1) % MONTHS_HOUR > 0)
            continue;
        alarms[0] += rivals_psi(b->reference, hour, bins);
        alarms[1] += rivals_sigma(b->reference, hour, bins, b->sigma_limit);
        alarms[2] += rivals_chi2(b->reference, hour, bins);
        memset(hour, 0, sizeof(hour));
    }
}

/* ---- all months ------------------------------------------------------------------------------ */

enum {
    WALKED_TICKS = 2000, /* of the first month of a setting, tick by tick beside ecusum.h */
    WALKED_ALARMS = 30,  /* where nearly every month has one, so many are played again */
};

struct result {
    unsigned alarmed; /* months with a false alarm */
    unsigned rivals_alarmed[RIVALS];
    uint64_t rivals_alarms[RIVALS]; /* hours */
};

static bool has_false_alarm(const struct month *m, const struct result *r)
{
    unsigned at = sprint_through(m);

    if (at > 0 && (m->setting->promised || r->alarmed < WALKED_ALARMS))
        ensure(walk_through(m, at) == at);
    return at > 0;
}

static void play_month(const struct setting *s, const struct stream *stream, struct dice *dice,
                       unsigned number, struct result *r)
{
    bool alarmed = false;

    for (unsigned h = 0; h < s->histograms; h++) {
        uint64_t alarms[RIVALS] = { 0 };
        struct month m;

        begin(&m, s, stream, dice[h]);
        if (number == 0)
            (void)walk_through(&m, WALKED_TICKS);
        alarmed = has_false_alarm(&m, r) || alarmed;
        if (s->with_rivals)
            watch_as_others(&m, alarms);
        for (int i = 0; i < RIVALS; i++) {
            r->rivals_alarms[i] += alarms[i];
            r->rivals_alarmed[i] += alarms[i] > 0;
        }
    }
    r->alarmed += alarmed;
}

static struct result play_all(const struct setting *s, uint64_t seed, unsigned months)
{
    struct stream *stream = stream_new(&s->kind);
    struct result r = { .alarmed = 0 };

    for (unsigned month = 0; month < months; month++) {
        struct dice dice[8];

        ensure(s->histograms <= sizeof(dice) / sizeof(dice[0]));
        for (unsigned h = 0; h < s->histograms; h++)
            dice_init(&dice[h], seed, (uint64_t)month * s->histograms + h);
        play_month(s, stream, dice, month, &r);
    }
    stream_free(stream);
    return r;
}

/* ---- the tables ------------------------------------------------------------------------------ */

/* Many months must show it by themselves; a few must at least not speak against it. */
static bool is_kept(const struct setting *s, struct interval found, unsigned months)
{
    return !s->promised || (months >= 200 ? found.high : found.low) <= promise_of(s);
}

static void put_row(struct buf *out, const struct setting *s, const struct result *r,
                    unsigned months)
{
    struct interval found = interval_wilson(r->alarmed, months, .05);

    buf_put_printf(out, "| %s | %s | %u of %u | %.2f to %.2f %% | ", unit_names[s->unit],
                   s->what, r->alarmed, months, 100 * found.low, 100 * found.high);
    if (s->promised)
        buf_put_printf(out, "%.0f %% |\n", 100 * promise_of(s));
    else
        buf_put_text(out, "nothing |\n");
}

static void put_rivals(struct buf *out, const struct setting *s, const struct result *r,
                       unsigned months)
{
    buf_put_printf(out, "| %s | %u |", s->what, r->alarmed);
    for (int i = 0; i < RIVALS; i++)
        buf_put_printf(out, " %u (%.2f) |", r->rivals_alarmed[i],
                       (double)r->rivals_alarms[i] / months);
    buf_put_text(out, "\n");
}

bool months_table(struct buf *out, uint64_t seed, unsigned months)
{
    struct result results[SETTINGS];
    bool kept = true;

    buf_put_text(out,
                 "| evidence | stream | months with a false alarm | 95 % interval | promised "
                 "|\n| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct setting *s = &settings[i];

        results[i] = play_all(s, seed + i, months);
        kept = is_kept(s, interval_wilson(results[i].alarmed, months, .05), months) && kept;
        put_row(out, s, &results[i], months);
    }
    buf_put_printf(
        out,
        "\nThe same months, seen by rules that others use, once an hour: of %u, those "
        "with a false alarm\n(and false alarms per month).\n\n"
        "| stream | e-CUSUM | PSI > 0.1 | 3 sigma | chi-square, p < .05 |\n"
        "| --- | --- | --- | --- | --- |\n",
        months);
    for (size_t i = 0; i < SETTINGS; i++)
        if (settings[i].with_rivals)
            put_rivals(out, &settings[i], &results[i], months);
    return kept;
}
