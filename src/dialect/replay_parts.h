/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/scan.h"
#include "weir/dialect/request.h"

/* How a kept answer becomes a stream. `out` has no ceiling. False: there is no faithful one. */

/* replay_chunks.c: chat and completions. */
bool replay_chunks_put(enum endpoint endpoint, struct str body, bool include_usage,
                       struct buf *out);

/* replay_response.c: Responses. */
bool replay_response_put(struct str body, struct buf *out);

/* replay_message.c: Anthropic's messages. */
bool replay_message_put(struct str body, struct buf *out);

/* An object with some of its members changed, where it has them. */
struct replay_change {
    const char *key; /* NULL in the last row */
    const char *value;
};

void replay_put_changed(struct buf *out, struct str object,
                        const struct replay_change *changes);

/* The inside of a string value; the empty str for what is none. */
static inline struct str inside_of(const struct scan_member *m)
{
    return m->type == SCAN_STRING ? str_cut(m->value, 1, m->value.len - 1)
                                  : (struct str){ "", 0 };
}
