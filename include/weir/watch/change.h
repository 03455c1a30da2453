/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/base/buf.h"
#include "weir/base/own.h"

#include <stdint.h>

/*
 * An upstream has changed behind a model's name, seen without a baseline: it answers under
 * another name or fingerprint, or of a sudden at another length or speed. It is an event, told
 * once, and no alarm: it has no state, and nobody can tell when it would be over.
 *
 * Its id is made of the histogram and the tick that it was noticed in, so whoever judges the
 * same ticks notices the same change, to the letter.
 */

enum { CHANGE_ID = 17 }; /* sixteen hexadecimal digits and a NUL */

enum change_kind {
    CHANGE_FINGERPRINT,
    CHANGE_RETURNED_MODEL,
    CHANGE_OUTPUT_TOKENS,
    CHANGE_LATENCY,
    CHANGE_KINDS
};

struct change {
    char id[CHANGE_ID];
    enum change_kind kind;
    struct str model;
    struct str version;       /* upstream model */
    struct str upstream;      /* its name; empty: several, or it is not known */
    struct str before, after; /* JSON: shares by value, or quantiles; or null */
    uint64_t since_ms;        /* where it began, as far as can be told */
    uint64_t at_ms;           /* when it was noticed */
    struct str sentence;      /* "system_fingerprint fp_a → fp_b" */
    struct arena arena;       /* of the texts */
};

void change_free(struct change *c);
DEFINE_AUTO(struct change, change_free)

const char *change_word(enum change_kind kind);

/* Makes the id; `nth` tells apart what one tick brought. */
void change_name(struct change *c, struct str member, uint64_t tick, uint64_t nth);

void change_put(const struct change *c, struct buf *out); /* one JSON object */
struct change *change_read(struct str json);              /* NULL: not ours */
struct change *change_copy(const struct change *c);
