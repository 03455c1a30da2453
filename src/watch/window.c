/* SPDX-License-Identifier: Apache-2.0 */
#include "window.h"

#include "weir/base/ensure.h"
#include "weir/base/mem.h"

#include <stdlib.h>
#include <string.h>

void window_init(struct window *w, size_t bins)
{
    *w = (struct window){ .bins = bins };
    if (bins > 0)
        w->counts = mem_new_array((WINDOW_TICKS + WINDOW_HOURS) * bins, sizeof(uint64_t));
}

void window_deinit(struct window *w)
{
    free(w->counts);
    *w = (struct window){ 0 };
}

static uint64_t *tick_row(const struct window *w, size_t i)
{
    return w->counts + i * w->bins;
}

static uint64_t *hour_row(const struct window *w, size_t i)
{
    return w->counts + (WINDOW_TICKS + i) * w->bins;
}

static size_t row_bytes(const struct window *w)
{
    return w->bins * sizeof(uint64_t);
}

/* The row of that hour, which is the last or comes behind it. */
static uint64_t *open_hour(struct window *w, uint64_t hour)
{
    if (w->hours > 0 && w->hour[w->hours - 1] == hour)
        return hour_row(w, w->hours - 1);
    if (w->hours == WINDOW_HOURS) {
        memmove(w->hour, w->hour + 1, (WINDOW_HOURS - 1) * sizeof(w->hour[0]));
        memmove(hour_row(w, 0), hour_row(w, 1), (WINDOW_HOURS - 1) * row_bytes(w));
        w->hours--;
    }
    w->hour[w->hours] = hour;
    memset(hour_row(w, w->hours), 0, row_bytes(w));
    return hour_row(w, w->hours++);
}

static void retire_oldest_tick(struct window *w)
{
    uint64_t *hour = open_hour(w, w->tick[0] / WINDOW_HOUR);

    for (size_t k = 0; k < w->bins; k++)
        hour[k] += tick_row(w, 0)[k];
    memmove(w->tick, w->tick + 1, (WINDOW_TICKS - 1) * sizeof(w->tick[0]));
    memmove(tick_row(w, 0), tick_row(w, 1), (WINDOW_TICKS - 1) * row_bytes(w));
    w->ticks--;
}

/* Hours that ended more than a day before this tick tell nothing of now. */
static void forget_old_hours(struct window *w, uint64_t tick)
{
    uint64_t now = tick / WINDOW_HOUR;
    size_t old = 0;

    while (old < w->hours && w->hour[old] + WINDOW_HOURS < now)
        old++;
    if (old == 0)
        return;
    w->hours -= old;
    memmove(w->hour, w->hour + old, w->hours * sizeof(w->hour[0]));
    memmove(hour_row(w, 0), hour_row(w, old), w->hours * row_bytes(w));
}

void window_add(struct window *w, uint64_t tick, const uint64_t *counts)
{
    if (w->bins == 0)
        return;
    ensure(w->ticks == 0 || tick > w->tick[w->ticks - 1]);
    if (w->ticks == WINDOW_TICKS)
        retire_oldest_tick(w);
    forget_old_hours(w, tick);
    w->tick[w->ticks] = tick;
    memcpy(tick_row(w, w->ticks++), counts, row_bytes(w));
}

void window_each(const struct window *w, uint64_t from, window_row_fn *each, void *ctx)
{
    for (size_t i = 0; i < w->hours; i++)
        if ((w->hour[i] + 1) * WINDOW_HOUR > from)
            each(ctx, w->hour[i] * WINDOW_HOUR, hour_row(w, i));
    for (size_t i = 0; i < w->ticks; i++)
        if (w->tick[i] >= from)
            each(ctx, w->tick[i], tick_row(w, i));
}

struct sum {
    size_t bins;
    uint64_t *of;
    uint64_t n;
};

static void add_row(void *ctx, uint64_t tick, const uint64_t *row)
{
    struct sum *s = ctx;

    (void)tick;
    for (size_t k = 0; k < s->bins; k++) {
        s->of[k] += row[k];
        s->n += row[k];
    }
}

uint64_t window_sum(const struct window *w, uint64_t from, uint64_t *sum)
{
    struct sum s = { .bins = w->bins, .of = sum };

    memset(sum, 0, row_bytes(w));
    window_each(w, from, add_row, &s);
    return s.n;
}

