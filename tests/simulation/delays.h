/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"

#include <stdint.h>

/* How soon a change is noticed, by e-CUSUM and by rules that others use, on the same streams. */

enum { DELAYS_HISTOGRAMS = 50, DELAYS_DAYS = 14 };

void delays_table(struct buf *out, uint64_t seed, unsigned runs);

/*
 * The very counts of one run, for programs in other languages that judge the same streams, as
 * lines of `phase,count,count...`, a tick each; phases are baseline, before, after. Rows are
 * those of the tables, from 0; the last two are a month without any change, independent and
 * clustered.
 */
enum { DELAYS_ROWS = 12 };
void delays_print(struct buf *out, uint64_t seed, unsigned row, unsigned run);
