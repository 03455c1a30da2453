/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/cache/memory.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static struct digest key_of(unsigned n)
{
    struct digest key;

    digest_of(&key, (struct str){ (const char *)&n, sizeof(n) });
    return key;
}

/* Puts an answer of `size` bytes under the n-th key and tells whether it was taken. */
static bool put(struct memory *m, unsigned n, size_t size)
{
    char *body = calloc(1, size);
    struct entry_facts facts = { .key = key_of(n),
                                 .body = { body, size },
                                 .created_ms = 1000,
                                 .fresh_ms = 1000,
                                 .stale_ms = 500 };
    AUTO(entry_unref) struct entry *e = entry_new(&facts);

    free(body);
    return memory_put(m, e);
}

static bool holds(struct memory *m, unsigned n)
{
    struct digest key = key_of(n);
    AUTO(entry_unref) struct entry *e = memory_get(m, &key, 1000);

    return e;
}

static struct memory_numbers numbers(struct memory *m)
{
    struct memory_numbers n;

    memory_read(m, &n);
    return n;
}

static size_t resident_bytes(void)
{
    unsigned long total;
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    cr_assert(f && fscanf(f, "%lu %lu", &total, &pages) == 2);
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

Test(memory, returns_what_was_put, .timeout = 10)
{
    struct memory *m = memory_new(64 * MIB);

    cr_assert_not(holds(m, 1));
    cr_assert(put(m, 1, 100));
    cr_assert(holds(m, 1));
    cr_assert_not(holds(m, 2));
    cr_assert_eq(numbers(m).entries, 1);
    cr_assert_gt(numbers(m).bytes, 100);
    memory_free(m);
    memory_free(NULL);
}

Test(memory, replaces_what_the_key_held, .timeout = 10)
{
    struct memory *m = memory_new(MIB);
    struct digest key = key_of(1);
    struct entry *e;

    put(m, 1, 100);
    put(m, 1, 200);
    e = memory_get(m, &key, 1000);
    cr_assert_eq(e->facts.body.len, 200);
    cr_assert_eq(numbers(m).entries, 1);
    entry_unref(e);
    memory_free(m);
}

Test(memory, stays_within_its_budget_whatever_the_sizes, .timeout = 10)
{
    static const size_t budgets[] = { 0, 100, 64 * 1024, MIB, 3 * MIB, 20 * MIB };

    for (size_t i = 0; i < sizeof(budgets) / sizeof(budgets[0]); i++) {
        struct memory *m = memory_new(budgets[i]);

        for (unsigned n = 0; n < 2000; n++) {
            put(m, n, (size_t)(n * 7919) % 60000 + 1);
            cr_assert_leq(numbers(m).bytes, budgets[i]);
        }
        memory_free(m);
    }
}

Test(memory, keeps_answers_of_a_tenth_of_a_small_budget, .timeout = 10)
{
    struct memory *m = memory_new(MIB);

    for (unsigned n = 0; n < 12; n++)
        cr_assert(put(m, n, 60000));
    cr_assert(holds(m, 11));
    cr_assert_gt(numbers(m).bytes, MIB / 2);
    memory_free(m);
}

Test(memory, does_not_keep_an_answer_that_would_push_out_too_much, .timeout = 10)
{
    struct memory *m = memory_new(MIB);

    put(m, 1, 1000);
    put(m, 2, 1000);
    cr_assert_not(put(m, 1, MIB / 4));
    cr_assert(holds(m, 2));
    cr_assert_not(holds(m, 1), "the older answer must not outlive its successor");
    memory_free(m);
}

Test(memory, holds_the_largest_answer_of_redis_by_default, .timeout = 10)
{
    struct memory *m = memory_new(64 * MIB);

    cr_assert(put(m, 1, MIB));
    memory_free(m);
}

Test(memory, spares_what_was_asked_for_and_evicts_what_was_not, .timeout = 10)
{
    struct memory *m = memory_new(MIB);
    unsigned n = 0;

    put(m, 1000, 10000);
    cr_assert(holds(m, 1000));
    for (n = 0; n < 150; n++)
        put(m, n, 10000);
    cr_assert(holds(m, 1000));
    cr_assert_not(holds(m, 0));
    cr_assert(holds(m, 149));
    cr_assert_gt(numbers(m).evictions, 40);
    memory_free(m);
}

Test(memory, drops_an_entry_past_its_keeping, .timeout = 10)
{
    struct memory *m = memory_new(MIB);
    struct digest key = key_of(1);
    struct entry *e;

    put(m, 1, 10);
    e = memory_get(m, &key, 2499);
    cr_assert(e);
    entry_unref(e);
    cr_assert_null(memory_get(m, &key, 2500));
    cr_assert_eq(numbers(m).entries, 0);
    cr_assert_eq(numbers(m).bytes, 0);
    memory_free(m);
}

Test(memory, drops_by_key, .timeout = 10)
{
    struct memory *m = memory_new(MIB);
    struct digest key = key_of(1);

    put(m, 1, 10);
    memory_drop(m, &key);
    memory_drop(m, &key);
    cr_assert_not(holds(m, 1));
    memory_free(m);
}

Test(memory, drops_an_entry_only_while_the_key_holds_that_one, .timeout = 10)
{
    struct memory *m = memory_new(MIB);
    struct digest key = key_of(1);
    struct entry *old;

    put(m, 1, 10);
    old = memory_get(m, &key, 1000);
    put(m, 1, 10);
    memory_drop_entry(m, old);
    cr_assert(holds(m, 1));
    entry_unref(old);
    old = memory_get(m, &key, 1000);
    memory_drop_entry(m, old);
    cr_assert_not(holds(m, 1));
    entry_unref(old);
    memory_free(m);
}

Test(memory, remembers_which_key_a_raw_body_has, .timeout = 10)
{
    struct memory *m = memory_new(MIB);
    struct digest raw = key_of(1);
    struct digest key = key_of(2);
    struct digest found;
    uint64_t facts = 0;

    cr_assert_not(memory_alias_get(m, &raw, &found, &facts));
    memory_alias(m, &raw, &key, 3);
    memory_alias(m, &raw, &key, 7);
    cr_assert(memory_alias_get(m, &raw, &found, &facts));
    cr_assert(digest_eq(&found, &key));
    cr_assert_eq(facts, 7);
    memory_free(m);
}

Test(memory, forgets_raw_bodies_but_never_mistakes_one, .timeout = 10)
{
    struct memory *m = memory_new(MIB);
    unsigned found = 0;

    for (unsigned n = 0; n < 5000; n++) {
        struct digest raw = key_of(n);
        struct digest key = key_of(n + 1);

        memory_alias(m, &raw, &key, n);
    }
    for (unsigned n = 0; n < 5000; n++) {
        struct digest raw = key_of(n);
        struct digest want = key_of(n + 1);
        struct digest key;
        uint64_t facts;

        if (!memory_alias_get(m, &raw, &key, &facts))
            continue;
        cr_assert(digest_eq(&key, &want));
        cr_assert_eq(facts, n);
        found++;
    }
    cr_assert_gt(found, 100);
    memory_free(m);
}

Test(memory, keeps_the_raw_bodies_that_are_asked_for_again, .timeout = 10)
{
    struct memory *m = memory_new(MIB);
    struct digest often = key_of(UINT32_MAX);
    struct digest key;
    uint64_t facts;

    memory_alias(m, &often, &often, 1);
    for (unsigned n = 0; n < 20000; n++) {
        struct digest raw = key_of(n);

        cr_assert(memory_alias_get(m, &often, &key, &facts));
        memory_alias(m, &raw, &raw, 0);
    }
    memory_free(m);
}

Test(memory, takes_hardly_any_memory_before_its_use, .timeout = 10)
{
    size_t before = resident_bytes();
    struct memory *m = memory_new((size_t)4096 * MIB);

    cr_assert_lt(resident_bytes(), before + MIB);
    memory_free(m);
}
