/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"

/*
 * Text as it takes columns of a terminal. Names come from anywhere: what would move the cursor,
 * set colours or turn the direction of writing becomes a question mark. Wide letters take two
 * columns, marks upon others none; where a terminal knows better, a line is a little short.
 */

/* Adds what fits into so many columns; returns how many it takes. */
unsigned top_line_put(struct buf *out, struct str text, unsigned columns);

/* Cut or filled up to `width` columns, and one more. */
void top_line_column(struct buf *out, struct str text, unsigned width);
