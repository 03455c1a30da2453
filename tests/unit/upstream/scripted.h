/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fake_net.h"
#include "weir/upstream/attempt.h"
#include "weir/upstream/pool.h"

#include <stdio.h>
#include <string.h>

/*
 * One call's neighbours as fakes, linked in place of the real ones: the transport and the
 * resolver do what a test says, and the owner writes down what it hears. Included once by a
 * test.
 */

static struct {
    struct attempt_kit kit;
    struct attempt_call call;
    struct permit_seat seat;
    struct attempt attempt;
    struct upstream *upstream;
    const char *address; /* its name stands for, where each address is an endpoint */
    struct request request;
    struct arena arena;

    struct fetch *fetch;     /* under way */
    struct resolve *resolve; /* under way */
    char url[128], lines[512], addresses[64];
    struct buf sent;
    int pauses, resumes;
    bool full_after_first; /* the owner pauses inside its first delta */
    const char *content_type, *content_encoding, *retry_after;

    struct buf seen; /* bytes of the deltas */
    char kinds[64];
    int ended;
    enum err err;
} world;

/* ---- the transport ------------------------------------------------------------------- */

void fetch_start(struct fetcher *fetcher, struct fetch *f, const struct fetch_call *call,
                 const struct fetch_events *events)
{
    size_t n = 0;

    (void)fetcher;
    *f = (struct fetch){ .events = events };
    world.fetch = f;
    (void)snprintf(world.url, sizeof(world.url), "%s", call->url);
    (void)snprintf(world.addresses, sizeof(world.addresses), "%s",
                   call->addresses ? call->addresses : "");
    for (size_t i = 0; call->headers[i]; i++)
        n += (size_t)snprintf(world.lines + n, sizeof(world.lines) - n, "%s\n",
                              call->headers[i]);
    for (size_t i = 0; i < call->body_parts; i++)
        buf_put(&world.sent, call->body[i]);
}

static inline void fetch_ends(enum err err)
{
    struct fetch *f = world.fetch;

    cr_assert(f, "nothing is fetched");
    world.fetch = NULL;
    f->events->on_done(f, err);
}

static inline void end_cancelled(struct deferred *d)
{
    (void)d;
    if (world.fetch)
        fetch_ends(ERR_CANCELLED);
}

void fetch_cancel(struct fetch *f)
{
    static struct deferred ending;

    if (f == world.fetch && !(ending.link.next && link_is_in(&ending.link)))
        loop_defer(&fake_loop, &ending, end_cancelled);
}

void fetch_pause(struct fetch *f)
{
    (void)f;
    world.pauses++;
}

void fetch_resume(struct fetch *f)
{
    (void)f;
    world.resumes++;
}

struct str fetch_header(const struct fetch *f, const char *name)
{
    (void)f;
    if (strcmp(name, "content-type") == 0)
        return str_of(world.content_type);
    if (strcmp(name, "content-encoding") == 0)
        return str_of(world.content_encoding);
    if (strcmp(name, "retry-after") == 0)
        return str_of(world.retry_after);
    return (struct str){ 0 };
}

bool fetch_next_header(const struct fetch *f, struct fetch_header_at *at)
{
    (void)f, (void)at;
    return false;
}

bool resolve_is_numeric(struct str host)
{
    return host.len > 0 && host.at[0] >= '0' && host.at[0] <= '9';
}

void resolve_start(struct resolver *r, struct resolve *op, struct str host, resolve_fn *on_done)
{
    cr_assert(str_eq(host, STR("models")));
    *op = (struct resolve){ .on_done = on_done, .resolver = r };
    world.resolve = op;
}

static inline void resolve_ends(enum err err, const char *addresses)
{
    struct resolve *op = world.resolve;

    world.resolve = NULL;
    op->on_done(op, err, addresses);
}

static inline void end_unresolved(struct deferred *d)
{
    (void)d;
    resolve_ends(ERR_CANCELLED, NULL);
}

void resolve_cancel(struct resolve *op)
{
    loop_defer(&fake_loop, &op->turn, end_unresolved);
}

/* ---- the owner ----------------------------------------------------------------------- */

static inline void on_delta(struct attempt *a, const struct delta *d)
{
    size_t n = strlen(world.kinds);

    world.kinds[n] = "scudeo"[d->kind];
    buf_put(&world.seen, d->bytes);
    if (world.full_after_first && n == 0)
        attempt_pause(a);
}

static inline void on_done(struct attempt *a, enum err err)
{
    cr_assert_eq(a->phase, PHASE_OVER);
    world.ended++;
    world.err = err;
}

