/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/digest.h"
#include "weir/base/err.h"
#include "weir/base/str.h"
#include "weir/cache/entry.h"
#include "weir/net/loop.h"

/*
 * Single flight, for the whole process: while one miss is being answered, equal ones wait for
 * that answer, whichever worker they came to.
 *
 * The first to ask leads; it must land the flight once. Those who ask meanwhile follow, and
 * hear through on_news, on their own loop and never inside a call of theirs, whenever there is
 * something new: bytes of a streamed answer (flight_read), the landing, or that they have been
 * promoted. News is a nudge, not a count: one may tell of several things, or come when what it
 * tells of has been seen already. Nobody is called with a lock held.
 *
 * What a streaming leader writes is kept in a log that only grows, so a late follower reads
 * from its start. How a flight ends for a follower depends on what it has in hand:
 *
 *     the leader lands with        has read bytes            has read none
 *     OK and an answer             OK                        OK
 *     OK and no answer             OK                        OK if it wants the log, else goes on
 *     an error                     that error                goes on
 *     an error and an answer       that error                that error, and what was said
 *     (the log overflows)          ERR_TOO_LONG, at once     goes on, at once
 *
 * The last but one is for what would be refused again, however often it is asked.
 *
 * Those who go on stay together: exactly one of them is promoted and asks anew, with an empty
 * log, and the rest follow it; so do those who come later, also when the log has overflowed and
 * its leader flies on by itself. If the promoted one leaves, even before it has heard, the next
 * is promoted. When nobody is left, the flight is over.
 *
 * A leader whose client has left goes on while anybody follows; on_news tells it when the last
 * one has left. Somebody may join the moment after: he is then promoted, as after a failure.
 *
 * Between a look-up that missed and a join, another flight may have landed; who becomes leader
 * does well to look into memory once more (cache_peek).
 */

struct flight_box;
struct flight_seat;
struct flights;

typedef void flight_fn(struct flight_seat *s);

enum flight_state {
    FLIGHT_NONE, /* not aboard */
    FLIGHT_LEADS,
    FLIGHT_FOLLOWS,
    FLIGHT_PROMOTED, /* was following; now leads: fetch the answer */
    FLIGHT_LANDED,   /* err and answer tell how; only the log may still be read */
};

/*
 * Embedded in whoever asks; zeroed before its first use. It is off the flight once it has
 * landed its own flight, left, or heard of the landing and left. A call of flight_leave() in
 * the owner's ender is always right, and after it the owner may free the seat at once: letters
 * under way belong to a box that the flights keep beside it.
 */
struct flight_seat {
    enum flight_state state; /* as of the last on_news; owner's thread only */
    enum err err;            /* LANDED; PROMOTED: how the one before has ended */
    struct entry *answer;    /* LANDED: one reference, the owner's to drop; may be NULL */
    flight_fn *on_news;
    struct flight_box *box; /* ours */
};

struct flights *flights_new(void);
void flights_free(struct flights *all); /* when everybody is off, and no letter is under way */

/* FLIGHT_LEADS or FLIGHT_FOLLOWS. From the thread of `loop`, as all calls with this seat. */
enum flight_state flight_join(struct flights *all, const struct digest *key, struct loop *loop,
                              struct flight_seat *s, flight_fn *on_news);

/* ---- the leader (LEADS or PROMOTED) ---- */

/* Publishes bytes of a streamed answer; false: the log has overflowed, and nobody follows. */
bool flight_write(struct flight_seat *s, struct str bytes);
/* Does anybody wait for this answer? */
bool flight_has_followers(const struct flight_seat *s);
/* Ends its leading, see the table above; the seat is NONE and hears nothing more. */
void flight_land(struct flight_seat *s, enum err err, struct entry *answer);

/* ---- a follower ---- */

/* Wants only the whole answer (a plain request), or reads the log as well (a streamed one).
   To be said right after joining; news follows if there is something to read already. */
void flight_wants_log(struct flight_seat *s, bool wants);
/* Copies the next bytes of the log to `out` (at most `most`); 0: nothing new. Goes on working
   after the landing, until flight_leave(). */
size_t flight_read(struct flight_seat *s, struct buf *out, size_t most);

/* No on_news after it. A leader that leaves lands with ERR_CANCELLED. NONE is fine. */
void flight_leave(struct flight_seat *s);
