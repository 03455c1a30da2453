/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/upstream/attempt.h"

/*
 * The two heads of a call: what is sent, and what is kept of the answer's.
 *
 * The header lines of a call: ours, its permit's, and of the caller's those that may travel: a
 * closed list, and what the configuration adds. Lent by `call`; NULL at the end.
 */

enum { HEAD_LINES = 64 };

void head_write(const struct attempt_call *call, const char *lines[HEAD_LINES + 1]);

/*
 * An answer's headers are the transport's, and gone after its end; kept, in the arena, they can
 * be read for as long as that lives. Where it is spent, none are there.
 */
void head_keep(struct fetch *f, struct arena *arena);
