/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "stage.h"
#include "weir/cache/fleet.h"

/* Workers of several gateways, each with its own links to the stage's Redis, on one loop. */
struct replica {
    struct stage *stage;
    struct redis *link;
    struct remote *remote;
    struct fleet *fleet;
};

void replica_open(struct replica *r, struct stage *s,
                  bool streams); /* ends once it hears news */
void replica_close(struct replica *r);

/* Somebody who asks one of them. */
struct asker {
    struct replica *replica;
    struct remote_op op;
    struct fleet_seat seat;
    bool found;
    bool looking;
    struct buf bytes;   /* that came */
    size_t pause_after; /* bytes; 0: never */
    size_t leave_after;
    unsigned ends;
    enum fleet_end end;
    unsigned unfollowed; /* how often a leader has heard that nobody follows */
    unsigned followed;   /* that somebody does */
    uint64_t ended_us;
};

/* All ask the same question: the digest of zeroes. Its lease is in asker->op. */
void asker_look_up(struct asker *a, struct replica *r);
void asker_lead(struct asker *a,
                struct replica *r); /* looks up, must get the lease, and leads */
void asker_await(struct asker *a, struct replica *r, bool wants_bytes); /* must not get it */
void asker_resume_waiting(struct asker *a, uint64_t lease_ms, bool wants_bytes);
void asker_look_out(struct asker *a); /* as nobody here waits any more */
void asker_deinit(struct asker *a);

void stage_run_out(struct stage *s, uint64_t us); /* the whole time, whatever happens */
void stage_until_end(struct asker *a);            /* runs the loop until it has heard its end */
void stage_until_bytes(struct asker *a, size_t n);

#define REPLICAS_HEX "0000000000000000000000000000000000000000000000000000000000000000"
#define REPLICAS_FLIGHT "weir:v1:flight:" REPLICAS_HEX
#define REPLICAS_FOLLOWERS "weir:v1:followers:" REPLICAS_HEX
#define REPLICAS_TAPE "weir:v1:tape:" REPLICAS_HEX
