/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/quantile.h"

#include <criterion/criterion.h>
#include <math.h>

enum { KEY_ZERO = 640 }; /* the bucket that ends at 1 */

static int key(double value)
{
    return (int)quantile_bucket(value) - KEY_ZERO;
}

Test(quantile, values_lie_in_the_buckets_of_schema_5, .timeout = 5)
{
    cr_assert_eq(key(.001), -318);
    cr_assert_eq(key(.5), -32);
    cr_assert_eq(key(1), 0);
    cr_assert_eq(key(1.0000001), 1);
    cr_assert_eq(key(1.5), 19);
    cr_assert_eq(key(2), 32);
    cr_assert_eq(key(3), 51);
    cr_assert_eq(key(100), 213);
}

Test(quantile, upper_bounds_are_those_of_schema_5, .timeout = 5)
{
    static const struct {
        int key;
        double upper;
    } rows[] = {
        { -318, .0010197986156517712 },
        { -32, .5 },
        { 0, 1 },
        { 1, 1.0218971486541166 },
        { 19, 1.5091644275934228 },
        { 32, 2 },
        { 51, 3.0183288551868457 },
        { 213, 100.86277408690474 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_assert_float_eq(quantile_upper((unsigned)(rows[i].key + KEY_ZERO)), rows[i].upper,
                           1e-12);
}

Test(quantile, a_bucket_is_off_by_no_more_than_a_ninetieth, .timeout = 5)
{
    double base = quantile_upper(KEY_ZERO + 1);

    cr_assert_float_eq((base - 1) / (base + 1), .010830001253373618, 1e-12);
    cr_assert_float_eq(sqrt(base) - 1, .010889286051700475, 1e-12);
    cr_assert_eq(quantile_bucket(600) - quantile_bucket(.001) + 1, 615, "1 ms to 10 min");
}

/* Four neighbours make a bucket of schema 3: key ceil(k/4), and its upper bound is theirs. */
Test(quantile, coarser_schemas_are_made_of_neighbours, .timeout = 5)
{
    static const struct {
        double value;
        int key;
        double upper;
    } rows[] = {
        { .001, -79, .0010649489576809157 },
        { .5, -8, .5 },
        { 1, 0, 1 },
        { 1.0000001, 1, 1.0905077326652577 },
        { 1.5, 5, 1.5422108254079407 },
        { 2, 8, 2 },
        { 3, 13, 3.0844216508158815 },
        { 100, 54, 107.63474115247546 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_assert_eq((int)ceil(key(rows[i].value) / 4.), rows[i].key);
        cr_assert_float_eq(quantile_upper((unsigned)(rows[i].key * 4 + KEY_ZERO)),
                           rows[i].upper, 1e-10);
    }
}

Test(quantile, a_power_of_two_lies_in_the_lower_bucket, .timeout = 5)
{
    for (int e = -20; e <= 12; e++) {
        double power = ldexp(1, e);

        cr_assert_eq(key(power), e * 32, "2^%d", e);
        cr_assert_eq(key(nextafter(power, INFINITY)), e * 32 + 1, "above 2^%d", e);
        cr_assert_eq(quantile_upper((unsigned)(e * 32 + KEY_ZERO)), power);
    }
}

Test(quantile, every_bound_is_inclusive, .timeout = 5)
{
    for (unsigned i = 0; i <= QUANTILE_BUCKETS; i++) {
        double upper = quantile_upper(i);

        cr_assert_eq(quantile_bucket(upper), i);
        cr_assert_eq(quantile_bucket(nextafter(upper, INFINITY)), i + 1);
        cr_assert_float_eq(log2(upper) * 32, (int)i - KEY_ZERO, 1e-9);
    }
}

Test(quantile, random_values_lie_between_their_buckets_bounds, .timeout = 10)
{
    uint64_t seed = 1;

    for (int i = 0; i < 200000; i++) {
        double value;
        unsigned bucket;

        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        value = exp2(-20 + 32 * (double)(seed >> 11) / 9007199254740992.0);
        bucket = quantile_bucket(value);
        if (bucket == 0)
            continue;
        cr_assert(value <= quantile_upper(bucket) && value > quantile_upper(bucket - 1));
    }
}

Test(quantile, what_is_out_of_range_has_cells_of_its_own, .timeout = 5)
{
    cr_assert_eq(quantile_bucket(0), 0);
    cr_assert_eq(quantile_bucket(-1), 0);
    cr_assert_eq(quantile_bucket(5e-324), 0);
    cr_assert_eq(quantile_bucket(4096), QUANTILE_BUCKETS);
    cr_assert_eq(quantile_bucket(4096.1), QUANTILE_BUCKETS + 1);
    cr_assert_eq(quantile_bucket(1e300), QUANTILE_BUCKETS + 1);
    cr_assert(isinf(quantile_upper(QUANTILE_BUCKETS + 1)));
}

Test(quantile, one_to_a_thousand_give_the_known_percentiles, .timeout = 5)
{
    static struct quantile q;
    double value;

    for (int i = 1; i <= 1000; i++)
        quantile_add(&q, i);
    cr_assert(quantile_at(&q, .5, &value));
    cr_assert_float_eq(value, 495.631819134, 1e-8);
    cr_assert(quantile_at(&q, .95, &value));
    cr_assert_float_eq(value, 949.237312043, 1e-8);
    cr_assert(quantile_at(&q, .99, &value));
    cr_assert_float_eq(value, 991.263638268, 1e-8);
    cr_assert_eq(q.sum, 500500);
    cr_assert_eq(q.least, 1);
    cr_assert_eq(q.most, 1000);
}

Test(quantile, too_few_values_give_none, .timeout = 5)
{
    static struct quantile q;
    double value = 7;

    for (int i = 0; i < 999; i++)
        quantile_add(&q, 1);
    cr_assert_not(quantile_at(&q, .99, &value));
    cr_assert_eq(value, 7);
    quantile_add(&q, 1);
    cr_assert(quantile_at(&q, .99, &value));
    cr_assert_eq(value, 1, "clamped to what was seen");
}

Test(quantile, a_hundred_values_are_enough_for_p90, .timeout = 5)
{
    static struct quantile q;
    double value;

    for (int i = 0; i < 100; i++)
        quantile_add(&q, 1);
    cr_assert(quantile_at(&q, .9, &value), "though 1 - .9 is a little less than a tenth");
}

Test(quantile, merging_is_the_same_as_adding_all, .timeout = 5)
{
    static struct quantile all, odd, even;

    for (int i = 1; i <= 1000; i++) {
        quantile_add(&all, i);
        quantile_add(i % 2 ? &odd : &even, i);
    }
    quantile_merge(&odd, &even);
    cr_assert_eq(memcmp(&all, &odd, sizeof(all)), 0);
}

Test(quantile, merging_is_the_same_in_any_order, .timeout = 5)
{
    static struct quantile parts[3], left, right;

    for (int i = 1; i <= 999; i++)
        quantile_add(&parts[i % 3], i);
    for (int i = 0; i < 3; i++) {
        quantile_merge(&left, &parts[i]);
        quantile_merge(&right, &parts[2 - i]);
    }
    cr_assert_eq(memcmp(&left, &right, sizeof(left)), 0);
}

Test(quantile, merging_an_empty_one_changes_nothing, .timeout = 5)
{
    static struct quantile some, none;

    quantile_add(&some, 5);
    quantile_merge(&some, &none);
    cr_assert_eq(some.least, 5);
    quantile_merge(&none, &some);
    cr_assert_eq(none.least, 5);
}

Test(quantile, at_most_is_exact_at_powers_of_two, .timeout = 5)
{
    static struct quantile q;

    for (int i = 1; i <= 1000; i++)
        quantile_add(&q, i);
    cr_assert_eq(quantile_at_most(&q, 256), 256);
    cr_assert_eq(quantile_at_most(&q, 512), 512);
    cr_assert_eq(quantile_at_most(&q, .5), 0);
    cr_assert_eq(quantile_at_most(&q, INFINITY), 1000);
}

Test(quantile, what_is_not_finite_is_left_out, .timeout = 5)
{
    static struct quantile q;

    quantile_add(&q, NAN);
    quantile_add(&q, INFINITY);
    cr_assert_eq(q.count, 0);
    cr_assert_eq(q.sum, 0);
}

Test(quantile, a_reset_one_is_empty, .timeout = 5)
{
    static struct quantile q, empty;

    quantile_add(&q, 3);
    quantile_reset(&q);
    cr_assert_eq(memcmp(&q, &empty, sizeof(q)), 0);
}
