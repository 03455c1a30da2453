/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/digest.h"
#include "weir/base/str.h"
#include "weir/net/redis.h"

/*
 * What Redis carries out on a flight's keys, each in one step, so that nobody comes between:
 *
 *     <prefix>v1:flight:<sha256>     a text: who leads; it dies with the lease
 *     <prefix>v1:tape:<sha256>       a stream: what the leader's upstream has said so far, in
 *                                    entries {by, b}, and one {by, end} to close it
 *     <prefix>v1:followers:<sha256>  a set: which workers await it
 *     <prefix>v1:landed              a channel: "<sha256> bytes", or how a leader has landed
 *                                    (fleet_news.c)
 *
 * A step of who no longer holds the lease changes nothing. `by` names one run of a leader: a
 * reader that meets another one knows that the entries before it have no continuation.
 */

enum {
    LEASE_HOLDER = 128,        /* bytes of a holder's name, its NUL included */
    LEASE_TAPE_MS = 60 * 1000, /* how long a tape outlives its last sign of life */
    LEASE_READ = 16,           /* entries that one reading brings */
};

struct lease_of {
    struct redis *link;
    struct str prefix;
    struct str holder;
    const struct digest *flight;
};

/*
 * Fields of an answer's hash, and the lease unless that is fresh: a list of the fields, and of
 * a number, 0: not taken, -1: ours, else for how many ms somebody else holds it. The number is
 * an error where the script could not run: it is named by its digest, and Redis must have been
 * told its text once.
 */
struct lease_question {
    struct str answer_key;
    uint64_t lease_ms;
    uint64_t not_before_ms;
    bool by_text;
};
void lease_look_up(const struct lease_of *l, struct redis_op *op,
                   const struct lease_question *question, redis_fn *on_done);

/* 1: it was and is ours; 2: it had run out, and is ours again; 0: somebody else has it. */
void lease_renew(const struct lease_of *l, uint64_t lease_ms, struct redis_op *op,
                 redis_fn *on_done);

/* 1: it stands on the tape; 0: the lease or the tape is lost. */
struct lease_piece {
    struct str by;
    struct str bytes;
    bool first; /* a new tape begins with it */
    bool over;  /* no bytes, but the mark that no more will come of them */
};
void lease_write(const struct lease_of *l, const struct lease_piece *piece, struct redis_op *op,
                 redis_fn *on_done);

/* Gives it back and tells everybody; nothing is heard of it. */
struct lease_landing {
    bool good; /* told even by who has lost the lease: the answer is there */
    struct str news;
    struct str by;
    struct str bytes; /* for the tape, before its end */
    struct str end;   /* of the tape: "whole", "broken" or "left"; empty: none to close */
};
void lease_land(const struct lease_of *l, const struct lease_landing *landing);

/* The holder awaits this flight, or no more. Nothing is heard of it; unless said again in time,
   the first is forgotten. */
void lease_follow(const struct lease_of *l, uint64_t follow_ms);
void lease_unfollow(const struct lease_of *l);
/* 1: somebody awaits it; 0: nobody does. */
void lease_followed(const struct lease_of *l, struct redis_op *op, redis_fn *on_done);

/* A list of the holder's name and of how many ms are left, which is negative if nobody has it. */
void lease_check(const struct lease_of *l, struct redis_op *op, redis_fn *on_done);

/* A list of what the tape holds behind the entry `last`, LEASE_READ entries at most. */
void lease_read(const struct lease_of *l, struct str last, struct redis_op *op,
                redis_fn *on_done);

void lease_put_channel(struct buf *out, struct str prefix);
