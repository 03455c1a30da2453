/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/trail.h"
#include "weir/cache/flight.h"
#include "weir/dialect/fingerprint.h"
#include "weir/exchange/exchange.h"
#include "weir/net/timer.h"

/*
 * An exchange from inside: exchange.c moves it, tell.c tells its client, keep.c makes
 * what is kept of its answer, books.c says what it came to.
 * Members stand with the step that writes them. It is above twenty because a request's life is
 * one story; nothing here is shared with another exchange.
 */

enum { EXCHANGE_HELD_BYTES = 256 << 10 };

struct exchange {
    struct trail trail;
    struct exchange_kit *kit;   /* lent by the worker */
    struct link running;        /* on the kit's list */
    struct ask ask;             /* its strs are lent by the caller; the plan is counted */
    struct exchange_sink *sink; /* lent by the caller */
    struct arena arena;
    struct timer deadline;
    enum err err;       /* the first failure */
    struct fault fault; /* decode: what was wrong with the request */
    bool deserted;      /* the client has left; others may still wait */
    bool paused;        /* the sink is full */

    struct deferred turn;      /* born, and wherever a step was stopped without an operation */
    struct request request;    /* decode */
    const struct model *model; /* decode; of the plan */
    struct fingerprint print;  /* decode */
    bool may_keep;             /* decode: policy and request allow the answer to be kept */
    const char *why_not;       /* or why not */

    struct cache_lookup lookup; /* look_up */
    struct entry *answer;       /* look_up, join or settle: one reference */
    struct entry *stale;        /* look_up: kept, but not fresh enough; one reference */
    enum cache_tier tier;       /* look_up */
    struct flight_seat seat;    /* join */
    bool tape_full;             /* call: those who follow cannot be given the rest */
    bool rejoined;              /* join: it followed once already, and was let down */
    struct entry *refused; /* join or settle: what its flight was refused with; a reference */

    size_t route_at;                    /* route */
    uint64_t tried;                     /* route: endpoints of that upstream */
    struct upstream_endpoint *endpoint; /* route */
    unsigned calls;                     /* call: attempts started */
    unsigned attempts;                  /* call: those that an upstream may have seen */
    bool fresh;                         /* call: on a new connection, after a dead pooled one */
    struct attempt attempt;             /* call */
    enum err refusal;                   /* call: why the last one gave nothing */
    struct str passed;                  /* call: the upstream's headers that may travel */
    struct str upstream_request_id;
    struct buf held; /* call: what came before the first content */
    bool committed;  /* call, join or replay: the sink has seen bytes */
    bool told;       /* call: an error event of the upstream went through */

    enum cache_word word;
    bool stored; /* settle */
    int status;  /* what the sink was told; 0: nothing */
    uint64_t looked_us, cache_us, upstream_us, first_us;
};

/* ---- exchange.c ---- */

/* From now on: the model's, or the caller's if shorter; its patience ends when a stream begins. */
void exchange_set_deadline(struct exchange *x);

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

/* Whose answers these are: the tenant's, or everybody's where the model says so. */
struct str keep_scope(const struct model *m, const struct ask *ask);

/* The upstream's headers that travel to the client, and its request id. */
void keep_headers(struct exchange *x);

/* ---- tell.c ---- */

void tell_begin(struct exchange *x);
/*
 * Bytes of a stream, to the client and to those who follow a call; the first ones begin it. A
 * replay is for this client alone: it may be of something stale, which others did not ask for.
 */
void tell_bytes(struct exchange *x, struct str bytes);
void tell_whole(struct exchange *x, struct str body);
void tell_failure(struct exchange *x);

/* ---- books.c ---- */

/* Once, in settle. `trail` is NULL unless the exchange failed. */
void books_close(const struct exchange *x, const char *trail);
