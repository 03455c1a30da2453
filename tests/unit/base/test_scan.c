/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/buf.h"
#include "weir/base/scan.h"

#include <criterion/criterion.h>

static enum err check(const char *json)
{
    return scan_check(str_of(json), NULL);
}

Test(scan, every_form_of_value_is_accepted, .timeout = 5)
{
    static const char *const good[] = {
        "null",
        " true ",
        "false",
        "0",
        "-0",
        "1.5e-7",
        "1E+2",
        "123456789012345678901234567890",
        "1e999",
        "\"\"",
        "\"\\ud800\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\"",
        "[]",
        "{}",
        "[1,[2,{}],\"x\"]",
        "{\"a\":{\"b\":[null]},\"a\":1}",
        "\t[\r\n1 , 2 ]",
        "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\"",
        "\"\x7F\"",
        "{\"\":0}",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_assert_eq(check(good[i]), OK, "%s", good[i]);
}

Test(scan, what_is_not_json_is_refused, .timeout = 5)
{
    static const char *const bad[] = {
        "",
        " ",
        "nul",
        "True",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "+1",
        "0x1",
        "NaN",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "[",
        "]",
        "[1",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "[1}",
        "{\"a\":1]",
        "1 2",
        "[] x",
        "'a'",
        "/**/1",
        "\xEF\xBB\xBF"
        "1",
        "\"\xFF\"",
        "\"\xC3\"",
        "\"\xED\xA0\x80\"",
        "\"\\",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(check(bad[i]), ERR_MALFORMED, "%s", bad[i]);
}

Test(scan, a_fault_names_its_byte, .timeout = 5)
{
    struct fault why;

    cr_assert_eq(scan_check(STR("{\"a\": nope}"), &why), ERR_MALFORMED);
    cr_assert_str_eq(why.text, "no JSON value at byte 6");
}

Test(scan, a_nul_byte_is_no_end, .timeout = 5)
{
    cr_assert_eq(scan_check(STR("1\0"), NULL), ERR_MALFORMED);
    cr_assert_eq(scan_check(STR("\"\0\""), NULL), ERR_MALFORMED);
}

static enum err check_nested(size_t depth)
{
    char text[4 * SCAN_DEPTH];

    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    return scan_check((struct str){ text, 2 * depth }, NULL);
}

Test(scan, nesting_is_limited, .timeout = 5)
{
    cr_assert_eq(check_nested(SCAN_DEPTH), OK);
    cr_assert_eq(check_nested(SCAN_DEPTH + 1), ERR_TOO_LARGE);
}

/* Whatever is cut off a text, the check must neither pass it nor read past its end. */
Test(scan, no_beginning_of_an_object_is_a_value, .timeout = 5)
{
    struct str whole = STR(
        "{\"k\\u00e4\":[1.5e3,true,null,\"\xC3\xA4\"],\"long text here\":{}}");

    for (size_t len = 0; len < whole.len; len++) {
        char *copy = malloc(len + 1);

        memcpy(copy, whole.at, len);
        cr_assert_eq(scan_check((struct str){ copy, len }, NULL), ERR_MALFORMED);
        free(copy);
    }
    cr_assert_eq(scan_check(whole, NULL), OK);
}

/* The word-at-a-time loops must see a special byte at every place of a word. */
Test(scan, special_bytes_are_seen_at_every_offset, .timeout = 5)
{
    for (size_t at = 1; at < 40; at++) {
        char text[43];

        memset(text, 'a', sizeof(text));
        text[0] = text[41] = '"';
        text[42] = ' ';
        cr_assert_eq(scan_check((struct str){ text, 42 }, NULL), OK);
        text[at] = '\x1F';
        cr_assert_eq(scan_check((struct str){ text, 42 }, NULL), ERR_MALFORMED);
        text[at] = '\x80';
        cr_assert_eq(scan_check((struct str){ text, 42 }, NULL), ERR_MALFORMED);
        text[at] = '"';
        cr_assert_eq(scan_check((struct str){ text, 42 }, NULL), ERR_MALFORMED);
        text[at] = '\\';
        text[at + 1] = at == 40 ? '"' : 'n';
        cr_assert_eq(scan_check((struct str){ text, 42 }, NULL), OK);
    }
}

Test(scan, members_come_in_their_order_with_their_places, .timeout = 5)
{
    struct str text = STR(" { \"model\" : \"a\\\"b\" , \"n\":[1,{\"x\":\"]\"}],\"t\":-1.5 }");
    struct scan_member m;
    struct scan s;

    scan_start(&s, text);
    cr_assert(scan_next(&s, &m));
    cr_assert(str_eq(m.key, STR("model")) && str_eq(m.value, STR("\"a\\\"b\"")));
    cr_assert(str_eq(str_cut(text, m.at, m.at + m.value.len), m.value));
    cr_assert(scan_next(&s, &m));
    cr_assert(str_eq(m.value, STR("[1,{\"x\":\"]\"}]")) && m.type == SCAN_ARRAY);
    cr_assert(scan_next(&s, &m));
    cr_assert(str_eq(m.value, STR("-1.5")) && m.type == SCAN_NUMBER);
    cr_assert_not(scan_next(&s, &m));
    cr_assert_not(scan_next(&s, &m));
}

Test(scan, elements_of_an_array_have_no_key, .timeout = 5)
{
    struct scan_member m;
    struct scan s;
    int count = 0;

    scan_start(&s, STR("[true, null ,[],\"x\"]"));
    for (; scan_next(&s, &m); count++)
        cr_assert_null(m.key.at);
    cr_assert_eq(count, 4);
}

Test(scan, a_text_that_is_no_container_has_no_members, .timeout = 5)
{
    static const char *const texts[] = { "", " ", "1", "\"a\"", "[]", " { } " };
    struct scan_member m;
    struct scan s;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        scan_start(&s, str_of(texts[i]));
        cr_assert_not(scan_next(&s, &m), "%s", texts[i]);
    }
}

Test(scan, the_last_of_two_equal_names_counts, .timeout = 5)
{
    struct scan_member m;

    cr_assert(scan_get(STR("{\"a\":1,\"\\u0061\":2,\"b\":3}"), STR("a"), &m));
    cr_assert(str_eq(m.value, STR("2")));
    cr_assert_not(scan_get(STR("{\"a\":1}"), STR("c"), &m));
    cr_assert_not(scan_get(STR("[\"a\"]"), STR("a"), &m));
}

Test(scan, keys_are_compared_unescaped, .timeout = 5)
{
    cr_assert(scan_key_is(STR("mod\\u0065l"), STR("model")));
    cr_assert(scan_key_is(STR("\\ud83d\\ude00\\n"), STR("\xF0\x9F\x98\x80\n")));
    cr_assert_not(scan_key_is(STR("mod\\u0065"), STR("model")));
    cr_assert_not(scan_key_is(STR("mod\\u0065ls"), STR("model")));
    cr_assert(scan_key_is(STR(""), STR("")));
}

static bool points_to(const char *pointer, const char *value)
{
    struct str text = STR(
        " {\"foo\":[\"bar\",{\"x\":7}],\"\":0,\"a/b\":1,\"m~n\":8,\"k\\\"l\":6,\"1\":2}");
    struct scan_member m;

    if (!scan_pointer(text, str_of(pointer), &m))
        return !value;
    return value && str_eq(m.value, str_of(value)) &&
           str_eq(str_cut(text, m.at, m.at + m.value.len), m.value);
}

Test(scan, a_pointer_finds_what_the_standard_says, .timeout = 5)
{
    cr_assert(points_to("/foo", "[\"bar\",{\"x\":7}]"));
    cr_assert(points_to("/foo/0", "\"bar\""));
    cr_assert(points_to("/foo/1/x", "7"));
    cr_assert(points_to("/", "0"));
    cr_assert(points_to("/a~1b", "1"));
    cr_assert(points_to("/m~0n", "8"));
    cr_assert(points_to("/k\"l", "6"));
    cr_assert(points_to("/1", "2"));
}

Test(scan, a_pointer_to_nothing_is_false, .timeout = 5)
{
    static const char *const nowhere[] = { "/foo/2", "/foo/00", "/foo/-", "/foo/",   "/nope",
                                           "foo",    "/m~n",    "/m~",    "/foo/0/x" };

    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++)
        cr_assert(points_to(nowhere[i], NULL), "%s", nowhere[i]);
}

