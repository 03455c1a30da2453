/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fake Redis server sends, read as replies and walked through with our accessors.
 * The first byte says in pieces of which size the rest arrives.
 */
#include "weir/net/redis.h"

#include "../../src/net/redis_wire.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every byte that the accessors lend, so that a sanitizer sees each. */
static unsigned walk(const struct redis_reply *r)
{
    struct str text = redis_reply_text(r);
    unsigned sum = (unsigned)redis_reply_type(r) + (unsigned)redis_reply_integer(r);

    for (size_t i = 0; i < text.len; i++)
        sum += (unsigned char)text.at[i];
    for (size_t i = 0; i < redis_reply_count(r); i++) {
        const struct redis_reply *element = redis_reply_at(r, i);

        if (element)
            sum += walk(element);
    }
    return sum + (redis_reply_at(r, redis_reply_count(r)) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct redis_wire *wire = redis_wire_new();
    size_t piece = size > 0 ? (size_t)data[0] + 1 : 1;
    volatile unsigned sum = 0;

    for (size_t at = 1; at < size; at += piece) {
        size_t now = piece < size - at ? piece : size - at;
        struct redis_reply *reply = NULL;

        if (!redis_wire_feed(wire, (struct str){ (const char *)data + at, now }))
            break;
        while (redis_wire_next(wire, &reply) && reply) {
            sum += walk(reply);
            redis_wire_drop(reply);
            reply = NULL;
        }
    }
    redis_wire_free(wire);
    return 0;
}
