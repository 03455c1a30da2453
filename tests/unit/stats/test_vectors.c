/* SPDX-License-Identifier: Apache-2.0 */
#include "rivals.h"

#include "weir/base/quantile.h"
#include "weir/stats/distance.h"
#include "weir/stats/ecusum.h"
#include "weir/stats/interval.h"
#include "weir/stats/special.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

/*
 * science_vectors.json holds numbers that a program in another language reckoned. Each entry
 * of the sections on drift must be known to a row below, which takes its numbers out one by
 * one; what it leaves over fails the test, so that no number goes unchecked.
 */

enum { MOST = 64 };

/* ---- taking numbers out ------------------------------------------------------------------ */

/* In JSON infinity is written null. */
static double as_number(const json_t *value)
{
    return json_is_null(value) ? HUGE_VAL : json_number_value(value);
}

static double take(json_t *entry, const char *key)
{
    json_t *value = json_object_get(entry, key);
    double number;

    cr_assert(value, "%s is missing", key);
    number = as_number(value);
    json_object_del(entry, key);
    return number;
}

static size_t take_numbers(json_t *entry, const char *key, double out[MOST])
{
    json_t *list = json_object_get(entry, key);
    size_t count = json_array_size(list);

    cr_assert(count > 0 && count <= MOST, "%s", key);
    for (size_t i = 0; i < count; i++)
        out[i] = as_number(json_array_get(list, i));
    json_object_del(entry, key);
    return count;
}

static size_t take_counts(json_t *entry, const char *key, uint64_t out[MOST])
{
    double numbers[MOST];
    size_t count = take_numbers(entry, key, numbers);

    for (size_t i = 0; i < count; i++)
        out[i] = (uint64_t)numbers[i];
    return count;
}

/* A list of [count, n]. */
static size_t take_ticks(json_t *entry, uint64_t ticks[MOST][2])
{
    json_t *list = json_object_get(entry, "ticks");
    size_t count = json_array_size(list);

    cr_assert(count > 0 && count <= MOST);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < 2; j++)
            ticks[i][j] = (uint64_t)json_integer_value(
                json_array_get(json_array_get(list, i), j));
    json_object_del(entry, "ticks");
    return count;
}

static void is_number(json_t *entry, const char *key, double got)
{
    double want = take(entry, key);

    if (isinf(want))
        cr_assert(isinf(got), "%s: %.17g", key, got);
    else
        cr_assert_float_eq(got, want, 1e-9, "%s: %.17g is not %.17g", key, got, want);
}

static void are_numbers(json_t *entry, const char *key, const double *got, size_t count)
{
    double want[MOST];

    cr_assert_eq(take_numbers(entry, key, want), count, "%s", key);
    for (size_t i = 0; i < count; i++)
        cr_assert_float_eq(got[i], want[i], 1e-9, "%s[%zu]: %.17g", key, i, got[i]);
}

/* ---- distances --------------------------------------------------------------------------- */

static void check_distances(json_t *e)
{
    uint64_t p[MOST], q[MOST];
    size_t bins = take_counts(e, "ref", p);
    struct distance_test chi2, g, ks;
    double bits;

    cr_assert_eq(take_counts(e, "cur", q), bins);
    chi2 = distance_chi2(p, q, bins);
    g = distance_g(p, q, bins);
    ks = distance_ks(p, q, bins);
    bits = distance_js_divergence_bits(p, q, bins);
    is_number(e, "psi_a05", distance_psi(p, q, bins, DISTANCE_HALF));
    is_number(e, "psi_raw", distance_psi(p, q, bins, 0));
    is_number(e, "jsd2", bits);
    is_number(e, "jsd_dist2", distance_js_distance_bits(p, q, bins));
    is_number(e, "jsd_nat", bits * M_LN2);
    is_number(e, "jsd_dist_nat", sqrt(bits * M_LN2));
    is_number(e, "hellinger", distance_hellinger(p, q, bins));
    is_number(e, "tv", distance_total_variation(p, q, bins));
    is_number(e, "linf", distance_l_infinity(p, q, bins));
    is_number(e, "chi2", chi2.statistic);
    is_number(e, "df", chi2.df);
    is_number(e, "chi2_p", chi2.p);
    is_number(e, "g", g.statistic);
    is_number(e, "g_p", g.p);
    is_number(e, "ks", ks.statistic);
    is_number(e, "ks_p", ks.p);
}

