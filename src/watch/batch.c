/* SPDX-License-Identifier: Apache-2.0 */
#include "batch.h"

#include "weir/base/ensure.h"

void batch_reset(struct batch *b)
{
    arena_deinit(&b->words);
    b->count = 0;
}

bool batch_is_full(const struct batch *b)
{
    return b->count == BATCH_MOST;
}

void batch_add(struct batch *b, const struct str *words, size_t count)
{
    struct str *own = arena_take(&b->words, count * sizeof(*own));

    ensure(!batch_is_full(b));
    for (size_t i = 0; i < count; i++)
        own[i] = arena_copy(&b->words, words[i]);
    b->commands[1 + b->count++] = (struct redis_command){ own, count };
}

void batch_send(struct batch *b, struct redis *link, struct redis_op *op, redis_fn *on_done)
{
    b->commands[0] = (struct redis_command){ &STR("MULTI"), 1 };
    b->commands[1 + b->count] = (struct redis_command){ &STR("EXEC"), 1 };
    redis_start(link, op, b->commands, b->count + 2, on_done);
}

const struct redis_reply *batch_reply(const struct redis_reply *all, size_t i)
{
    const struct redis_reply *one;

    if (redis_reply_type(all) != REDIS_LIST || i >= redis_reply_count(all))
        return NULL;
    one = redis_reply_at(all, i);
    return redis_reply_type(one) == REDIS_ERROR ? NULL : one;
}

struct str batch_key(struct batch *b, struct str prefix, const struct str *parts, size_t count)
{
    struct str all[8] = { prefix, STR("v1:") };

    ensure(count + 2 <= sizeof(all) / sizeof(all[0]));
    for (size_t i = 0; i < count; i++)
        all[2 + i] = parts[i];
    return arena_join(&b->words, all, 2 + count);
}

struct str batch_u64(struct batch *b, uint64_t n)
{
    char digits[STR_U64_BYTES];

    return arena_copy(&b->words, (struct str){ digits, str_put_u64(digits, n) });
}
