/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/upstream/attempt.h"
#include "weir/upstream/pool.h"

/*
 * One call, or two that race (hedging): when the first has shown no content for as long as its
 * pool says, a second goes out to another endpoint, if there is room at once and the share of
 * doubled calls allows it. Whoever shows content first wins, the other is cancelled; when one
 * fails the other goes on, unless the request itself was refused. To the owner it is one operation.
 *
 * Nothing is passed on before the first content of the winner, so that a failure before it can
 * still go elsewhere: what came silently until then is passed on with it. With `hold_all`
 * nothing is passed on before on_done, and then what a stream brought is read from `held`.
 */

enum {
    RACE_HELD_BYTES = 256 << 10
}; /* beyond it what was held is passed on; with hold_all:
                                         ATTEMPT_BODY_BYTES, and then the call fails */

/*
 * Who has lost race after race is given longer before it is joined by a second, so that who is
 * only slow can show it, and who hangs cannot hide behind those who answer for it.
 */
enum { RACE_PATIENCE = 4 };

struct race;

struct race_events {
    void (*on_bytes)(struct race *r, struct str bytes);       /* of a stream, for the client */
    void (*on_error_event)(struct race *r, struct str bytes); /* after on_bytes only */
    void (*on_done)(struct race *r, enum err err);            /* once, last */
};

struct race_call {
    struct attempt_call first; /* its permit is moved in */
    struct permit_wish wish;   /* for the second, which never waits; strs lent */
    bool may_hedge;
    const char *no_second; /* why it may not have one, as is counted then; NULL: it may */
    bool wants_usage;      /* the client asked for the chunk with token counts */
    bool hold_all;
};

struct race {
    const struct race_events *events;
    struct attempt_kit *kit;
    struct race_call call;
    struct attempt first;
    struct attempt *second; /* in the arena; NULL: not hedged */
    struct attempt *lead;   /* whose facts are to be read: the winner, or who failed */
    struct permit_seat seat;
    struct timer hedge;
    struct buf held; /* the first's, then the winner's */
    struct buf second_held;
    bool won;       /* by `lead`, with its first content */
    bool committed; /* on_bytes has come */
    bool cancelled;
    bool paused;
    bool overflown; /* with hold_all: more came than can be held */
    enum err err;   /* of `lead`, once it is over */
    unsigned under_way;
    unsigned sent;     /* calls over that an upstream may have seen; see race_sent */
    uint64_t hedge_us; /* for so long a call may show nothing; see delay_of() */
    uint64_t started_us, ended_us;
};

void race_start(struct race *r, struct attempt_kit *kit, const struct race_call *call,
                const struct race_events *events);
void race_cancel(struct race *r, enum err why); /* on_done follows */
/* Cancelled, since what was sent instead was sooner by far, as its pool shall know. */
void race_lose(struct race *r);
/*
 * Nobody waits for it any more: no second call goes out. False: its endpoint has too many such calls
 * already (permit_go_late).
 */
bool race_go_late(struct race *r);
void race_pause(struct race *r);
void race_resume(struct race *r);
void race_deinit(struct race *r); /* after on_done; zeroed is fine */

/* Calls that an upstream may have seen, those under way included. */
unsigned race_sent(const struct race *r);
/* The call beside `lead`, however it ended; NULL: there was none. */
const struct attempt *race_other(const struct race *r);
/* The call that lost, when an upstream may have begun to work on it: it costs, too. NULL: none. */
const struct attempt *race_loser(const struct race *r);