/* What other tools put in place of 0, for 90,10,0 against 80,10,10: why we add a half. */
static double floored(double floor)
{
    return (.8 - .9) * log(.8 / .9) + (.1 - floor) * log(.1 / floor);
}

static void check_smoothing(json_t *e)
{
    static const uint64_t p[] = { 90, 10, 0 }, q[] = { 80, 10, 10 };

    is_number(e, "psi_a05", distance_psi(p, q, 3, DISTANCE_HALF));
    is_number(e, "psi_floor_1e4", floored(1e-4));
    is_number(e, "psi_floor_1e6", floored(1e-6));
    is_number(e, "psi_floor_dblmin", floored(0x1p-1022));
    is_number(e, "jsd2", distance_js_divergence_bits(p, q, 3));
}

/* Values 1 to 8 as bins of their own. */
static void check_ks_of_values(json_t *e)
{
    uint64_t x[MOST], y[MOST], before[MOST] = { 0 }, after[MOST] = { 0 };
    size_t n = take_counts(e, "x", x), m = take_counts(e, "y", y);
    struct distance_test ks;

    for (size_t i = 0; i < n; i++)
        before[x[i]]++;
    for (size_t i = 0; i < m; i++)
        after[y[i]]++;
    ks = distance_ks(before, after, MOST);
    is_number(e, "D", ks.statistic);
    is_number(e, "lam", ks.statistic * sqrt((double)(n * m) / (double)(n + m)));
    is_number(e, "q", ks.p);
}

static void check_wasserstein(json_t *e)
{
    static const double points[] = { 0, 1, 3, 5, 6, 8 },
                        merged[] = { 1.4, 3.4, 3.9, 4.5, 7.5, 7.8 };
    static const uint64_t low[] = { 1, 1, 1, 0, 0, 0 }, high[] = { 0, 0, 0, 1, 1, 1 };
    static const uint64_t uneven[] = { 3, 1 }, even[] = { 2, 2 };
    static const uint64_t four[] = { 0, 14, 9, 0, 31, 72 }, two[] = { 35, 0, 0, 32, 0, 0 };

    is_number(e, "a", distance_wasserstein(low, high, points, 6));
    is_number(e, "b", distance_wasserstein(uneven, even, points, 2));
    is_number(e, "c", distance_wasserstein(four, two, merged, 6));
}

static void check_noise(json_t *e)
{
    uint64_t n = (uint64_t)take(e, "n_ref"), m = (uint64_t)take(e, "n_cur");
    size_t bins = (size_t)take(e, "bins");

    is_number(e, "mean", distance_psi_noise(bins, n, m));
    is_number(e, "q95", distance_psi_noise_point(bins, n, m, .05));
    is_number(e, "q99", distance_psi_noise_point(bins, n, m, .01));
    is_number(e, "P_gt_0p1", distance_psi_noise_above(bins, n, m, .1));
    is_number(e, "P_gt_0p25", distance_psi_noise_above(bins, n, m, .25));
}

static void check_chi2(json_t *e)
{
    double x = take(e, "x"), df = take(e, "df");

    is_number(e, "sf", special_chi2_above(x, df));
}

static void check_kolmogorov(json_t *e)
{
    double lambda = take(e, "lam");

    is_number(e, "q", special_kolmogorov_above(lambda));
}

/* ---- detectors ----------------------------------------------------------------------------- */

static void check_page_hinkley(json_t *e)
{
    struct rivals_page_hinkley p = {
        .delta = take(e, "delta"),
        .lambda = take(e, "lam"),
        .alpha = take(e, "alpha"),
        .least = (uint64_t)take(e, "min_instances"),
    };
    double hits[MOST];
    size_t count = 0;

    for (int i = 0; i < 80; i++)
        if (rivals_page_hinkley(&p, i < 40 ? i % 2 : 3))
            hits[count++] = i;
    are_numbers(e, "hits", hits, count);
    is_number(e, "final_sum", p.sum);
}

