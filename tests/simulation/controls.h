/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Two versions that answer the same users at the same time, whose questions move by the hour:
 * how often one is falsely said to differ from the other, and how soon one that does is noticed.
 */

/* Months in which both are the same, or apart by the tolerance; false: no promise was kept. */
bool controls_table(struct buf *out, uint64_t seed, unsigned months);
void controls_delays(struct buf *out, uint64_t seed, unsigned runs);
