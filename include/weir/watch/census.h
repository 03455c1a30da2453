/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/own.h"
#include "weir/base/str.h"
#include "weir/watch/watchlist.h"

/*
 * How many different values there were, over all gateways that share a Redis. Of each prediction
 * with a variety one sketch a day lies in
 *
 *     <prefix>v1:distinct:<model>:<prediction>:<list>:<day>   4096 registers, a byte each
 *
 * where <list> is what the model is watched for (watchlist.h), so that what is read in another
 * way is counted apart. Every minute each gateway takes the maximum of its own and of what is
 * there, and puts it back if that is more. Two at once may each miss what the other has put: the
 * next minute mends it.
 *
 * It lives on the control loop. Without a link it does nothing.
 */

struct census;
struct loop;
struct redis;

/* `link` may be NULL; it and the prefix are lent. */
struct census *census_new(struct loop *loop, struct redis *link, struct str prefix,
                          uint64_t every_ms);
void census_watch(struct census *c, struct watchlist *const *lists, size_t count); /* refs */
void census_start(struct census *c);
void census_stop(struct census *c);
void census_free(struct census *c); /* after the link is gone; NULL is fine */
DEFINE_AUTO(struct census, census_free)