static void check_adwin(json_t *e)
{
    double n0 = take(e, "n0"), n1 = take(e, "n1"), variance = take(e, "var");
    double width = take(e, "width"), delta = take(e, "delta");

    is_number(e, "eps", rivals_adwin_cut(n0, n1, variance, width, delta));
}

/* .03 has 3.06 times the odds of .01. */
static void check_bernoulli(json_t *e)
{
    double ratio = (.03 / .97) / (.01 / .99), sum = 0, sums[MOST];
    uint64_t ticks[MOST][2];
    size_t count = take_ticks(e, ticks);

    for (size_t t = 0; t < count; t++)
        sums[t] = sum = fmax(0, sum) + ecusum_likelihood(ticks[t][0], ticks[t][1], .01, ratio);
    are_numbers(e, "logS", sums, count);
}

static double average(const double ln_m[ECUSUM_STAKES])
{
    double sum = 0;

    for (size_t j = 0; j < ECUSUM_STAKES; j++)
        sum += exp(ln_m[j]) / ECUSUM_STAKES;
    return log(sum);
}

/* ln of each component's factor: what one tick makes of a state that has seen nothing. */
static void gains(const uint64_t tick[2], double out[ECUSUM_STAKES])
{
    static const struct bound bound = { .lower = 0, .upper = .08 };
    static const struct ecusum_rule rule = { .bounds = &bound,
                                             .bins = 1,
                                             .unit = ECUSUM_REQUEST };
    struct ecusum e;

    ecusum_init(&e, 1);
    cr_assert(ecusum_fold(&e, &rule, tick[1], tick));
    memcpy(out, e.ln_m[0], ECUSUM_STAKES * sizeof(out[0]));
}

/* Multiplied only: a test of one hypothesis from the start, and not a detector. */
static void check_e_process(json_t *e)
{
    double ln_e[ECUSUM_STAKES] = { 0 }, gain[ECUSUM_STAKES], averages[MOST];
    uint64_t ticks[MOST][2];
    size_t count = take_ticks(e, ticks);

    for (size_t t = 0; t < count; t++) {
        gains(ticks[t], gain);
        for (size_t j = 0; j < ECUSUM_STAKES; j++)
            ln_e[j] += gain[j];
        averages[t] = average(ln_e);
    }
    are_numbers(e, "logE", averages, count);
}

/* Shiryaev and Roberts' form, (M + 1) * factor, which grows on an idle stream. */
static void check_sr(json_t *e)
{
    double m[ECUSUM_STAKES] = { 0 }, ln_m[ECUSUM_STAKES], gain[ECUSUM_STAKES], averages[MOST];
    uint64_t ticks[MOST][2];
    size_t count = take_ticks(e, ticks);

    for (size_t t = 0; t < count; t++) {
        gains(ticks[t], gain);
        for (size_t j = 0; j < ECUSUM_STAKES; j++) {
            m[j] = (m[j] + 1) * exp(gain[j]);
            ln_m[j] = log(m[j]);
        }
        averages[t] = average(ln_m);
    }
    are_numbers(e, "logM", averages, count);
}

static void fold_all(json_t *e, const struct bound *bound, enum ecusum_unit unit,
                     uint64_t ticks[MOST][2], size_t count)
{
    struct ecusum_rule rule = { .bounds = bound, .bins = 1, .unit = unit, .phi = 2 };
    struct ecusum state;
    double ln_m[MOST];

    ecusum_init(&state, 1);
    for (size_t t = 0; t < count; t++) {
        cr_assert(ecusum_fold(&state, &rule, ticks[t][1], &ticks[t][0]));
        ln_m[t] = ecusum_ln_m(&state, &rule);
    }
    are_numbers(e, "logM", ln_m, count);
}

static const struct bound up = { .lower = 0, .upper = .08 };

static void check_up(json_t *e)
{
    uint64_t ticks[MOST][2];
    size_t count = take_ticks(e, ticks);

    fold_all(e, &up, ECUSUM_REQUEST, ticks, count);
}

