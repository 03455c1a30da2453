/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event streams: however the bytes are cut the same events are told, and what is told, put
 * together, is what came in. Events above the ceiling are told in pieces that depend on the
 * cuts; of those only the bytes are compared.
 */
#include "weir/base/ensure.h"
#include "weir/http/sse.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_EVENT = 256 };

struct told {
    struct buf raw;
    struct buf events;
    bool was_opaque;
};

static void put(struct buf *b, struct str s)
{
    buf_put_printf(b, "%s%zu:", s.at ? "+" : "-", s.len);
    buf_put(b, s);
}

static void on_event(void *owner, const struct sse_event *e)
{
    struct told *told = owner;

    buf_put(&told->raw, e->raw);
    if (!e->opaque || !told->was_opaque)
        buf_put_printf(&told->events, "\n%s", e->opaque ? "opaque" : "event");
    if (!e->opaque) {
        put(&told->events, e->raw);
        put(&told->events, e->name);
        put(&told->events, e->data);
        buf_put_printf(&told->events, " %d", e->has_blank);
    }
    told->was_opaque = e->opaque && !e->has_blank;
}

static void read_in_pieces(struct str input, size_t most, uint32_t seed, struct told *told)
{
    struct sse s;
    size_t at = 0;

    sse_init(&s, MOST_EVENT);
    while (at < input.len) {
        size_t left = input.len - at;
        size_t n;
        char *copy;

        seed = seed * 1664525U + 1013904223U;
        n = most == 0 ? left : 1 + (seed >> 16) % most;
        n = n < left ? n : left;
        copy = malloc(n);
        memcpy(copy, input.at + at, n);
        sse_feed(&s, (struct str){ copy, n }, on_event, told);
        free(copy);
        at += n;
    }
    sse_end(&s, on_event, told);
    sse_deinit(&s);
    ensure(str_eq(buf_str(&told->raw), input));
}

static void drop(struct told *told)
{
    buf_deinit(&told->raw);
    buf_deinit(&told->events);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t most[] = { 1, 5, 100 };
    struct str input = { (const char *)data, size };
    struct told whole = { 0 };

    read_in_pieces(input, 0, 0, &whole);
    for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
        struct told split = { 0 };

        read_in_pieces(input, most[i], size > 0 ? data[size / 2] : 0, &split);
        ensure(str_eq(buf_str(&whole.events), buf_str(&split.events)));
        drop(&split);
    }
    drop(&whole);
    return 0;
}
