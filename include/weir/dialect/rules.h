/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/base/buf.h"
#include "weir/base/err.h"
#include "weir/base/own.h"
#include "weir/dialect/request.h"

/*
 * A model made of patterns: the first rule that matches what was asked says the label, the
 * score and the reply. It answers when no other model can, or first, as the baseline to beat.
 *
 * What is matched: of a chat the text of its last user message, of completions the prompt, of
 * responses the input's text, else (predict) every string of the body, each on a line; or the
 * value at the rules' `field`. Of a long text it is the first 32 KiB.
 *
 * Patterns are PCRE2, UTF-8 and caseless, ^ and $ stand at every line; keywords match whole words;
 * a rule with neither fits always. The work that a question may take is bounded: what is not
 * found by then has not matched.
 *
 * The answer: to a chat or completion the reply (else the label, else the answer) as the
 * assistant's text; to predict {"label":..., "score":..., "reply":..., "rule": n}, without what
 * the rule does not say, or the rule's own `answer` byte for byte.
 * Built with the configuration, then only read, from any thread.
 */

struct rules;

struct rule_words {
    struct str match; /* a pattern, or keywords, or neither */
    const struct str *keywords;
    size_t keyword_count;
    struct str label; /* may be absent, as may the rest, but one of these three */
    struct str reply;
    struct str answer; /* a JSON text, for predict */
    double score;      /* NaN: none */
};

struct rules *rules_new(struct str name); /* as the configuration calls them; copied */
const char *rules_name(const struct rules *r);
void rules_free(struct rules *r); /* NULL is fine */
/* Copies what it needs. A pattern at fault: ERR_MALFORMED, `why` says where and what. */
MUST_CHECK enum err rules_add(struct rules *r, const struct rule_words *w, struct fault *why);
void rules_set_field(struct rules *r, struct str pointer); /* RFC 6901; copied */

/* Differs between any two sets that may answer differently: part of a cache key. */
uint64_t rules_mark(const struct rules *r);

/* dialect->answer of rules; ERR_NO_RULE: none fits. */
MUST_CHECK enum err rules_answer(const struct rules *rules, const struct request *r,
                                 struct str model, struct buf *out);

/* What of a request is matched; `field` may be empty. Its copies lie in the arena. */
struct str rules_text(const struct request *r, struct str field, struct arena *arena);
