/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/own.h"
#include "weir/base/str.h"
#include "weir/upstream/endpoint.h"

#include <stdint.h>

/*
 * Leave to make one call: an endpoint with room for it, and a key to make it with. Whoever
 * wants one asks its pool and may have to wait for it: within a priority tenants take turns,
 * higher priorities come first, and the queue is bounded in length and time. In a full queue the
 * last of the tenant that has most places makes way for one that has fewer. A permit is given
 * back exactly once, with what came of the call, from which the pool learns.
 */

struct loop;
struct pool;

enum priority { PRIORITY_HIGH, PRIORITY_NORMAL, PRIORITY_LOW, PRIORITY_COUNT };

/* May be moved by assignment; zeroed when none is held. */
struct permit {
    struct pool *pool;                  /* one reference; NULL: none is held */
    struct upstream_endpoint *endpoint; /* one reference */
    const char *auth;                   /* a header line, the pool's; NULL: none is asked for */
    unsigned key;                       /* which of the pool's keys */
    bool trial;                         /* of an endpoint that may not have recovered yet */
    bool wakes;                         /* it finds out whether the pool has started */
    bool doubted;                       /* of an endpoint that has lost race after race */
    bool late;                          /* nobody waits for the call any more */
    struct loop *loop;                  /* of who holds it; lent */
    uint64_t since_us;
};

struct permit_wish {
    uint64_t tried; /* bits of endpoints that this request shall not get */
    enum priority priority;
    struct str tenant;    /* for turns; copied */
    uint64_t system_hash; /* of what comes before the conversation; 0: not said */
    uint64_t dialog_hash; /* and of how it began; both for BALANCE_PREFIX_AFFINITY */
    uint64_t start_by_us; /* it waits for a pool that starts up, until then; 0: it does not */
    bool again;           /* a call that is made again: not what a retry budget is a share of */
    bool never_waits;     /* now or not at all: neither waits nor counts as turned away */
};

enum permit_answer {
    PERMIT_HELD,
    PERMIT_WAITS, /* on_done comes */
    PERMIT_NONE,  /* every endpoint has been tried */
    PERMIT_LATER, /* whoever is left wants to be left alone for wait_us more */
    PERMIT_FULL,  /* too many wait already; there may be room in wait_us */
    PERMIT_SLOW,  /* it waited for the queue's timeout, or made way for somebody */
};

struct permit_box;
struct permit_seat;
/* HELD, NONE, LATER, FULL or SLOW. Never from inside permit_ask or permit_leave. */
typedef void permit_fn(struct permit_seat *s, enum permit_answer answer);

/*
 * Embedded in whoever asks; zeroed before its first use. A call of permit_leave() in the
 * owner's ender is always right, and after it the owner may free the seat at once.
 */
struct permit_seat {
    struct permit permit; /* HELD: the owner's, to be moved into a call or given back */
    uint64_t wait_us;     /* LATER, FULL, SLOW: when asking again makes sense */
    permit_fn *on_done;
    struct permit_box *box; /* the pool's */
};

/* From the thread of `loop`, as all calls with this seat. Any answer; on_done only after WAITS. */
enum permit_answer permit_ask(struct permit_seat *s, struct pool *p, struct loop *loop,
                              const struct permit_wish *wish, permit_fn *on_done);
/* Leaves the queue, or gives back an unused permit. No on_done after it. */
void permit_leave(struct permit_seat *s);

enum verdict {
    VERDICT_NONE, /* nothing was learned: called off by us, or refused for its content */
    VERDICT_GOOD,
    VERDICT_FAULT,       /* unreachable, silent, broken, 5xx */
    VERDICT_BUSY,        /* 429, 503 or 529: it works, but not for us now */
    VERDICT_KEY_REFUSED, /* 401 or 403 */
    VERDICT_BEATEN, /* without content for too long, and called off as another was sooner */
};

/* What came of a call. Times from the permit's start on. */
struct permit_report {
    enum verdict verdict;
    int status;             /* 0: no head came */
    bool refused;           /* no connection was to be had: it may be starting up */
    int64_t retry_after_ms; /* -1: not said */
    uint64_t first_us;      /* until its first content; 0: there was none */
    uint64_t total_us;
};

/*
 * Nobody waits for its call any more. Such calls may have a quarter of what an endpoint may have at
 * once, and one at least; false: this one is beyond it, and somebody should make room.
 */
bool permit_go_late(struct permit *p);

void permit_give_back(struct permit *p, const struct permit_report *r); /* zeroed is fine */
