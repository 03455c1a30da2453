/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/err.h"
#include "weir/base/str.h"

/*
 * Server-sent events out of a stream of bytes cut anywhere (WHATWG HTML, 9.2.6): LF, CRLF or
 * CR, a BOM, comments, several data lines. An event is told when its blank line is there,
 * with its source bytes, so that it can be passed on as it came.
 *
 * An event above `most_bytes` is told as pieces of raw bytes without fields (`opaque`) until
 * its blank line, so memory stays bounded and bytes still flow.
 */

struct sse_event {
    struct str raw;  /* every byte of it, blank line included */
    struct str name; /* of the `event:` line; absent if there is none */
    struct str data; /* data lines joined by LF; absent when it has none (comments, retry) */
    bool opaque;     /* a piece of an event too large to read */
    bool has_blank;  /* false: the stream ended inside it */
};

typedef void sse_fn(void *owner, const struct sse_event *e);

struct sse {
    struct buf pending; /* the event that is not whole yet */
    struct buf joined;  /* several data lines as one */
    size_t most_bytes;
    int state;
    bool opaque; /* inside an event that is too large */
    bool began;  /* an event was told: a BOM is no longer one */
};

enum { SSE_EVENT_BYTES = 8 << 20 };

void sse_init(struct sse *s, size_t most_bytes);
void sse_deinit(struct sse *s);
void sse_feed(struct sse *s, struct str bytes, sse_fn *on_event, void *owner);

/* The stream is over: tells what is left of an unfinished event, if anything. */
void sse_end(struct sse *s, sse_fn *on_event, void *owner);
