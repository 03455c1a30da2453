/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/app/config.h"

/*
 * What only a start can change: addresses, the number of workers, sizes of tiers, Redis, the
 * log's form, and how a drain goes; the rows of the schema say which. A reload that changes one
 * of these says so in the log, once for each, and it stays as it was.
 */

struct schema_row;

/* The next such row behind `previous` (NULL: the first) that differs; NULL: no more do. */
const struct schema_row *fixed_next(const struct settings *now, const struct settings *next,
                                    const struct schema_row *previous);

void fixed_warn(const struct settings *now, const struct settings *next);
