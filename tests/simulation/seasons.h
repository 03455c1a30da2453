/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A mix that moves by the hour, beyond the tolerance, and load with it: the same each day. The
 * baseline of all hours rightly says that answers change; the one by the hour of the week must
 * keep the promise, and still notice a change. Baselines are made by the gateway's own code,
 * of two weeks.
 */

/* Months without a change but that one; false if the promise was not kept. */
bool seasons_table(struct buf *out, uint64_t seed, unsigned months);

/* How soon a change is noticed: the odds of one value twice as high at all hours. */
void seasons_delays(struct buf *out, uint64_t seed, unsigned runs);
