/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

#include <stdint.h>

/*
 * What counts as a model's prediction, and which value an answer (or a request) has.
 *
 * A prediction reads one place of the plain answer, or of the request's body (RFC 6901
 * pointer), and gives one word out of a closed set: a label of its list, or `other`, `missing`,
 * `invalid`; a number's bin, named by its upper bound ("le_0.5", "gt_0.9"); a length's bin; or
 * what its kind says. A pointer through a JSON text inside a string (a chat answer that is
 * itself JSON) goes on with "#": "/choices/0/message/content#/intent".
 *
 *   missing  there is nothing at that place, or null; or the pattern fits nowhere
 *   invalid  there is something of the wrong kind: a number written as a string, an object
 *            where a label should be, a text that should be JSON and is not; or a pattern was
 *            given up, for it took too long
 *   other    a label that is not on the list
 *
 * Labels are compared byte for byte: no trimming, no lower-casing. A number or boolean is
 * compared as it is written (3, true). A length is that of a string in code points or of an
 * array in elements. With `match`, a label is what the pattern's first group takes of the text.
 *
 * Without `from`, the text is what the answer says, or all that the request's messages, prompt
 * or input say. Built with the configuration, then only read.
 */

enum prediction_kind {
    PREDICTION_LABEL,
    PREDICTION_NUMBER,
    PREDICTION_LENGTH,
    PREDICTION_TOOL,       /* the name of the first tool that is called; or yes, no */
    PREDICTION_JSON,       /* is the text JSON? yes, no */
    PREDICTION_CONFIDENCE, /* exp of the mean log-probability of the tokens, in tenths */
    PREDICTION_SCRIPT,     /* of a text's first letters: latin, han, ...; none */
    PREDICTION_FIELD,      /* is it as the schema has it? not for the configuration */
};

enum { PREDICTION_VALUES = 66 }; /* labels or bins of one prediction */

struct jsonschema;
struct pattern;
struct variety;

struct prediction {
    struct str name;
    struct str from; /* absent: the text, where the kind reads one */
    enum prediction_kind kind;
    bool of_request;          /* it reads what is asked, not what is answered */
    struct pattern *match;    /* LABEL: owned by whoever made it; NULL: the whole value */
    struct str match_text;    /* what it was made of */
    struct variety *variety;  /* of the values that are read; counted; NULL: nobody asks */
    const struct str *labels; /* LABEL, TOOL, JSON, SCRIPT: lent by the configuration */
    size_t label_count;
    const double *bounds;          /* the others: inclusive upper bounds, rising */
    const struct str *bound_words; /* "le_0.5", ..., and last "gt_0.9" */
    size_t bound_count;
    const struct jsonschema *schema; /* FIELD: lent by the list that it stands on */
    size_t field;                    /* FIELD: which of the schema's */
    uint32_t
        meaning; /* a digest of the above but the name; 0: no configuration can change it */
};

/* The labels or bins of kinds that bring their own, where the configuration has given none. */
void prediction_complete(struct prediction *p);

/*
 * A word is known by its place: these three, then the labels or the bins in their order. A
 * place is below PREDICTION_PLACES, so it fits a byte.
 */
enum prediction_place {
    PREDICTION_MISSING,
    PREDICTION_INVALID,
    PREDICTION_OTHER,
    PREDICTION_FIRST,
    PREDICTION_PLACES = PREDICTION_FIRST + PREDICTION_VALUES
};

/* `json` is a JSON text that scan_check has passed: the answer, or the request if of_request. */
unsigned prediction_read(const struct prediction *p, struct str json);
/* Likewise; `seen` is a hash of what was read, whichever word it has, or 0: nothing was. */
unsigned prediction_see(const struct prediction *p, struct str json, uint64_t *seen);
unsigned prediction_places(const struct prediction *p); /* how many words it has */
/* From the prediction or static, never copied. */
struct str prediction_word(const struct prediction *p, unsigned place);
struct str prediction_value(const struct prediction *p, struct str json); /* both in one */

/* The place of a label, or of a number's bin; for what is read elsewhere. */
unsigned prediction_label(const struct prediction *p, struct str said);
unsigned prediction_bin(const struct prediction *p, double value);

/*
 * What is at a place like a prediction's `from`; false: nothing, null, or a wrong kind on the
 * way. Texts that had to be unescaped on the way lie in the arena. `body` as above.
 */
struct arena;
struct scan_member;
bool prediction_at(struct str body, struct str from, struct arena *texts,
                   struct scan_member *at);
struct str prediction_invalid(void); /* for a body that scan_check has not passed */
