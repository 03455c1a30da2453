/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"

/* Pieces of a text to be replaced; all else stays byte for byte. They may not overlap. */

enum { SPLICES = 4 };

struct splice {
    size_t from, to;
    struct str with; /* lent */
};

struct splices {
    struct splice at[SPLICES]; /* in the order of the text */
    size_t count;
};

void splice_add(struct splices *all, size_t from, size_t to, struct str with);

/* Takes a member out of an object, with its comma. `key` and `value` lie in `text`. */
void splice_out(struct splices *all, struct str text, struct str key, struct str value);

/* Appends the text with its pieces replaced. */
void splice_put(const struct splices *all, struct str text, struct buf *out);
