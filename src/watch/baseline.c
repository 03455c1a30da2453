/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/baseline.h"

#include "baseline_inner.h"
#include "grid.h"
#include "weir/base/mem.h"
#include "weir/base/scan.h"
#include "weir/stats/contrast.h"
#include "weir/stats/dispersion.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the order of values ----------------------------------------------------------------- */

bool baseline_is_bin(struct str word, double *edge)
{
    bool above = str_starts(word, STR("gt_"));

    if (grid_reads(word, edge))
        return true;
    if (!above && !str_starts(word, STR("le_")))
        return false;
    if (!scan_number(str_cut(word, 3, word.len), edge))
        return false;
    if (above)
        *edge = HUGE_VAL;
    return true;
}

static int compare_values(const void *left, const void *right)
{
    const struct count *a = left, *b = right;
    double low = 0, high = 0;
    bool a_is_bin = baseline_is_bin(a->value, &low),
         b_is_bin = baseline_is_bin(b->value, &high);

    if (a_is_bin != b_is_bin)
        return a_is_bin ? -1 : 1;
    if (a_is_bin && low != high)
        return low < high ? -1 : 1;
    return str_compare(a->value, b->value);
}

static int compare_words(const void *left, const void *right)
{
    const struct count *a = left, *b = right;

    return str_compare(a->value, b->value);
}

bool baseline_edge(const struct baseline *b, size_t bin, double *edge)
{
    return bin < b->ordered && baseline_is_bin(b->values[bin], edge);
}

/* The bin that a word of the grid was merged into: the first that reaches as far. */
static bool find_merged(const struct baseline *b, struct str word, size_t *bin)
{
    double edge, reach;

    if (b->ordered == 0 || !grid_reads(word, &edge))
        return false;
    for (*bin = 0; *bin + 1 < b->ordered; ++*bin)
        if (baseline_edge(b, *bin, &reach) && edge <= reach)
            break;
    return true;
}

bool baseline_find(const struct baseline *b, struct str value, size_t *bin)
{
    size_t other = 0;

    for (*bin = 0; *bin < b->bins; ++*bin) {
        if (str_eq(b->values[*bin], value))
            return true;
        if (str_eq(b->values[*bin], STR("other")))
            other = *bin;
    }
    if (find_merged(b, value, bin))
        return true;
    *bin = other;
    return false;
}

void baseline_sort_in(const struct baseline *b, const struct counts *counts,
                      uint64_t out[ECUSUM_BINS])
{
    memset(out, 0, ECUSUM_BINS * sizeof(out[0]));
    for (size_t i = 0; i < counts->size; i++) {
        size_t bin;

        (void)baseline_find(b, counts->at[i].value, &bin);
        out[bin] += counts->at[i].n;
    }
}

/* ---- making ------------------------------------------------------------------------------ */

static void add_value(struct baseline *b, struct str value, uint64_t n)
{
    double ignored;

    b->values[b->bins] = arena_copy(&b->arena, value);
    b->counts[b->bins++] = n;
    b->n += n;
    b->ordered += !b->worded && baseline_is_bin(value, &ignored) ? 1 : 0;
}

/* "upto_0.5" as "le_0.5" */
static void add_edge(struct baseline *b, const char *mark, struct str edge, uint64_t n)
{
    add_value(b, arena_printf(&b->arena, "%s%.*s", mark, STR_ARG(edge)), n);
}

static struct str edge_text(struct str word)
{
    const char *mark = memchr(word.at, '_', word.len);

    return str_cut(word, (size_t)(mark + 1 - word.at), word.len);
}

static bool is_heavy(const struct count *row, uint64_t all)
{
    return row->n * 10 >= all;
}

/* An empty bin for the words below `edge` that nobody said, if there are any above `last`. */
static void add_gap(struct baseline *b, struct str *last, double edge)
{
    struct str below;
    double reach = -HUGE_VAL, gap;

    if (!grid_below(edge, &below) || !scan_number(below, &gap))
        return;
    if (last->at && !scan_number(*last, &reach))
        return;
    if (gap > reach)
        add_edge(b, "le_", *last = below, 0);
}

/*
 * Deciles, as near as the grid has them: a bin ends at the first edge that a tenth more of the
 * numbers do not exceed, and a word that has a tenth by itself shares its bin with none. Where
 * a bin begins, and at both ends, stands an empty one for what was never said: else a score that
 * was 0 or 1 might become any number between them unseen. Of a tenth come four bins at most.
 */
