/* SPDX-License-Identifier: Apache-2.0 */
#include "member.h"

#include <criterion/criterion.h>

static struct arena arena;

static void stop(void)
{
    arena_deinit(&arena);
}

TestSuite(member, .fini = stop, .timeout = 30);

Test(member, a_name_comes_back_from_its_key)
{
    struct tick_histogram name = { STR("chat"), STR("org/qwen:7b"), STR("intent"),
                                   STR("plan=p%20ro") };
    struct tick_histogram read;
    struct buf key = { 0 };

    member_put(&key, &name);
    cr_assert(str_eq(buf_str(&key), STR("chat:org%2Fqwen%3A7b:intent@plan=p%20ro")));
    cr_assert(member_read(buf_str(&key), &read, &arena));
    cr_assert(str_eq(read.version, name.version));
    cr_assert(str_eq(read.prediction, name.prediction));
    cr_assert(str_eq(read.segment, name.segment));
    buf_deinit(&key);
}

Test(member, without_a_segment_it_is_empty)
{
    struct tick_histogram read;

    cr_assert(member_read(STR("a:b:c"), &read, &arena));
    cr_assert_eq(read.segment.len, 0);
}

Test(member, what_is_no_name_is_refused)
{
    struct tick_histogram read;

    cr_assert_not(member_read(STR(""), &read, &arena));
    cr_assert_not(member_read(STR("a:b"), &read, &arena));
    cr_assert_not(member_read(STR("a:b:c:d"), &read, &arena));
    cr_assert_not(member_read(STR("a:b:c%"), &read, &arena));
    cr_assert_not(member_read(STR("a:b:c%zz"), &read, &arena));
}
