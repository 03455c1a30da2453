/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/err.h"
#include "weir/dialect/request.h"

/*
 * A kept plain answer as a stream: role, content in sensible pieces, tool calls, finish reason,
 * usage if asked for, terminator; the same id, created, model, text and usage. Unknown members
 * of the message go into its first delta, byte for byte.
 * ERR_UNSUPPORTED: this endpoint has no stream, or this body no faithful one.
 */
MUST_CHECK enum err replay_events(enum endpoint endpoint, struct str body, bool include_usage,
                                  struct buf *out);
