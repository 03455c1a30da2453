/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hiredis' asynchronous half blocks to resolve, has no timeouts, and frees its context under
 * callbacks; so only its reader is used here, and the connection is ours (redis.c).
 *
 * A reply of ours is one of hiredis'. Its announced sizes are believed only up to a bound:
 * "*2147483647" would otherwise reserve gigabytes before one element has come.
 */
#include "redis_wire.h"

#include "weir/base/ensure.h"
#include "weir/base/mem.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

enum {
    MOST_ELEMENTS = 128 * 1024,    /* of one reply, at all depths together */
    MOST_BYTES = 64 * 1024 * 1024, /* that wait for the rest of their reply */
};

struct redis_wire {
    redisReader *reader;
    const redisReplyObjectFunctions *stock; /* hiredis' own makers of replies */
    redisReplyObjectFunctions makers;       /* the same, but for bounded arrays */
    size_t elements;                        /* announced by the reply being read */
};

static void *make_array(const redisReadTask *task, int elements)
{
    struct redis_wire *w = task->privdata;

    if (elements > 0)
        w->elements += (size_t)elements;
    if (w->elements > MOST_ELEMENTS)
        return NULL; /* hiredis takes that for a lack of memory, and gives up */
    return w->stock->createArray(task, elements);
}

struct redis_wire *redis_wire_new(void)
{
    struct redis_wire *w = MEM_NEW(struct redis_wire);

    w->reader = redisReaderCreate();
    ensure(w->reader);
    w->stock = w->reader->fn;
    w->makers = *w->stock;
    w->makers.createArray = make_array;
    w->reader->fn = &w->makers;
    w->reader->privdata = w;
    return w;
}

void redis_wire_free(struct redis_wire *w)
{
    if (!w)
        return;
    redisReaderFree(w->reader);
    free(w);
}

bool redis_wire_feed(struct redis_wire *w, struct str bytes)
{
    if (bytes.len == 0)
        return w->reader->err == 0;
    if (w->reader->len + bytes.len > MOST_BYTES)
        return false;
    return redisReaderFeed(w->reader, bytes.at, bytes.len) == REDIS_OK;
}

bool redis_wire_next(struct redis_wire *w, struct redis_reply **reply)
{
    void *whole = NULL;

    if (redisReaderGetReply(w->reader, &whole) != REDIS_OK)
        return false;
    if (whole)
        w->elements = 0;
    *reply = whole;
    return true;
}

void redis_wire_drop(struct redis_reply *reply)
{
    freeReplyObject(reply);
}

void redis_wire_put(struct buf *out, const struct redis_command *command)
{
    buf_put_printf(out, "*%zu\r\n", command->count);
    for (size_t i = 0; i < command->count; i++) {
        buf_put_printf(out, "$%zu\r\n", command->words[i].len);
        buf_put(out, command->words[i]);
        buf_put(out, STR("\r\n"));
    }
}

/* ---- replies ---- */

static const redisReply *stock(const struct redis_reply *r)
{
    return (const redisReply *)(const void *)r;
}

enum redis_type redis_reply_type(const struct redis_reply *r)
{
    switch (stock(r)->type) {
    case REDIS_REPLY_STRING: return REDIS_TEXT;
    case REDIS_REPLY_INTEGER: return REDIS_INTEGER;
    case REDIS_REPLY_ARRAY: return REDIS_LIST;
    case REDIS_REPLY_STATUS: return REDIS_STATUS;
    case REDIS_REPLY_ERROR: return REDIS_ERROR;
    default: return REDIS_NIL;
    }
}

struct str redis_reply_text(const struct redis_reply *r)
{
    const redisReply *reply = stock(r);

    switch (redis_reply_type(r)) {
    case REDIS_TEXT:
    case REDIS_STATUS:
    case REDIS_ERROR: return (struct str){ reply->str, (size_t)reply->len };
    case REDIS_NIL:
    case REDIS_INTEGER:
    case REDIS_LIST: break;
    }
    return (struct str){ 0 };
}

int64_t redis_reply_integer(const struct redis_reply *r)
{
    return redis_reply_type(r) == REDIS_INTEGER ? stock(r)->integer : 0;
}

size_t redis_reply_count(const struct redis_reply *r)
{
    return redis_reply_type(r) == REDIS_LIST ? stock(r)->elements : 0;
}

const struct redis_reply *redis_reply_at(const struct redis_reply *r, size_t i)
{
    if (i >= redis_reply_count(r))
        return NULL;
    return (const struct redis_reply *)(const void *)stock(r)->element[i];
}
