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
 * CACHE_TRUST_US ago; past half of that one look in the background renews the trust (one at a
 * time for an entry, whichever worker asks); past it the look-up itself asks Redis (one HGET).
 * An entry that Redis says it lacks leaves memory, and Redis is asked for a newer one.
 *
 * What Redis has never held (too large, or refused) no DEL can mean: it is not asked about.
 * While Redis is away, memory stands on its own; what it took meanwhile is held against Redis
 * when that is back, and leaves, since no DEL could have reached it. What is past its freshness
 * is served only if Redis has nothing fresher, or does not answer.
 *
 * METRIC_LOOKUPS counts what each tier was asked: a hit, a miss (for memory also what is no
 * longer fresh), or an error; cache_recall and cache_peek count their hits only, since a
 * look-up follows their misses. Verifying is no look-up.
 */

enum { CACHE_TRUST_US = 900 * 1000 };

struct cache {
    struct loop *loop;     /* lent */
    struct memory *memory; /* lent; NULL: tier off */
    struct remote *remote; /* lent; NULL: tier off */
    bool holds_requests;   /* Redis keeps canonical requests as well; else entries need none */
    size_t most_bytes;     /* of one body; 0: what the tiers can take */
};

/* Where an answer was found. */
enum cache_tier { CACHE_NONE, CACHE_MEMORY, CACHE_REDIS };

struct cache_lookup;
/*
 * `found` may be past its freshness, but not past its keeping. It is one reference for the
 * callee to drop, or NULL.
 */
typedef void cache_lookup_fn(struct cache_lookup *op, struct entry *found,
                             enum cache_tier tier);

struct cache_lookup {
    cache_lookup_fn *on_done;
    struct cache *cache;
    struct remote_op remote;
    struct deferred turn;
    struct entry *held;       /* found in memory: one reference until it is given or dropped */
    struct entry_facts asked; /* its texts are lent until the end */
    bool cancelled;
    bool waiting_remote;
    bool has_wish;
    struct lease_wish wish; /* its texts are lent until the end */
    enum lease lease;       /* at the end; see remote.h */
    uint64_t lease_left_ms;
};

/*
 * The quick way, for a body seen before: no operation, nothing parsed. NULL when it is not in
 * memory, not fresh, or must be verified first. One reference.
 */
struct entry *cache_recall(struct cache *c, const struct digest *raw, uint64_t *facts);

/* The same for a key that is known: saves a turn of the loop on a hit. One reference. */
struct entry *cache_peek(struct cache *c, const struct digest *key);

/* NULL wish: nothing is taken. Nor is it for an answer in memory that is fresh, and not older
   than is wished. */
void cache_look_up(struct cache *c, struct cache_lookup *op, const struct entry_facts *asked,
                   const struct lease_wish *wish, cache_lookup_fn *on_done);
void cache_lookup_cancel(struct cache_lookup *op); /* on_done(NULL) follows */

/* Into both tiers; false: into none. Whether Redis takes what it is sent, only the metrics hear. */
bool cache_store(struct cache *c, struct entry *e);
