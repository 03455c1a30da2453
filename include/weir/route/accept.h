/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/err.h"
#include "weir/base/own.h"
#include "weir/watch/prediction.h"

#include <stdbool.h>

/*
 * Is an answer good enough, or shall the next route be asked? One test on one place of the
 * plain answer: a number within bounds, or a text that is on a list (or is not). The place is a
 * JSON Pointer as predictions have it (with "#" into a text that is JSON), or a prediction of
 * the model, whose word is then looked at. What is not there, or of another kind, is not accepted.
 */

struct accept {
    const struct prediction *prediction; /* lent by the model; NULL: the pointer is looked at */
    struct str pointer;
    bool has_least, has_most;
    double at_least, at_most; /* inclusive */
    const struct str *is;     /* lent by the plan; none: any */
    size_t is_count;
    const struct str *is_not;
    size_t is_not_count;
};

bool accept_holds(const struct accept *a, struct str body);

/*
 * The test in words, escaped: what decides which model answers is part of a cache key. Where
 * the word of a prediction is looked at, so is what makes it that word: its labels or bins.
 */
MUST_CHECK enum err accept_put(const struct accept *a, struct buf *out);
