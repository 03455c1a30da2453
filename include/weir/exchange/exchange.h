/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/exchange/ask.h"
#include "weir/upstream/attempt.h"

/*
 * One request and its answer, from being read to being accounted for.
 *
 * The caller lends an ask and a sink; both must outlive the sink's on_end, which comes exactly
 * once and is the last thing an exchange does. An exchange whose client has left may go on for
 * a while for those who follow it, so what the ask lends must not be the connection's.
 */

struct backoffs;
struct exchange;
struct fleet;
struct flights;
struct load;
struct watch;

/* What a worker lends to each of its exchanges. */
struct exchange_kit {
    struct loop *loop;
    struct attempt_kit upstream;
    struct cache cache;
    struct flights *flights;
    struct backoffs *backoffs; /* NULL: renewals are tried again at once */
    struct fleet *fleet;       /* NULL: what others of the fleet ask is not known */
    struct watch *watch;       /* NULL: predictions are not counted */
    struct link running;       /* all exchanges under way */
    struct load *load;         /* NULL: nothing is bounded */
    unsigned refreshes;        /* under way */
    struct link background;    /* those that nobody waits for, oldest first */
    unsigned background_count, background_most;
    struct arena_pool arenas;
};

/* The lists; the caller fills in the rest, zeroed where it does not. */
void exchange_kit_init(struct exchange_kit *kit);
void exchange_kit_deinit(struct exchange_kit *kit); /* all exchanges are over */

struct exchange *exchange_start(struct exchange_kit *kit, const struct ask *ask,
                                struct exchange_sink *sink);

/* The client has left: nothing more goes to the sink but on_end. */
void exchange_cancel(struct exchange *x);
/* A drain begins: what nobody waits for ends, from now on. */
void exchange_quit_background(struct exchange_kit *kit);
/* A drain is over: all end with ERR_SHUTDOWN. */
void exchange_cancel_all(struct exchange_kit *kit);

/* The sink is full, or has room again. */
void exchange_pause(struct exchange *x);
void exchange_resume(struct exchange *x);
