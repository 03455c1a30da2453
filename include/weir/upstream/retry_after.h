/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

#include <stdint.h>

/*
 * How long an upstream wants to be left alone, in milliseconds, rounded up; -1: it did not say, or
 * not so that anybody understands. `value` is that of Retry-After, which holds seconds or a date
 * (RFC 9110, 10.2.3), `ms` that of retry-after-ms, which is finer and so goes before it; either may
 * be absent. Nobody is left alone for longer than a day: what is above it means a day.
 */
enum { RETRY_AFTER_MOST_MS = 24 * 60 * 60 * 1000 };

int64_t retry_after_ms(struct str value, struct str ms, uint64_t wall_ms);
