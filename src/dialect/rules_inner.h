/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/dialect/pattern.h"
#include "weir/dialect/rules.h"

/* rules.c matches, rules_text.c finds what is matched, rules_answer.c puts the answer. */

struct rule {
    struct pattern *pattern;      /* owned; NULL: fits always */
    char *label, *reply, *answer; /* owned; NULL: not said */
    double score;                 /* NaN: none */
};

/* The first that fits; NULL: none does. */
const struct rule *rules_match(const struct rules *r, struct str text, size_t *number);
struct str rules_field(const struct rules *r); /* empty: by the kind of request */
