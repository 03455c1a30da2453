/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fake_net.h"
#include "weir/upstream/race.h"

#include <stdio.h>
#include <string.h>

/*
 * A race over a scripted transport: tests tell what comes on which line, first or second, and
 * let time pass. The pool behind it is a real one with two endpoints. Included once by a test.
 */

enum { FIRST, SECOND, LINES };

/* One call on its wire. */
struct line {
    struct fetch *fetch; /* NULL: not called, or over */
    struct deferred ending;
    char url[64];
    bool called_off, paused;
};

static struct {
    struct attempt_kit kit;
    struct race race;
    struct race_call call;
    struct permit_seat seat;
    struct upstream *upstream;
    struct request request;
    struct arena arena;

    struct line lines[LINES];
    unsigned called;
    const char *content_type;

    struct buf seen, errors; /* what the owner was given */
    int ended;
    enum err err;
} world;

/* ---- the transport ------------------------------------------------------------------- */

static inline struct line *line_of(const struct fetch *f)
{
    for (size_t i = 0; i < LINES; i++)
        if (world.lines[i].fetch == f)
            return &world.lines[i];
    return NULL;
}

void fetch_start(struct fetcher *fetcher, struct fetch *f, const struct fetch_call *call,
                 const struct fetch_events *events)
{
    struct line *line = &world.lines[world.called++];

    (void)fetcher;
    cr_assert_leq(world.called, LINES, "a third call");
    *f = (struct fetch){ .events = events };
    line->fetch = f;
    (void)snprintf(line->url, sizeof(line->url), "%s", call->url);
}

static inline void ends(int at, enum err err)
{
    struct fetch *f = world.lines[at].fetch;

    cr_assert(f, "nothing is on this line");
    world.lines[at].fetch = NULL;
    f->events->on_done(f, err);
}

static inline void end_cancelled(struct deferred *d)
{
    struct line *line = container_of(d, struct line, ending);

    if (line->fetch)
        ends((int)(line - world.lines), ERR_CANCELLED);
}

void fetch_cancel(struct fetch *f)
{
    struct line *line = line_of(f);

    if (line && !line->called_off)
        loop_defer(&fake_loop, &line->ending, end_cancelled);
    if (line)
        line->called_off = true;
}

void fetch_pause(struct fetch *f)
{
    line_of(f)->paused = true;
}

void fetch_resume(struct fetch *f)
{
    line_of(f)->paused = false;
}

struct str fetch_header(const struct fetch *f, const char *name)
{
    (void)f;
    return strcmp(name, "content-type") == 0 ? str_of(world.content_type) : (struct str){ 0 };
}

/* Until its end a line has one more: whose it is. */
bool fetch_next_header(const struct fetch *f, struct fetch_header_at *at)
{
    if (f->kept || at->state)
        return false;
    *at = (struct fetch_header_at){ STR("x-request-id"),
                                    str_of(f == &world.race.first.fetch ? "first" : "second"),
                                    &world };
    return true;
}

bool resolve_is_numeric(struct str host)
{
    return host.len > 0;
}

void resolve_start(struct resolver *r, struct resolve *op, struct str host, resolve_fn *on_done)
{
    (void)r, (void)op, (void)host, (void)on_done;
    cr_assert_fail("an address is resolved");
}

void resolve_cancel(struct resolve *op)
{
    (void)op;
}

/* ---- what comes ------------------------------------------------------------------------ */

static inline void heads(int at, long status)
{
    struct fetch *f = world.lines[at].fetch;

    cr_assert(f, "nothing is on this line");
    f->connected = true;
    f->events->on_connected(f);
    f->status = status;
    f->events->on_head(f);
}

static inline void comes(int at, const char *bytes)
{
    struct fetch *f = world.lines[at].fetch;

    cr_assert(f, "nothing is on this line");
    if (f->status == 0)
        heads(at, 200);
    f->events->on_data(f, str_of(bytes));
}

#define CHUNK(choices)                                                                  \
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":" \
    "\"m\",\"choices\":[" choices "]"
#define ROLE \
    CHUNK("{\"index\":0,\"delta\":{\"role\":\"assistant\"},\"finish_reason\":null}") "}\n\n"
#define SAYS(text) \
    CHUNK("{\"index\":0,\"delta\":{\"content\":\"" text "\"},\"finish_reason\":null}") "}\n\n"
#define FINISH CHUNK("{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}") "}\n\n"
#define USAGE CHUNK("") ",\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n"
#define DONE "data: [DONE]\n\n"
#define BREAKS "data: {\"error\":{\"message\":\"x\",\"code\":500}}\n\n"
#define BODY(text)                                                                             \
    "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\","              \
    "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"" text "\"}," \
    "\"finish_reason\":\"stop\"}]}"

