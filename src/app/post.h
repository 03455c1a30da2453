/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/net/fetch.h"
#include "weir/net/resolve.h"
#include "weir/net/timer.h"

/*
 * One text to one URL, that can be sent again and again: its name looked up, on a connection
 * of its own, all of it in 10 s. Any 2xx is success; of the answer's body up to
 * POST_ANSWER_BYTES are read and dropped. Nobody is redirected. An answer may ask to be left
 * alone for a while (Retry-After).
 *
 * A URL may hold a secret in its path: people are shown `where`, which is host and port.
 */

enum { POST_ANSWER_BYTES = 64 << 10 };

struct post_kit {
    struct loop *loop; /* all lent */
    struct resolver *resolver;
    struct fetcher *fetcher;
};

struct post;
/* Once for each start, never from inside it; then it may be started again or deinitialised. */
typedef void post_fn(struct post *p, bool taken);

struct post {
    const struct post_kit *kit; /* lent */
    post_fn *on_done;
    char *url;
    struct str where, host; /* in it */
    struct fetch_target target;
    enum { POST_IDLE, POST_RESOLVING, POST_SENDING } phase;
    bool enough, late, cancelled;
    size_t answer_bytes;
    int64_t alone_ms;           /* -1: it did not ask for it */
    const char *const *headers; /* lent, as is the body, until the end */
    struct str body;
    struct resolve resolve;
    struct fetch fetch;
    struct timer limit;
    char why[160]; /* when it was not taken */
};

/* `url` is one by value_is_url; `tail` is put behind it. */
void post_init(struct post *p, const struct post_kit *kit, struct str url, const char *tail,
               post_fn *on_done);
void post_start(struct post *p, const char *const *headers, struct str body);
void post_cancel(struct post *p); /* on_done follows, if it is under way */
bool post_is_under_way(const struct post *p);
void post_deinit(struct post *p); /* not while it is under way; zeroed is fine */