static void check_down(json_t *e)
{
    static const struct bound down = { .lower = .62, .upper = 1 };
    uint64_t ticks[MOST][2];
    size_t count = take_ticks(e, ticks);

    fold_all(e, &down, ECUSUM_REQUEST, ticks, count);
}

static void check_tempered(json_t *e)
{
    uint64_t ticks[MOST][2];
    size_t count = take_ticks(e, ticks);

    fold_all(e, &up, ECUSUM_TEMPERED, ticks, count);
}

static void check_tick_mean(json_t *e)
{
    double shares[MOST];
    uint64_t ticks[MOST][2];
    size_t count = take_numbers(e, "x", shares);

    for (size_t t = 0; t < count; t++) {
        ticks[t][0] = (uint64_t)lround(shares[t] * 100);
        ticks[t][1] = 100;
    }
    fold_all(e, &up, ECUSUM_TICK, ticks, count);
}

static void check_factor(json_t *e)
{
    is_number(e, "q", bound_shift(.08, 2));
    is_number(e, "ln_event", ecusum_likelihood(1, 1, .08, 2));
    is_number(e, "ln_nonevent", ecusum_likelihood(0, 1, .08, 2));
}

static void check_merge(json_t *e)
{
    static const uint64_t whole[] = { 11, 200 }, left[] = { 5, 100 }, right[] = { 6, 100 };
    double one[ECUSUM_STAKES], two[ECUSUM_STAKES], more[ECUSUM_STAKES];

    gains(whole, one);
    gains(left, two);
    gains(right, more);
    for (size_t j = 0; j < ECUSUM_STAKES; j++)
        two[j] += more[j];
    is_number(e, "one", average(one));
    is_number(e, "two", average(two));
}

/* ---- bounds and thresholds ------------------------------------------------------------------- */

static void check_bounds_at(json_t *e, const uint64_t *counts, size_t bins, double tolerance)
{
    struct bound bounds[MOST];
    double lower[MOST], upper[MOST];

    bound_find(bounds, counts, bins, .01, tolerance);
    for (size_t k = 0; k < bins; k++) {
        lower[k] = bounds[k].lower;
        upper[k] = bounds[k].upper;
    }
    are_numbers(e, "lo", lower, bins);
    are_numbers(e, "hi", upper, bins);
}

static void check_bounds(json_t *e)
{
    uint64_t counts[MOST];
    size_t bins = take_counts(e, "ref", counts);

    cr_assert_eq(take(e, "alpha_ref"), .01);
    check_bounds_at(e, counts, bins, 1);
}

static void check_tolerance(json_t *e)
{
    static const uint64_t counts[] = { 8200, 1200, 450, 100, 50 };

    check_bounds_at(e, counts, 5, 1.2);
}

/* The bound of a share that was measured 3 % off, widened by the usual tolerance. */
static void check_delay(json_t *e)
{
    double before = take(e, "p0"), after = take(e, "p1");
    double bound = after > before ? bound_shift(before * 1.03, 1.2)
                                  : bound_shift(before * .97, 1 / 1.2);
    double requests = ecusum_delay(log(1e9), after, bound);

    is_number(e, "B", bound);
    is_number(e, "kl", log(1e9) / requests);
    is_number(e, "requests", ceil(requests));
}

static void check_intervals(json_t *e)
{
    uint64_t count = (uint64_t)take(e, "k"), n = (uint64_t)take(e, "n");
    struct interval exact = interval_clopper_pearson(count, n, .01);
    struct interval wilson = interval_wilson(count, n, .05);

    is_number(e, "cp_lo", exact.low);
    is_number(e, "cp_hi", exact.high);
    is_number(e, "wil_lo", wilson.low);
    is_number(e, "wil_hi", wilson.high);
}

static void check_threshold(json_t *e)
{
    double histograms = take(e, "hists"), p = take(e, "p");
    double ticks = take(e, "days") * 86400 / take(e, "tick_s");

    is_number(e, "ln_c", ecusum_threshold(ticks, histograms, p));
    is_number(e, "ln_c_arl_only", ecusum_threshold(ticks, histograms, 1));
}

