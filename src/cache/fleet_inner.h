/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lease.h"

#include "weir/base/ensure.h"
#include "weir/cache/fleet.h"
#include "weir/net/loop.h"
#include "weir/net/redis_news.h"

/*
 * The files of a fleet: fleet.c keeps those who await and hears the news, fleet_read.c reads
 * tapes for them, fleet_lead.c is for those who lead, fleet_news.c has the words between them.
 *
 * What the fleet keeps for a seat stands beside it, as Redis' replies may come when the seat
 * has gone: it is freed by whoever comes last, the seat or the last reply.
 */

enum {
    FLEET_BUCKETS = 64,            /* one question and worker: a few hundred at most */
    FLEET_BY = LEASE_HOLDER + 24,  /* a holder's name and a number */
    FLEET_ENTRY_ID = 48,           /* two numbers and a dash */
    FLEET_FLUSH_US = 20 * 1000,    /* how long bytes gather before they go on the tape */
    FLEET_FLUSH_BYTES = 16 * 1024, /* and how many */
};

struct fleet_watch;

struct fleet {
    struct loop *loop;  /* lent */
    struct redis *link; /* lent */
    struct str prefix;  /* lent */
    struct redis_news *news;
    char holder[LEASE_HOLDER];
    bool streams;
    uint64_t runs; /* of leading, so far */
    struct link waiting[FLEET_BUCKETS];
    struct timer tick;         /* while anybody waits */
    struct fleet_watch *watch; /* a look at Redis under way; NULL: none */
};

struct follower {
    struct fleet_seat *seat; /* NULL once it has left */
    struct redis_op check;
    struct redis_op read;
    bool checking;
    bool reading;
    bool telling; /* inside on_bytes */

    struct deferred turn; /* brings the end */
    enum fleet_end end;
    bool ending;

    bool reads;  /* the tape */
    bool given;  /* some of its bytes */
    bool nudged; /* there may be more than the reading under way will bring */
    bool paused;
    bool last;                  /* nobody leads any more: what is on the tape is all */
    char entry[FLEET_ENTRY_ID]; /* the last one given; empty: none */
    char by[FLEET_BY];          /* whose they are */
};

struct lease_of fleet_lease(const struct fleet *f, const struct digest *flight);

/* fleet.c */
void fleet_follower_end(struct follower *w, enum fleet_end end); /* in a turn of its own */
void fleet_follower_fail(struct follower *w);                    /* Redis did not say */
void fleet_follower_drop(struct follower *w); /* frees it if neither seat nor reply is left */

/* fleet_lead.c */
void fleet_leave_lead(struct fleet_seat *s);

/* fleet_news.c */
void fleet_news_put_failure(struct buf *out, const struct fleet_failure *why);
void fleet_news_read_failure(struct fleet_failure *out, struct str rest); /* behind "failed " */

/* fleet_read.c */
void fleet_read(struct follower *w);
