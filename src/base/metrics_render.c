/* SPDX-License-Identifier: Apache-2.0 */
#include "metric_parts.h"
#include "weir/base/clock.h"
#include "weir/base/ensure.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * From the cells to text. The bounds of classic buckets are bounds of our own finer buckets, so
 * every count is exact. A histogram's _count is the sum of the buckets just read, not a
 * counter of its own: so the text agrees with itself while others count on.
 *
 * A bound is written one way in both formats (1.0, not 1): a scraper that changes from one
 * to the other must find the same series.
 */

enum { MOST_BOUNDS = 32, BOUND_TEXT = 32 };

/* Bounds are powers of two: 2^least, 2^(least+step) ... 2^most, times `scale`. */
struct ladder {
    int least, most, step, scale;
};

static const struct ladder seconds = { -17, 12, 1, 1 };
static const struct ladder tokens = { -10, 10, 2, METRIC_TOKEN_SCALE }; /* 1 .. 4^10 */

static void put_u64(struct buf *out, uint64_t n)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    buf_put(out, (struct str){ digits + at, sizeof(digits) - at });
}

/* The name and labels of a sample, up to its value. */
static void put_head(struct buf *out, struct str name, const char *suffix, struct str labels)
{
    buf_put(out, name);
    buf_put_text(out, suffix);
    if (labels.len > 0) {
        buf_put(out, STR("{"));
        buf_put(out, labels);
        buf_put(out, STR("}"));
    }
    buf_put(out, STR(" "));
}

static void put_family(struct buf *out, struct str name, const char *type, struct str help)
{
    buf_put_printf(out, "# HELP %.*s %.*s\n# TYPE %.*s %s\n", STR_ARG(name), STR_ARG(help),
                   STR_ARG(name), type);
}

static void put_bucket(struct buf *out, const struct metric_family *f, struct str labels,
                       struct str bound, uint64_t count)
{
    buf_put(out, f->name);
    buf_put(out, STR("_bucket{"));
    buf_put(out, labels);
    if (labels.len > 0)
        buf_put(out, STR(","));
    buf_put(out, STR("le=\""));
    buf_put(out, bound);
    buf_put(out, STR("\"} "));
    put_u64(out, count);
    buf_put(out, STR("\n"));
}

static double two_to(int exponent)
{
    return exponent < 0 ? 1.0 / (double)(1 << -exponent) : (double)(1 << exponent);
}

static void write_bounds(const struct ladder *l, char bounds[MOST_BOUNDS][BOUND_TEXT])
{
    unsigned i = 0;

    for (int e = l->least; e <= l->most; e += l->step) {
        double bound = two_to(e) * l->scale;

        ensure(i < MOST_BOUNDS);
        (void)snprintf(bounds[i++], BOUND_TEXT, bound < 1 ? "%.17g" : "%.1f", bound);
    }
}

static void put_histogram(struct buf *out, const struct metric_family *f,
                          const struct metric_series *s)
{
    const struct ladder *l = f->metric == METRIC_TOKENS ? &tokens : &seconds;
    char bounds[MOST_BOUNDS][BOUND_TEXT];
    struct str labels = buf_str(&s->text);
    struct quantile q = { 0 };
    unsigned cell = 0, bound = 0;
    uint64_t met = 0;

    for (const struct metric_cell *c = s->cells; c; c = c->next)
        quantile_merge(&q, c->values);
    write_bounds(l, bounds);
    for (int e = l->least; e <= l->most; e += l->step) {
        unsigned last = quantile_bucket(two_to(e));

        for (; cell <= last; cell++)
            met += q.cells[cell];
        put_bucket(out, f, labels, str_of(bounds[bound++]), met);
    }
    for (; cell < QUANTILE_CELLS; cell++)
        met += q.cells[cell];
    put_bucket(out, f, labels, STR("+Inf"), met);
    put_head(out, f->name, "_sum", labels);
    buf_put_printf(out, "%.15g\n", q.sum * l->scale);
    put_head(out, f->name, "_count", labels);
    put_u64(out, met);
    buf_put(out, STR("\n"));
}