/* ---- exponential buckets ------------------------------------------------------------------- */

static void check_bucket(json_t *e)
{
    const int one = 640; /* the bucket that ends at 1 */
    double value = take(e, "v");
    unsigned bucket = quantile_bucket(value);

    is_number(e, "key", (int)bucket - one);
    is_number(e, "upper", quantile_upper(bucket));
}

static void check_quantile(json_t *e)
{
    static struct quantile q;
    double p = take(e, "q"), exact = take(e, "exact"), value;

    quantile_reset(&q);
    for (int i = 1; i <= 1000; i++)
        quantile_add(&q, i);
    cr_assert(quantile_at(&q, p, &value));
    is_number(e, "est", value);
    is_number(e, "relerr", value / exact - 1);
}

/* ---- the file -------------------------------------------------------------------------------- */

typedef void check_fn(json_t *entry);

/* By the start of the entry's name: the first row that fits. */
static const struct row {
    const char *section, *name;
    check_fn *check;
} rows[] = {
    { "1.dist", "D8 ", check_smoothing },
    { "1.dist", "D9 ", check_ks_of_values },
    { "1.dist", "D10 ", check_wasserstein },
    { "1.dist", "D", check_distances },
    { "1.fn", "chi2_sf", check_chi2 },
    { "1.fn", "kolmogorov_q", check_kolmogorov },
    { "1.psi_noise", "PSI null", check_noise },
    { "1.seq", "PH ", check_page_hinkley },
    { "1.seq", "ADWIN ", check_adwin },
    { "1.seq", "Bernoulli CUSUM", check_bernoulli },
    { "1.seq", "e-process up", check_e_process },
    { "1.seq", "e-CUSUM up", check_up },
    { "1.seq", "e-CUSUM down", check_down },
    { "1.seq", "e-SR up", check_sr },
    { "1.seq", "single factor", check_factor },
    { "1.seq", "tick-mean", check_tick_mean },
    { "1.seq", "tempered", check_tempered },
    { "1.seq", "merge invariance", check_merge },
    { "1.seq", "reference bounds", check_bounds },
    { "1.seq", "bounds with tolerance", check_tolerance },
    { "1.seq", "delay ", check_delay },
    { "1.seq", "CP 99% and Wilson 95%", check_intervals },
    { "1.seq", "ln threshold", check_threshold },
    { "3.hist", "Prom native schema 5", check_bucket },
    { "3.hist", "exp schema5 quantile", check_quantile },
};

static const struct row *row_of(const char *section, const char *name)
{
    for (const struct row *r = rows; r < rows + sizeof(rows) / sizeof(rows[0]); r++)
        if (strcmp(r->section, section) == 0 && strncmp(r->name, name, strlen(r->name)) == 0)
            return r;
    return NULL;
}

/* Returns how many entries were checked; of the sections on drift each must be. */
static size_t check_section(const char *section, json_t *entries, bool whole)
{
    size_t checked = 0, i;
    json_t *entry;

    json_array_foreach(entries, i, entry)
    {
        char name[128];
        const struct row *row;

        snprintf(name, sizeof(name), "%s", json_string_value(json_object_get(entry, "name")));
        row = row_of(section, name);
        cr_assert(row || !whole, "nobody checks %s: %s", section, name);
        if (!row)
            continue;
        json_object_del(entry, "name");
        row->check(entry);
        cr_assert_eq(json_object_size(entry), 0, "%s: %s was not checked", name,
                     json_object_iter_key(json_object_iter(entry)));
        checked++;
    }
    return checked;
}

Test(vectors, every_number_about_drift_is_ours_too, .timeout = 20)
{
    json_t *root = json_load_file(VECTORS, JSON_REJECT_DUPLICATES, NULL);
    const char *section;
    json_t *entries;
    size_t checked = 0;

    cr_assert(root);
    json_object_foreach(root, section, entries)
    {
        bool whole = strncmp(section, "1.", 2) == 0;

        checked += check_section(section, entries, whole);
    }
    json_decref(root);
    cr_assert_eq(checked, 56 + 8 + 3);
}
