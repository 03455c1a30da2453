/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/exchange/exchange.h"

/*
 * A question asked again in the background, so that its kept answer is new when the next client
 * asks: an exchange without a client, with copies of its own of what it is asked. It joins the
 * question's flight as everybody does, and ends at once when somebody else leads it already.
 * One that failed is not tried again at once (weir/cache/backoff.h).
 */

enum refresh_why {
    REFRESH_STALE, /* a stale answer was served at once */
    REFRESH_EARLY, /* a hot answer, before it expires */
};

/* At most REFRESH_MOST of a worker run at once, and only in the background's bounds. */
enum { REFRESH_MOST = 256 };

bool refresh_start(struct exchange_kit *kit, const struct ask *ask, const struct entry *old,
                   enum refresh_why why);
/*
 * Is it time to renew this one early? By chance, the more likely the nearer its end and the
 * longer its answer took to make, so that a fleet's hits do not all renew it at once
 * (Vattani, Chierichetti, Lowenstein: "Optimal Probabilistic Cache Stampede Prevention",
 * VLDB 2015): now + took * -ln(u) >= end. `chance` is u, above 0 and at most 1.
 */
bool refresh_is_due(const struct entry *e, uint64_t wall_ms, double chance);

/* After a hit: is it due, and has nobody begun to renew it in the last second? Then it is ours. */
bool refresh_is_ours(struct entry *e);
