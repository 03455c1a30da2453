/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/arena.h"

#include <criterion/criterion.h>
#include <stdalign.h>

Test(arena, a_zeroed_arena_costs_nothing_and_is_ready, .timeout = 5)
{
    struct arena a = { .budget = 10000 };

    cr_assert_eq(a.used, 0);
    cr_assert_not_null(arena_take(&a, 1));
    arena_deinit(&a);
}

Test(arena, what_is_taken_is_zeroed_and_aligned, .timeout = 5)
{
    struct arena a;

    arena_init(&a, 0);
    for (size_t size = 1; size < 3000; size = size * 2 + 1) {
        char *at = arena_take(&a, size);

        cr_assert_eq((uintptr_t)at % alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            cr_assert_eq(at[i], 0);
        memset(at, 0xAA, size);
    }
    arena_deinit(&a);
}

Test(arena, a_take_past_the_budget_fails_and_smaller_ones_still_fit, .timeout = 5)
{
    struct arena a;

    arena_init(&a, 8192);
    cr_assert_null(arena_take(&a, 8192), "the head of a block counts too");
    cr_assert_null(arena_take(&a, SIZE_MAX));
    cr_assert_not_null(arena_take(&a, 7000));
    cr_assert_not_null(arena_take(&a, 100));
    cr_assert_leq(a.used, 8192);
    arena_deinit(&a);
}

Test(arena, a_budget_can_be_spent_nearly_whole_in_small_pieces, .timeout = 5)
{
    struct arena a;
    size_t taken = 0;

    arena_init(&a, 100000);
    while (arena_take(&a, 64))
        taken += 64;
    cr_assert_gt(taken, 98000);
    cr_assert_leq(a.used, 100000);
    arena_deinit(&a);
}

Test(arena, a_large_take_leaves_the_rest_of_the_block_in_use, .timeout = 5)
{
    struct arena a;
    char *before, *after;

    arena_init(&a, 0);
    before = arena_take(&a, 16);
    cr_assert_not_null(arena_take(&a, 1 << 20));
    after = arena_take(&a, 16);
    cr_assert_eq(after - before, 16);
    arena_deinit(&a);
}

Test(arena, a_copy_ends_in_nul, .timeout = 5)
{
    struct arena a = { 0 };
    struct str copy = arena_copy(&a, str_cut(STR("gateway"), 0, 4));

    cr_assert_str_eq(copy.at, "gate");
    cr_assert_eq(copy.len, 4);
    cr_assert_not_null(arena_copy(&a, str_of(NULL)).at);
    arena_deinit(&a);
}

Test(arena, printing_past_the_budget_gives_the_absent_str, .timeout = 5)
{
    struct arena a = { .budget = 64 };

    cr_assert(str_eq(arena_printf(&a, "%d-%s", 7, "x"), STR("7-x")));
    cr_assert_null(arena_printf(&a, "%100d", 7).at);
    arena_deinit(&a);
}

Test(arena, a_pooled_block_serves_one_arena_after_the_other, .timeout = 5)
{
    struct arena_pool pool = { 0 };

    for (unsigned round = 0; round < 3; round++) {
        struct arena all[100];

        for (size_t i = 0; i < 100; i++) {
            arena_init_pooled(&all[i], &pool, 100000);
            cr_assert_not_null(arena_take(&all[i], 3000));
            cr_assert_not_null(arena_take(&all[i], 30000));
            cr_assert_null(arena_take(&all[i], 100000));
        }
        for (size_t i = 0; i < 100; i++)
            arena_deinit(&all[i]);
        cr_assert_leq(pool.count, 64);
    }
    arena_pool_deinit(&pool);
}

Test(arena, a_join_is_its_parts_and_a_nul, .timeout = 5)
{
    struct arena a = { .budget = 8192 };
    struct str parts[] = { STR("a"), { NULL, 0 }, STR("bc") };
    struct str joined = arena_join(&a, parts, 3);

    cr_assert(str_eq(joined, STR("abc")) && joined.at[3] == '\0');
    parts[1] = (struct str){ joined.at, 10000 };
    cr_assert_null(arena_join(&a, parts, 2).at);
    arena_deinit(&a);
}
