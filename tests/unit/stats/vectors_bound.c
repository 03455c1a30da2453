/* SPDX-License-Identifier: Apache-2.0 */
#include "vectors.h"

#include "entry.h"

#include "weir/base/quantile.h"
#include "weir/stats/ecusum.h"
#include "weir/stats/interval.h"

#include <criterion/criterion.h>
#include <math.h>

static void check_bounds_at(json_t *e, const uint64_t *counts, size_t bins, double tolerance)
{
    struct bound bounds[ENTRY_MOST];
    double lower[ENTRY_MOST], upper[ENTRY_MOST];

    bound_find(bounds, counts, bins, .01, tolerance);
    for (size_t k = 0; k < bins; k++) {
        lower[k] = bounds[k].lower;
        upper[k] = bounds[k].upper;
    }
    entry_are(e, "lo", lower, bins);
    entry_are(e, "hi", upper, bins);
}

void vectors_bounds(json_t *e)
{
    uint64_t counts[ENTRY_MOST];
    size_t bins = entry_take_counts(e, "ref", counts);

    cr_assert_eq(entry_take(e, "alpha_ref"), .01);
    check_bounds_at(e, counts, bins, 1);
}

void vectors_tolerance(json_t *e)
{
    static const uint64_t counts[] = { 8200, 1200, 450, 100, 50 };

    check_bounds_at(e, counts, 5, 1.2);
}

/* The bound of a share that was measured 3 % off, widened by the usual tolerance. */
void vectors_delay(json_t *e)
{
    double before = entry_take(e, "p0"), after = entry_take(e, "p1");
    double bound = after > before ? bound_shift(before * 1.03, 1.2)
                                  : bound_shift(before * .97, 1 / 1.2);
    double requests = ecusum_delay(log(1e9), after, bound);

    entry_is(e, "B", bound);
    entry_is(e, "kl", log(1e9) / requests);
    entry_is(e, "requests", ceil(requests));
}

void vectors_intervals(json_t *e)
{
    uint64_t count = (uint64_t)entry_take(e, "k"), n = (uint64_t)entry_take(e, "n");
    struct interval exact = interval_clopper_pearson(count, n, .01);
    struct interval wilson = interval_wilson(count, n, .05);

    entry_is(e, "cp_lo", exact.low);
    entry_is(e, "cp_hi", exact.high);
    entry_is(e, "wil_lo", wilson.low);
    entry_is(e, "wil_hi", wilson.high);
}

void vectors_threshold(json_t *e)
{
    double histograms = entry_take(e, "hists"), p = entry_take(e, "p");
    double ticks = entry_take(e, "days") * 86400 / entry_take(e, "tick_s");

    entry_is(e, "ln_c", ecusum_threshold(ticks, histograms, p));
    entry_is(e, "ln_c_arl_only", ecusum_threshold(ticks, histograms, 1));
}

void vectors_bucket(json_t *e)
{
    const int one = 640; /* the bucket that ends at 1 */
    double value = entry_take(e, "v");
    unsigned bucket = quantile_bucket(value);

    entry_is(e, "key", (int)bucket - one);
    entry_is(e, "upper", quantile_upper(bucket));
}

void vectors_quantile(json_t *e)
{
    static struct quantile q;
    double p = entry_take(e, "q"), exact = entry_take(e, "exact"), value;

    quantile_reset(&q);
    for (int i = 1; i <= 1000; i++)
        quantile_add(&q, i);
    cr_assert(quantile_at(&q, p, &value));
    entry_is(e, "est", value);
    entry_is(e, "relerr", value / exact - 1);
}