static inline void start(void)
{
    (void)fake_loop_start();
    world.kit.loop = &fake_loop;
    world.upstream = upstream_new(STR("one"), dialect_named(STR("openai")));
    world.upstream->timeouts = (struct upstream_timeouts){
        .connect_us = 10 * 1000,
        .headers_us = 20 * 1000,
        .first_data_us = 30 * 1000,
        .data_gap_us = 40 * 1000,
        .total_us = 1000 * 1000,
    };
    world.content_type = "application/json";
    world.call = (struct attempt_call){
        .request = &world.request,
        .upstream_model = STR("m-1"),
        .model = STR("m"),
        .arena = &world.arena,
    };
}

/* What the pool tells of its endpoints, added up; references are given back at once. */
static inline struct pool_numbers look(void)
{
    struct pool_numbers all[POOL_ENDPOINTS];
    struct pool_numbers sum = { 0 };

    for (size_t i = pool_read(world.upstream->pool, all); i-- > 0;) {
        sum.in_flight += all[i].in_flight;
        sum.faults += all[i].faults;
        sum.latency_s += all[i].latency_s;
        if (all[i].rest_us > sum.rest_us)
            sum.rest_us = all[i].rest_us;
        endpoint_unref(all[i].endpoint);
    }
    return sum;
}

static inline unsigned in_flight(void)
{
    return look().in_flight;
}

static inline void stop(void)
{
    cr_assert_eq(world.ended, 1, "there was no end, or two");
    cr_assert_eq(in_flight(), 0);
    cr_assert_null(next_due(UINT64_MAX), "a timer is left armed");
    attempt_deinit(&world.attempt);
    attempt_deinit(&world.attempt);
    upstream_free(world.upstream);
    arena_deinit(&world.arena);
    buf_deinit(&world.seen);
    buf_deinit(&world.sent);
    fake_loop_stop();
}

/* A call of a plain or streamed chat to a numeric address, or to a name. */
static inline void call_to(const char *url, const char *body)
{
    static const struct attempt_events events = { on_delta, on_done };
    struct fault why;

    cr_assert_eq(request_decode(&world.request, ENDPOINT_CHAT, (struct str){ 0 }, str_of(body),
                                &world.arena, &why),
                 OK);
    cr_assert(upstream_add_site(world.upstream, str_of(url), 1));
    pool_unref(world.upstream->pool); /* of the call before */
    world.upstream->pool = pool_new(STR("one"));
    pool_configure(world.upstream->pool, world.upstream);
    if (world.address)
        pool_set_addresses(world.upstream->pool, str_of(url), str_of(world.address));
    cr_assert_eq(permit_ask(&world.seat, world.upstream->pool, world.kit.loop,
                            &(struct permit_wish){ .priority = PRIORITY_NORMAL }, NULL),
                 PERMIT_HELD);
    world.call.upstream = world.upstream;
    world.call.permit = world.seat.permit;
    attempt_start(&world.attempt, &world.kit, &world.call, &events);
    cr_assert_eq(world.ended, 0, "called back too early");
    cr_assert_eq(in_flight(), 1);
}

#define PLAIN "{\"model\":\"m\",\"messages\":[]}"
#define STREAM "{\"model\":\"m\",\"stream\":true,\"messages\":[]}"

static inline void call_plain(void)
{
    call_to("http://127.0.0.1:1/v1", PLAIN);
}

static inline void connects(void)
{
    world.fetch->connected = true;
    world.fetch->events->on_connected(world.fetch);
}

static inline void heads(long status)
{
    connects();
    world.fetch->status = status;
    world.fetch->events->on_head(world.fetch);
}

static inline void comes(const char *bytes)
{
    world.fetch->events->on_data(world.fetch, str_of(bytes));
}

/* A streamed call whose head has come. */
static inline void call_stream(void)
{
    call_to("http://127.0.0.1:1/v1", STREAM);
    world.content_type = "text/event-stream; charset=utf-8";
    heads(200);
}

#define CHUNK(choice)                                                                   \
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":" \
    "\"m-1\",\"choices\":[{\"index\":0," choice "}]}\n\n"
#define HI CHUNK("\"delta\":{\"content\":\"hi\"},\"finish_reason\":null")
#define FINISH CHUNK("\"delta\":{},\"finish_reason\":\"stop\"")
#define DONE "data: [DONE]\n\n"
#define CHAT_BODY                                                                        \
    "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m-1\","      \
    "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hi\"}," \
    "\"finish_reason\":\"stop\"}]}"

static inline bool has(const struct buf *b, const char *part)
{
    return b->len > 0 && memmem(b->at, b->len, part, strlen(part)) != NULL;
}

static inline void assert_ends_after_ms(uint64_t ms, enum err err)
{
    pass_ms(ms - 1);
    cr_assert_eq(world.ended, 0, "too early");
    pass_ms(1);
    cr_assert_eq(world.ended, 1, "too late");
    cr_assert_eq(world.err, err);
}
