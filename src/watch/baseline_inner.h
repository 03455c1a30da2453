/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/watch/baseline.h"

/* What baseline.c, which makes them, and baseline_text.c, which writes and reads them, share. */

/* "le_0.5", "gt_0.9"; or a word of the grid, of which such bins are made. */
bool baseline_is_bin(struct str word, double *edge);
/* Gives it the id that its content asks for. */
void baseline_name(struct baseline *b);
