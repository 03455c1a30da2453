/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/net/redis.h"

/*
 * The question to Redis Sentinel, where the master is now. The sentinels are asked one after
 * the other, each on a connection of its own and for half a second at most, until one names a
 * place. What it names may be out of date: who connects there still has to look.
 */
struct redis_sentinel;

/* NULL: none of them knew. Comes once, never from inside the asking; free it then. */
typedef void redis_sentinel_fn(void *owner, const struct redis_place *master);

/* `settings` and `owner` are lent until it is freed. The `nth` question begins with another
   sentinel than the one before, as one that is out of date would else be believed for ever. */
struct redis_sentinel *redis_sentinel_ask(struct loop *loop, struct resolver *resolver,
                                          const struct redis_settings *settings, unsigned nth,
                                          redis_sentinel_fn *on_told, void *owner);
void redis_sentinel_free(struct redis_sentinel *s); /* no answer after it; NULL is fine */
