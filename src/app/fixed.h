/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/app/config.h"

/*
 * What only a start can change: addresses, the number of workers, sizes of tiers, Redis, the
 * log's form, and how a drain goes. A reload that changes one of these says so in the log, once
 * for each, and it stays as it was.
 */
void fixed_warn(const struct settings *now, const struct settings *next);
