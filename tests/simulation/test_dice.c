/* SPDX-License-Identifier: Apache-2.0 */
#include "dice.h"

#include <criterion/criterion.h>

Test(dice, the_generator_is_the_published_one, .timeout = 5)
{
    struct dice d = { { 1, 2, 3, 4 } };

    cr_assert_eq(dice_throw(&d), UINT64_C(41943041));
    cr_assert_eq(dice_throw(&d), UINT64_C(58720359));
    cr_assert_eq(dice_throw(&d), UINT64_C(3588806011781223));
}

Test(dice, the_same_seed_throws_the_same, .timeout = 5)
{
    struct dice a, b;

    dice_init(&a, 7, 3);
    dice_init(&b, 7, 3);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(dice_throw(&a), dice_throw(&b));
}

Test(dice, streams_and_seeds_differ, .timeout = 5)
{
    struct dice a, b, c;

    dice_init(&a, 7, 3);
    dice_init(&b, 7, 4);
    dice_init(&c, 8, 3);
    for (int i = 0; i < 1000; i++) {
        uint64_t x = dice_throw(&a), y = dice_throw(&b), z = dice_throw(&c);

        cr_assert(x != y && y != z && x != z);
    }
}

Test(dice, each_side_falls_equally_often, .timeout = 5)
{
    unsigned seen[6] = { 0 };
    struct dice d;

    dice_init(&d, 1, 1);
    for (int i = 0; i < 600000; i++)
        seen[dice_below(&d, 6)]++;
    for (int i = 0; i < 6; i++)
        cr_assert(seen[i] > 98800 && seen[i] < 101200, "%d: %u", i, seen[i]);
}