Test(scan, the_empty_pointer_is_the_whole_value, .timeout = 5)
{
    struct scan_member m;

    cr_assert(scan_pointer(STR(" [1] "), STR(""), &m));
    cr_assert(str_eq(m.value, STR("[1]")));
    cr_assert_eq(m.at, 1);
    cr_assert_eq(m.type, SCAN_ARRAY);
}

Test(scan, a_string_without_escapes_is_lent, .timeout = 5)
{
    struct arena a = { 0 };
    struct str value = STR("\"plain\"");
    struct str text = scan_text(value, &a, NULL);

    cr_assert_eq(text.at, value.at + 1);
    cr_assert_eq(a.used, 0);
}

Test(scan, escapes_become_utf8, .timeout = 5)
{
    struct arena a = { 0 };
    bool lossy;
    struct str text = scan_text(
        STR("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00E4\\u20ac\\ud83d\\ude00\\u0000z\""), &a, &lossy);

    cr_assert(str_eq(text, STR("a\"\\/\b\f\n\r\t\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\0z")));
    cr_assert_not(lossy);
    arena_deinit(&a);
}

Test(scan, lone_surrogates_are_replaced_and_told, .timeout = 5)
{
    struct arena a = { 0 };
    bool lossy;

    cr_assert(str_eq(scan_text(STR("\"\\ud83dx\""), &a, &lossy), STR("\xEF\xBF\xBDx")));
    cr_assert(lossy);
    cr_assert(str_eq(scan_text(STR("\"\\ude00\\ud83d\\ude00\""), &a, &lossy),
                     STR("\xEF\xBF\xBD\xF0\x9F\x98\x80")));
    cr_assert(lossy);
    cr_assert(str_eq(scan_text(STR("\"\\ud83d\\u0041\""), &a, &lossy), STR("\xEF\xBF\xBD"
                                                                           "A")));
    arena_deinit(&a);
}