static void add_deciles(struct baseline *b, const struct count *rows, size_t count)
{
    uint64_t all = 0, sum = 0, open = 0, next = 1;
    struct str last = { 0 }, end = edge_text(rows[0].value);
    double edge;

    for (size_t i = 0; i < count; i++)
        all += rows[i].n;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].n == 0 || !baseline_is_bin(rows[i].value, &edge))
            continue;
        if (open > 0 && is_heavy(&rows[i], all)) {
            add_edge(b, "le_", last = end, open);
            open = 0;
        }
        if (open == 0)
            add_gap(b, &last, edge);
        sum += rows[i].n;
        open += rows[i].n;
        end = edge_text(rows[i].value);
        if (edge == HUGE_VAL || sum * 10 < next * all)
            continue;
        add_edge(b, "le_", last = end, open);
        next = sum * 10 / all + 1;
        open = 0;
    }
    add_edge(b, "gt_", last.at ? last : end, open);
}

static size_t count_of_grid(const struct count *rows, size_t count)
{
    size_t of_grid = 0;
    double ignored;

    for (size_t i = 0; i < count; i++)
        of_grid += grid_reads(rows[i].value, &ignored) ? 1 : 0;
    return of_grid;
}

static void take_values(struct baseline *b, const struct counts *total)
{
    struct count rows[ECUSUM_BINS];
    size_t count = total->size, ordered = 0;
    double ignored;

    memcpy(rows, total->at, total->size * sizeof(rows[0]));
    if (counts_of(total, STR("other")) == 0)
        rows[count++] = (struct count){ STR("other"), 0 };
    qsort(rows, count, sizeof(rows[0]), b->worded ? compare_words : compare_values);
    while (!b->worded && ordered < count && baseline_is_bin(rows[ordered].value, &ignored))
        ordered++;
    if (count_of_grid(rows, ordered) > 0)
        add_deciles(b, rows, ordered);
    else
        ordered = 0;
    for (size_t k = ordered; k < count; k++)
        add_value(b, rows[k].value, rows[k].n);
}

static uint64_t *make_rows(const struct baseline *b, const struct counts *ticks, size_t count)
{
    uint64_t *cells = mem_new_array(count * b->bins + 1, sizeof(*cells));
    uint64_t row[ECUSUM_BINS];

    for (size_t t = 0; t < count; t++) {
        baseline_sort_in(b, &ticks[t], row);
        memcpy(&cells[t * b->bins], row, b->bins * sizeof(row[0]));
    }
    return cells;
}

static double measure_phi(const struct baseline *b, const struct baseline_origin *o)
{
    size_t count = o->tick_count;
    uint64_t *cells = make_rows(b, o->ticks, count), *control;
    double phi = 0;
    bool known;

    if (o->control_ticks) {
        control = make_rows(b, o->control_ticks, count);
        known = contrast_dispersion(cells, control, count, b->bins, b->alpha, &phi);
        free(control);
    } else {
        known = dispersion_bound(cells, count, b->bins, b->alpha, &phi);
    }
    free(cells);
    return known ? phi : 0;
}

static struct tick_histogram copy_name(struct arena *arena, const struct tick_histogram *of)
{
    return (struct tick_histogram){
        .model = arena_copy(arena, of->model),
        .version = arena_copy(arena, of->version),
        .prediction = arena_copy(arena, of->prediction),
        .segment = arena_copy(arena, of->segment),
        .meaning = of->meaning,
    };
}

/* Answers that hang together tell less of a share than as many independent ones. */
static void find_bounds(struct baseline *b)
{
    struct bound_care care = { .alpha = b->alpha, .tolerance = b->tolerance, .phi = 1 };

    if (b->phi > 1)
        care.phi = b->phi;
    if (b->season)
        care.alpha /= (double)(b->season->count + 1); /* so that all of them hold */
    bound_find_clustered(b->bounds, b->counts, b->bins, &care);
    if (b->season)
        season_bound(b->season, b->bins, &care);
}

struct baseline *baseline_new(const struct baseline_origin *o)
{
    struct baseline *b = MEM_NEW(struct baseline);

    arena_init(&b->arena, 0);
    b->of = copy_name(&b->arena, &o->of);
    b->tolerance = o->tolerance;
    b->alpha = o->alpha;
    b->created_ms = o->created_ms;
    b->from = arena_copy(&b->arena, o->from);
    b->control = arena_copy(&b->arena, o->control);
    b->worded = o->worded;
    take_values(b, o->total);
    if (o->ticks)
        b->phi = measure_phi(b, o);
    if (o->week)
        b->season = season_new(b, o->week, o->tick_ms);
    find_bounds(b);
    baseline_name(b);
    return b;
}

void baseline_free(struct baseline *b)
{
    if (!b)
        return;
    arena_deinit(&b->arena);
    free(b);
}
