/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/digest.h"
#include "weir/base/err.h"
#include "weir/base/list.h"
#include "weir/cache/remote.h"
#include "weir/net/timer.h"

/*
 * Single flight for the whole fleet: of all gateways that share a Redis, one asks upstream.
 *
 * Who misses takes the question's lease in the same round trip that looked it up
 * (remote_look_up with a lease_wish); the key is weir:v1:flight:<sha256>, its value says who.
 * Who got it leads: the lease is renewed while it does, and given back when it lands, which is
 * published at once. Who did not get it awaits news: woken by the landing, by the lease's end
 * (its holder has died), or because Redis is away; it then looks up again, in which it finds
 * the answer, or takes the lease over (exactly one does), or goes on alone. A leader whose
 * upstreams have failed says so and how, so that a whole fleet need not find it out one by one;
 * one whose answer cannot be had from Redis says that, and everybody asks for itself at once.
 *
 * With `streams`, a leader also writes its running answer to weir:v1:tape:<sha256> (a Redis
 * stream), and who awaits it is given those bytes as they come. Who has been given some is
 * never told to look up again: it gets the rest, or hears that there is none.
 *
 * Who awaits says so beside the flight, whenever it looks at the lease. So a leader whose own
 * clients have left, or do not take the answer as fast as it comes, knows whether to go on for
 * others.
 *
 * One per worker, with a connection of its own for news. No landing is missed for long: who
 * awaits looks at the lease when it sits down and when the lease should end, and everybody
 * looks up again when that connection comes back.
 *
 * One holder's name serves a worker for all its leases: in a process one request leads a
 * flight, and what a worker sends to Redis arrives in order.
 */

enum {
    FLEET_LEASE_MS = 3000, /* how long a dead leader holds up others, at most */
    FLEET_RENEW_MS = 1000,
    FLEET_FOLLOW_MS = 2 *
                      FLEET_LEASE_MS, /* how long who awaited, and died, is taken to await */
    FLEET_TAPE_BYTES = 8 << 20, /* of one running answer; no more of it is read for others */
};

struct fleet;
struct fleet_seat;
struct loop;

/* It makes its own connection for news. `link` and `settings` are lent while it lives. */
struct resolver;
struct fleet *fleet_new(struct loop *loop, struct resolver *resolver, struct redis *link,
                        const struct redis_settings *settings, struct str prefix, bool streams);
void fleet_free(struct fleet *f); /* every seat has left */

/* What a look-up is to take when it finds no fresh answer. Its holder is lent by the fleet. */
struct lease_wish fleet_wish(struct fleet *f, const struct digest *flight);

/* For the metric: a wish came to nothing, and who had it goes on without the fleet. */
void fleet_alone(struct fleet *f);

enum fleet_end {
    FLEET_AGAIN,  /* look it up again */
    FLEET_FAILED, /* so does this, but its leader's upstreams have failed: seat->failure */
    FLEET_ALONE,  /* what its leader brings is not to be had from here: ask for yourself */
    FLEET_WHOLE,  /* its bytes have come by on_bytes, to the end */
    FLEET_BROKEN, /* some of its bytes have come, and no more will: its upstream failed */
    FLEET_LONG,   /* the same: it is too long to be passed on */
    FLEET_LOST,   /* the same: who was reading it has gone, or cannot be heard */
};

/* Why upstreams gave nothing, as far as it is told to those who await. */
struct fleet_failure {
    enum err err;
    int status;      /* of the upstream's answer; 0: none */
    int64_t wait_ms; /* -1: it did not say */
};

struct fleet_events {
    void (*on_bytes)(struct fleet_seat *s, struct str bytes); /* of a running stream */
    void (*on_end)(struct fleet_seat *s, enum fleet_end end); /* once, for who awaits */
    void (*on_seen)(struct fleet_seat *s, bool followed);     /* for who leads and looks out */
};

/* Embedded in whoever leads or awaits; zeroed: neither. */
struct fleet_seat {
    struct fleet *fleet; /* NULL: neither */
    const struct fleet_events *events;
    struct link link;
    struct digest flight;
    bool leads;
    bool awaited;       /* this flight, before; kept so that taking over is told from leading */
    struct timer timer; /* leads: to renew; awaits: the lease's end */
    void *state;        /* the fleet's own */
    struct fleet_failure failure; /* FLEET_FAILED */
};

/* ---- whoever took the lease ---- */
void fleet_lead(struct fleet *f, struct fleet_seat *s, const struct digest *flight);
void fleet_write(struct fleet_seat *s, struct str bytes); /* nothing without `streams` */
/* What was written is all there is: who has read it has it whole, even if no answer is kept. */
void fleet_wrote_all(struct fleet_seat *s);
/* May more be read for those elsewhere than the leader's own client has taken? */
bool fleet_has_room(const struct fleet_seat *s);
/*
 * Nobody here waits for it any more, or takes it as it comes. Redis is asked now, and every
 * second, whether somebody elsewhere does, and on_seen tells. While Redis does not say, nothing
 * comes.
 */
void fleet_look_out(struct fleet_seat *s, const struct fleet_events *events);
void fleet_look_away(struct fleet_seat *s);
/* `good`: the answer is in Redis for those who await it; else they ask for themselves. The seat
   is zeroed. */
void fleet_land(struct fleet_seat *s, bool good);
void fleet_fail(struct fleet_seat *s, const struct fleet_failure *why); /* likewise */

/* ---- whoever found it taken ---- */
/* `lease_ms` is what is left of it; `wants_bytes`: of a stream, if there are any. */
void fleet_await(struct fleet *f, struct fleet_seat *s, const struct digest *flight,
                 uint64_t lease_ms, bool wants_bytes, const struct fleet_events *events);
void fleet_pause(struct fleet_seat *s); /* the sink is full */
void fleet_resume(struct fleet_seat *s);

/* No event after it; of a leader others hear that it has left. Zeroed is fine. */
void fleet_leave(struct fleet_seat *s);
