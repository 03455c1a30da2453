/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "tap_inner.h"

/* The parts of the Anthropic dialect, one file each. */

/* anthropic_whole.c: judges a plain answer, or the plain form of a streamed one. */
enum err anthropic_whole_read(struct tap *t, struct str body);
void anthropic_whole_read_usage(struct tap *t, struct str usage);
void anthropic_whole_read_stop(struct tap *t, const struct scan_member *reason);

/* anthropic_event.c: an event of a message; `text` is its readable data. */
enum err anthropic_event_read(struct tap *t, const struct tap_event *e, struct str text,
                              struct delta *out);
