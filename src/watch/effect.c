/* SPDX-License-Identifier: Apache-2.0 */
#include "effect.h"

#include "weir/base/scan.h"
#include "weir/stats/distance.h"
#include "weir/stats/noise.h"

#include <math.h>

static uint64_t total(const uint64_t *counts, size_t bins)
{
    uint64_t n = 0;

    for (size_t k = 0; k < bins; k++)
        n += counts[k];
    return n;
}

static double share(uint64_t count, uint64_t n)
{
    return n > 0 ? (double)count / (double)n : 0;
}

static void put_value(const struct effect *e, size_t bin, struct buf *out)
{
    size_t bins = e->baseline->bins;

    buf_put(out, STR("{\"value\":"));
    scan_put_string(out, e->baseline->values[bin]);
    buf_put_printf(out,
                   ",\"before\":%.6g,\"after\":%.6g,\"before_count\":%llu,"
                   "\"after_count\":%llu}",
                   share(e->before[bin], total(e->before, bins)),
                   share(e->after[bin], total(e->after, bins)),
                   (unsigned long long)e->before[bin], (unsigned long long)e->after[bin]);
}

/* Where the bins stand: at their upper edges, the last as far behind as the one before it. */
static void find_points(const struct baseline *b, double points[ECUSUM_BINS])
{
    size_t last = b->ordered - 1;

    for (size_t k = 0; k < b->ordered; k++)
        (void)baseline_edge(b, k, &points[k]);
    if (isinf(points[last]))
        points[last] = last > 1 ? 2 * points[last - 1] - points[last - 2]
                                : points[last - 1] + fmax(1, fabs(points[last - 1]));
}

static void put_ordered(const struct effect *e, struct buf *out)
{
    size_t bins = e->baseline->ordered;
    double points[ECUSUM_BINS];

    find_points(e->baseline, points);
    buf_put_printf(out, "\"ks\":%.6g,\"wasserstein\":%.6g,",
                   distance_ks(e->before, e->after, bins).statistic,
                   distance_wasserstein(e->before, e->after, points, bins));
}

/* What chance alone gives, of each of them. */
static void put_floors(const struct effect *e, struct buf *out)
{
    const struct baseline *b = e->baseline;
    struct noise floor = noise_floors(e->before, e->after, b->bins, b->ordered);
    double points[ECUSUM_BINS];

    buf_put_printf(out,
                   "\"floors\":{\"js_distance_bits\":%.6g,\"hellinger\":%.6g,\"tv\":%.6g,"
                   "\"linf\":%.6g,",
                   floor.js_distance_bits, floor.hellinger, floor.tv, floor.linf);
    if (b->ordered < 2) {
        buf_put(out, STR("\"ks\":null,\"wasserstein\":null}"));
        return;
    }
    find_points(b, points);
    buf_put_printf(out, "\"ks\":%.6g,\"wasserstein\":%.6g}", floor.ks,
                   noise_wasserstein(e->before, e->after, points, b->ordered));
}

static void put_distances(const struct effect *e, struct buf *out)
{
    const struct baseline *b = e->baseline;
    uint64_t n = total(e->before, b->bins), m = total(e->after, b->bins);
    double psi = distance_psi(e->before, e->after, b->bins, DISTANCE_HALF);

    buf_put_printf(out, "\"distances\":{\"psi\":%.6g,\"psi_floor\":%.6g,\"psi_excess\":%.6g,",
                   psi, distance_psi_noise_point(b->bins, n, m, .05),
                   distance_psi_excess(psi, b->bins, n, m));
    buf_put_printf(out, "\"js_divergence_bits\":%.6g,\"js_distance_bits\":%.6g,",
                   distance_js_divergence_bits(e->before, e->after, b->bins),
                   distance_js_distance_bits(e->before, e->after, b->bins));
    buf_put_printf(out, "\"hellinger\":%.6g,\"tv\":%.6g,\"linf\":%.6g,",
                   distance_hellinger(e->before, e->after, b->bins),
                   distance_total_variation(e->before, e->after, b->bins),
                   distance_l_infinity(e->before, e->after, b->bins));
    if (b->ordered > 1)
        put_ordered(e, out);
    else
        buf_put(out, STR("\"ks\":null,\"wasserstein\":null,"));
    put_floors(e, out);
    buf_put(out, STR("}"));
}

void effect_put(const struct effect *e, struct buf *out)
{
    struct distance_move moves[DISTANCE_MOVES];
    size_t moved = distance_moved(e->before, e->after, e->baseline->bins, moves);

    buf_put(out, STR("\"values\":["));
    for (size_t k = 0; k < e->baseline->bins; k++) {
        buf_put_text(out, k > 0 ? "," : "");
        put_value(e, k, out);
    }
    buf_put(out, STR("],\"moved\":["));
    for (size_t i = 0; i < moved; i++) {
        buf_put_text(out, i > 0 ? "," : "");
        put_value(e, moves[i].bin, out);
    }
    buf_put(out, STR("],"));
    put_distances(e, out);
}

/* ---- values that the baseline lacks -------------------------------------------------------- */

/* Does `a` come before `b`: more often, or as often and by name? */
static bool is_before(const struct count *a, const struct count *b)
{
    return a->n > b->n || (a->n == b->n && a < b);
}

/* The first behind `last`; NULL `last`: of all. NULL: there is none. */
static const struct count *next_unseen(const struct baseline *b, const struct counts *names,
                                       const struct count *last)
{
    const struct count *best = NULL;

    for (size_t i = 0; i < names->size; i++) {
        const struct count *one = &names->at[i];
        size_t bin;

        if (!baseline_find(b, one->value, &bin) && (!last || is_before(last, one)) &&
            (!best || is_before(one, best)))
            best = one;
    }
    return best;
}

void effect_put_unseen(const struct baseline *b, const struct counts *names, struct buf *out)
{
    const struct count *one = NULL;

    buf_put(out, STR("\"unseen\":["));
    for (size_t i = 0; i < DISTANCE_MOVES && (one = next_unseen(b, names, one)); i++) {
        buf_put_text(out, i > 0 ? ",{\"value\":" : "{\"value\":");
        scan_put_string(out, one->value);
        buf_put_printf(out, ",\"count\":%llu}", (unsigned long long)one->n);
    }
    buf_put(out, STR("]"));
}

void effect_put_sentence(const struct effect *e, const struct counts *names, struct buf *out)
{
    const struct baseline *b = e->baseline;
    struct distance_move moves[DISTANCE_MOVES];
    const struct count *unseen;
    struct str value;

    if (distance_moved(e->before, e->after, b->bins, moves) == 0)
        return;
    value = b->values[moves[0].bin];
    unseen = str_eq(value, STR("other")) ? next_unseen(b, names, NULL) : NULL;
    buf_put(out, b->of.prediction);
    buf_put(out, STR("="));
    buf_put(out, value);
    if (unseen)
        buf_put_printf(out, " (%.*s)", STR_ARG(unseen->value));
    buf_put_printf(out, " %.1f %% \u2192 %.1f %%", 100 * moves[0].before, 100 * moves[0].after);
}
