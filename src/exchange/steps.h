/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "life.h"

/*
 * What the files that move an exchange offer each other: exchange.c does it; find.c, others.c,
 * choose.c, call.c and degrade.c hold its steps in the order of time. What they need on the way
 * has headers of its own: deadline.h, background.h, valid.h, tell.h, keep.h and books.h.
 */

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
/* Its client waits no more: it goes on for those who follow, in the background, or not at all. */
void exchange_desert(struct exchange *x);
/* Its client has no room, or others have come or gone: what is under way goes on, or stands still. */
void exchange_flow(struct exchange *x);

enum { TRAIL_TEXT = 192 };
/* The steps that it went, for the row of a failure. */
void exchange_put_trail(const struct exchange *x, char *out, size_t size);

/* ---- find.c ---- */

step_fn find_join, find_look_up, find_replay;
stop_fn find_stop_join, find_stop_look_up;
/* Streams and plain answers fly apart, as do streams with and without usage. */
void find_name_flight(const struct exchange *x, struct digest *out);
/* What its flight brought, when the sink has room again. */
void find_resume(struct exchange *x);
/* The flight of who leads it, at its end: with the answer, or with why there is none. */
void find_land(struct exchange *x);
/* Would whoever asks meet this failure now? Not that of one client's time or place in a line. */
bool find_is_common(enum err err);
/* The same bytes, asked again, are then answered without being parsed. */
void find_remember(const struct exchange *x);

/* ---- others.c ---- */

step_fn others_await;
stop_fn others_stop_await;
/*
 * Nobody here waits for it: may other gateways? Then it goes on, and is called off when Redis
 * says that none does.
 */
bool others_may_follow(struct exchange *x);
/* Its client reads slowly: do other gateways wait meanwhile? exchange_flow() when that is known. */
void others_look_out(struct exchange *x);
void others_look_away(struct exchange *x);
void others_land(struct exchange *x);

/* ---- choose.c ---- */

step_fn choose_route, choose_queue, choose_pause;
stop_fn choose_stop_queue, choose_stop_pause;

const struct route *choose_route_now(const struct exchange *x);
/* Whatever comes, this route is not asked again by this request. */
void choose_leave_route(struct exchange *x);
/* A call of this route has failed, and may be made again; its cause as the metric calls it. */
void choose_note_failed(struct exchange *x, bool seen, struct str cause);
/* When asking again makes sense: the earliest that any route has told; -1: this one did not. */
void choose_note_wait(struct exchange *x, int64_t wait_ms);
/* A pool that may be starting up is waited for, when there is nobody else to ask. */
bool choose_may_await_start(const struct exchange *x, uint64_t wait_us);
/* Why there may be no second call beside this one, as a race counts it; NULL: there may. */
const char *choose_no_second(const struct exchange *x);
/* What is asked of the pool, for this call or for one beside it. */
struct permit_wish choose_wish(const struct exchange *x);

/* ---- call.c ---- */

step_fn call_ask;
stop_fn call_stop_ask;

/* The call whose facts count; NULL before there was one. */
const struct attempt *call_lead(const struct exchange *x);
const struct upstream *call_upstream(const struct exchange *x); /* likewise */
unsigned call_attempts(const struct exchange *x);    /* those that an upstream may have seen */
uint64_t call_upstream_us(const struct exchange *x); /* with the call under way */

/* ---- degrade.c ---- */

step_fn degrade_step;
/* Is there something that could be sent at once? */
bool degrade_has_something(const struct exchange *x);
/*
 * Sends the best that is there at once, while the work goes on for the cache; false: there is
 * nothing, or it is no use.
 */
bool degrade_in_time(struct exchange *x);
/* What was being given is not: it is neither marked nor counted. */
void degrade_unmark(struct exchange *x);
/* Once, when its client is told something less than it asked for. */
void degrade_count(const struct exchange *x);
/* May what is past its freshness be given, as this client and the model have it? */
bool degrade_takes_stale(const struct exchange *x, const struct entry *e);
