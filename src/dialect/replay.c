/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/dialect/replay.h"

#include "replay_parts.h"

/* Written into a buffer without a ceiling first, so that a failure leaves `out` as it was. */
enum err replay_events(enum endpoint endpoint, struct str body, bool include_usage,
                       struct buf *out)
{
    struct buf events = { 0 };
    bool whole = false;
    enum err err;

    if (scan_check(body, NULL) != OK)
        return ERR_UNSUPPORTED;
    if (endpoint == ENDPOINT_CHAT || endpoint == ENDPOINT_COMPLETIONS)
        whole = replay_chunks_put(endpoint, body, include_usage, &events);
    else if (endpoint == ENDPOINT_RESPONSES)
        whole = replay_response_put(body, &events);
    err = whole ? buf_add(out, buf_str(&events)) : ERR_UNSUPPORTED;
    buf_deinit(&events);
    return err;
}
