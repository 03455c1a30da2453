/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/stats/distinct.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

/* Hashes of 1, 2, 3 and so on: a bijection that mixes all bits, so all differ. */
static uint64_t hash_of(uint64_t value)
{
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

static void add_range(struct distinct *d, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        distinct_add(d, hash_of(i * UINT64_C(0x9e3779b97f4a7c15)));
}

Test(distinct, an_empty_one_holds_none, .timeout = 5)
{
    static const struct distinct none;

    cr_assert_eq(distinct_estimate(&none), 0);
}

Test(distinct, a_few_are_counted_nearly_exactly, .timeout = 5)
{
    static struct distinct d;

    for (uint64_t n = 1; n <= 100; n++) {
        add_range(&d, n, n + 1);
        cr_assert_float_eq(distinct_estimate(&d), (double)n, .03 * (double)n + 1e-3);
    }
}

/* A hundred and sixty sets of each size: the root of the mean square is within what 1.04/64 allows. */
Test(distinct, the_error_is_that_of_its_registers, .timeout = 60)
{
    enum { SETS = 160 };
    static const uint64_t sizes[] = { 1000, 5000, 10000, 20000, 100000 };

    for (size_t i = 0; i < 5; i++) {
        double squares = 0;

        for (uint64_t set = 0; set < SETS; set++) {
            struct distinct d = { { 0 } };
            double off;

            add_range(&d, set << 32, (set << 32) + sizes[i]);
            off = distinct_estimate(&d) / (double)sizes[i] - 1;
            cr_assert_lt(fabs(off), 5 * 1.04 / 64);
            squares += off * off;
        }
        cr_assert_lt(sqrt(squares / SETS), 1.2 * 1.04 / 64, "of %d", (int)sizes[i]);
    }
}

Test(distinct, the_same_value_again_changes_nothing, .timeout = 5)
{
    static struct distinct once, often;

    add_range(&once, 0, 5000);
    for (int i = 0; i < 3; i++)
        add_range(&often, 0, 5000);
    cr_assert_eq(memcmp(&once, &often, sizeof(once)), 0);
}

Test(distinct, merging_is_the_same_as_adding_all, .timeout = 5)
{
    static struct distinct all, left, right;

    add_range(&all, 0, 30000);
    add_range(&left, 0, 20000);
    add_range(&right, 10000, 30000);
    distinct_merge(&left, &right);
    cr_assert_eq(memcmp(&all, &left, sizeof(all)), 0);
    distinct_merge(&left, &right);
    cr_assert_eq(memcmp(&all, &left, sizeof(all)), 0, "as often as one likes");
}

Test(distinct, the_longest_run_of_zeros_fits, .timeout = 5)
{
    static struct distinct d;

    distinct_add(&d, 0);
    distinct_add(&d, UINT64_MAX);
    cr_assert_eq(d.registers[0], 53);
    cr_assert_eq(d.registers[DISTINCT_REGISTERS - 1], 1);
}
