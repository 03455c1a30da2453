/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/dialect/request.h"

/*
 * The plain body that a stream of chat or completions chunks, or of a message, amounts to: what the upstream
 * would have sent, had it not been asked for a stream. Text is joined as it is escaped, and
 * values that come once are kept byte for byte, so nothing is lost in between.
 */

struct tap_assembly;

enum { ASSEMBLY_BYTES = 64 << 20 };

struct tap_assembly *assembly_new(enum endpoint endpoint);
void assembly_free(struct tap_assembly *a);

/* A chunk that scan_check has passed. False, from then on: no plain form would be faithful. */
bool assembly_add(struct tap_assembly *a, struct str chunk);

/* Writes the plain body, with `model` as its model. */
bool assembly_put(const struct tap_assembly *a, struct str model, struct buf *out);
