/* SPDX-License-Identifier: Apache-2.0 */
#include "histogram.h"
#include "pairs.h"

#include <criterion/criterion.h>

static struct pairs p;
static struct counts c;

static void start(void)
{
    c = answers(1, 9);
}

static void stop(void)
{
    pairs_deinit(&p);
    counts_deinit(&c);
}

TestSuite(pairs, .init = start, .fini = stop, .timeout = 30);

Test(pairs, ticks_of_both_stand_side_by_side)
{
    struct counts other = answers(7, 3);

    for (uint64_t t = 1; t < 20; t += 2)
        pairs_add_control(&p, t, false, &other);
    for (uint64_t t = 0; t < 30; t += 3)
        pairs_add(&p, t, false, &c);
    cr_assert_eq(p.count, 3); /* 3, 9 and 15 */
    cr_assert_eq(counts_of(&p.own[0], STR("yes")), 1);
    cr_assert_eq(counts_of(&p.control[0], STR("yes")), 7);
    counts_deinit(&other);
}

Test(pairs, hours_are_left_out)
{
    pairs_add_control(&p, 60, true, &c);
    pairs_add_control(&p, 120, false, &c);
    pairs_add(&p, 60, true, &c);
    pairs_add(&p, 120, true, &c);
    cr_assert_eq(p.count, 0);
    cr_assert_eq(p.told_count, 1);
}
