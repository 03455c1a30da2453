/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"
#include "weir/net/redis.h"

/*
 * A connection to Redis that only listens: to one channel, for as long as it lives (SUBSCRIBE,
 * RESP2). It reconnects as the link does, with jitter; while it is down nothing is heard, which
 * is_up tells. A server that sends what is no pub/sub message is cut off.
 */

struct redis_news;

struct redis_news_events {
    void (*on_message)(void *owner, struct str message); /* lent for the call */
    void (*on_up)(void *owner); /* subscribed; what was published before was not heard */
    void (*on_down)(void *owner);
};

/* `channel` is copied, `events` and `owner` are lent while it lives. */
struct redis_news *redis_news_new(struct loop *loop, struct resolver *resolver,
                                  const struct redis_settings *s, struct str channel,
                                  const struct redis_news_events *events, void *owner);
void redis_news_free(struct redis_news *n); /* no event after it; NULL is fine */
bool redis_news_is_up(const struct redis_news *n);
