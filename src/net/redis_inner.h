/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/net/redis.h"
#include "weir/net/timer.h"

#include "loop_inner.h"
#include "redis_line.h"

/*
 * The files of a Redis link: redis.c keeps the operations, redis_link.c their connection and
 * its renewal, redis_line.c one connection, redis_wire.c the bytes, redis_greeting.c what is
 * said first, redis_sentinel.c finds the master, redis_settings.c reads the URL.
 */

enum redis_state {
    REDIS_WAITING, /* for the next probe */
    REDIS_OPENING,
    REDIS_GREETING, /* AUTH, SELECT, ROLE and PING are under way */
    REDIS_UP,
};

enum redis_told { TOLD_NOTHING, TOLD_UP, TOLD_DOWN };

struct redis {
    struct loop *loop;         /* lent */
    struct resolver *resolver; /* lent */
    struct redis_settings settings;

    /* redis_link.c writes these. */
    enum redis_state state;
    struct redis_line *line; /* owned; NULL while WAITING */
    struct timer probe;      /* WAITING: the next one; GREETING: how long it may take */
    unsigned attempts;       /* goes through the host's addresses, and the sentinels */
    uint64_t up_since_us;
    enum redis_told told;

    /* redis.c writes these. */
    struct buf out; /* commands of this turn */
    struct deferred flush;
    struct timer deadline; /* of the oldest operation */
    struct link sent;      /* tickets whose replies are to come, in this order */
    struct link live;      /* those of them whose deadline has not passed */
    struct link turning;   /* those with an end that is still to be told */
    struct link spare;
    unsigned in_flight; /* commands */
    unsigned failures;  /* in a row */
    bool deposed;       /* the server refused as one does that is not the master */
    char error_class[REDIS_ERROR_CLASS];
    uint64_t error_told_us;
};

/* redis.c: what the connection brings. */
void redis_greet(struct redis *r);
bool redis_take_reply(struct redis *r,
                      const struct redis_reply *reply); /* false: unasked for */
void redis_give_up_all(struct redis *r);                /* every operation under way ends */
void redis_dispose(struct redis *r); /* so do those that only wait to be told; all is freed */

/* redis_link.c */
uint64_t redis_with_jitter(uint64_t us); /* between four and six fifths of it */
void redis_link_open(struct redis *r);
void redis_link_lose(struct redis *r, const char *why); /* and tries again later */
void redis_link_close(struct redis *r);                 /* for good; frees `r` */
void redis_link_greeted(struct redis *r);
