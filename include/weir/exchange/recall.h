/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/exchange/exchange.h"

/*
 * The quick way: a body that was seen before, under the same plan, tenant and endpoint, is
 * answered from memory without being parsed, copied or made an exchange of.
 */

/* The raw digest of an ask: what recall looks for and an exchange remembers. */
void recall_digest(const struct ask *ask, struct digest *out);

struct recalled {
    struct entry *entry; /* one reference */
    bool stream;
    bool include_usage;
    uint8_t segments[SEGMENT_MOST];
    struct reply reply;
    const struct model *model;
};

/*
 * False: not found, and nothing has changed. True: `out` holds a reference. Who has given the
 * answer calls recall_settle, which drops it; who could not give it drops it as it is.
 */
bool recall_find(struct exchange_kit *kit, const struct ask *ask, struct recalled *out);
void recall_settle(struct exchange_kit *kit, const struct ask *ask, struct recalled *r);

/* What an alias remembers beside the key: how it was asked, and the places of its segments. */
uint64_t recall_facts(const struct request *r);
uint64_t recall_pack(const uint8_t segments[SEGMENT_MOST]);

/*
 * The segments that an ask is counted in. `body` is the ask's, or absent where what it says of
 * them is in `segments` already.
 */
void recall_put_segments(const struct model *m, const struct ask *ask, struct str body,
                         uint8_t segments[SEGMENT_MOST]);

/* May a kept answer of this age serve, by the caller's words and its own freshness? */
bool recall_is_usable(const struct entry *e, const struct cache_words *words, uint64_t wall_ms);
void recall_put_reply(struct reply *out, const struct entry *e, enum cache_tier tier,
                      uint64_t wall_ms);
