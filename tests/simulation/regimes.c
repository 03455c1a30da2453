/* SPDX-License-Identifier: Apache-2.0 */
#include "regimes.h"

#include "dice.h"
#include "months.h"
#include "reading.h"
#include "regime.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DAY = 1440,
    PIECES = 4096, /* of the normal distribution, each as likely */
    MONTHS_A_YEAR = 12,
    LEARNED = DAY, /* ticks before a change */
    WATCHED = DAY, /* and after it */
};

/* ---- draws --------------------------------------------------------------------------------- */

/* Deviations from the mean, rounded so that they are the same on every machine. */
static double pieces[PIECES];

static double find_deviation(double below)
{
    double low = -6, high = 6;

    for (unsigned i = 0; i < 50; i++) {
        double middle = (low + high) / 2;

        if (erfc(-middle / M_SQRT2) / 2 < below)
            low = middle;
        else
            high = middle;
    }
    return round(low * 1e6) / 1e6;
}

static void cut_pieces(void)
{
    for (unsigned i = 0; i < PIECES && pieces[0] == 0; i++)
        pieces[PIECES - 1 - i] = -find_deviation((i + .5) / PIECES);
}

static double deviate(struct dice *dice)
{
    return pieces[dice_throw(dice) % PIECES];
}

/* ---- traffic ------------------------------------------------------------------------------- */

struct traffic {
    const char *name;
    struct str (*what)(void);
    double median, spread; /* of the logarithm */
    unsigned answers;      /* of a tick */
    double load;           /* how much of that it is more at noon, and less at midnight */
    double hour;           /* by how much the logarithm of the median follows the load */
    double minute;         /* how much it scatters from tick to tick, */
    double kept;           /* and how much of that is left in the next */
    unsigned together;     /* so many answers are alike, as of one who asks again and again */
};

static struct str tokens(void)
{
    return READING_LENGTH;
}

static struct str latency(void)
{
    return READING_TIME;
}

struct play {
    const struct traffic *of;
    struct dice dice;
    struct regime regime;
    uint64_t tick;
    double apart; /* what is left of the last ticks' scatter */
    struct count rows[SCALE_BINS];
    char words[SCALE_BINS][SCALE_WORD];
};

static void begin(struct play *p, const struct traffic *of, uint64_t seed, uint64_t stream)
{
    *p = (struct play){ .of = of, .tick = 1000 * DAY };
    cut_pieces();
    dice_init(&p->dice, seed, stream);
    (void)regime_init(&p->regime, of->what());
    for (unsigned k = 0; k < SCALE_BINS; k++)
        p->rows[k].value = scale_word(k, p->words[k]);
}

/* The logarithm of the median, counted in bins. */
static double centre(struct play *p, double ratio, double noon)
{
    const struct traffic *t = p->of;

    if (t->minute > 0)
        p->apart = t->kept * p->apart + t->minute * deviate(&p->dice);
    return (log(ratio * t->median / p->regime.unit) + t->hour * noon + p->apart) / M_LN2 *
           SCALE_DOUBLING;
}

static bool play_tick(struct play *p, double ratio, struct regime_news *news)
{
    const struct traffic *t = p->of;
    double noon = -cos(2 * M_PI * (double)(p->tick % DAY) / DAY);
    double middle = centre(p, ratio, noon), width = t->spread / M_LN2 * SCALE_DOUBLING;
    unsigned answers = (unsigned)lround(t->answers * (1 + t->load * noon));

    for (unsigned k = 0; k < SCALE_BINS; k++)
        p->rows[k].n = 0;
    for (unsigned i = 0; i < answers; i += t->together) {
        double bin = ceil(middle + width * deviate(&p->dice));

        p->rows[(unsigned)fmin(SCALE_BINS - 1, fmax(0, bin))].n += t->together;
    }
    return regime_fold(&p->regime, regime_threshold(60 * 1000), p->tick++,
                       &(struct counts){ p->rows, SCALE_BINS, SCALE_BINS }, news);
}

/* ---- months without a change --------------------------------------------------------------- */

/* clang-format off */
static const struct traffic calm[] = {
    { "`output_tokens`, 20 a minute",             tokens,  212, 1.0,  20,  0,  0,   0,   0,  1 },
    { "20 a minute, all of nearly one length",    tokens,  212, 0.05, 20,  0,  0,   0,   0,  1 },
    { "60 a minute, load by the hour",            tokens,  212, 1.0,  60, .9,  0,   0,   0,  1 },
    { "60 a minute, ten alike each",              tokens,  212, 1.0,  60,  0,  0,   0,   0, 10 },
    { "20 a minute, which scatters of itself",    tokens,  212, 0.8,  20,  0,  0,  .5,   0,  1 },
    { "60 a minute, a disturbance halves in one", tokens,  212, 0.8,  60,  0,  0, .15,  .5,  1 },
    { "`latency`, 20 a minute",                   latency, 0.8, 0.6,  20,  0,  0,   0,   0,  1 },
    { "60 a minute, a disturbance halves in one", latency, 0.8, 0.6,  60,  0,  0, .15,  .5,  1 },
    { "25 a minute, 4 times slower by day, load too", latency, 0.8, 0.6, 25, .8, .7, 0,  0,  1 },
};
/* clang-format on */

enum { CALM = sizeof(calm) / sizeof(calm[0]) };

