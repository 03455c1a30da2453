/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "jsonschema_inner.h"

/*
 * One text being held against a schema: what that has cost, and what was found. Shared by
 * jsonschema_fits.c, which goes through a text, and jsonschema_scalar.c, for what has no inside.
 */

struct pattern_effort;

struct check {
    struct arena texts;
    struct pattern_effort *effort; /* made when a pattern is met */
    size_t work, most_work;
    unsigned depth;
    unsigned muted;      /* inside schemas of which not all must fit */
    const char *gave_up; /* why */
    struct jsonschema_report *report;
};

/* Always false, so that it can be returned: what is told does not fit. */
bool jsonschema_fits_tell(struct check *c, const struct place *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool jsonschema_fits_give_up(struct check *c, const char *why); /* likewise */
bool jsonschema_fits_goes_on(const struct check *c);
bool jsonschema_fits_canonical(struct check *c, struct str value, struct str *out);

struct bounds {
    uint64_t least, most;
    const char *what; /* "characters" */
    const char *keyword_least, *keyword_most;
};

bool jsonschema_fits_bounds(struct check *c, uint64_t count, const struct bounds *b,
                            const struct place *at);

/* All that is asked of the value, but for what is inside it. */
bool jsonschema_scalar(struct check *c, const struct node *n, const struct scan_member *v,
                       const struct place *at);
/* Of a step; `text` is a number that is known: its exponent is of sense. */
bool jsonschema_multiple(struct str text, struct str step);
bool jsonschema_multiple_is_known(struct str text);

bool jsonschema_scalar_type(const struct node *n, const struct scan_member *v);
/* Likewise of a part of a text, which may be one of several that are looked at. */
bool jsonschema_fits_node(const struct node *n, const struct scan_member *v);
