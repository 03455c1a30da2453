/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/cache/remote.h"
#include "weir/exchange/ask.h"

/*
 * What the cache would make of a request, for the person who wonders: its key and the text
 * behind it, its scope, whether its answer would be kept, and if not, why not. Nothing is
 * asked of any upstream or tier. Writes JSON; a request that cannot be read is a fault.
 */
MUST_CHECK enum err explain(const struct ask *ask, const struct remote_settings *remote,
                            struct buf *out, struct fault *why);
