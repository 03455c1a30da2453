/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in a Redis hash, read as an answer. The first byte parts the values, which stand
 * in the order of record_names. One that begins with '~' is no text but what Redis would send
 * for the rest of it: nothing, an integer, a list... What is good is written and read again,
 * and must be the same answer.
 */
#include "record.h"

#include "../../src/net/redis_wire.h"
#include "weir/base/ensure.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_VALUES = 2 * RECORD_READ, MOST_BODY = 512 };

#define WALL_MS UINT64_C(1700000000000)

static void put_text(struct buf *out, struct str text)
{
    buf_put_printf(out, "$%zu\r\n", text.len);
    buf_put(out, text);
    buf_put(out, STR("\r\n"));
}

static void put_value(struct buf *out, struct str value)
{
    if (str_eq(value, STR("~")))
        buf_put(out, STR("$-1\r\n"));
    else if (str_eq(value, STR("~list")))
        buf_put(out, STR("*1\r\n$1\r\nx\r\n"));
    else if (str_eq(value, STR("~status")))
        buf_put(out, STR("+OK\r\n"));
    else if (str_starts(value, STR("~")))
        buf_put_printf(out, ":%u\r\n", (unsigned)value.len);
    else
        put_text(out, value);
}

static enum record_state read_reply(const struct buf *elements, size_t count,
                                    struct entry **out)
{
    const struct entry_facts asked = { .scope = STR("public"), .model = STR("m") };
    struct redis_wire *wire = redis_wire_new();
    struct redis_reply *reply = NULL;
    struct buf bytes = { 0 };
    enum record_state state;

    buf_put_printf(&bytes, "*%zu\r\n", count);
    buf_put(&bytes, buf_str(elements));
    ensure(redis_wire_feed(wire, buf_str(&bytes)));
    ensure(redis_wire_next(wire, &reply) && reply);
    state = record_read(reply, &asked, MOST_BODY, WALL_MS, out);
    ensure((state == RECORD_GOOD) == (*out != NULL));
    redis_wire_drop(reply);
    redis_wire_free(wire);
    buf_deinit(&bytes);
    return state;
}

static void ensure_same(const struct entry_facts *a, const struct entry_facts *b)
{
    ensure(str_eq(a->body, b->body) && a->body.len <= MOST_BODY);
    ensure(str_eq(a->content_type, b->content_type));
    ensure(str_eq(a->upstream, b->upstream));
    ensure(str_eq(a->upstream_model, b->upstream_model));
    ensure(str_eq(str_of(a->finish_reason), str_of(b->finish_reason)));
    ensure(a->status == 200 && b->status == 200);
    ensure(a->refusal == b->refusal);
    ensure(a->created_ms == b->created_ms);
    ensure(a->fresh_ms == b->fresh_ms && a->stale_ms == b->stale_ms);
    ensure(a->took_ms == b->took_ms);
    ensure(a->prompt_tokens == b->prompt_tokens);
    ensure(a->completion_tokens == b->completion_tokens);
}

static void read_again(struct entry *good)
{
    AUTO(entry_unref) struct entry *again = NULL;
    struct record_words words;
    struct buf elements = { 0 };

    record_write(&words, &good->facts, false);
    for (size_t i = 0; i < RECORD_READ; i++)
        put_text(&elements, words.words[2 * i + 1]);
    ensure(read_reply(&elements, RECORD_READ, &again) == RECORD_GOOD);
    ensure_same(&good->facts, &again->facts);
    buf_deinit(&elements);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(entry_unref) struct entry *good = NULL;
    struct buf elements = { 0 };
    size_t count = 0;
    struct str rest, value;

    if (size == 0)
        return 0;
    rest = (struct str){ (const char *)data + 1, size - 1 };
    while (count < MOST_VALUES && str_split(&rest, (char)data[0], &value)) {
        put_value(&elements, value);
        count++;
    }
    if (read_reply(&elements, count, &good) == RECORD_GOOD)
        read_again(good);
    buf_deinit(&elements);
    return 0;
}