/* ---- the owner ------------------------------------------------------------------------ */

static inline void on_bytes(struct race *r, struct str bytes)
{
    cr_assert_eq(r, &world.race);
    buf_put(&world.seen, bytes);
}

static inline void on_error_event(struct race *r, struct str bytes)
{
    cr_assert_eq(r, &world.race);
    buf_put(&world.errors, bytes);
}

static inline void on_done(struct race *r, enum err err)
{
    cr_assert_eq(r, &world.race);
    world.ended++;
    world.err = err;
}

static inline bool has(const struct buf *b, const char *part)
{
    return b->len > 0 && memmem(b->at, b->len, part, strlen(part)) != NULL;
}

static inline bool saw(const char *part)
{
    return has(&world.seen, part);
}

static inline int64_t hedges(const char *result)
{
    return metric_read(fake_loop.metrics, METRIC_HEDGES,
                       METRIC_LABEL(STR("local"), str_of(result)));
}

static inline unsigned in_flight(void)
{
    struct pool_numbers all[POOL_ENDPOINTS];
    unsigned n = 0;

    for (size_t i = pool_read(world.upstream->pool, all); i-- > 0;) {
        n += all[i].in_flight;
        endpoint_unref(all[i].endpoint);
    }
    return n;
}

/* What the pool tells of the endpoint that one line goes to; its reference is given back. */
static inline struct pool_numbers numbers_of(int at)
{
    struct pool_numbers all[POOL_ENDPOINTS], found = { 0 };

    for (size_t i = pool_read(world.upstream->pool, all); i-- > 0;) {
        if (str_starts(str_of(world.lines[at].url), str_of(all[i].endpoint->url)))
            found = all[i];
        endpoint_unref(all[i].endpoint);
    }
    return found;
}

static inline void start(void)
{
    (void)fake_loop_start();
    world.kit.loop = &fake_loop;
    world.content_type = "text/event-stream";
    world.upstream = upstream_new(STR("local"), dialect_named(STR("openai")));
    world.upstream->timeouts = (struct upstream_timeouts){ .headers_us = 1000 * 1000 };
    world.upstream->hedge = (struct upstream_hedge){ .on = true,
                                                     .after_us = 10 * 1000,
                                                     .at_most = 1 };
    world.upstream->pool = pool_new(STR("local"));
    cr_assert(upstream_add_site(world.upstream, STR("http://127.0.0.1:1"), 1));
    cr_assert(upstream_add_site(world.upstream, STR("http://127.0.0.1:2"), 1));
    world.call = (struct race_call){
        .first = { .upstream = world.upstream,
                   .request = &world.request,
                   .upstream_model = STR("m"),
                   .model = STR("m"),
                   .arena = &world.arena },
        .wish = { .priority = PRIORITY_NORMAL },
        .may_hedge = true,
    };
}

static inline void stop(void)
{
    cr_assert_eq(world.ended, 1, "there was no end, or two");
    cr_assert_eq(in_flight(), 0, "a permit is lost");
    cr_assert_null(next_due(UINT64_MAX), "a timer is left armed");
    race_deinit(&world.race);
    race_deinit(&world.race);
    upstream_free(world.upstream);
    arena_deinit(&world.arena);
    buf_deinit(&world.seen);
    buf_deinit(&world.errors);
    fake_loop_stop();
}

static inline void race_with(const char *body)
{
    static const struct race_events events = { on_bytes, on_error_event, on_done };
    struct fault why;

    cr_assert_eq(request_decode(&world.request, ENDPOINT_CHAT, (struct str){ 0 }, str_of(body),
                                &world.arena, &why),
                 OK);
    pool_configure(world.upstream->pool, world.upstream);
    cr_assert_eq(
        permit_ask(&world.seat, world.upstream->pool, &fake_loop, &world.call.wish, NULL),
        PERMIT_HELD);
    world.call.first.permit = world.seat.permit;
    world.seat.permit = (struct permit){ 0 };
    race_start(&world.race, &world.kit, &world.call, &events);
    cr_assert_eq(world.ended, 0, "called back too early");
}

static inline void race_stream(void)
{
    race_with("{\"model\":\"m\",\"stream\":true,\"messages\":[]}");
}

static inline void race_plain(void)
{
    world.content_type = "application/json";
    race_with("{\"model\":\"m\",\"messages\":[]}");
}

/* Ready for one race more over the same pool. */
static inline void again(void)
{
    cr_assert_eq(world.ended, 1);
    race_deinit(&world.race);
    world.called = 0;
    world.ended = 0;
    memset(world.lines, 0, sizeof(world.lines));
}

/* As long as its pool says that a second call has to wait. */
static inline void hedge(void)
{
    pass_ms(10);
    cr_assert_eq(world.called, 2, "there is no second call");
}
