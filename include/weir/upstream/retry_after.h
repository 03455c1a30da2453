/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

#include <stdint.h>

/*
 * How long an upstream wants to be left alone, in whole seconds, rounded up; -1: it did not
 * say, or not so that anybody understands. `value` is that of Retry-After, which holds seconds
 * or a date (RFC 9110, 10.2.3), `ms` that of retry-after-ms; either may be absent.
 */
int64_t retry_after_s(struct str value, struct str ms, uint64_t wall_ms);
