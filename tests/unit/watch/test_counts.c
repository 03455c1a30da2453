/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/counts.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct counts c, d;
static struct buf text;

static void stop(void)
{
    counts_deinit(&c);
    counts_deinit(&d);
    buf_deinit(&text);
}

TestSuite(counts, .fini = stop, .timeout = 30);

static bool reads_as(const struct counts *counts, struct str expected)
{
    buf_reset(&text);
    counts_put(counts, &text);
    return str_eq(buf_str(&text), expected);
}

Test(counts, the_order_of_adding_does_not_show)
{
    counts_add(&c, STR("b"), 1);
    counts_add(&c, STR("a"), 2);
    counts_add(&c, STR("b"), 3);
    counts_add(&d, STR("b"), 4);
    counts_add(&d, STR("a"), 2);
    cr_assert(reads_as(&c, STR("a=2 b=4")));
    cr_assert(reads_as(&d, STR("a=2 b=4")));
}

Test(counts, replicas_add_up)
{
    counts_add(&c, STR("yes"), 5);
    counts_add(&d, STR("yes"), 6);
    counts_add(&d, STR("no"), 9);
    counts_merge(&c, &d);
    cr_assert_eq(counts_of(&c, STR("yes")), 11);
    cr_assert_eq(counts_total(&c), 20);
}

Test(counts, odd_values_come_back_from_their_text)
{
    counts_add(&c, STR("a = b c\n%"), 7);
    counts_add(&c, STR(""), 1);
    buf_reset(&text);
    counts_put(&c, &text);
    cr_assert(counts_read(&d, buf_str(&text)));
    cr_assert_eq(counts_of(&d, STR("a = b c\n%")), 7);
    cr_assert_eq(counts_of(&d, STR("")), 1);
}

Test(counts, what_is_not_its_text_is_refused)
{
    cr_assert_not(counts_read(&c, STR("a")));
    cr_assert_not(counts_read(&c, STR("a=x")));
    cr_assert_not(counts_read(&c, STR("a%4=1")));
    cr_assert(counts_read(&c, STR("")));
}

Test(counts, values_beyond_the_bound_are_counted_as_other)
{
    for (unsigned i = 0; i < 100; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "v%u", i);
        counts_add(&c, str_of(name), 1);
    }
    cr_assert_eq(c.size, COUNTS_VALUES + 1);
    cr_assert_eq(counts_of(&c, STR("other")), 100 - COUNTS_VALUES);
    cr_assert_eq(counts_total(&c), 100);
}
