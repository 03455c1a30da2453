/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/trail.h"
#include "weir/cache/fleet.h"
#include "weir/cache/flight.h"
#include "weir/dialect/fingerprint.h"
#include "weir/exchange/exchange.h"
#include "weir/net/timer.h"
#include "weir/upstream/race.h"

/*
 * An exchange from inside: what it holds while steps.h moves it. Members stand with the step that
 * writes them. There are many because a request's life is one story; nothing here is shared with
 * another exchange.
 */

enum step {
    BORN,
    DECODE,
    JOIN,
    LOOK_UP,
    AWAIT,
    REPLAY,
    ROUTE,
    QUEUE,
    CALL,
    PAUSE,
    DEGRADE,
    SETTLE,
    WAIT
};

struct exchange {
    struct trail trail;
    struct exchange_kit *kit;   /* lent by the worker */
    struct link running;        /* on the kit's list */
    struct link background;     /* on the kit's list of those whom nobody waits for */
    bool late;                  /* background: it has been there */
    bool hung;                  /* background: called off when it had had its time */
    struct ask ask;             /* its strs are lent by the caller; the plan is counted */
    struct exchange_sink *sink; /* lent by the caller */
    struct arena arena;
    struct timer deadline;
    struct timer in_time; /* respond_within */
    enum err err;         /* the first failure */
    struct fault fault;   /* decode: what was wrong with the request */
    struct jsonschema_report
        *violations; /* decode or call: why it was rejected; in the arena */
    bool deserted;   /* nobody is told: the client has left, has its answer, or never was */
    bool paused;     /* the sink is full */

    struct deferred turn;      /* born, and wherever a step was stopped without an operation */
    struct request request;    /* decode */
    const struct model *model; /* decode; of the plan */
    struct fingerprint print;  /* decode */
    bool may_keep;             /* decode: policy and request allow the answer to be kept */
    const char *why_not;       /* or why not */
    bool idempotent;           /* decode: kept for who sends the same Idempotency-Key again */
    uint64_t fresh_ms, stale_ms; /* decode: how long it would be kept */

    struct flight_seat seat; /* join */
    uint64_t joined_ms;      /* join: the wall clock, when it first asked for others' answers */
    bool rejoined;           /* join: it followed once already, and was let down */
    struct entry *refused;   /* join or settle: what its flight was refused with; a reference */
    struct cache_lookup lookup; /* look_up */
    struct entry *answer;       /* look_up, join, degrade or settle: one reference */
    struct entry *stale;        /* look_up: kept, but not fresh enough; one reference */
    enum cache_tier tier;       /* look_up */
    struct fleet_seat fleet;    /* look_up or await */
    bool awaited;               /* await: another gateway was having it answered */
    bool
        let_down; /* join or await: whom it waited for has failed, and it may try as the last */
    bool followed; /* call: another gateway awaits this answer, as Redis last said */

    const struct route *routes; /* route: the model's, or those of a fallback */
    size_t route_count;
    size_t route_at;
    uint64_t over;                   /* route: a bit for each that shall not be asked again */
    uint64_t failed, seen;           /* call: likewise, whose last call failed, or was seen */
    struct str cause;                /* call: how the last one failed, for the metric */
    unsigned rounds;                 /* route: how often all of them have failed */
    uint64_t tried;                  /* route: endpoints of that upstream */
    struct permit_seat permit;       /* queue */
    uint64_t queued_at_us;           /* queue; 0: it does not wait */
    struct upstream_endpoint *again; /* call: to be called on a new connection; one reference */
    struct timer pause;              /* pause */
    uint64_t pause_us;               /* route, queue or call: how long */
    unsigned calls;                  /* call: started */
    unsigned attempts;               /* call: those that an upstream may have seen */
    struct race race;                /* call */
    enum err refusal;                /* route to pause: why the last one gave nothing */
    int64_t wait_ms;      /* the shortest time after which asking again makes sense; -1 */
    struct entry *unsure; /* call: an answer that was not good enough; one reference */
    double spent_usd;     /* call */
    bool is_priced;       /* call: some of its price is known */
    struct str passed;    /* call: the upstream's headers that may travel */
    struct str upstream_request_id;
    bool committed; /* call, join, await or replay: the sink has seen bytes */
    bool told;      /* call: an error event of the upstream went through */

    size_t rung;            /* degrade: the next of the model's fallbacks */
    enum degraded degraded; /* degrade: what the answer is, if it is not what was asked for */
    enum stale_why stale_why;
    const char *fell_back; /* degrade: why, as counted; NULL: it is the model's own answer */

    enum cache_word word;
    bool stored; /* settle */
    bool booked; /* in time, or settle */
    int status;  /* what the sink was told; 0: nothing */
    uint64_t looked_us, queue_us, cache_us, upstream_us, first_us;
};
