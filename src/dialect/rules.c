/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Patterns and what they say. Patterns are compiled once, by whoever reads the configuration,
 * and then only read, by any thread. How much work a match may take is bounded, so that no
 * pattern holds up a loop: past the bound it has not matched.
 */

#define PCRE2_CODE_UNIT_WIDTH 8
#include "rules_inner.h"

#include "weir/base/ensure.h"
#include "weir/base/log.h"
#include "weir/base/mem.h"

#include <pcre2.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MATCH_LIMIT = 20000, DEPTH_LIMIT = 1000, HEAP_KIB = 1024 };

struct rules {
    struct rule *rules;
    size_t count;
    char *field;
};

struct rules *rules_new(void)
{
    return MEM_NEW(struct rules);
}

void rules_free(struct rules *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++) {
        pcre2_code_free(r->rules[i].pattern);
        free(r->rules[i].label);
        free(r->rules[i].reply);
        free(r->rules[i].answer);
    }
    free(r->rules);
    free(r->field);
    free(r);
}

static char *copy_text(struct str s)
{
    char *at;

    if (!s.at)
        return NULL;
    at = mem_new(s.len + 1);
    memcpy(at, s.at, s.len);
    return at;
}

void rules_set_field(struct rules *r, struct str pointer)
{
    free(r->field);
    r->field = copy_text(pointer);
}

struct str rules_field(const struct rules *r)
{
    return str_of(r->field);
}

/* ---- patterns ------------------------------------------------------------------------- */

/* Words as they stand, each as a whole: \b(?:\Qone\E|\Qtwo\E)\b */
static void put_keywords(struct buf *out, const struct rule_words *w)
{
    buf_put_text(out, "\\b(?:");
    for (size_t i = 0; i < w->keyword_count; i++) {
        buf_put_text(out, i > 0 ? "|\\Q" : "\\Q");
        buf_put(out, w->keywords[i]);
        buf_put_text(out, "\\E");
    }
    buf_put_text(out, ")\\b");
}

static enum err compile(struct str pattern, void **out, struct fault *why)
{
    pcre2_code *code;
    PCRE2_SIZE at;
    PCRE2_UCHAR text[128];
    int error;

    code = pcre2_compile((PCRE2_SPTR)pattern.at, pattern.len,
                         PCRE2_UTF | PCRE2_UCP | PCRE2_CASELESS | PCRE2_MULTILINE |
                             PCRE2_NEVER_BACKSLASH_C,
                         &error, &at, NULL);
    if (!code) {
        (void)pcre2_get_error_message(error, text, sizeof(text));
        return fault_set(why, ERR_MALFORMED, "match", "%s, at character %zu of the pattern",
                         (const char *)text, (size_t)at);
    }
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* without it a match is only slower */
    *out = code;
    return OK;
}

enum err rules_add(struct rules *r, const struct rule_words *w, struct fault *why)
{
    struct rule rule = { .score = w->score };
    struct buf words = { 0 };
    enum err err = OK;

    if (w->match.len > 0 && w->keyword_count > 0)
        return fault_set(why, ERR_MALFORMED, "match", "is given beside keywords: one of them");
    if (w->match.len > 0) {
        err = compile(w->match, &rule.pattern, why);
    } else if (w->keyword_count > 0) {
        put_keywords(&words, w);
        err = compile(buf_str(&words), &rule.pattern, why);
        buf_deinit(&words);
    }
    if (err)
        return err;
    rule.label = copy_text(w->label);
    rule.reply = copy_text(w->reply);
    rule.answer = copy_text(w->answer);
    r->rules = mem_grow(r->rules, (r->count + 1) * sizeof(*r->rules));
    r->rules[r->count++] = rule;
    return OK;
}

/* ---- matching --------------------------------------------------------------------------- */

/* What one look through the rules needs. */
struct scratch {
    pcre2_match_data *data;
    pcre2_match_context *limits;
};

static struct scratch scratch_new(void)
{
    struct scratch s = { pcre2_match_data_create(1, NULL), pcre2_match_context_create(NULL) };

    ensure(s.data && s.limits);
    (void)pcre2_set_match_limit(s.limits, MATCH_LIMIT);
    (void)pcre2_set_depth_limit(s.limits, DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(s.limits, HEAP_KIB);
    return s;
}

static void scratch_free(struct scratch *s)
{
    pcre2_match_data_free(s->data);
    pcre2_match_context_free(s->limits);
}

static void tell_of_limit(size_t number)
{
    static _Atomic bool told;

    if (!atomic_exchange(&told, true))
        log_warn(
            "rule_too_costly", F_U64("rule", number),
            F_TEXT("why",
                   "its pattern needs too many steps on this text: it counts as no match"));
}

static bool fits(const struct rule *rule, struct str text, size_t number, struct scratch *s)
{
    int n;

    if (!rule->pattern)
        return true;
    n = pcre2_match(rule->pattern, (PCRE2_SPTR)(text.at ? text.at : ""), text.len, 0, 0,
                    s->data, s->limits);
    if (n == PCRE2_ERROR_MATCHLIMIT || n == PCRE2_ERROR_DEPTHLIMIT ||
        n == PCRE2_ERROR_HEAPLIMIT || n == PCRE2_ERROR_JIT_STACKLIMIT)
        tell_of_limit(number);
    return n >= 0;
}

const struct rule *rules_match(const struct rules *r, struct str text, size_t *number)
{
    struct scratch s = scratch_new();
    const struct rule *found = NULL;

    for (size_t i = 0; i < r->count && !found; i++) {
        if (!fits(&r->rules[i], text, i + 1, &s))
            continue;
        *number = i + 1;
        found = &r->rules[i];
    }
    scratch_free(&s);
    return found;
}
