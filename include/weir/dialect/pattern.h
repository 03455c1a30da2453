/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/err.h"
#include "weir/base/own.h"
#include "weir/base/str.h"

/*
 * A pattern (PCRE2; UTF-8, caseless, ^ and $ at every line) that is looked for in a text, with
 * a bound on the work, whoever wrote the pattern and whatever the text: a thread that looks
 * for patterns has other requests to serve. Compiled once, then read by any thread.
 */

struct pattern;

/* A fault says where in the pattern. */
MUST_CHECK enum err pattern_new(struct pattern **out, struct str text, struct fault *why);
/* As in a JSON Schema: case matters, ^ and $ are the ends of the text, \d and \w are ASCII. */
MUST_CHECK enum err pattern_new_exact(struct pattern **out, struct str text, struct fault *why);
void pattern_free(struct pattern *p); /* NULL is fine */

/* What one question may cost, over all its patterns. Used by one thread, for one question. */
struct pattern_effort;

struct pattern_effort *pattern_effort_new(void);
void pattern_effort_free(struct pattern_effort *e);
DEFINE_AUTO(struct pattern_effort, pattern_effort_free)

enum pattern_find {
    PATTERN_ABSENT,
    PATTERN_FOUND,
    PATTERN_COSTLY, /* given up: nobody knows */
};

/* `text` is UTF-8. */
enum pattern_find pattern_find(const struct pattern *p, struct str text,
                               struct pattern_effort *e);

/*
 * The same, and what it took of the text: the pattern's first group, or all of it where it has
 * no groups. Absent: the group took no part.
 */
enum pattern_find pattern_take(const struct pattern *p, struct str text,
                               struct pattern_effort *e, struct str *taken);
