/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/digest.h"
#include "weir/cache/entry.h"
#include "weir/cache/memory.h"
#include "weir/cache/remote.h"
#include "weir/net/loop.h"

/*
 * Both tiers as one: memory, then Redis. One per worker; the memory tier is shared.
 *
 * A DEL in Redis must be honoured within a second although memory is asked first. So an entry
 * found in memory is served as it is while Redis was last seen to hold it less than
 * CACHE_TRUST_US ago; past half of that one look in the background renews the trust; past it
 * the look-up itself asks Redis (one HGET). While Redis is away, memory stands on its own.
 */

enum { CACHE_TRUST_US = 900 * 1000 };

struct cache {
    struct loop *loop;     /* lent */
    struct memory *memory; /* lent; NULL: tier off */
    struct remote *remote; /* lent; NULL: tier off */
};

/* Where an answer was found. */
enum cache_tier { CACHE_NONE, CACHE_MEMORY, CACHE_REDIS };

struct cache_lookup;
/* `found` is one reference for the callee to drop, or NULL. */
typedef void cache_lookup_fn(struct cache_lookup *op, struct entry *found,
                             enum cache_tier tier);

struct cache_lookup {
    cache_lookup_fn *on_done;
    struct cache *cache;
    struct remote_op remote;
    struct deferred turn;
    struct entry *held; /* found in memory, being verified */
    bool cancelled;
    bool waiting_remote;
};

/*
 * The quick way, for a body seen before: no operation, nothing parsed. NULL when it is not in
 * memory, not fresh, or must be verified first. One reference.
 */
struct entry *cache_recall(struct cache *c, const struct digest *raw, uint64_t *facts);

/* The same for a key that is known: saves a turn of the loop on a hit. One reference. */
struct entry *cache_peek(struct cache *c, const struct digest *key);

void cache_look_up(struct cache *c, struct cache_lookup *op, const struct entry_facts *asked,
                   cache_lookup_fn *on_done);
void cache_lookup_cancel(struct cache_lookup *op); /* on_done(NULL) follows */

void cache_store(struct cache *c, struct entry *e); /* into both tiers */
