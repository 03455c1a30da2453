/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* Time that only moves forward, in microseconds since some moment before we started. */
uint64_t clock_now_us(void);

/* The calendar's time, in milliseconds since 1970 (UTC). */
uint64_t clock_wall_ms(void);

enum { CLOCK_TEXT = 32 };

/* RFC 3339 in UTC with milliseconds: 2026-01-31T23:59:59.123Z. */
void clock_text(uint64_t wall_ms, char out[CLOCK_TEXT]);
