/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "life.h"

/*
 * What the files of an exchange offer each other: exchange.c moves it; find.c, others.c, choose.c,
 * call.c and degrade.c hold its steps in the order of time, and deadline.c says when it is too late;
 * background.c bounds what goes on for nobody; valid.c holds what is asked and answered against its
 * form; tell.c tells its client, keep.c makes what is kept of its answer, books.c says what it came
 * to.
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

/* ---- deadline.c ---- */

void deadline_init(struct exchange *x);
void deadline_watch(struct exchange *x); /* once the model is known */
/* Anew: its patience ends when a stream begins. */
void deadline_set(struct exchange *x);
uint64_t deadline_left_us(const struct exchange *x);
void deadline_stop(struct exchange *x);

/* ---- background.c ---- */

/* It goes on though nobody waits for it, if there is room; else it, or an older one, is called off. */
void background_enter(struct exchange *x);
void background_leave(struct exchange *x); /* from wherever */
/* Of one in the background: a call has begun. */
void background_note_call(struct exchange *x);

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

/* ---- valid.c ---- */

/* ERR_INVALID: it does not fit the model's schema, which rejects. */
MUST_CHECK enum err valid_request(struct exchange *x);
/* Does the answer that just came fit, or may it be given all the same? */
bool valid_answer(struct exchange *x);
/* What was wrong with one that was rejected, for who asked the same; and there. */
struct str valid_report(const struct exchange *x);
void valid_take_report(struct exchange *x, struct str report);

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

/* A refusal, of or by an upstream, for those who sent the same bytes: its key is their digest. */
struct entry *keep_refusal(const struct exchange *x);
/* A failure for whoever waited for the same. */
struct entry *keep_failure(const struct exchange *x);
/* As another gateway tells it: a status (0: none), and how long to wait (ms; -1: not said). */
struct entry *keep_failure_of(int status, int64_t wait_ms);
int64_t keep_wait_ms(const struct entry *failure);

/* May the answer of this exchange be kept at all? Fills why_not otherwise. */
bool keep_allows(const struct model *m, const struct ask *ask, const struct request *r,
                 const struct fingerprint *print, const char **why_not);

/* Is it kept for who asks again with the same Idempotency-Key, whatever else it is kept for? */
bool keep_is_for_key(const struct exchange *x);
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
