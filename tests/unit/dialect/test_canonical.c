/* SPDX-License-Identifier: Apache-2.0 */
#include "canonical.h"

#include "world.h"

static struct canonical_finds found;

static void expect_form(enum canonical_order order, const char *json, const char *form)
{
    struct arena arena = { 0 };
    struct str out;

    cr_assert_eq(scan_check(str_of(json), NULL), OK);
    cr_assert_eq(canonical_of(str_of(json), order, &arena, &out, &found), OK);
    expect_str(out, form);
    arena_deinit(&arena);
}

Test(canonical, space_and_order_do_not_count, .timeout = 5)
{
    expect_form(ORDER_SORTED, " {\"b\" : [ 1 , {\"d\":null,\"c\":true} ],\n\"a\":{}}",
                "{\"a\":{},\"b\":[1,{\"c\":true,\"d\":null}]}");
}

Test(canonical, kept_order_is_kept_inside_too, .timeout = 5)
{
    expect_form(ORDER_KEPT, "{\"b\": [{\"d\":1.0,\"c\":2}], \"a\":\"\\u0041\"}",
                "{\"b\":[{\"d\":1,\"c\":2}],\"a\":\"A\"}");
}

Test(canonical, members_sort_by_their_unescaped_bytes, .timeout = 5)
{
    expect_form(ORDER_SORTED, "{\"b\":1,\"\\u0061\":2,\"\\\"\":3,\"\\ud83d\\ude00\":4,\"z\":5}",
                "{\"\\\"\":3,\"a\":2,\"b\":1,\"z\":5,\"\xF0\x9F\x98\x80\":4}");
}

Test(canonical, there_is_one_way_to_escape, .timeout = 5)
{
    expect_form(ORDER_SORTED, "[\"\\/\\b\\f\\n\\r\\t\\u000b\\u001F\\u007f\\u00e9\\u0000\\\\\"]",
                "[\"/\\b\\f\\n\\r\\t\\u000b\\u001f\x7f\xC3\xA9\\u0000\\\\\"]");
}

Test(canonical, a_lone_surrogate_is_found_and_kept, .timeout = 5)
{
    expect_form(ORDER_SORTED, "\"\\uD83D x \\uDE00\"", "\"\\ud83d x \\ude00\"");
    cr_assert(found.lone_surrogate);
}

Test(canonical, a_pair_of_surrogates_is_no_lone_one, .timeout = 5)
{
    expect_form(ORDER_SORTED, "\"\\ud83d\\ude00\"", "\"\xF0\x9F\x98\x80\"");
    cr_assert_not(found.lone_surrogate);
}

Test(canonical, a_big_integer_is_found_and_kept_exactly, .timeout = 5)
{
    expect_form(ORDER_SORTED, "[18446744073709551616]", "[18446744073709551616]");
    cr_assert(found.big_integer);
}

Test(canonical, a_member_that_stands_twice_is_found, .timeout = 5)
{
    expect_form(ORDER_SORTED, "{\"a\":{\"x\":2,\"\\u0078\":1}}", "{\"a\":{\"x\":2,\"x\":1}}");
    cr_assert(found.twice);
    expect_form(ORDER_KEPT, "{\"x\":2,\"y\":3,\"x\":1}", "{\"x\":2,\"y\":3,\"x\":1}");
    cr_assert(found.twice);
}

Test(canonical, a_number_may_grow_beyond_its_source, .timeout = 5)
{
    struct buf json = { 0 };
    struct arena arena = { 0 };
    struct str out;

    buf_put_text(&json, "[1e20");
    for (unsigned i = 1; i < 2000; i++)
        buf_put_text(&json, ",1e20");
    buf_put_text(&json, "]");
    cr_assert_eq(canonical_of(buf_str(&json), ORDER_SORTED, &arena, &out, &found), OK);
    cr_assert_eq(out.len, 2000 * 22 + 1);
    buf_deinit(&json);
    arena_deinit(&arena);
}

Test(canonical, a_spent_budget_is_told, .timeout = 5)
{
    struct arena arena = { .budget = 64 };
    struct str out;

    cr_assert_eq(canonical_of(STR("{\"a\":[1,2,3],\"b\":\"some text to write\"}"), ORDER_SORTED,
                              &arena, &out, &found),
                 ERR_TOO_LARGE);
    arena_deinit(&arena);
}

static void expect_message(const char *body, const char *form)
{
    struct world w = { 0 };
    struct str out;

    cr_assert_eq(ask(&w, ENDPOINT_MESSAGES, "m", body), OK, "%s", w.why.text);
    cr_assert_eq(canonical_body(&w.request, &w.arena, &out, &found), OK);
    expect_str(out, form);
    arena_deinit(&w.arena);
}

Test(canonical, a_prompts_cache_marks_are_left_out_of_a_messages_blocks, .timeout = 5)
{
    expect_message(
        "{\"cache_control\":1,\"system\":[{\"text\":\"s\",\"cache_control\":{}}],"
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"cache\\u005fcontrol\":2,"
        "\"content\":[{\"cache_control\":3,\"a\":1}]}]}]}",
        "{\"messages\":[{\"content\":[{\"content\":[{\"a\":1}]}],\"role\":\"user\"}],"
        "\"system\":[{\"text\":\"s\"}]}");
}

Test(canonical, elsewhere_a_member_of_that_name_is_as_good_as_any, .timeout = 5)
{
    expect_message("{\"tools\":[{\"input_schema\":{\"cache_control\":1}}],\"x\":[{"
                   "\"cache_control\":2}]}",
                   "{\"tools\":[{\"input_schema\":{\"cache_control\":1}}],\"x\":[{"
                   "\"cache_control\":2}]}");
}

Test(canonical, the_input_of_a_models_call_keeps_its_order, .timeout = 5)
{
    expect_message("{\"messages\":[{\"content\":[{\"name\":\"f\",\"input\":{\"b\":{\"d\":1,"
                   "\"c\":2},\"a\":3}}]}]}",
                   "{\"messages\":[{\"content\":[{\"input\":{\"b\":{\"d\":1,\"c\":2},\"a\":3},"
                   "\"name\":\"f\"}]}]}");
}
