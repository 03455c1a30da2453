/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/str.h"
#include "weir/cache/entry.h"
#include "weir/net/redis.h"

/*
 * The tier in Redis, one hash per answer (contract §5), through this worker's link.
 * Look-up is one HGETALL; a store is MULTI, DEL, HSET, PEXPIRE, EXEC in one write; verifying
 * that an entry still stands is one HGET of created_ms. What is not exactly ours (another
 * type, version, a missing or odd field, a body above ENTRY_BYTES) is a miss and, where it
 * claims to be ours, is deleted.
 */

enum { REMOTE_ENTRY_BYTES = 1 << 20 }; /* larger answers are not stored */

struct remote;

struct remote_settings {
    struct str prefix; /* "weir:"; lent while the remote lives */
    bool store_requests;
    size_t most_bytes; /* of one body */
};

struct remote *remote_new(struct redis *link, const struct remote_settings *s);
void remote_free(struct remote *r);
bool remote_is_up(const struct remote *r);

struct remote_op;
/* `found` is the callee's to keep (a reference) or NULL: a miss, whatever the reason. */
typedef void remote_fn(struct remote_op *op, struct entry *found);

struct remote_op {
    struct redis_op redis;
    struct remote *remote;
    remote_fn *on_done;
    struct entry *entry;      /* verify: one reference while under way */
    struct entry_facts asked; /* look_up: who is asked for; scope and model are lent */
};

void remote_look_up(struct remote *r, struct remote_op *op, const struct entry_facts *asked,
                    remote_fn *on_done);
/* Ends with `e` if Redis holds that very answer, NULL if it holds none or another.
   When Redis does not answer, it ends with `e`: what cannot be checked stands. */
void remote_verify(struct remote *r, struct remote_op *op, struct entry *e, remote_fn *on_done);
void remote_cancel(struct remote_op *op);

void remote_store(struct remote *r, const struct entry *e); /* fire and forget */
void remote_delete(struct remote *r, const struct entry_facts *of);

/* The key of an answer, as operators see it; into `out`. */
void remote_key(const struct remote_settings *s, const struct entry_facts *of, struct buf *out);

/* Adds to fields of a histogram (contract §5) and sees to its TTL; fire and forget. */
struct remote_count {
    struct str field;
    uint64_t by;
};
void remote_count(struct remote *r, struct str key, const struct remote_count *counts, size_t n,
                  uint64_t ttl_s);
