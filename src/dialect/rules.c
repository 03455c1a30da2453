/* SPDX-License-Identifier: Apache-2.0 */
#include "rules_inner.h"

#include "weir/base/digest.h"
#include "weir/base/log.h"
#include "weir/base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/*
 * Patterns and what they say: compiled by whoever reads the configuration, and then only read,
 * by any thread. A pattern that is given up as too costly has not matched.
 */

struct rules {
    char *name;
    struct rule *rules;
    size_t count;
    char *field;
    struct digest mark;
};

void rules_free(struct rules *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++) {
        pattern_free(r->rules[i].pattern);
        free(r->rules[i].label);
        free(r->rules[i].reply);
        free(r->rules[i].answer);
    }
    free(r->rules);
    free(r->name);
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

struct rules *rules_new(struct str name)
{
    struct rules *r = MEM_NEW(struct rules);

    r->name = copy_text(name);
    return r;
}

const char *rules_name(const struct rules *r)
{
    return r->name;
}

/* ---- what tells them from others ---- */

static void begin_mark(const struct rules *r)
{
    digest_start();
    digest_add((struct str){ (const char *)r->mark.bytes, DIGEST_BYTES });
}

/* Left out and empty are told apart, as they are in an answer. */
static void add_to_mark(struct str text)
{
    digest_add_u64(text.at != NULL);
    digest_add_part(text);
}

static void mark_rule(struct rules *r, const struct rule_words *w)
{
    uint64_t score;

    memcpy(&score, &w->score, sizeof(score));
    begin_mark(r);
    add_to_mark(w->match);
    add_to_mark(w->label);
    add_to_mark(w->reply);
    add_to_mark(w->answer);
    digest_add_u64(score);
    for (size_t i = 0; i < w->keyword_count; i++)
        add_to_mark(w->keywords[i]);
    digest_end(&r->mark);
}

uint64_t rules_mark(const struct rules *r)
{
    return digest_word(&r->mark);
}

void rules_set_field(struct rules *r, struct str pointer)
{
    free(r->field);
    r->field = copy_text(pointer);
    begin_mark(r);
    digest_add_part(pointer);
    digest_end(&r->mark);
}

struct str rules_field(const struct rules *r)
{
    return str_of(r->field);
}

/* ---- patterns ---- */

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80;
}

/* Its characters as they stand, but any white space for a blank. */
static void put_keyword(struct buf *out, struct str word)
{
    for (size_t i = 0; i < word.len; i++) {
        struct str c = str_cut(word, i, i + 1);

        if (c.at[0] == ' ') {
            buf_put(out, STR("\\s+"));
            continue;
        }
        if (!is_word_byte(c.at[0]))
            buf_put(out, STR("\\"));
        buf_put(out, c);
    }
}

/*
 * Whole words: no letter, digit or _ beside them. \b would never stand behind the last of "c++".
 * An empty word would be found everywhere.
 */
static enum err put_keywords(struct buf *out, const struct rule_words *w, struct fault *why)
{
    buf_put(out, STR("(?<!\\w)(?:"));
    for (size_t i = 0; i < w->keyword_count; i++) {
        struct str word = str_trim(w->keywords[i]);

        if (word.len == 0)
            return fault_set(why, ERR_MALFORMED, "keywords", "holds an empty word");
        buf_put(out, i > 0 ? STR("|") : STR(""));
        put_keyword(out, word);
    }
    buf_put(out, STR(")(?!\\w)"));
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
        err = pattern_new(&rule.pattern, w->match, why);
    } else if (w->keyword_count > 0) {
        err = put_keywords(&words, w, why);
        if (!err)
            err = pattern_new(&rule.pattern, buf_str(&words), why);
        buf_deinit(&words);
    }
    if (err)
        return err;
    mark_rule(r, w);
    rule.label = copy_text(w->label);
    rule.reply = copy_text(w->reply);
    rule.answer = copy_text(w->answer);
    r->rules = mem_grow(r->rules, (r->count + 1) * sizeof(*r->rules));
    r->rules[r->count++] = rule;
    return OK;
}

/* ---- matching ---- */

static void tell_of_limit(const struct rules *r, size_t number)
{
    static _Atomic bool told;

    if (!atomic_exchange(&told, true))
        log_warn(
            "rule_too_costly", F_TEXT("rules", r->name), F_U64("rule", number),
            F_TEXT("why",
                   "its pattern needs too many steps on this text: it counts as no match"));
}

static bool fits(const struct rules *r, size_t i, struct str text, struct pattern_effort *e)
{
    const struct rule *rule = &r->rules[i];
    enum pattern_find find = rule->pattern ? pattern_find(rule->pattern, text, e)
                                           : PATTERN_FOUND;

    if (find == PATTERN_COSTLY)
        tell_of_limit(r, i + 1);
    return find == PATTERN_FOUND;
}

const struct rule *rules_match(const struct rules *r, struct str text, size_t *number)
{
    AUTO(pattern_effort_free) struct pattern_effort *e = pattern_effort_new();

    for (size_t i = 0; i < r->count; i++) {
        if (!fits(r, i, text, e))
            continue;
        *number = i + 1;
        return &r->rules[i];
    }
    return NULL;
}
