/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/net/redis.h"

/*
 * The bytes of a Redis connection, without the connection: commands to bytes, and bytes to
 * replies by hiredis' reader (RESP2), with bounds on what a lying server may make us hold.
 */
struct redis_wire;

struct redis_wire *redis_wire_new(void);
void redis_wire_free(struct redis_wire *w);

/* False: these bytes are not RESP2, or over a bound; the connection is of no more use. */
MUST_CHECK bool redis_wire_feed(struct redis_wire *w, struct str bytes);

/* The next whole reply, for redis_wire_drop, or NULL until more is fed; false as above. */
MUST_CHECK bool redis_wire_next(struct redis_wire *w, struct redis_reply **reply);
void redis_wire_drop(struct redis_reply *reply);

void redis_wire_put(struct buf *out, const struct redis_command *command);
