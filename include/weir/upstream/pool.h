/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/upstream/permit.h"
#include "weir/upstream/upstream.h"

/*
 * The living part of an upstream: its endpoints and how they fare, its keys, who waits for it.
 * One for all workers and over reloads; one lock, held for a decision and never while anybody
 * is called. Everything below is from any thread.
 *
 * Who is chosen: of the endpoints that are up (their probes say so, their breaker is closed,
 * they do not rest after a Retry-After) and below their limit, the one that `balance` prefers.
 * Breakers keep no more than breaker.most_ejected of a pool out, first those that have opened most
 * often; the others whose breaker is open have a tenth of their share. Whoever is down by its probes
 * gets nothing. When all are ill they are asked as if all were well.
 * Resting is: who said "later" is not asked earlier, and when all rest the answer is LATER.
 *
 * A pool with cold_start whose endpoints all refuse is starting up, not down: one call at a
 * time goes out to wake it, the rest wait for how that ends. The pauses between such calls grow to
 * a second; they are cut short for who must have its answer soon, and end when a probe goes well.
 */

struct pool *pool_new(struct str name);
struct pool *pool_ref(struct pool *p);
void pool_unref(struct pool *p); /* NULL is fine */

/*
 * Takes over what the upstream says: limits, endpoints, keys. Endpoints with the URL of one
 * that is there keep their state, as keys with the same text do; others leave when their last
 * call is over.
 */
void pool_configure(struct pool *p, const struct upstream *u);

/* ---- trying again ---- */

/* Is there an extra call left in the retry budget? */
bool pool_has_retry(struct pool *p);
/* Takes one out of it, for a call that goes out now; false: it is used up. */
bool pool_may_retry(struct pool *p);
/* When a second call should go out beside one that has shown nothing: 0: not at all. */
uint64_t pool_hedge_after_us(struct pool *p);
/* Takes one out of the share of calls that may be doubled. */
bool pool_may_hedge(struct pool *p);

/* ---- for the control thread ---- */

enum { POOL_ENDPOINTS = 64 }; /* in one pool; more are left out, with a warning */

/* One reference each; returns how many. */
size_t pool_list(struct pool *p, struct upstream_endpoint *out[POOL_ENDPOINTS]);
/* What a probe said of one of them. */
void pool_note_probe(struct pool *p, struct upstream_endpoint *e, bool good);
/* What a site's host stands for now: "10.0.0.7,10.0.0.8". Known addresses keep their state. */
void pool_set_addresses(struct pool *p, struct str url, struct str addresses);

struct pool_numbers {
    struct str label; /* lent while the endpoint lives: one reference is taken in `endpoint` */
    struct upstream_endpoint *endpoint; /* one reference */
    const char *state; /* "closed", "open", "half_open", "slow_start", "resting", "down" */
    bool healthy;
    unsigned in_flight;
    unsigned limit;   /* 0: none */
    unsigned faults;  /* in a row */
    uint64_t rest_us; /* until it is asked again */
    double latency_s; /* decaying mean of times to the first content; 0: not known */
};
size_t pool_read(struct pool *p, struct pool_numbers out[POOL_ENDPOINTS]);
struct pool_keys {
    unsigned usable, resting, dropped;
};
void pool_read_keys(struct pool *p, struct pool_keys *out);
struct str pool_name(const struct pool *p);
unsigned pool_waiting(struct pool *p);
