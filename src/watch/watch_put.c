/* SPDX-License-Identifier: Apache-2.0 */
#include "source.h"
#include "weir/base/clock.h"
#include "weir/base/mem.h"
#include "weir/base/metric.h"
#include "weir/base/scan.h"
#include "weir/base/utf8.h"
#include "weir/watch/variety.h"
#include "weir/watch/watch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/*
 * From counters to something to read. The rows of METRIC_PREDICTIONS are gathered and sorted
 * so that what belongs together stands together; the rest is walking along runs of rows.
 *
 * The text draws one histogram for each prediction. Its bars show all answers together, since
 * that is the shape of what callers got; each source has a column of its own beside them.
 */

enum { MODEL, VERSION, PREDICTION, VALUE, SOURCE }; /* the labels, in the metric's order */
enum { SOURCES = WATCH_COALESCED + 1, BAR_CELLS = 40, BAR_PARTS = 8 };

struct row {
    struct str labels[METRIC_LABELS]; /* lent by the metrics */
    int64_t count;                    /* under this source */
    int64_t all;                      /* of this value, under all sources */
};

struct rows {
    struct row *at; /* owned */
    size_t count;
    size_t capacity;
};

static void gather(void *ctx, const struct str *labels, int64_t value)
{
    struct rows *rows = ctx;
    struct row *row;

    if (rows->count == rows->capacity) {
        rows->capacity = rows->capacity > 0 ? rows->capacity * 2 : 64;
        rows->at = mem_grow(rows->at, rows->capacity * sizeof(struct row));
    }
    row = &rows->at[rows->count++];
    memcpy(row->labels, labels, sizeof(row->labels));
    row->count = row->all = value;
}

/* ---- order ---- */

static int compare_labels(const struct row *a, const struct row *b, unsigned first,
                          unsigned last)
{
    int order = 0;

    for (unsigned i = first; i <= last && order == 0; i++)
        order = str_compare(a->labels[i], b->labels[i]);
    return order;
}

static bool same_prediction(const struct row *a, const struct row *b)
{
    return compare_labels(a, b, MODEL, PREDICTION) == 0;
}

/* "le_0.5", "gt_0.9": a bin has a place of its own; what tells of no value comes behind. */
static bool is_bin(struct str word, double *bound)
{
    bool above = str_starts(word, STR("gt_"));

    if (!above && !str_starts(word, STR("le_")))
        return false;
    if (!scan_number(str_cut(word, 3, word.len), bound))
        return false;
    if (above)
        *bound = __builtin_inf();
    return true;
}

static int compare_values(const struct row *a, const struct row *b)
{
    double low = 0, high = 0;
    bool a_is_bin = is_bin(a->labels[VALUE], &low), b_is_bin = is_bin(b->labels[VALUE], &high);

    if (a_is_bin != b_is_bin)
        return a_is_bin ? -1 : 1;
    if (a_is_bin && low != high)
        return low < high ? -1 : 1;
    if (!a_is_bin && a->all != b->all)
        return a->all > b->all ? -1 : 1;
    return str_compare(a->labels[VALUE], b->labels[VALUE]);
}

static unsigned source_of(const struct row *row)
{
    unsigned i = 0;

    while (i < SOURCES && !str_eq(row->labels[SOURCE], source_word((enum watch_source)i)))
        i++;
    return i < SOURCES ? i : 0; /* the series for what is beyond the cap has none */
}

static int by_source(const struct row *a, const struct row *b)
{
    return (int)source_of(a) - (int)source_of(b);
}

static int compare_by_value(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    int order = compare_labels(a, b, MODEL, PREDICTION);

    if (order == 0)
        order = compare_values(a, b);
    return order != 0 ? order : by_source(a, b);
}

static int compare_by_source(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    int order = compare_labels(a, b, MODEL, PREDICTION);

    if (order == 0)
        order = by_source(a, b);
    return order != 0 ? order : compare_values(a, b);
}

static int compare_by_name(const void *left, const void *right)
{
    return compare_labels(left, right, MODEL, VALUE);
}

static void sort(struct rows *rows, int (*compare)(const void *, const void *))
{
    if (rows->count > 1)
        qsort(rows->at, rows->count, sizeof(rows->at[0]), compare);
}

/* All rows, each knowing its value's count under all sources; in no useful order yet. */
static struct rows read_rows(struct metrics *m)
{
    struct rows rows = { 0 };

    metrics_each(m, METRIC_PREDICTIONS, gather, &rows);
    sort(&rows, compare_by_name);
    for (size_t i = 0, next; i < rows.count; i = next) {
        int64_t all = 0;

        for (next = i; next < rows.count && compare_by_name(&rows.at[i], &rows.at[next]) == 0;)
            all += rows.at[next++].count;
        for (size_t j = i; j < next; j++)
            rows.at[j].all = all;
    }
    return rows;
}

/* ---- JSON ---- */

static void put_member(struct buf *out, const char *name, struct str value)
{
    buf_put_printf(out, "\"%s\":", name);
    scan_put_string(out, value);
    buf_put(out, STR(","));
}

static const struct row *put_json_of(struct buf *out, const struct row *first,
                                     const struct row *end)
{
    const struct row *row, *next = first;
    int64_t count = 0;

    for (; next < end && same_prediction(first, next) && by_source(first, next) == 0; next++)
        count += next->count;
    buf_put(out, STR("{"));
    put_member(out, "model", first->labels[MODEL]);
    put_member(out, "version", first->labels[VERSION]);
    put_member(out, "prediction", first->labels[PREDICTION]);
    put_member(out, "source", first->labels[SOURCE]);
    buf_put_printf(out, "\"count\":%" PRId64 ",\"values\":{", count);
    for (row = first; row < next; row++) {
        if (row > first)
            buf_put(out, STR(","));
        scan_put_string(out, row->labels[VALUE]);
        buf_put_printf(out, ":%" PRId64, row->count);
    }
    buf_put(out, STR("}}"));
    return next;
}

