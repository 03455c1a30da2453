/* SPDX-License-Identifier: Apache-2.0 */
#include "draft.h"

#include "weir/base/mem.h"

#include <stdlib.h>

enum { FIRST_STEPS = 16 };

void draft_deinit(struct draft *d)
{
    for (size_t i = 0; i < d->count; i++)
        counts_deinit(&d->steps[i]);
    counts_deinit(&d->total);
    counts_deinit(&d->pending);
    counts_deinit(&d->rest);
    free(d->steps);
    week_free(d->week);
    *d = (struct draft){ .count = 0 };
}

/* The step becomes the draft's, and leaves an empty one behind. */
static void add_step(struct draft *d, struct counts *step, size_t most)
{
    if (d->count >= most) {
        counts_merge(&d->rest, step);
        counts_deinit(step);
        return;
    }
    if (d->count == d->capacity) {
        d->capacity = d->capacity > 0 ? d->capacity * 2 : FIRST_STEPS;
        d->steps = mem_grow(d->steps, d->capacity * sizeof(struct counts));
    }
    d->steps[d->count++] = *step;
    *step = (struct counts){ 0 };
}

void draft_add(struct draft *d, const struct counts *tick, uint64_t step_n, size_t most)
{
    counts_merge(&d->total, tick);
    counts_merge(&d->pending, tick);
    if (counts_total(&d->pending) >= step_n)
        add_step(d, &d->pending, most);
}

void draft_drop_week(struct draft *d)
{
    week_free(d->week);
    d->week = NULL;
}

void draft_add_hour(struct draft *d, uint64_t ms, const struct counts *tick)
{
    if (!d->week)
        d->week = week_new();
    week_add(d->week, ms, tick);
}

bool draft_is_enough(const struct draft *d, uint64_t min_n, uint64_t min_steps)
{
    if (d->week && week_span(d->week) < DRAFT_WEEKS_H)
        return false;
    if (d->week && min_steps > DRAFT_HOUR_STEPS)
        min_steps = DRAFT_HOUR_STEPS; /* no more are told apart */
    return d->count >= min_steps && counts_total(&d->total) >= min_n;
}

void draft_put(const struct draft *d, struct buf *out)
{
    for (size_t i = 0; i < d->count; i++) {
        buf_put_text(out, i > 0 ? ";" : "");
        counts_put(&d->steps[i], out);
    }
    buf_put(out, STR("|"));
    counts_put(&d->rest, out);
    buf_put(out, STR("|"));
    counts_put(&d->pending, out);
    if (d->week) {
        buf_put(out, STR("|"));
        week_put(d->week, out);
    }
}

static bool read_steps(struct draft *d, struct str steps)
{
    struct str step;

    while (str_split(&steps, ';', &step)) {
        struct counts counts = { 0 };

        if (d->count == DRAFT_STEPS || !counts_read(&counts, step)) {
            counts_deinit(&counts);
            return false;
        }
        counts_merge(&d->total, &counts);
        add_step(d, &counts, DRAFT_STEPS);
    }
    return true;
}

static bool read_week(struct draft *d, struct str text)
{
    if (text.len == 0)
        return true;
    d->week = week_new();
    return week_read(d->week, text);
}

bool draft_read(struct draft *d, struct str text)
{
    struct str steps, rest, pending = { 0 };

    if (!str_split(&text, '|', &steps) || !str_split(&text, '|', &rest) ||
        !read_steps(d, steps) || !counts_read(&d->rest, rest))
        return false;
    (void)str_split(&text, '|', &pending); /* nothing behind the last mark is nothing */
    if (!counts_read(&d->pending, pending) || !read_week(d, text))
        return false;
    counts_merge(&d->total, &d->rest);
    counts_merge(&d->total, &d->pending);
    return true;
}
