/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"

#include <stdint.h>

/*
 * The words behind `weir baseline`, read by two tables: which verbs there are, and which options
 * each of them takes. What is no part of them is refused, for an option that was passed over
 * may have been the one that mattered.
 */

enum baseline_verb {
    BASELINE_CREATE = 1,
    BASELINE_LIST = 2,
    BASELINE_SHOW = 4,
    BASELINE_PIN = 8,
    BASELINE_DROP = 16,
};

struct baseline_words {
    enum baseline_verb verb;
    const char *id; /* SHOW, PIN, DROP */
    const char *file, *admin;
    const char *model, *version, *prediction, *segment;
    const char *last, *from, *to, *counts, *control;
    const char *pin, *json, *hour_of_week; /* flags: not NULL is on */
    uint64_t from_ms, to_ms;               /* CREATE without counts */
};

/* False with a sentence about the word at fault, and the usage of the verb on the next line. */
bool baseline_words_read(struct baseline_words *w, char **words, uint64_t now_ms,
                         struct buf *why);
