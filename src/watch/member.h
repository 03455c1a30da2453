/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/base/buf.h"
#include "weir/watch/ticks.h"

/*
 * A histogram's name as it stands in a key: <model>:<version>:<prediction>[@<segment>], each
 * part escaped (escape.h) but the segment, whose own marks are part of it.
 */
void member_put(struct buf *out, const struct tick_histogram *name);
/* False for what member_put() cannot have written. Texts are copied into the arena. */
bool member_read(struct str member, struct tick_histogram *out, struct arena *arena);

/* Undoes escape_add(); false for a broken escape, and then `out` has a part of it. */
bool member_unescape(struct buf *out, struct str text);
