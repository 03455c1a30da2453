/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/net/fetch.h"
#include "weir/net/resolve.h"
#include "weir/net/timer.h"
#include "weir/upstream/attempt.h"
#include "weir/upstream/endpoint.h"

/*
 * One question to one endpoint, "are you well?", that can be put again and again: a GET on a
 * path at its server's root, on a connection of its own, so that accepting is looked at too and
 * no pooled connection's end is taken for the server's. Any 2xx in time is good; of its body up
 * to PROBE_BODY_BYTES are read and dropped. What it needs of its upstream is copied: a reload
 * may take the upstream away while a probe is still being called off.
 */

enum { PROBE_BODY_BYTES = 64 << 10 };

enum probe_result {
    PROBE_OK,
    PROBE_STATUS, /* it answered, but not with a 2xx */
    PROBE_TIMEOUT,
    PROBE_UNREACHABLE, /* no address, no connection, no certificate that we accept */
    PROBE_BROKEN,      /* what came was no whole answer */
    PROBE_CANCELLED
};

struct probe;
/* Once for each start, never from inside it; the probe may be started again or deinitialised. */
typedef void probe_fn(struct probe *p, enum probe_result result);

struct probe {
    const struct attempt_kit *kit;      /* lent */
    struct upstream_endpoint *endpoint; /* one reference */
    probe_fn *on_done;
    char *url, *auth, *ca_file; /* auth, ca_file: NULL where there is none */
    struct fetch_target target;
    uint64_t timeout_us;
    enum { PROBE_IDLE, PROBE_RESOLVING, PROBE_FETCHING } phase;
    bool enough; /* of its body: the rest is not waited for */
    bool late;
    bool cancelled;
    size_t body_bytes;
    struct resolve resolve;
    struct fetch fetch;
    struct timer limit;
};

/* Of an upstream with a health path. */
void probe_init(struct probe *p, const struct attempt_kit *kit, const struct upstream *u,
                struct upstream_endpoint *e, probe_fn *on_done);
void probe_start(struct probe *p);
void probe_cancel(struct probe *p); /* on_done(PROBE_CANCELLED) follows, if it is under way */
bool probe_is_under_way(const struct probe *p);
void probe_deinit(struct probe *p); /* not while it is under way; zeroed is fine */

struct str probe_word(enum probe_result result); /* for metrics */
