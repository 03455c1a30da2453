/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/base/buf.h"
#include "weir/base/err.h"
#include "weir/dialect/tap.h"
#include "weir/http/sse.h"
#include "weir/net/fetch.h"
#include "weir/net/loop.h"
#include "weir/net/resolve.h"
#include "weir/net/timer.h"
#include "weir/upstream/permit.h"
#include "weir/upstream/upstream.h"

/*
 * One call to one endpoint: resolve, connect, send, read. Time limits of every phase live here;
 * what comes is read by the dialect's tap on its way. A dialect that answers by itself (rules)
 * needs no endpoint: its call ends as one that brought a plain answer.
 *
 * A streamed answer arrives as deltas, event by event. A plain one is gathered (up to
 * ATTEMPT_BODY_BYTES) and stands in `body` when on_done says OK, so that a failure inside it
 * can still move on to the next route. on_done comes once, last, never from inside start or
 * cancel. After it, what the call brought is read from the fields below, until attempt_deinit.
 */

enum { ATTEMPT_BODY_BYTES = 64 << 20, ATTEMPT_ERROR_BYTES = 1 << 20 };

struct attempt;

struct attempt_kit {
    struct loop *loop;
    struct fetcher *fetcher;
    struct resolver *resolver;
};

struct attempt_call {
    const struct upstream *upstream; /* lent until deinit */
    struct permit permit;            /* moved in; given back when the call is over */
    const struct request *request;   /* lent until deinit, as are all strs */
    struct str upstream_model;
    struct str model;           /* the name that was asked for */
    const char *const *headers; /* of the caller, those that may travel; NULL at the end */
    struct arena *arena;        /* lent until deinit */
    bool keep;                  /* build the plain form of a stream */
    bool fresh;                 /* not on a pooled connection */
};

struct attempt_events {
    void (*on_delta)(struct attempt *a, const struct delta *d);
    void (*on_done)(struct attempt *a, enum err err);
};

enum attempt_phase {
    PHASE_IDLE,
    PHASE_RESOLVING,
    PHASE_CONNECTING,
    PHASE_HEADERS,
    PHASE_FIRST_DATA,
    PHASE_DATA,
    PHASE_LINGER, /* the answer is complete, its connection not yet quiet */
    PHASE_OVER
};

struct attempt {
    const struct attempt_events *events;
    struct attempt_kit *kit;
    struct attempt_call call;
    enum attempt_phase phase;
    enum attempt_phase ended_in; /* OVER: the phase before it */
    enum err err;                /* why it was called off; OK while it runs */
    struct fetch fetch;
    struct resolve resolve;
    struct deferred turn; /* for an end that needs no waiting */
    struct timer limit;   /* of the phase */
    struct timer total;
    struct dialect_body wire; /* the request's body in pieces */
    struct sse sse;
    bool paused;   /* the owner is full: data may wait for as long as it takes */
    bool streamed; /* the answer is an event stream */
    bool beaten;   /* it has lost a race, without any content */
    struct upstream_endpoint
        *endpoint; /* of the permit; one reference, until deinit; NULL: answered
                                  here, by rules */

    /* what the call brought */
    struct tap tap;
    struct buf body; /* plain answer, or the body of an error status */
    int status;      /* 0: no head came */
    bool sent_any;   /* the upstream may have seen the request */
    uint64_t started_us, head_us, first_us, ended_us; /* first_us: its first content */
};

void attempt_start(struct attempt *a, struct attempt_kit *kit, const struct attempt_call *call,
                   const struct attempt_events *events);
void attempt_cancel(struct attempt *a, enum err why);
/* Cancelled, since another was sooner, as its pool shall know. */
void attempt_lose(struct attempt *a);
void attempt_pause(struct attempt *a);
void attempt_resume(struct attempt *a);
void attempt_deinit(struct attempt *a); /* after on_done; zeroed is fine */

/* A response header, from the head on until on_done returns (a race keeps them for its own). */
struct str attempt_header(const struct attempt *a, const char *name);