uint64_t window_at(const struct window *w, uint64_t tick, uint64_t *row)
{
    struct sum s = { .bins = w->bins, .of = row };

    memset(row, 0, row_bytes(w));
    for (size_t i = 0; i < w->ticks; i++)
        if (w->tick[i] == tick)
            add_row(&s, tick, tick_row(w, i));
    for (size_t i = 0; s.n == 0 && i < w->hours; i++)
        if (w->hour[i] == tick / WINDOW_HOUR)
            add_row(&s, tick, hour_row(w, i));
    return s.n;
}

/* ---- where a change began ------------------------------------------------------------------ */

struct search {
    size_t bin;
    window_bound_fn *bound;
    void *ctx;
    bool up;
    double sum, most;
    uint64_t since;
};

static void look(struct search *s, const struct window *w, const uint64_t *row, uint64_t tick)
{
    double excess;
    uint64_t n = 0;

    for (size_t k = 0; k < w->bins; k++)
        n += row[k];
    excess = (double)row[s->bin] - s->bound(s->ctx, tick) * (double)n;
    s->sum += s->up ? excess : -excess;
    if (s->sum >= s->most) {
        s->most = s->sum;
        s->since = tick;
    }
}

uint64_t window_since_by(const struct window *w, size_t bin, bool up, window_bound_fn *bound,
                         void *ctx)
{
    struct search s = { .bin = bin, .bound = bound, .ctx = ctx, .up = up };

    if (w->ticks > 0)
        s.since = w->tick[w->ticks - 1];
    for (size_t i = w->ticks; i > 0; i--)
        look(&s, w, tick_row(w, i - 1), w->tick[i - 1]);
    for (size_t i = w->hours; i > 0; i--)
        look(&s, w, hour_row(w, i - 1), w->hour[i - 1] * WINDOW_HOUR);
    return s.since;
}

static double the_same(void *ctx, uint64_t tick)
{
    (void)tick;
    return *(const double *)ctx;
}

uint64_t window_since(const struct window *w, size_t bin, double bound, bool up)
{
    return window_since_by(w, bin, up, the_same, &bound);
}

/* ---- as text ------------------------------------------------------------------------------- */

static void put_rows(struct buf *out, const uint64_t *marks, size_t rows, size_t bins,
                     const uint64_t *counts)
{
    for (size_t i = 0; i < rows; i++) {
        buf_put_text(out, i > 0 ? " " : "");
        buf_put_u64(out, marks[i]);
        for (size_t k = 0; k < bins; k++) {
            buf_put_text(out, k > 0 ? "," : ":");
            buf_put_u64(out, counts[i * bins + k]);
        }
    }
}

static bool read_rows(struct str text, uint64_t *marks, size_t *rows, size_t most, size_t bins,
                      uint64_t *counts)
{
    struct str row, piece;

    for (; str_split(&text, ' ', &row); (*rows)++) {
        if (*rows == most || !str_split(&row, ':', &piece) ||
            !str_to_u64(piece, &marks[*rows]) ||
            (*rows > 0 && marks[*rows] <= marks[*rows - 1]))
            return false;
        for (size_t k = 0; k < bins; k++)
            if (!str_split(&row, ',', &piece) || !str_to_u64(piece, &counts[*rows * bins + k]))
                return false;
        if (row.len > 0)
            return false;
    }
    return true;
}

void window_put_ticks(const struct window *w, struct buf *out)
{
    put_rows(out, w->tick, w->ticks, w->bins, w->counts);
}

void window_put_hours(const struct window *w, struct buf *out)
{
    if (w->bins > 0)
        put_rows(out, w->hour, w->hours, w->bins, hour_row(w, 0));
}

bool window_read_ticks(struct window *w, struct str text)
{
    return read_rows(text, w->tick, &w->ticks, w->bins > 0 ? WINDOW_TICKS : 0, w->bins,
                     w->counts);
}

bool window_read_hours(struct window *w, struct str text)
{
    return read_rows(text, w->hour, &w->hours, w->bins > 0 ? WINDOW_HOURS : 0, w->bins,
                     w->bins > 0 ? hour_row(w, 0) : NULL);
}
