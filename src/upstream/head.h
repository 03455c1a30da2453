/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/upstream/attempt.h"

/*
 * The header lines of a call: ours, its permit's, and of the caller's those that may travel: a
 * closed list, and what the configuration adds. Lent by `call`; NULL at the end.
 */

enum { HEAD_LINES = 64 };

void head_write(const struct attempt_call *call, const char *lines[HEAD_LINES + 1]);
