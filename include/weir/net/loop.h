/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/list.h"
#include "weir/base/own.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * One thread's event loop, over libuv, which no other folder knows.
 *
 * Three laws for operations, here and above:
 *   - An operation never calls back from inside the call that starts it or calls it off.
 *   - It ends exactly once, in its callback; cancelling makes that end come, it is not an end.
 *   - A machine waits for one thing at a time; what needs two is one operation in its own file.
 * What an operation needs lives in a struct embedded in its owner, which must stay until the end.
 */

struct loop;
struct metric_shard;

struct loop *loop_new(struct metric_shard *shard); /* shard lent; counts the loop's lag there */
void loop_free(struct loop *loop);                 /* runs what still has to close */
DEFINE_AUTO(struct loop, loop_free)

void loop_run(struct loop *loop); /* until loop_stop */
void loop_stop(struct loop *loop);
struct metric_shard *loop_shard(const struct loop *loop);

/* Monotonic microseconds; read anew at each call. */
uint64_t loop_now_us(const struct loop *loop);

/* ---- later, on this loop ---- */

struct deferred;
typedef void deferred_fn(struct deferred *d);

struct deferred {
    struct link link; /* zeroed or initialised: not deferred */
    deferred_fn *run;
};

/* Runs `d` once, after the callback now running has returned and before the loop waits. */
void loop_defer(struct loop *loop, struct deferred *d, deferred_fn *run);
bool deferred_cancel(struct deferred *d); /* true: it was waiting and will not run */

/* ---- from another thread ---- */

struct letter;
typedef void letter_fn(struct letter *l);

struct letter {
    struct letter *next;
    letter_fn *open;
};

/* From any thread: `l->open(l)` runs on the loop's thread. The letter is the loop's until then. */
void loop_send(struct loop *loop, struct letter *l, letter_fn *open);

/* ---- signals (the main thread's loop only) ---- */

typedef void loop_signal_fn(void *owner, int signal);
void loop_on_signal(struct loop *loop, int signal, loop_signal_fn *fn, void *owner);
