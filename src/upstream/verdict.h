/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/upstream/attempt.h"

/* What the pool of a call that is over is to learn from it. */
void verdict_report(const struct attempt *a, enum err err, struct permit_report *out);

/* How it ended, as the metric of attempts calls it. */
struct str verdict_word(const struct attempt *a, enum err err);
