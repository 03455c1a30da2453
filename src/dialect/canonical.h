/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/base/err.h"
#include "weir/dialect/request.h"

/*
 * One text for all JSON texts that mean the same: docs/cache-keys.md tells the form. The text
 * must have passed scan_check. Nothing is lost on the way: a number keeps its exact value and
 * a lone surrogate its code.
 */

/* What was met that only the span scanner can read, or that two readers may read differently. */
struct canonical_finds {
    bool lone_surrogate;
    bool big_integer; /* beyond 64 bits, signed */
    bool twice;       /* a member stands twice in one object */
};

enum canonical_order {
    ORDER_SORTED, /* members by their unescaped UTF-8 bytes */
    ORDER_KEPT,   /* as they stand, here and inside: their order is part of a prompt */
};

/* A whole value. ERR_TOO_LARGE: the arena's budget is spent. */
MUST_CHECK enum err canonical_of(struct str json, enum canonical_order order,
                                 struct arena *arena, struct str *out,
                                 struct canonical_finds *finds);

/* A request's body, without the members that are no part of a key. */
MUST_CHECK enum err canonical_body(const struct request *r, struct arena *arena,
                                   struct str *out, struct canonical_finds *finds);
