/* SPDX-License-Identifier: Apache-2.0 */

/* Digests are made by hand, so that all of them fall into the one set of the smallest table. */

#include "alias.h"

#include <criterion/criterion.h>

static struct aliases *all;

static void start(void)
{
    all = aliases_new(0);
}

static void stop(void)
{
    aliases_free(all);
}

TestSuite(alias, .init = start, .fini = stop, .timeout = 10);

static struct digest raw_of(uint8_t n)
{
    return (struct digest){ .bytes = { [DIGEST_BYTES - 1] = n } };
}

static void put(uint8_t n)
{
    struct digest raw = raw_of(n), key = { .bytes = { n } };

    alias_put(all, &raw, &key, UINT64_MAX - n);
}

static bool has(uint8_t n)
{
    struct digest raw = raw_of(n), key = { 0 }, want = { .bytes = { n } };
    uint64_t facts = 0;

    if (!alias_get(all, &raw, &key, &facts))
        return false;
    cr_assert(digest_eq(&key, &want));
    cr_assert_eq(facts, UINT64_MAX - n);
    return true;
}

Test(alias, an_empty_way_holds_no_digest_of_zeroes)
{
    cr_assert_not(has(0));
    put(0);
    cr_assert(has(0));
}

Test(alias, what_is_not_found_leaves_the_outputs_alone)
{
    struct digest raw = raw_of(1), key = { .bytes = { 9 } };
    uint64_t facts = 9;

    put(2);
    cr_assert_not(alias_get(all, &raw, &key, &facts));
    cr_assert_eq(key.bytes[0], 9);
    cr_assert_eq(facts, 9);
}

Test(alias, whole_digests_are_compared)
{
    struct digest raw = raw_of(1), other = raw_of(1), key = { 0 };
    uint64_t facts;

    alias_put(all, &raw, &key, 0);
    other.bytes[DIGEST_BYTES - 1] ^= 0x80;
    cr_assert_not(alias_get(all, &other, &key, &facts));
    cr_assert(alias_get(all, &raw, &key, &facts));
}

Test(alias, what_is_put_again_is_replaced_where_it_stands)
{
    struct digest raw = raw_of(1), key = { .bytes = { 7 } };
    uint64_t facts;

    put(1);
    put(2);
    alias_put(all, &raw, &key, 7);
    cr_assert(has(2));
    cr_assert(alias_get(all, &raw, &key, &facts));
    cr_assert_eq(facts, 7);
}

Test(alias, what_nobody_asks_for_falls_out_first)
{
    put(1);
    cr_assert(has(1)); /* one way up */
    cr_assert(has(1)); /* and another: now it is first */
    for (uint8_t n = 10; n < 200; n++)
        put(n);
    cr_assert(has(1));
    cr_assert(has(199));
    cr_assert(has(198));
    cr_assert_not(has(197));
}

Test(alias, one_hit_saves_it_from_a_crowd_of_newcomers)
{
    put(1);
    cr_assert(has(1));
    for (uint8_t n = 10; n < 200; n++)
        put(n);
    cr_assert(has(1));
}

Test(alias, the_table_is_a_power_of_two_of_sets_within_its_bytes)
{
    size_t one = aliases_cost(all); /* no bytes at all: still one set */

    for (size_t sets = 1; sets <= 64; sets *= 2) {
        struct aliases *exact = aliases_new(sets * one);
        struct aliases *less = aliases_new(sets * one * 2 - 1);

        cr_assert_eq(aliases_cost(exact), sets * one);
        cr_assert_eq(aliases_cost(less), sets * one);
        aliases_free(exact);
        aliases_free(less);
    }
}

Test(alias, no_table_is_fine_to_free)
{
    aliases_free(NULL);
    cr_assert_not(has(1));
}
