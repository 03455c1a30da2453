/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/net/redis.h"

/*
 * One connection to a Redis, from its name to its replies, for all who talk to one: the link
 * (redis_link.c), who listens for news (redis_news.c), who asks a sentinel (redis_sentinel.c).
 *
 * Where the settings name sentinels, one of them is asked first where the master is. A line
 * lives once: after on_lost it is only to be closed, and the next try is a line of its own.
 */
struct redis_line;

struct redis_line_events {
    void (*on_open)(void *owner); /* connected: say something */
    void (*on_reply)(void *owner, const struct redis_reply *reply); /* lent for the call */
    void (*on_lost)(void *owner, const char *why);                  /* once; close it */
};

/* `settings`, `events` and `owner` are lent until it is closed. The `nth` try begins with
   another address and another sentinel than the one before. */
struct redis_line *redis_line_open(struct loop *loop, struct resolver *resolver,
                                   const struct redis_settings *settings, unsigned nth,
                                   const struct redis_line_events *events, void *owner);
void redis_line_close(struct redis_line *l); /* no event after it; NULL is fine */

void redis_line_write(struct redis_line *l, struct str bytes); /* only while connected */
size_t redis_line_queued(const struct redis_line *l);          /* bytes not taken yet */

/* Where it leads: the master's place, once that is known. */
const struct redis_place *redis_line_place(const struct redis_line *l);
