/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/scan.h"
#include "weir/dialect/dialect.h"
#include "weir/dialect/tap.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* A request, its tap and the events of a stream, for tests that tell what one says to the other. */

#define expect_str(got, wanted)                                                       \
    do {                                                                              \
        struct str got_ = (got), wanted_ = str_of(wanted);                            \
        cr_assert(str_eq(got_, wanted_), "got:    %.*s\nwanted: %.*s", STR_ARG(got_), \
                  STR_ARG(wanted_));                                                  \
    } while (0)

struct world {
    struct arena arena;
    struct request request;
    struct fault why;
    struct tap tap;
    struct buf seen; /* all bytes that went to the client */
    char kinds
        [256]; /* of the deltas, a letter each: silent, content, usage, done, error, opaque */
    size_t count;
};

static inline enum err ask(struct world *w, enum endpoint e, const char *path_model,
                           const char *body)
{
    return request_decode(&w->request, e, str_of(path_model), str_of(body), &w->arena, &w->why);
}

/* A stream of this endpoint, kept, for a client that asked for "alias". */
static inline void begin(struct world *w, enum endpoint e)
{
    memset(w, 0, sizeof(*w));
    cr_assert_eq(ask(w, e, NULL, "{\"model\":\"alias\",\"stream\":true}"), OK);
    tap_init(&w->tap,
             dialect_named(endpoint_is_anthropic(e) ? STR("anthropic") : STR("openai")),
             &w->request, STR("alias"), true);
}

static inline void end(struct world *w)
{
    tap_deinit(&w->tap);
    buf_deinit(&w->seen);
    arena_deinit(&w->arena);
}

static inline enum err hear(struct world *w, struct tap_event e)
{
    struct delta d = { DELTA_SILENT, { NULL, 0 } };
    enum err err = tap_event(&w->tap, &e, &d);

    buf_put(&w->seen, d.bytes);
    if (w->count + 1 < sizeof(w->kinds))
        w->kinds[w->count++] = "scudeo"[d.kind];
    return err;
}

/* One event of one data line, without or with a name. */
static inline enum err says(struct world *w, const char *data)
{
    struct buf raw = { 0 };
    enum err err;

    buf_put_printf(&raw, "data: %s\n\n", data);
    err = hear(w, (struct tap_event){ .raw = buf_str(&raw),
                                      .data = str_cut(buf_str(&raw), 6, raw.len - 2),
                                      .whole = true });
    buf_deinit(&raw);
    return err;
}

static inline enum err says_named(struct world *w, const char *name, const char *data)
{
    struct buf raw = { 0 };
    size_t from;
    enum err err;

    buf_put_printf(&raw, "event: %s\ndata: ", name);
    from = raw.len;
    buf_put_printf(&raw, "%s\n\n", data);
    err = hear(w, (struct tap_event){ .raw = buf_str(&raw),
                                      .name = str_cut(buf_str(&raw), 7, 7 + strlen(name)),
                                      .data = str_cut(buf_str(&raw), from, raw.len - 2),
                                      .whole = true });
    buf_deinit(&raw);
    return err;
}

/* A chat chunk around these choices. */
static inline enum err chunk(struct world *w, const char *choices)
{
    char data[2048];

    (void)snprintf(data, sizeof(data),
                   "{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":7,"
                   "\"model\":\"alias\",\"choices\":[%s]}",
                   choices);
    return says(w, data);
}

static inline enum err delta(struct world *w, const char *members)
{
    char choice[1024];

    (void)snprintf(choice, sizeof(choice),
                   "{\"index\":0,\"delta\":{%s},\"finish_reason\":null}", members);
    return chunk(w, choice);
}

static inline enum err finishes(struct world *w, const char *reason)
{
    char choice[256];

    (void)snprintf(choice, sizeof(choice),
                   "{\"index\":0,\"delta\":{},\"finish_reason\":\"%s\"}", reason);
    return chunk(w, choice);
}

/* Splits text made by replay_events into events again and tells them to the tap. */
static inline void hear_all(struct world *w, struct str events)
{
    while (events.len > 0) {
        const char *blank = memmem(events.at, events.len, "\n\n", 2);
        size_t len;
        struct str raw, rest, line;
        struct tap_event e = { .whole = true };

        cr_assert(blank, "an event without an end");
        len = (size_t)(blank + 2 - events.at);
        raw = rest = str_cut(events, 0, len);
        while (str_split(&rest, '\n', &line)) {
            if (str_starts(line, STR("data: ")))
                e.data = str_cut(line, 6, line.len);
            if (str_starts(line, STR("event: ")))
                e.name = str_cut(line, 7, line.len);
        }
        e.raw = raw;
        cr_assert_eq(hear(w, e), OK);
        events = str_cut(events, len, events.len);
    }
}
