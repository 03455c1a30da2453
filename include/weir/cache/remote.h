/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/str.h"
#include "weir/cache/entry.h"
#include "weir/net/redis.h"

/*
 * The tier in Redis, one hash per answer, through this worker's link. Its fields:
 *
 *     body, content_type               what the client gets; always JSON
 *     status                           200
 *     upstream, model                  who answered, with which model of its own
 *     created_ms, fresh_ms, stale_ms   when it was made, how long it is fresh, and may serve beyond
 *     prompt_tokens, completion_tokens -1: not told
 *     finish_reason, refusal           as the answer's first choice has them
 *     took_ms                          how long its making took; may be missing
 *     cost_microusd                    0: no price was known
 *     request                          canonical, for people; never read back
 *
 * Scope, public model and digest stand in the key, as does the version of all this (v1).
 * A look-up is one HMGET of what serving needs; a store is MULTI, DEL, HSET, PEXPIRE, EXEC in
 * one write; verifying that an entry still stands is one HGET of created_ms. What is not
 * exactly ours (another type, a missing or odd field, a body that is no JSON) is a miss and,
 * where it claims to be ours, is deleted; a body above this gateway's limit is a miss alone.
 * Every key has a TTL: an answer's is the rest of fresh_ms + stale_ms.
 */

enum { REMOTE_ENTRY_BYTES = 1 << 20 }; /* larger answers are not stored */

struct metric_shard;
struct remote;

struct remote_settings {
    struct str prefix; /* "weir:"; lent while the remote lives */
    bool store_requests;
    size_t most_bytes; /* of one body; 0: REMOTE_ENTRY_BYTES, which also is the most */
};

struct remote *remote_new(struct redis *link, const struct remote_settings *s);
/* Stores and verifications under way need it no more; look-ups must have ended. */
void remote_free(struct remote *r);
bool remote_is_up(const struct remote *r);

struct remote_op;
/* `found` is the callee's to keep (a reference) or NULL; op->away tells a miss from no answer. */
typedef void remote_fn(struct remote_op *op, struct entry *found);

/*
 * With a look-up goes a wish: if Redis has no answer that is fresh and was made at or after
 * `not_before_ms`, take the lease of this flight, unless somebody holds it, in the same round
 * trip. Where Redis does not run scripts, nothing is taken (LEASE_NONE), and that is logged once.
 * A look-up that ends without a word of Redis, as when it is cancelled, gives back what it may
 * have taken.
 */
struct lease_wish {
    struct digest flight;
    struct str holder; /* who we are, for people to read; lent until the end */
    uint64_t lease_ms;
    uint64_t not_before_ms; /* wall clock; 0: however old */
};

enum lease {
    LEASE_NONE, /* not wished, not needed, or Redis did not say */
    LEASE_OURS,
    LEASE_OTHERS /* held by somebody else for lease_left_ms more */
};

struct remote_op {
    struct redis_op redis;
    struct remote *remote;
    remote_fn *on_done;
    struct entry *entry;      /* verify: one reference while under way */
    struct entry_facts asked; /* look_up: who is asked for; its texts are lent until the end */
    struct lease_wish wish;
    bool by_text; /* the script that was sent */
    uint64_t started_us;
    bool away;        /* at the end: Redis did not say whether it holds this */
    enum lease lease; /* at the end of a look-up */
    uint64_t lease_left_ms;
};

void remote_look_up(struct remote *r, struct remote_op *op, const struct entry_facts *asked,
                    const struct lease_wish *wish, remote_fn *on_done); /* NULL: no wish */
/* Ends with `e` if Redis holds that very answer, NULL if it holds none or another.
   When Redis does not answer, it ends with `e`: what cannot be checked stands. */
void remote_verify(struct remote *r, struct remote_op *op, struct entry *e, remote_fn *on_done);
void remote_cancel(struct remote_op *op); /* on_done(NULL) follows, with `away` set */

/* False: not sent. What comes of it only the metrics hear, and the entry's marks: `shared` unless
   Redis surely lacks it. */
bool remote_store(struct remote *r, struct entry *e, struct metric_shard *shard);
void remote_delete(struct remote *r, const struct entry_facts *of);

/* The key of an answer, as operators see it, added to `out`, which has no ceiling. */
void remote_key(const struct remote_settings *s, const struct entry_facts *of, struct buf *out);

/*
 * Adds to fields of a histogram (watch.h tells of them), sees to its TTL, and puts it on the
 * index of those that there are; fire and forget. Keys are whole, prefix included.
 */
struct remote_histogram {
    struct str key;
    uint64_t ttl_s;
    struct str index; /* a sorted set; absent: it is put on none */
    struct str name;  /* on the index; its score is the minute */
    uint64_t minute;
    uint64_t index_ttl_s;
};

struct remote_count {
    struct str field;
    uint64_t by;
};
void remote_count(struct remote *r, const struct remote_histogram *h,
                  const struct remote_count *counts, size_t n);
