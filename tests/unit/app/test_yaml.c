/* SPDX-License-Identifier: Apache-2.0 */
#include "yaml_tree.h"

#include <criterion/criterion.h>
#include <string.h>

struct reading {
    struct arena arena;
    struct buf faults;
    struct yaml_node *root;
};

static struct reading read_text(struct str text)
{
    struct reading r = { 0 };
    struct config_report report = { .file = STR("f"), .faults = &r.faults };
    enum err err = yaml_read(&r.root, &r.arena, text, &report);

    cr_assert_eq(err == OK, r.root != NULL);
    return r;
}

static void drop(struct reading *r)
{
    arena_deinit(&r->arena);
    buf_deinit(&r->faults);
}

static void expect_refused(const char *text, const char *said)
{
    struct reading r = read_text(str_of(text));
    struct str faults = buf_str(&r.faults);

    cr_assert_null(r.root, "%s", text);
    cr_assert(memmem(faults.at, faults.len, said, strlen(said)), "%s: %.*s", text,
              STR_ARG(faults));
    drop(&r);
}

Test(yaml, a_node_knows_its_line_and_path, .timeout = 10)
{
    struct reading r = read_text(STR("a:\n  b:\n    - x\n    - c: deep\n"));
    struct yaml_node *list = yaml_at(yaml_at(r.root, STR("a")), STR("b"));
    struct yaml_node *deep = yaml_at(list->last, STR("c"));
    struct buf path = { 0 };

    cr_assert_eq(list->line, 2);
    cr_assert_eq(list->count, 2);
    cr_assert_eq(deep->line, 4);
    yaml_put_path(deep, &path);
    cr_assert(str_eq(buf_str(&path), STR("a.b[1].c")));
    buf_deinit(&path);
    drop(&r);
}

Test(yaml, a_json_document_is_read_the_same_way, .timeout = 10)
{
    struct reading r = read_text(STR("{\n\t\"a\":[1,\"\\u00e9\\/\"],\n\t\"b\":{\"c\":true}}"));

    cr_assert(str_eq(yaml_at(r.root, STR("a"))->last->text, STR("\xc3\xa9/")));
    cr_assert_eq(yaml_at(r.root, STR("b"))->line, 3);
    drop(&r);
}

Test(yaml, a_json_character_in_two_escapes_is_one, .timeout = 10)
{
    struct reading r = read_text(STR(" {\"a\": \"\\\\ud83d \\ud83d\\uDE00\\\"\"}"));

    cr_assert(str_eq(yaml_at(r.root, STR("a"))->text, STR("\\ud83d \xf0\x9f\x98\x80\"")));
    drop(&r);
    expect_refused("{\"a\": \"\\ud83d\"}", "f:1: this is not YAML");
}

Test(yaml, a_byte_order_mark_is_passed_over, .timeout = 10)
{
    struct reading r = read_text(STR("\xef\xbb\xbf"
                                     "a: b\n"));

    cr_assert(str_eq(yaml_at(r.root, STR("a"))->text, STR("b")));
    drop(&r);
    r = read_text(STR("\xef\xbb\xbf{\"a\": \"\\ud83d\\ude00\"}"));
    cr_assert(str_eq(yaml_at(r.root, STR("a"))->text, STR("\xf0\x9f\x98\x80")));
    drop(&r);
}

Test(yaml, quoted_words_are_not_null, .timeout = 10)
{
    struct reading r = read_text(STR("{a: ~, b: '~', c: null, d: \"\"}"));

    cr_assert(yaml_is_null(yaml_at(r.root, STR("a"))));
    cr_assert_not(yaml_is_null(yaml_at(r.root, STR("b"))));
    cr_assert(yaml_is_null(yaml_at(r.root, STR("c"))));
    cr_assert_not(yaml_is_null(yaml_at(r.root, STR("d"))));
    drop(&r);
}

Test(yaml, a_key_given_twice_is_told_with_both_lines, .timeout = 10)
{
    struct reading r = read_text(STR("a: 1\nb: {c: 1}\na:\n  deep: [1]\n"));

    cr_assert(str_eq(buf_str(&r.faults), STR("f:3: a: given twice (first on line 1)\n")));
    cr_assert_eq(r.root->count, 2);
    drop(&r);
}

Test(yaml, anchors_aliases_and_tags_are_refused, .timeout = 10)
{
    expect_refused("a: &x 1\nb: *x\n", "f:1: anchors");
    expect_refused("b: *x\n", "f:1: aliases");
    expect_refused("a: 1\nb: !secret x\n", "f:2: tags");
    expect_refused("a: &x [1]\n", "f:1: anchors");
}

Test(yaml, an_alias_bomb_costs_nothing, .timeout = 10)
{
    expect_refused("a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\n", "f:1: anchors");
}

Test(yaml, broken_documents_name_a_line, .timeout = 10)
{
    expect_refused("a: 1\n b: 2\n", "f:2: this is not YAML");
    expect_refused("server: {listen: [\n\n", "f:3: this is not YAML");
    expect_refused("a:\n\t- 1\n", "f:2: this is not YAML");
    expect_refused("a: 1\nb: \xff\xfe\n", "f:2: this is not YAML");
    expect_refused("a: 1\nb: \x01\n", "f:2: this is not YAML");
}

Test(yaml, a_document_has_something_in_it, .timeout = 10)
{
    expect_refused("", "nothing in it");
    expect_refused("# nothing\n", "nothing in it");
}

Test(yaml, a_document_stands_alone, .timeout = 10)
{
    expect_refused("a: 1\n---\nb: 2\n", "f:2: a second document");
}

Test(yaml, a_key_is_one_line_of_plain_text, .timeout = 10)
{
    expect_refused("{[a]: 1}\n", "a key must be plain text");
    expect_refused("? {a: 1}\n: 2\n", "a key must be plain text");
    expect_refused("\"a\\nb\": 1\n", "a key must have");
}

Test(yaml, depth_is_bounded, .timeout = 10)
{
    char text[2048];

    memset(text, '[', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    expect_refused(text, "nested too deeply");
    for (size_t i = 0; i + 4 < sizeof(text); i += 4)
        memcpy(text + i, "{a: ", 4);
    expect_refused(text, "nested too deeply");
}

Test(yaml, size_is_bounded, .timeout = 60)
{
    struct buf text = { 0 };
    struct reading r;

    buf_put(&text, STR("a: ["));
    for (int i = 0; i < 210000; i++)
        buf_put(&text, STR("x,"));
    buf_put(&text, STR("]\n"));
    r = read_text(buf_str(&text));
    cr_assert_null(r.root);
    drop(&r);
    buf_deinit(&text);
}

Test(yaml, many_keys_take_linear_time, .timeout = 60)
{
    struct buf text = { 0 };
    struct reading r;

    for (int i = 0; i < 50000; i++)
        buf_put_printf(&text, "key%d: x\n", i);
    r = read_text(buf_str(&text));
    cr_assert_eq(r.root->count, 50000);
    drop(&r);
    buf_deinit(&text);
}
