/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

/*
 * A string's inside, escapes as they stand, in pieces of some PIECE_BYTES that are strings of
 * their own: no cut lies inside an escape, a character or a pair of surrogates.
 */

enum { PIECE_BYTES = 200 };

/* The next piece of `rest`, which moves on behind it; false when nothing is left. */
bool pieces_next(struct str *rest, struct str *piece);
