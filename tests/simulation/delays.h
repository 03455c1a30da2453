/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"

#include <stdint.h>

/* How soon a change is noticed, by e-CUSUM and by rules that others use, on the same streams. */

enum { DELAYS_HISTOGRAMS = 50, DELAYS_DAYS = 14 };

void delays_table(struct buf *out, uint64_t seed, unsigned runs);
