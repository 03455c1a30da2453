/* SPDX-License-Identifier: Apache-2.0 */
#include "controls.h"
#include "delays.h"
#include "months.h"
#include "regimes.h"
#include "seasons.h"

#include "weir/base/mem.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Proves the promise of the drift detector by playing it: months without a change, and how
 * soon changes are noticed.
 *
 *     simulate [--months N] [--runs N] [--seed N] [--markdown] [--check FILE]
 *     simulate [--seed N] --stream ROW:RUN
 *
 * --markdown prints the tables, which docs/drift-tables.md keeps; --check compares the part
 * about false alarms, and the settings, with such a file. --stream prints the counts of one run
 * of a row of the second tables, so that detectors in other languages judge the very same
 * streams. Ends with 1 if a promise was broken or the file says otherwise.
 */

static const char delays_heading[] = "## How soon a change is noticed\n";

struct wish {
    unsigned months, runs;
    uint64_t seed;
    bool markdown;
    const char *check;
    const char *stream;
};

static unsigned number_of(const char *text)
{
    unsigned long n = strtoul(text, NULL, 10);

    return n > 0 && n <= 1000000 ? (unsigned)n : 1;
}

static bool read_wish(struct wish *w, int count, char **words)
{
    static const struct option options[] = {
        { "months", required_argument, NULL, 'm' },
        { "runs", required_argument, NULL, 'r' },
        { "seed", required_argument, NULL, 's' },
        { "markdown", no_argument, NULL, 'd' },
        { "check", required_argument, NULL, 'c' },
        { "stream", required_argument, NULL, 't' },
        { 0 },
    };

    for (;;) {
        switch (getopt_long(count, words, "", options, NULL)) {
        case -1: return optind == count;
        case 'm': w->months = number_of(optarg); break;
        case 'r': w->runs = number_of(optarg); break;
        case 's': w->seed = number_of(optarg); break;
        case 'd': w->markdown = true; break;
        case 'c': w->check = optarg; break;
        case 't': w->stream = optarg; break;
        default: return false;
        }
    }
}

static void put_settings(struct buf *out, const struct wish *w)
{
    buf_put_printf(
        out,
        "# Drift: what the simulation says\n\n"
        "Written by `tests/simulation/simulate --markdown`, and compared with it by a test.\n\n"
        "Seed %" PRIu64
        "; %u months of %d ticks for each row; ticks of 60 s with 60 answers on "
        "average (6 a minute at\nnight and 114 by day where it says *load by the hour*); "
        "shares "
        "82, 12, 4.5, 1 and 0.5 %%; fewer than\n%d answers wait for the next tick. Promised: "
        "at "
        "most %.0f %% of months with any false alarm, over all\nhistograms of the row, and "
        "%.0f "
        "%% more where bounds come from a counted baseline (tolerance %.1f,\nalpha %.2f over "
        "all), for these may be wrong.\n*rho* is the correlation of any two answers of a tick "
        "(Dirichlet-multinomial counts).\n\n"
        "## Months in which nothing changes\n\n",
        w->seed, w->months, MONTHS_TICKS, MONTHS_N_MIN, 100 * MONTHS_PROMISE,
        100 * MONTHS_ALPHA, MONTHS_TOLERANCE, MONTHS_ALPHA);
}

/* The seeds of the second tables begin where no row of the first has any. */
static uint64_t delays_seed(const struct wish *w)
{
    return w->seed + 1000;
}

enum { SEASONS = 2000, CONTROLS = 3000, REGIMES = 4000 }; /* seeds of other tables, likewise */

static void put_delays(struct buf *out, const struct wish *w)
{
    buf_put_printf(
        out,
        "\n%s\n"
        "From the change to the alarm: the median of %u runs (and what nine of ten do "
        "not exceed). e-CUSUM\npromises %.0f %% a month over %d histograms; baselines "
        "of 20 hours; the rules of others look once an\nhour. *never*: not within %d "
        "days.\n",
        delays_heading, w->runs, 100 * MONTHS_PROMISE, DELAYS_HISTOGRAMS, DELAYS_DAYS);
    delays_table(out, delays_seed(w), w->runs);
    seasons_delays(out, w->seed + SEASONS + 100, w->runs);
    controls_delays(out, w->seed + CONTROLS + 100, w->runs);
    regimes_delays(out, w->seed + REGIMES + 100, (w->runs + 3) / 4);
}

static bool load(struct buf *into, const char *path)
{
    FILE *file = fopen(path, "re");
    char piece[4096];
    size_t n;

    if (!file)
        return false;
    while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
        buf_put(into, (struct str){ piece, n });
    fclose(file);
    return true;
}

/* How much of the text stands before the delays. */
static size_t first_part(struct str text)
{
    const char *at = memmem(text.at, text.len, delays_heading, strlen(delays_heading));

    return at ? (size_t)(at - text.at) : text.len;
}

static bool agrees(const struct buf *made, const char *path)
{
    struct buf kept = { .most = 0 };
    bool same = load(&kept, path) &&
                str_eq(str_head(buf_str(&kept), first_part(buf_str(&kept))),
                       str_head(buf_str(made), first_part(buf_str(made))));

    if (!same)
        fprintf(stderr, "%s is not what `simulate --markdown` prints\n", path);
    buf_deinit(&kept);
    return same;
}

static int print_stream(const struct wish *w)
{
    struct buf out = { .most = 0 };
    char *rest;
    unsigned long row = strtoul(w->stream, &rest, 10);

    if (row >= DELAYS_ROWS || *rest != ':')
        return 2;
    delays_print(&out, delays_seed(w), (unsigned)row, (unsigned)strtoul(rest + 1, NULL, 10));
    fwrite(out.at, 1, out.len, stdout);
    buf_deinit(&out);
    return 0;
}

int main(int count, char **words)
{
    struct wish w = { .months = 1000, .runs = 200, .seed = 20260101 };
    struct buf out = { .most = 0 };
    bool good;

    if (!read_wish(&w, count, words)) {
        fprintf(stderr, "simulate [--months N] [--runs N] [--seed N] [--markdown] "
                        "[--check FILE] [--stream ROW:RUN]\n");
        return 2;
    }
    if (w.stream)
        return print_stream(&w);
    put_settings(&out, &w);
    good = months_table(&out, w.seed, w.months);
    good = seasons_table(&out, w.seed + SEASONS, w.months) && good;
    good = controls_table(&out, w.seed + CONTROLS, (w.months + 1) / 2) && good;
    good = regimes_table(&out, w.seed + REGIMES, (w.months * 3 + 49) / 50) && good;
    put_delays(&out, &w);
    if (w.markdown)
        fwrite(out.at, 1, out.len, stdout);
    if (!good)
        fprintf(stderr, "a promise was not kept: see the table\n");
    if (w.check)
        good = agrees(&out, w.check) && good;
    buf_deinit(&out);
    return good ? 0 : 1;
}
