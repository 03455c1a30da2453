/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/base/err.h"
#include "weir/watch/counts.h"

/*
 * What people write to the judge: a JSON object, read member by member. What it does not know,
 * knows twice or cannot use is a fault that names the member and says what to do, for a
 * misspelt one that was passed over could silence every alarm.
 */

struct plan;

enum drift_kind { DRIFT_BASELINE, DRIFT_SILENCE };

/* Texts are in the arena; absent: not said. */
struct drift_body {
    struct str model, version, prediction, segment, control, why;
    struct str from, to, until, pin, hours, counts; /* as they are written */
    uint64_t from_ms, to_ms, until_ms;
    bool pins, by_hour;
    struct counts table; /* of `counts`, once drift_counts_read() has passed it */
    struct arena arena;
};

/* ERR_MALFORMED with `why`; the body is to be deinitialised in any case. */
MUST_CHECK enum err drift_body_read(struct drift_body *b, enum drift_kind kind, struct str json,
                                    struct fault *why);
void drift_body_deinit(struct drift_body *b); /* a zeroed one is fine */

/*
 * drift_counts.c: are the counts those of a prediction that one of the plan's models has, each
 * value one that it can have, and enough of them? Then they are in the table. A body without
 * counts is fine.
 */
MUST_CHECK enum err drift_counts_read(struct drift_body *b, const struct plan *plan,
                                      struct fault *why);

/* drift_fault.c, for both: what is told of names that people wrote. */
struct buf;
struct map;
void drift_put_word(struct buf *out, struct str word); /* in quotes, short, and printable */
/* ` (did you mean "..."?)`, or which there are. */
void drift_put_hint(struct buf *out, const struct map *names, struct str word);
/* ERR_MALFORMED with the text of `out`, as far as there is room; `out` is empty then. */
MUST_CHECK enum err drift_fault(struct fault *why, struct buf *out);
