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
 * An exchange from inside: exchange.c moves it; find.c, choose.c, call.c and degrade.c hold
 * its steps in the order of time; tell.c tells its client, keep.c makes what is kept of its answer, books.c
 * says what it came to.
 * Members stand with the step that writes them. There are many because a request's life is one
 * story; nothing here is shared with another exchange.
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
    bool tape_full;          /* call: those who follow cannot be given the rest */
    bool rejoined;           /* join: it followed once already, and was let down */
    struct entry *refused;   /* join or settle: what its flight was refused with; a reference */
    struct cache_lookup lookup; /* look_up */
    struct entry *answer;       /* look_up, join, degrade or settle: one reference */
    struct entry *stale;        /* look_up: kept, but not fresh enough; one reference */
    enum cache_tier tier;       /* look_up */
    struct fleet_seat fleet;    /* look_up or await */
    bool awaited;               /* await: another gateway was having it answered */

    const struct route *routes; /* route: the model's, or those of a fallback */
    size_t route_count;
    size_t route_at;
    uint64_t over;                   /* route: a bit for each that shall not be asked again */
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

    enum cache_word word;
    bool stored; /* settle */
    bool booked; /* in time, or settle */
    int status;  /* what the sink was told; 0: nothing */
    uint64_t looked_us, queue_us, cache_us, upstream_us, first_us;
};

typedef enum step step_fn(struct exchange *x);
typedef void stop_fn(struct exchange *x);

/* ---- exchange.c ---- */

/* Moves on from a callback; the exchange may be gone after it. */
void exchange_go(struct exchange *x, enum step next);
/* Where an exchange goes that was called off: something less may still serve, if it is in time. */
enum step exchange_ended(const struct exchange *x);
/* For a step that was stopped without an operation whose callback would go on. */
void exchange_turn(struct exchange *x);
/* Notes the first failure; SETTLE. */
enum step exchange_fail(struct exchange *x, enum err err);
/* The upstreams have failed; something less than what was asked for may still serve. */
enum step exchange_give_up(struct exchange *x, enum err err);
void exchange_call_off(struct exchange *x, enum err err);
/* Does the work go on although nobody waits for it now, for whoever asks next? */
bool exchange_runs_on(const struct exchange *x);

/* ---- deadline.c ---- */

void deadline_init(struct exchange *x);
void deadline_watch(struct exchange *x); /* once the model is known */
/* Anew: its patience ends when a stream begins. */
void deadline_set(struct exchange *x);
uint64_t deadline_left_us(const struct exchange *x);
void deadline_stop(struct exchange *x);

/* ---- find.c ---- */

step_fn find_join, find_look_up, find_await, find_replay;
stop_fn find_stop_join, find_stop_look_up, find_stop_await;
/* What its flight brought, when the sink has room again. */
void find_resume(struct exchange *x);
/* The flight of who leads it, at its end: with the answer, or with why there is none. */
void find_land(struct exchange *x);
/* The same bytes, asked again, are then answered without being parsed. */
void find_remember(const struct exchange *x);

/* ---- choose.c ---- */

step_fn choose_route, choose_queue, choose_pause;
stop_fn choose_stop_queue, choose_stop_pause;

const struct route *choose_route_now(const struct exchange *x);
/* Whatever comes, this route is not asked again by this request. */
void choose_leave_route(struct exchange *x);
/* When asking again makes sense: the earliest that any route has told; -1: this one did not. */
void choose_note_wait(struct exchange *x, int64_t wait_ms);
/* A pool that may be starting up is waited for, when there is nobody else to ask. */
bool choose_may_await_start(const struct exchange *x, uint64_t wait_us);
/* What is asked of the pool, for this call or for one beside it. */
struct permit_wish choose_wish(const struct exchange *x);

/* ---- call.c ---- */

step_fn call_ask;
stop_fn call_stop_ask;

/* The call whose facts count; NULL before there was one. */
const struct attempt *call_lead(const struct exchange *x);
const struct upstream *call_upstream(const struct exchange *x); /* likewise */
unsigned call_attempts(const struct exchange *x); /* those that an upstream may have seen */

/* ---- degrade.c ---- */

step_fn degrade_step;
/* Is there something that could be sent at once? */
bool degrade_has_something(const struct exchange *x);
/*
 * Sends the best that is there at once, while the work goes on for the cache; false: there is
 * nothing, or it is no use.
 */
bool degrade_in_time(struct exchange *x);
/* May what is past its freshness be given, as this client and the model have it? */
bool degrade_takes_stale(const struct exchange *x, const struct entry *e);

/* ---- valid.c ---- */

/* ERR_INVALID: it does not fit the model's schema, which rejects. */
MUST_CHECK enum err valid_request(struct exchange *x);
/* Does the answer that just came fit, or may it be given all the same? */
bool valid_answer(struct exchange *x);

/* ---- keep.c ---- */

/* Did the last call bring a whole answer? */
bool keep_is_answered(const struct exchange *x);
/* Its plain form; absent when there is none. */
struct str keep_plain_form(const struct exchange *x);

/*
 * Makes the entry of a complete answer, for the cache and for followers; NULL when there is no
 * plain form of it. `body` is that form.
 */
struct entry *keep_entry(const struct exchange *x, struct str body);

/* An upstream's refusal, for those who sent the same bytes: its key is their digest. */
struct entry *keep_refusal(const struct exchange *x);

/* May the answer of this exchange be kept at all? Fills why_not otherwise. */
bool keep_allows(const struct model *m, const struct ask *ask, const struct request *r,
                 const struct fingerprint *print, const char **why_not);

/* The key of an answer that is kept for its Idempotency-Key alone. */
void keep_idempotent_key(const struct ask *ask, struct digest *out);

/* Whose answers these are: the tenant's, or everybody's where the model says so. */
struct str keep_scope(const struct model *m, const struct ask *ask);

/* The upstream's headers that travel to the client, and its request id. */
void keep_headers(struct exchange *x);

/* ---- tell.c ---- */

void tell_begin(struct exchange *x);
/*
 * Bytes of a stream, to the client and to those who follow; the first ones begin it. A replay
 * is for this client alone: it may be of something stale, which others did not ask for.
 */
void tell_bytes(struct exchange *x, struct str bytes);
void tell_whole(struct exchange *x, struct str body);
void tell_failure(struct exchange *x);

/* ---- books.c ---- */

/* Once for every client, when it has been told. `trail` is NULL unless the exchange failed. */
void books_close(struct exchange *x, const char *trail);