Test(scan, a_spent_budget_gives_the_absent_str, .timeout = 5)
{
    struct arena a = { .budget = 8 };

    cr_assert_null(scan_text(STR("\"\\n\""), &a, NULL).at);
}

Test(scan, numbers_are_read_as_doubles, .timeout = 5)
{
    double n = 0;

    cr_assert(scan_number(STR("-1.5e3"), &n) && n == -1500);
    cr_assert(scan_number(STR("0.1"), &n) && n == 0.1);
    cr_assert_not(scan_number(STR("1e999"), &n));
    cr_assert_not(scan_number(STR("0x10"), &n));
    cr_assert_not(scan_number(STR("1 "), &n));
    cr_assert_not(scan_number(STR("\"1\""), &n));
}

Test(scan, counts_are_whole_numbers_without_sign, .timeout = 5)
{
    uint64_t n = 0;

    cr_assert(scan_u64(STR("0"), &n) && n == 0);
    cr_assert(scan_u64(STR("4096"), &n) && n == 4096);
    cr_assert_not(scan_u64(STR("1.0"), &n));
    cr_assert_not(scan_u64(STR("-1"), &n));
    cr_assert_not(scan_u64(STR("18446744073709551616"), &n));
}

Test(scan, only_true_is_true, .timeout = 5)
{
    cr_assert(scan_true(STR("true")));
    cr_assert_not(scan_true(STR("false")));
    cr_assert_not(scan_true(STR("\"true\"")));
}

Test(scan, a_written_string_reads_back, .timeout = 5)
{
    struct str text = STR("a\"b\\c\n\x01\0\xC3\xA4/");
    struct arena a = { 0 };
    struct buf b = { 0 };

    scan_put_string(&b, text);
    cr_assert(str_eq(buf_str(&b), STR("\"a\\\"b\\\\c\\u000a\\u0001\\u0000\xC3\xA4/\"")));
    cr_assert_eq(scan_check(buf_str(&b), NULL), OK);
    cr_assert(str_eq(scan_text(buf_str(&b), &a, NULL), text));
    buf_deinit(&b);
    arena_deinit(&a);
}