static bool is_in_millionths(const struct metric_family *f)
{
    return f->metric == METRIC_COST || f->metric == METRIC_COST_SAVED ||
           f->metric == METRIC_DRIFT_SCORE;
}

static void put_number(struct buf *out, const struct metric_family *f,
                       const struct metric_series *s)
{
    int64_t sum = metric_series_sum(f, s);

    if (sum == METRIC_ABSENT)
        return;
    put_head(out, f->name, "", buf_str(&s->text));
    if (is_in_millionths(f))
        buf_put_printf(out, "%.6f\n", (double)sum / 1e6);
    else
        buf_put_printf(out, "%" PRId64 "\n", sum);
}

static void put_all(struct buf *out, const struct metric_family *f, bool openmetrics)
{
    static const char *const types[] = { "counter", "gauge", "histogram", "gauge" };
    struct str name = f->name;

    /* There a counter's family is named without the ending that its samples have. */
    if (openmetrics && f->type == METRIC_COUNTER && str_ends(name, STR("_total")))
        name = str_cut(name, 0, name.len - STR("_total").len);
    put_family(out, name, types[f->type], f->help);
    for (const struct metric_series *s = f->first; s; s = s->next) {
        if (f->type == METRIC_HISTOGRAM)
            put_histogram(out, f, s);
        else
            put_number(out, f, s);
    }
}

static bool is_first_of_model(const struct metric_family *f, const struct metric_series *s)
{
    const struct metric_series *before = f->first;

    while (before != s && !str_eq(before->labels[0], s->labels[0]))
        before = before->next;
    return before == s;
}

static void put_quantiles(struct buf *out, struct str model, const struct quantile *q)
{
    static const struct {
        const char *text;
        double p;
    } wanted[] = { { "0.5", .5 }, { "0.95", .95 }, { "0.99", .99 } };

    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        double value;

        if (!quantile_seen(q, wanted[i].p, &value))
            return;
        buf_put(out, STR("weir_request_latency_seconds{"));
        metric_parts_put_label(out, STR("model"), model);
        buf_put_printf(out, ",quantile=\"%s\"} %.6g\n", wanted[i].text, value);
    }
}

void metrics_latest(struct metrics *m, struct str model, struct quantile *into)
{
    const struct metric_family *f = &m->families[METRIC_REQUEST_SECONDS];
    uint64_t now = clock_now_us();

    for (const struct metric_series *s = f->first; s; s = s->next) {
        if (!str_eq(s->labels[0], model))
            continue;
        for (const struct metric_cell *c = s->cells; c; c = c->next)
            minute_merge(into, c->latest, now);
    }
}

/*
 * The last minute's latencies, ready to read: a summary, since only a summary may carry the
 * label `quantile`. From one request on they are told, since what was slowest is never a
 * guess; weir_request_duration_seconds_count says how much they mean. A minute without requests
 * has no quantile: NaN breaks alerts.
 */
static void put_latest(struct metrics *m, struct buf *out)
{
    const struct metric_family *f = &m->families[METRIC_REQUEST_SECONDS];

    put_family(out, STR("weir_request_latency_seconds"), "summary",
               STR("Latency quantiles of the last minute, if it had requests."));
    for (const struct metric_series *s = f->first; s; s = s->next) {
        struct quantile q = { 0 };

        if (!is_first_of_model(f, s))
            continue;
        metrics_latest(m, s->labels[0], &q);
        put_quantiles(out, s->labels[0], &q);
    }
}

void metrics_render(struct metrics *m, struct buf *out, bool openmetrics)
{
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        put_all(out, &m->families[i], openmetrics);
        if (i == METRIC_REQUEST_SECONDS)
            put_latest(m, out);
    }
    if (openmetrics)
        buf_put(out, STR("# EOF\n"));
}