/* ---- how many values there are ---- */

enum { DAY_MS = 24 * 60 * 60 * 1000 };

static void put_variety(struct buf *out, const struct watchlist *l, const struct prediction *p)
{
    struct variety_counts counts;

    variety_read(p->variety, clock_wall_ms() / DAY_MS, &counts);
    buf_put(out, STR("{"));
    put_member(out, "model", l->model);
    put_member(out, "prediction", p->name);
    buf_put_printf(out, "\"today\":%" PRIu64 ",\"yesterday\":%" PRIu64 "}", counts.today,
                   counts.yesterday);
}

void watch_put_distinct(const struct watchlist *const *lists, size_t count, struct buf *out)
{
    bool any = false;

    buf_put(out, STR("{\"distinct\":["));
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < lists[i]->prediction_count; j++) {
            if (!lists[i]->predictions[j].variety)
                continue;
            buf_put_text(out, any ? "," : "");
            put_variety(out, lists[i], &lists[i]->predictions[j]);
            any = true;
        }
    }
    buf_put(out, STR("]}"));
}

/* ---- all of it ---- */

void watch_put_json(struct metrics *m, struct buf *out)
{
    struct rows rows = read_rows(m);
    const struct row *row = rows.at, *end = row + rows.count;

    sort(&rows, compare_by_source);
    buf_put(out, STR("{\"predictions\":["));
    while (row < end) {
        if (row > rows.at)
            buf_put(out, STR(","));
        row = put_json_of(out, row, end);
    }
    buf_put(out, STR("]}"));
    free(rows.at);
}

/* ---- text ---- */

/* What the lines of one prediction share. */
struct drawing {
    const struct row *first, *end;
    int64_t totals[SOURCES];
    int64_t total;
    int64_t most;      /* of one value */
    size_t name_width; /* code points */
};

static void put_padded(struct buf *out, struct str text, size_t width)
{
    buf_put(out, text);
    for (size_t n = utf8_count(text); n < width; n++)
        buf_put(out, STR(" "));
}

static void measure(struct drawing *d, const struct row *first, const struct row *end)
{
    *d = (struct drawing){ .first = first, .end = first };
    for (; d->end < end && same_prediction(first, d->end); d->end++) {
        const struct row *row = d->end;
        size_t width = utf8_count(row->labels[VALUE]);

        d->totals[source_of(row)] += row->count;
        d->total += row->count;
        if (row->all > d->most)
            d->most = row->all;
        if (width > d->name_width)
            d->name_width = width;
    }
}

/* Full blocks, then one that is some eighths wide. */
static void put_bar(struct buf *out, int64_t count, int64_t most)
{
    static const char *const parts[] = { "",       "\u258f", "\u258e", "\u258d",
                                         "\u258c", "\u258b", "\u258a", "\u2589" };
    int64_t eighths = most > 0 ? (int64_t)((double)count / (double)most * BAR_CELLS * BAR_PARTS)
                               : 0;

    if (eighths == 0 && count > 0)
        eighths = 1; /* rare is not never */
    for (int64_t i = 0; i < eighths / BAR_PARTS; i++)
        buf_put_text(out, "\u2588");
    buf_put_text(out, parts[eighths % BAR_PARTS]);
}

static void put_title(struct buf *out, const struct drawing *d)
{
    const struct str *names = d->first->labels;

    buf_put_printf(out, "%.*s (%.*s) %.*s: %" PRId64 " answer%s\n", STR_ARG(names[MODEL]),
                   STR_ARG(names[VERSION]), STR_ARG(names[PREDICTION]), d->total,
                   d->total == 1 ? "" : "s");
    buf_put(out, STR("  "));
    put_padded(out, STR(""), d->name_width);
    for (unsigned i = 0; i < SOURCES; i++) {
        if (d->totals[i] > 0)
            buf_put_printf(out, "  %18.*s", STR_ARG(source_word((enum watch_source)i)));
    }
    buf_put(out, STR("\n"));
}

/* One value: its rows stand together, one for each source. */
static const struct row *put_value(struct buf *out, const struct drawing *d,
                                   const struct row *row)
{
    int64_t counts[SOURCES] = { 0 };
    const struct row *first = row;

    for (; row < d->end && str_eq(row->labels[VALUE], first->labels[VALUE]); row++)
        counts[source_of(row)] += row->count;
    buf_put(out, STR("  "));
    put_padded(out, first->labels[VALUE], d->name_width);
    for (unsigned i = 0; i < SOURCES; i++) {
        if (d->totals[i] > 0)
            buf_put_printf(out, "  %10" PRId64 " %5.1f %%", counts[i],
                           100.0 * (double)counts[i] / (double)d->totals[i]);
    }
    buf_put(out, STR("  "));
    put_bar(out, first->all, d->most);
    buf_put(out, STR("\n"));
    return row;
}

void watch_put_text(struct metrics *m, struct buf *out)
{
    struct rows rows = read_rows(m);
    const struct row *row = rows.at, *end = row + rows.count;

    sort(&rows, compare_by_value);
    if (row == end)
        buf_put(out, STR("No answers yet.\n"));
    while (row < end) {
        struct drawing d;

        if (row > rows.at)
            buf_put(out, STR("\n"));
        measure(&d, row, end);
        put_title(out, &d);
        while (row < d.end)
            row = put_value(out, &d, row);
    }
    free(rows.at);
}
