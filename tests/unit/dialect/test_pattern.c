/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/dialect/pattern.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static enum pattern_find find(const char *pattern, struct str text)
{
    AUTO(pattern_effort_free) struct pattern_effort *e = pattern_effort_new();
    struct pattern *p = NULL;
    enum pattern_find found;

    cr_assert_eq(pattern_new(&p, str_of(pattern), NULL), OK, "%s", pattern);
    found = pattern_find(p, text, e);
    pattern_free(p);
    return found;
}

static bool has(const char *pattern, const char *text)
{
    return find(pattern, str_of(text)) == PATTERN_FOUND;
}

Test(pattern, it_is_found_anywhere_and_in_any_case, .timeout = 5)
{
    cr_assert(has("refund|money back", "I want my MONEY BACK now"));
    cr_assert_not(has("refund|money back", "I want my money"));
    cr_assert(has("straße", "die STRASSE, oder STRAßE"));
    cr_assert(has("^$", ""));
}

Test(pattern, letters_of_all_scripts_are_letters, .timeout = 5)
{
    cr_assert(has("^\\w+$", "возврат"));
    cr_assert(has("ВОЗВРАТ", "возврат"));
}

Test(pattern, each_line_has_a_start_and_an_end, .timeout = 5)
{
    cr_assert(has("^b$", "a\nb\nc"));
    cr_assert_not(has("\\Ab", "a\nb"));
}

Test(pattern, a_fault_says_where_it_is, .timeout = 5)
{
    struct pattern *p = NULL;
    struct fault why = { 0 };

    cr_assert_eq(pattern_new(&p, STR("ab(c"), &why), ERR_MALFORMED);
    cr_assert_null(p);
    cr_assert_str_eq(why.param, "match");
    cr_assert(strstr(why.text, "at character 4"), "%s", why.text);
}

Test(pattern, what_stands_far_behind_is_found_with_what_stands_before_it, .timeout = 20)
{
    enum { BYTES = 32 << 10 };
    char *text = malloc(BYTES);

    /* Two bytes a character: the places that are tried are characters' starts. */
    for (size_t i = 0; i < BYTES; i += 2)
        memcpy(text + i, "é", 2);
    for (size_t at = 0; at + 8 <= 2048; at += 2) {
        memcpy(text + at, "yx", 2);
        cr_assert_eq(find("(?<=y)x", (struct str){ text, BYTES }), PATTERN_FOUND, "%zu", at);
        memcpy(text + at, "é", 2);
    }
    memcpy(text + BYTES - 2, "yx", 2);
    cr_assert_eq(find("(?<=éy)x$", (struct str){ text, BYTES }), PATTERN_FOUND);
    cr_assert_eq(find("z", (struct str){ text, BYTES }), PATTERN_ABSENT);
    free(text);
}

/* ---- bounds ---- */

static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Many letters, then all that the patterns below need, so that none is refused at a glance. */
static struct str hard_text(size_t len)
{
    static const char tail[] = "! x y z 1";
    char *text = malloc(len);

    memset(text, 'a', len);
    memcpy(text + len - sizeof(tail) + 1, tail, sizeof(tail) - 1);
    return (struct str){ text, len };
}

Test(pattern, no_pattern_takes_long_on_any_text, .timeout = 60)
{
    static const char *const hard[] = {
        "(a+)+$",
        "(a|aa)+$",
        "(?:a|b)*x",
        "(a*)*b\\1x",
        "(?=\\w+x)a",
        "\\w+\\d+x",
        "\\w++-?x",
        "(?:(?!\\w+x)\\w)*y",
        "(?:(?!\\w++-)\\w)*y",
        "(.*)(.*)(.*)(.*)x\\1\\2b",
        "(a{1,99}){1,99}x",
        "(?:\\w+x|\\w+y|\\w+z)-",
        "((a+)|(?R))+x",
    };
    static const size_t lengths[] = { 100, 2000, 5000, 32 << 10 };

    for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
        struct str text = hard_text(lengths[l]);

        for (size_t i = 0; i < sizeof(hard) / sizeof(hard[0]); i++) {
            double began = cpu_ms();

            (void)find(hard[i], text);
            cr_expect_lt(cpu_ms() - began, 500, "%s on %zu bytes: %.1f ms", hard[i], text.len,
                         cpu_ms() - began);
        }
        free((char *)(uintptr_t)text.at);
    }
}

Test(pattern, what_is_too_costly_is_neither_found_nor_absent, .timeout = 20)
{
    struct str text = hard_text(1000);

    cr_assert_eq(find("(a+)+$", text), PATTERN_COSTLY);
    free((char *)(uintptr_t)text.at);
}

Test(pattern, all_patterns_of_a_question_share_its_effort, .timeout = 20)
{
    AUTO(pattern_effort_free) struct pattern_effort *e = pattern_effort_new();
    struct str text = hard_text(32 << 10);
    enum pattern_find found = PATTERN_ABSENT;
    struct pattern *slow = NULL, *quick = NULL;

    cr_assert_eq(pattern_new(&slow, STR("\\w++-?xz"), NULL), OK);
    cr_assert_eq(pattern_new(&quick, STR("a"), NULL), OK);
    for (int i = 0; i < 1000 && found != PATTERN_COSTLY; i++)
        found = pattern_find(slow, text, e);
    cr_assert_eq(found, PATTERN_COSTLY);
    cr_assert_eq(pattern_find(quick, text, e), PATTERN_COSTLY);
    pattern_free(slow);
    pattern_free(quick);
    free((char *)(uintptr_t)text.at);
}

static bool is_exact(const char *pattern, const char *text)
{
    AUTO(pattern_effort_free) struct pattern_effort *e = pattern_effort_new();
    struct pattern *p = NULL;
    enum pattern_find found;

    cr_assert_eq(pattern_new_exact(&p, str_of(pattern), NULL), OK, "%s", pattern);
    found = pattern_find(p, str_of(text), e);
    pattern_free(p);
    return found == PATTERN_FOUND;
}

Test(pattern, an_exact_one_minds_case_and_knows_no_lines, .timeout = 5)
{
    cr_assert(is_exact("b+$", "abb"));
    cr_assert_not(is_exact("B", "abb"));
    cr_assert_not(is_exact("^b$", "a\nb\nc"));
    cr_assert_not(is_exact("b$", "b\n"));
    cr_assert(is_exact("^\\u00e9$", "é"));
    cr_assert_not(is_exact("^\\d$", "٣"));
}
