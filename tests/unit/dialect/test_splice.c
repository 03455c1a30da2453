/* SPDX-License-Identifier: Apache-2.0 */
#include "splice.h"

#include "world.h"

static void expect_without_usage(const char *json, const char *wanted)
{
    struct splices all = { .count = 0 };
    struct scan_member m;
    struct buf out = { 0 };

    cr_assert(scan_get(str_of(json), STR("usage"), &m));
    splice_out(&all, str_of(json), m.key, m.value);
    splice_put(&all, str_of(json), &out);
    expect_str(buf_str(&out), wanted);
    buf_deinit(&out);
}

Test(splice, a_member_goes_with_its_comma, .timeout = 5)
{
    expect_without_usage("{\"a\":1,\"usage\":null,\"b\":2}", "{\"a\":1,\"b\":2}");
    expect_without_usage("{\"a\":1,\"usage\":null}", "{\"a\":1}");
    expect_without_usage("{\"usage\":null,\"b\":2}", "{\"b\":2}");
    expect_without_usage("{\"usage\":null}", "{}");
    expect_without_usage("{\"a\":1 , \"usage\" : null }", "{\"a\":1  }");
}

Test(splice, pieces_may_be_added_in_any_order, .timeout = 5)
{
    struct splices all = { .count = 0 };
    struct buf out = { 0 };

    splice_add(&all, 4, 5, STR("E"));
    splice_add(&all, 0, 2, STR("-"));
    splice_add(&all, 3, 3, STR("+"));
    splice_put(&all, STR("abcdef"), &out);
    expect_str(buf_str(&out), "-c+dEf");
    buf_deinit(&out);
}
