/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/digest.h"
#include "weir/cache/entry.h"

#include <stdint.h>

/*
 * The tier in this process, shared by all workers: sharded by key, a lock per shard that is
 * held for a look-up and never across a write to a socket. Bounded in bytes, counting all that
 * an entry costs; eviction is SIEVE (Zhang et al., NSDI '24): a hit sets one bit, the hand
 * walks from the tail and takes the first entry whose bit is not set.
 *
 * Beside it an index from raw bodies to keys, so that a repeated request is answered without
 * parsing: a set-associative table that forgets, never lies (full digests are compared).
 * The tables count towards the bound as well, but take no memory before they are used.
 */

struct memory;

struct memory *memory_new(size_t bytes);
void memory_free(struct memory *m); /* NULL is fine */

/* A new reference, or NULL. Entries past their keeping are dropped here. */
struct entry *memory_get(struct memory *m, const struct digest *key, uint64_t wall_ms);
/*
 * Takes a reference of its own and replaces what the key held. False: too large to be worth
 * what it would push out (above a quarter of a shard's share), and then the key holds nothing.
 */
bool memory_put(struct memory *m, struct entry *e);
void memory_drop(struct memory *m, const struct digest *key);
void memory_drop_entry(struct memory *m,
                       const struct entry *e); /* unless the key holds another by now */

/* `facts` is the caller's: what decode would have found (stream, include_usage). */
void memory_alias(struct memory *m, const struct digest *raw, const struct digest *key,
                  uint64_t facts);
bool memory_alias_get(struct memory *m, const struct digest *raw, struct digest *key,
                      uint64_t *facts);

struct memory_numbers {
    uint64_t bytes;
    uint64_t entries;
    uint64_t evictions;
};
void memory_read(struct memory *m, struct memory_numbers *out);