static unsigned count_reports(const struct traffic *of, uint64_t seed, unsigned months)
{
    struct play p;
    struct regime_news news;
    unsigned reports = 0;

    begin(&p, of, seed, 0);
    for (uint64_t i = 0; i < months * (uint64_t)MONTHS_TICKS; i++)
        reports += play_tick(&p, 1, &news) ? 1 : 0;
    return reports;
}

bool regimes_table(struct buf *out, uint64_t seed, unsigned months)
{
    unsigned most = (months + MONTHS_A_YEAR - 1) / MONTHS_A_YEAR;
    bool good = true;

    buf_put_printf(
        out,
        "\n## Lengths and times, held against no baseline\n\n"
        "%u months on end for each row, in which nothing changes (lognormal; a month is "
        "%d ticks of 60 s).\nPromised: one report a year on average, or fewer.\n\n"
        "| answers | reports | promised |\n| --- | --- | --- |\n",
        months, MONTHS_TICKS);
    for (unsigned i = 0; i < CALM; i++) {
        unsigned reports = count_reports(&calm[i], seed + i, months);

        good = good && reports <= most;
        buf_put_printf(out, "| %s | %u | %u |\n", calm[i].name, reports, most);
    }
    return good;
}

/* ---- delays -------------------------------------------------------------------------------- */

/* clang-format off */
static const struct traffic moved[] = {
    { "`output_tokens`, 20 a minute",        tokens,  212, 1.0,  20, 0, 0, 0, 0, 1 },
    { "20, of narrower spread (0.5)",        tokens,  212, 0.5,  20, 0, 0, 0, 0, 1 },
    { "20, all of nearly one length (0.05)", tokens,  212, 0.05, 20, 0, 0, 0, 0, 1 },
    { "60",                                  tokens,  212, 1.0,  60, 0, 0, 0, 0, 1 },
    { "60 with load by the hour",            tokens,  212, 1.0,  60,.9, 0, 0, 0, 1 },
    { "60, ten alike each",                  tokens,  212, 1.0,  60, 0, 0, 0, 0, 10 },
    { "600",                                 tokens,  212, 1.0, 600, 0, 0, 0, 0, 1 },
    { "`latency`, 20 a minute",              latency, 0.8, 0.6,  20, 0, 0, 0, 0, 1 },
    { "60",                                  latency, 0.8, 0.6,  60, 0, 0, 0, 0, 1 },
    { "600",                                 latency, 0.8, 0.6, 600, 0, 0, 0, 0, 1 },
};
/* clang-format on */

enum { MOVED = sizeof(moved) / sizeof(moved[0]) };
static const double ratios[] = { 1.3, 1.5, 1.8, 2, 2.5, 4 };
enum { RATIOS = sizeof(ratios) / sizeof(ratios[0]) };

/* Minutes from the change to its report; more than were watched: none. At any hour of the day. */
static unsigned run_once(const struct traffic *of, double ratio, uint64_t seed, unsigned run)
{
    struct play p;
    struct regime_news news;
    unsigned minutes;

    begin(&p, of, seed, run);
    p.tick += dice_below(&p.dice, DAY);
    for (unsigned i = 0; i < LEARNED; i++)
        (void)play_tick(&p, 1, &news);
    for (minutes = 1; minutes <= WATCHED; minutes++)
        if (play_tick(&p, ratio, &news))
            break;
    return minutes;
}

static int compare(const void *left, const void *right)
{
    unsigned a = *(const unsigned *)left, b = *(const unsigned *)right;

    return (a > b) - (a < b);
}

static void put_minutes(struct buf *out, unsigned minutes)
{
    if (minutes > WATCHED)
        buf_put(out, STR("not"));
    else
        buf_put_printf(out, "%u", minutes);
}

static void put_cell(struct buf *out, const struct traffic *of, double ratio, uint64_t seed,
                     unsigned runs)
{
    unsigned *minutes = calloc(runs, sizeof(*minutes));

    for (unsigned i = 0; i < runs; i++)
        minutes[i] = run_once(of, ratio, seed, i);
    qsort(minutes, runs, sizeof(*minutes), compare);
    buf_put(out, STR(" "));
    put_minutes(out, minutes[runs / 2]);
    buf_put(out, STR(" ("));
    put_minutes(out, minutes[runs * 9 / 10]);
    buf_put(out, STR(") |"));
    free(minutes);
}

void regimes_delays(struct buf *out, uint64_t seed, unsigned runs)
{
    buf_put_printf(out,
                   "\nLengths and times, held against no baseline: minutes until a median that "
                   "has moved by "
                   "a ratio is told,\nafter a day without a change: the median of %u runs (and "
                   "what nine of "
                   "ten do not exceed); *not* within the\nnext day.\n\n| answers |",
                   runs);
    for (unsigned k = 0; k < RATIOS; k++)
        buf_put_printf(out, " ×%g |", ratios[k]);
    buf_put(out, STR("\n| --- |"));
    for (unsigned k = 0; k < RATIOS; k++)
        buf_put(out, STR(" --- |"));
    for (unsigned i = 0; i < MOVED; i++) {
        buf_put_printf(out, "\n| %s |", moved[i].name);
        for (unsigned k = 0; k < RATIOS; k++)
            put_cell(out, &moved[i], ratios[k], seed + i, runs);
    }
    buf_put(out, STR("\n"));
}
