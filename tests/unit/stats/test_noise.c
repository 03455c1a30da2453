/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/stats/distance.h"
#include "weir/stats/noise.h"

#include <criterion/criterion.h>

enum { BINS = 6, REPEATS = 2000, N = 900, M = 300 };

static const double points[BINS] = { 1, 4, 16, 64, 256, 448 };
static uint64_t state = 88172645463325252;

TestSuite(noise, .timeout = 60);

static uint64_t throw_die(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void draw(uint64_t *counts, unsigned n)
{
    static const unsigned parts[BINS] = { 5, 15, 30, 30, 15, 5 };

    for (size_t k = 0; k < BINS; k++)
        counts[k] = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned at = (unsigned)(throw_die() >> 20) % 100, k = 0;

        while (at >= parts[k])
            at -= parts[k++];
        counts[k]++;
    }
}

Test(noise, chance_exceeds_a_floor_in_one_of_twenty_or_less)
{
    unsigned js = 0, hellinger = 0, tv = 0, linf = 0, ks = 0, wasserstein = 0;

    for (unsigned i = 0; i < REPEATS; i++) {
        uint64_t a[BINS], b[BINS];
        struct noise floor;

        draw(a, N);
        draw(b, M);
        floor = noise_floors(a, b, BINS, BINS);
        js += distance_js_distance_bits(a, b, BINS) > floor.js_distance_bits;
        hellinger += distance_hellinger(a, b, BINS) > floor.hellinger;
        tv += distance_total_variation(a, b, BINS) > floor.tv;
        linf += distance_l_infinity(a, b, BINS) > floor.linf;
        ks += distance_ks(a, b, BINS).statistic > floor.ks;
        wasserstein += distance_wasserstein(a, b, points, BINS) >
                       noise_wasserstein(a, b, points, BINS);
    }
    cr_assert(js < REPEATS * .07 && js > REPEATS * .03, "%u", js);
    cr_assert(hellinger < REPEATS * .07 && hellinger > REPEATS * .03, "%u", hellinger);
    cr_assert_lt(tv, REPEATS / 20, "%u", tv);
    cr_assert_lt(linf, REPEATS * .06, "%u", linf);
    cr_assert_lt(ks, REPEATS / 20, "%u", ks);
    cr_assert_lt(wasserstein, REPEATS / 20, "%u", wasserstein);
}

Test(noise, a_shift_of_one_bin_is_far_above_it)
{
    uint64_t a[BINS] = { 45, 135, 270, 270, 135, 45 }, b[BINS] = { 0, 15, 45, 90, 90, 60 };

    cr_assert_gt(distance_wasserstein(a, b, points, BINS),
                 3 * noise_wasserstein(a, b, points, BINS));
}

Test(noise, of_nothing_there_is_none)
{
    uint64_t a[BINS] = { 1, 2, 3 }, none[BINS] = { 0 };
    struct noise floor = noise_floors(a, none, BINS, 0);

    cr_assert_eq(floor.hellinger, 0);
    cr_assert_eq(floor.ks, 0);
    cr_assert_eq(noise_wasserstein(a, none, points, BINS), 0);
}
