/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Lengths and times of answers that are held against no baseline (regime.h), drawn from
 * lognormal distributions: how often a change is told where there is none, and how soon one that
 * there is. The folds are the gateway's own.
 */

/* Months without a change; false if there were more reports than one a year. */
bool regimes_table(struct buf *out, uint64_t seed, unsigned months);

/* How soon a median that moves is told. */
void regimes_delays(struct buf *out, uint64_t seed, unsigned runs);
