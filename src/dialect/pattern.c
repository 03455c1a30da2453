/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/dialect/pattern.h"

#include "weir/base/ensure.h"
#include "weir/base/mem.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/*
 * PCRE2 bounds the steps from one place of the text, but not the number of places, nor the
 * characters that a step runs over: `\w+-x` alone is quadratic, and seconds on a long text. So
 * the places are tried some at a time, few at first and more while that is quick, and between
 * them a clock is read: the thread's own, so that a busy machine changes no answer.
 *
 * Matches are interpreted. As machine code a match counts too few of its steps: a lookahead in
 * a loop, `(?:(?!\w+x)\w)*y`, ran for 440 ms from one place within the limits that stop it
 * after 0.2 ms here. On patterns that are not perverse both are far faster than anybody sees.
 */

enum {
    MATCH_STEPS = 5000, /* from one place; some 0.1 ms */
    HEAP_KIB = 4096,    /* what as many steps may take */
    EFFORT_US = 20000,  /* for a question: the other requests of this loop wait meanwhile */
    QUICK_US = 200,
    FEW_PLACES = 16,
    MANY_PLACES = 256, /* so many may be slow all of a sudden */
    GROUPS = 2,        /* that a match tells of: the whole, and the first */
};

struct pattern {
    pcre2_code *code;
};

static enum err compile(struct pattern **out, struct str text, uint32_t options,
                        struct fault *why)
{
    const uint32_t always = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_USE_OFFSET_LIMIT;
    pcre2_code *code;
    PCRE2_UCHAR words[128];
    PCRE2_SIZE at;
    int error;

    code = pcre2_compile((PCRE2_SPTR)(text.at ? text.at : ""), text.len, options | always,
                         &error, &at, NULL);
    if (!code) {
        (void)pcre2_get_error_message(error, words, sizeof(words));
        return fault_set(why, ERR_MALFORMED, "match", "%s, at character %zu of the pattern",
                         (const char *)words, (size_t)at);
    }
    *out = MEM_NEW(struct pattern);
    (*out)->code = code;
    return OK;
}

enum err pattern_new(struct pattern **out, struct str text, struct fault *why)
{
    return compile(out, text, PCRE2_UCP | PCRE2_CASELESS | PCRE2_MULTILINE, why);
}

enum err pattern_new_exact(struct pattern **out, struct str text, struct fault *why)
{
    return compile(out, text, PCRE2_ALT_BSUX | PCRE2_DOLLAR_ENDONLY | PCRE2_MATCH_UNSET_BACKREF,
                   why);
}

void pattern_free(struct pattern *p)
{
    if (!p)
        return;
    pcre2_code_free(p->code);
    free(p);
}

/* ---- effort ---- */

struct pattern_effort {
    pcre2_match_data *data;
    pcre2_match_context *limits;
    uint64_t end_us;
};

static uint64_t worked_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

struct pattern_effort *pattern_effort_new(void)
{
    struct pattern_effort *e = MEM_NEW(struct pattern_effort);

    e->data = pcre2_match_data_create(GROUPS, NULL);
    e->limits = pcre2_match_context_create(NULL);
    ensure(e->data && e->limits);
    (void)pcre2_set_match_limit(e->limits, MATCH_STEPS);
    (void)pcre2_set_depth_limit(e->limits, MATCH_STEPS);
    (void)pcre2_set_heap_limit(e->limits, HEAP_KIB);
    e->end_us = worked_us() + EFFORT_US;
    return e;
}

void pattern_effort_free(struct pattern_effort *e)
{
    if (!e)
        return;
    pcre2_match_data_free(e->data);
    pcre2_match_context_free(e->limits);
    free(e);
}

/* ---- finding ---- */

/* The first character that starts at `at` or behind it. */
static size_t start_of_character(struct str text, size_t at)
{
    while (at < text.len && ((unsigned char)text.at[at] & 0xC0) == 0x80)
        at++;
    return at;
}

enum pattern_find pattern_find(const struct pattern *p, struct str text,
                               struct pattern_effort *e)
{
    PCRE2_SPTR at = (PCRE2_SPTR)(text.at ? text.at : "");
    uint64_t began_us = worked_us(), now_us;
    size_t places = FEW_PLACES;

    for (size_t from = 0; from <= text.len;) {
        int n;

        if (began_us >= e->end_us)
            return PATTERN_COSTLY;
        (void)pcre2_set_offset_limit(e->limits, from + places - 1);
        n = pcre2_match(p->code, at, text.len, from, PCRE2_NO_UTF_CHECK, e->data, e->limits);
        if (n != PCRE2_ERROR_NOMATCH)
            return n >= 0 ? PATTERN_FOUND : PATTERN_COSTLY;
        from = start_of_character(text, from + places);
        now_us = worked_us();
        if (now_us - began_us < QUICK_US && places < MANY_PLACES)
            places *= 2;
        began_us = now_us;
    }
    return PATTERN_ABSENT;
}

enum pattern_find pattern_take(const struct pattern *p, struct str text,
                               struct pattern_effort *e, struct str *taken)
{
    enum pattern_find found = pattern_find(p, text, e);
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(e->data);
    uint32_t groups = 0;
    size_t group;

    *taken = (struct str){ 0 };
    if (found != PATTERN_FOUND)
        return found;
    (void)pcre2_pattern_info(p->code, PCRE2_INFO_CAPTURECOUNT, &groups);
    group = groups > 0 ? 2 : 0;
    /* A lookbehind can end a match before it begins, by \K: nothing was taken then. */
    if (at[group] != PCRE2_UNSET && at[group] <= at[group + 1])
        *taken = str_cut(text, at[group], at[group + 1]);
    return found;
}
