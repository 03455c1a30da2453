/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/net/redis.h"

/*
 * Commands that go to Redis together, in a transaction, so that one reply has all of theirs.
 * Words are copied: what they are made of need not outlive the call.
 */

enum { BATCH_MOST = 130 };

struct batch {
    struct arena words;
    struct redis_command commands[BATCH_MOST + 2];
    size_t count; /* without MULTI and EXEC */
};

void batch_reset(struct batch *b); /* a zeroed one is empty */
bool batch_is_full(const struct batch *b);
void batch_add(struct batch *b, const struct str *words, size_t count);
void batch_send(struct batch *b, struct redis *link, struct redis_op *op, redis_fn *on_done);

/* The reply of the i-th command, or NULL: it was refused. */
const struct redis_reply *batch_reply(const struct redis_reply *all, size_t i);

/* A key: prefix, "v1:", and the parts; in the batch's memory. */
struct str batch_key(struct batch *b, struct str prefix, const struct str *parts, size_t count);
struct str batch_u64(struct batch *b, uint64_t n);

#define BATCH_ADD(b, ...)                       \
    batch_add(b, (struct str[]){ __VA_ARGS__ }, \
              sizeof((struct str[]){ __VA_ARGS__ }) / sizeof(struct str))
#define BATCH_KEY(b, prefix, ...)                       \
    batch_key(b, prefix, (struct str[]){ __VA_ARGS__ }, \
              sizeof((struct str[]){ __VA_ARGS__ }) / sizeof(struct str))
