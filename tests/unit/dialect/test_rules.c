/* SPDX-License-Identifier: Apache-2.0 */
#include "rules_inner.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static struct rules *rules_of(const struct rule_words *words, size_t count)
{
    struct rules *r = rules_new(STR("simple"));

    for (size_t i = 0; i < count; i++)
        cr_assert_eq(rules_add(r, &words[i], NULL), OK);
    return r;
}

/* The number of the rule that fits; 0: none. */
static size_t first(const struct rules *r, const char *text)
{
    size_t number = 0;

    return rules_match(r, str_of(text), &number) ? number : 0;
}

static bool keyword_fits(const char *keyword, const char *text)
{
    struct str word = str_of(keyword);
    struct rule_words words = {
        .keywords = &word, .keyword_count = 1, .label = STR("l"), .score = NAN
    };
    struct rules *r = rules_of(&words, 1);
    bool fits = first(r, text) == 1;

    rules_free(r);
    return fits;
}

Test(rules, the_first_that_fits_answers, .timeout = 5)
{
    struct rule_words words[] = {
        { .match = STR("refund"), .label = STR("a"), .score = NAN },
        { .match = STR("money"), .label = STR("b"), .score = NAN },
        { .label = STR("c"), .score = NAN },
    };
    struct rules *r = rules_of(words, 3);

    cr_assert_eq(first(r, "money refund"), 1);
    cr_assert_eq(first(r, "money"), 2);
    cr_assert_eq(first(r, "hello"), 3);
    cr_assert_eq(first(r, ""), 3);
    rules_free(r);
}

Test(rules, none_fits_where_none_does, .timeout = 5)
{
    struct rule_words words = { .match = STR("refund"), .label = STR("a"), .score = NAN };
    struct rules *r = rules_of(&words, 1);

    cr_assert_eq(first(r, "hello"), 0);
    rules_free(r);
    r = rules_new(STR("simple"));
    cr_assert_eq(first(r, "hello"), 0);
    rules_free(r);
}

Test(rules, keywords_are_whole_words, .timeout = 5)
{
    cr_assert(keyword_fits("refund", "a Refund, please"));
    cr_assert(keyword_fits("refund", "refund"));
    cr_assert_not(keyword_fits("refund", "refunded"));
    cr_assert_not(keyword_fits("refund", "pre_refund"));
    cr_assert_not(keyword_fits("возврат", "возвратный"));
}

Test(rules, keywords_mean_their_characters, .timeout = 5)
{
    cr_assert(keyword_fits("c++", "is C++ slow?"));
    cr_assert_not(keyword_fits("a.c", "abc"));
    cr_assert(keyword_fits("\\E(", "so: \\E( it is"));
    cr_assert(keyword_fits("a|b", "either a|b"));
    cr_assert_not(keyword_fits("a|b", "a"));
}

Test(rules, a_blank_in_a_keyword_is_any_white_space, .timeout = 5)
{
    cr_assert(keyword_fits(" money back ", "my money\n back"));
    cr_assert_not(keyword_fits("money back", "moneyback"));
}

Test(rules, one_of_several_keywords_is_enough, .timeout = 5)
{
    struct str list[] = { STR("late"), STR("lost") };
    struct rule_words words = {
        .keywords = list, .keyword_count = 2, .label = STR("l"), .score = NAN
    };
    struct rules *r = rules_of(&words, 1);

    cr_assert_eq(first(r, "it is lost"), 1);
    cr_assert_eq(first(r, "later"), 0);
    rules_free(r);
}

Test(rules, a_fault_names_the_member, .timeout = 5)
{
    struct str blank = STR(" "), word = STR("a");
    struct rule_words wrong = { .match = STR("(") };
    struct rule_words empty = { .keywords = &blank, .keyword_count = 1 };
    struct rule_words both = { .match = STR("a"), .keywords = &word, .keyword_count = 1 };
    struct rules *r = rules_new(STR("simple"));
    struct fault why = { 0 };

    cr_assert_eq(rules_add(r, &wrong, &why), ERR_MALFORMED);
    cr_assert_str_eq(why.param, "match");
    cr_assert_eq(rules_add(r, &empty, &why), ERR_MALFORMED);
    cr_assert_str_eq(why.param, "keywords");
    cr_assert_eq(rules_add(r, &both, &why), ERR_MALFORMED);
    cr_assert_str_eq(why.param, "match");
    cr_assert_eq(first(r, "a"), 0);
    rules_free(r);
}

Test(rules, a_rule_that_is_too_costly_leaves_it_to_the_next, .timeout = 20)
{
    struct rule_words words[] = {
        { .match = STR("(a+)+$"), .label = STR("a"), .score = NAN },
        { .match = STR("^a"), .label = STR("b"), .score = NAN },
    };
    struct rules *r = rules_of(words, 2);
    char text[1000];

    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 2] = '!';
    text[sizeof(text) - 1] = '\0';
    cr_assert_eq(first(r, text), 2);
    rules_free(r);
}

/* ---- what tells them from others ---- */

static uint64_t mark_of(const struct rule_words *words)
{
    struct rules *r = rules_of(words, 1);
    uint64_t mark = rules_mark(r);

    rules_free(r);
    return mark;
}

Test(rules, the_same_rules_have_one_mark, .timeout = 5)
{
    struct rule_words words = { .match = STR("a"), .label = STR("b"), .score = 0.5 };

    cr_assert_eq(mark_of(&words), mark_of(&words));
}

Test(rules, whatever_is_said_otherwise_changes_the_mark, .timeout = 5)
{
    struct str word = STR("a");
    struct rule_words plain = { .match = STR("a"), .label = STR("b"), .score = NAN };
    struct rule_words others[] = {
        { .match = STR("c"), .label = STR("b"), .score = NAN },
        { .match = STR("a"), .label = STR("c"), .score = NAN },
        { .match = STR("a"), .reply = STR("b"), .score = NAN },
        { .match = STR("a"), .label = STR("b"), .reply = STR(""), .score = NAN },
        { .match = STR("a"), .label = STR("b"), .answer = STR("1"), .score = NAN },
        { .match = STR("a"), .label = STR("b"), .score = 0 },
        { .keywords = &word, .keyword_count = 1, .label = STR("b"), .score = NAN },
    };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        cr_expect_neq(mark_of(&plain), mark_of(&others[i]), "%zu", i);
}

Test(rules, another_rule_or_field_changes_the_mark, .timeout = 5)
{
    struct rule_words words[] = { { .label = STR("a"), .score = NAN },
                                  { .label = STR("a"), .score = NAN } };
    struct rules *one = rules_of(words, 1), *two = rules_of(words, 2),
                 *field = rules_of(words, 1);

    rules_set_field(field, STR("/text"));
    cr_assert_neq(rules_mark(one), rules_mark(two));
    cr_assert_neq(rules_mark(one), rules_mark(field));
    rules_free(one);
    rules_free(two);
    rules_free(field);
}
