/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fake_net.h"
#include "weir/base/clock.h"
#include "weir/base/err.h"
#include "weir/cache/fleet.h"
#include "weir/cache/flight.h"
#include "weir/dialect/dialect.h"
#include "weir/exchange/account.h"
#include "weir/exchange/exchange.h"
#include "weir/upstream/pool.h"

#include <stdio.h>
#include <string.h>

/*
 * An exchange's neighbours as fakes, linked in place of the real ones: the cache's tiers, the
 * fleet, the calls to upstreams and the books do what a test says. Flights, plans, pools, races
 * and dialects are real.
 * Included once by a test.
 */

enum { MOST_CALLS = 16, MOST_CLIENTS = 4 };

/* A caller: what it asks, and what came back. */
struct client {
    struct exchange_sink sink;
    struct ask ask;
    struct exchange *x; /* NULL once it has ended */
    int begun, wholes, failures, ended;
    struct buf got;     /* the bytes of its answer */
    struct reply reply; /* the last; its texts are gone, but for those below */
    char upstream[32], headers[128], upstream_id[32], failed_body[64];
    struct failure failure;
    struct fault fault;
    int fills_after; /* pauses the exchange with this many calls of on_bytes; 0: never */
};

/* A call to an upstream, as it was made. */
struct made {
    char label[32]; /* of the endpoint */
    char upstream_model[32];
    bool fresh;
};

static struct {
    struct exchange_kit kit;
    struct plan *plan;
    struct model *model;
    struct upstream *one, *two; /* the model's routes: two endpoints, and one */
    struct client clients[MOST_CLIENTS];

    struct cache_lookup *lookup; /* under way */
    int lookups;
    bool wished; /* the last one would have taken the lease */
    struct fleet_seat *awaiting, *leading;
    struct fleet_failure failure; /* that a leader told the fleet last */
    int leads, landings, good_landings, leavings, looks_out, looks_away;
    bool tape_is_full;
    struct buf tape;      /* what a leader wrote for the fleet */
    struct entry *peeked; /* what memory holds; NULL: nothing */
    struct entry *kept;   /* what was stored last */
    int stores;

    struct attempt *attempt; /* under way */
    struct made calls[MOST_CALLS];
    size_t call_count;
    int pauses, resumes;
    enum err cancelled; /* why the last attempt was called off */
    int lost;           /* attempts that were called off as too slow */
    struct {
        const char *name, *value;
    } headers[4]; /* of the upstream's answer */

    struct record record; /* the last; its texts are gone */
    int accounts;
    char trail[192];
} world;

static inline void copy_text(char *to, size_t size, struct str s)
{
    (void)snprintf(to, size, "%.*s", STR_ARG(s));
}

/* ---- the cache ----------------------------------------------------------------------- */

struct entry *cache_peek(struct cache *c, const struct digest *key)
{
    (void)c, (void)key;
    return world.peeked ? entry_ref(world.peeked) : NULL;
}

struct entry *cache_recall(struct cache *c, const struct digest *raw, uint64_t *facts)
{
    struct digest key;

    if (!memory_alias_get(c->memory, raw, &key, facts))
        return NULL;
    return memory_get(c->memory, &key, clock_wall_ms());
}

void cache_look_up(struct cache *c, struct cache_lookup *op, const struct entry_facts *asked,
                   const struct lease_wish *wish, cache_lookup_fn *on_done)
{
    *op = (struct cache_lookup){ .on_done = on_done, .cache = c, .asked = *asked };
    world.lookup = op;
    world.lookups++;
    world.wished = wish;
}

/* The look-up under way ends; `found` passes to whoever asked. */
static inline void cache_says(struct entry *found, enum cache_tier tier)
{
    struct cache_lookup *op = world.lookup;

    cr_assert(op, "nobody looks anything up");
    world.lookup = NULL;
    op->on_done(op, found, tier);
}

/* Nothing is kept, and the question's lease is somebody's. */
static inline void cache_leases(enum lease lease)
{
    world.lookup->lease = lease;
    world.lookup->lease_left_ms = 3000;
    cache_says(NULL, CACHE_NONE);
}

static inline void end_lookup(struct deferred *d)
{
    (void)d;
    cache_says(NULL, CACHE_NONE);
}

void cache_lookup_cancel(struct cache_lookup *op)
{
    if (!op->cancelled)
        loop_defer(&fake_loop, &op->turn, end_lookup);
    op->cancelled = true;
}

bool cache_store(struct cache *c, struct entry *e)
{
    (void)c;
    entry_unref(world.kept);
    world.kept = entry_ref(e);
    world.stores++;
    return true;
}

/* ---- the fleet ------------------------------------------------------------------------ */

struct lease_wish fleet_wish(struct fleet *f, const struct digest *flight)
{
    (void)f;
    return (struct lease_wish){ .flight = *flight, .lease_ms = 3000 };
}

void fleet_lead(struct fleet *f, struct fleet_seat *s, const struct digest *flight)
{
    *s = (struct fleet_seat){ .fleet = f, .flight = *flight, .leads = true };
    world.leading = s;
    world.leads++;
}

void fleet_write(struct fleet_seat *s, struct str bytes)
{
    cr_assert(s->leads);
    buf_put(&world.tape, bytes);
}

void fleet_wrote_all(struct fleet_seat *s)
{
    cr_assert(s->leads);
}

bool fleet_has_room(const struct fleet_seat *s)
{
    cr_assert(s->leads);
    return !world.tape_is_full;
}

void fleet_look_out(struct fleet_seat *s, const struct fleet_events *events)
{
    cr_assert(s->leads);
    s->events = events;
    world.looks_out++;
}

void fleet_look_away(struct fleet_seat *s)
{
    cr_assert(s->leads);
    world.looks_away++;
}

void fleet_alone(struct fleet *f)
{
    (void)f;
}

void fleet_land(struct fleet_seat *s, bool good)
{
    cr_assert(s->leads);
    *s = (struct fleet_seat){ 0 };
    world.landings++;
    world.good_landings += good;
}

void fleet_fail(struct fleet_seat *s, const struct fleet_failure *why)
{
    cr_assert(s->leads);
    world.failure = *why;
    *s = (struct fleet_seat){ 0 };
}

void fleet_await(struct fleet *f, struct fleet_seat *s, const struct digest *flight,
                 uint64_t lease_ms, bool wants_bytes, const struct fleet_events *events)
{
    (void)lease_ms, (void)wants_bytes;
    *s = (struct fleet_seat){ .fleet = f, .flight = *flight, .events = events };
    world.awaiting = s;
}

void fleet_pause(struct fleet_seat *s)
{
    (void)s;
}

void fleet_resume(struct fleet_seat *s)
{
    (void)s;
}

void fleet_leave(struct fleet_seat *s)
{
    world.leavings += s->leads;
    if (world.awaiting == s)
        world.awaiting = NULL;
    *s = (struct fleet_seat){ 0 };
}

static inline void fleet_ends(enum fleet_end end)
{
    struct fleet_seat *s = world.awaiting;

    cr_assert(s, "nobody awaits anything");
    world.awaiting = NULL;
    s->events->on_end(s, end);
}

/* ---- calls to upstreams -------------------------------------------------------------- */

void attempt_start(struct attempt *a, struct attempt_kit *kit, const struct attempt_call *call,
                   const struct attempt_events *events)
{
    struct made *made = &world.calls[world.call_count];

    cr_assert_lt(world.call_count, MOST_CALLS);
    cr_assert_null(world.attempt, "one call at a time");
    cr_assert(call->permit.endpoint, "a call without leave");
    *a = (struct attempt){ .events = events, .kit = kit, .call = *call, .phase = PHASE_DATA };
    a->started_us = fake_loop.now_us;
    a->tap.answer.prompt_tokens = a->tap.answer.completion_tokens = -1;
    a->endpoint = endpoint_ref(call->permit.endpoint);
    copy_text(made->label, sizeof(made->label), a->endpoint->label);
    made->fresh = call->fresh;
    (void)snprintf(made->upstream_model, sizeof(made->upstream_model), "%.*s",
                   STR_ARG(call->upstream_model));
    world.attempt = a;
    world.call_count++;
}

/* The call under way ends. */
static inline void ends(enum err err)
{
    struct attempt *a = world.attempt;

    cr_assert(a, "nobody is called");
    world.attempt = NULL;
    a->phase = PHASE_OVER;
    a->ended_us = fake_loop.now_us;
    permit_give_back(&a->call.permit,
                     &(struct permit_report){ .verdict = err ? VERDICT_NONE : VERDICT_GOOD,
                                              .status = a->status,
                                              .retry_after_ms = -1 });
    a->events->on_done(a, err);
}

/* Whichever a test has at hand, it is this one that was called off. */
static inline void end_attempt(struct deferred *d)
{
    struct attempt *a = container_of(d, struct attempt, turn);
    struct attempt *other = world.attempt == a ? NULL : world.attempt;

    world.attempt = a;
    ends(a->err);
    world.attempt = world.attempt ? world.attempt : other;
}

void attempt_cancel(struct attempt *a, enum err why)
{
    world.cancelled = why;
    if (a->phase != PHASE_LINGER)
        a->err = why;
    loop_defer(&fake_loop, &a->turn, end_attempt);
}

void attempt_lose(struct attempt *a)
{
    world.lost++;
    attempt_cancel(a, ERR_CANCELLED);
}

void attempt_pause(struct attempt *a)
{
    cr_assert_eq(a, world.attempt);
    world.pauses++;
}

void attempt_resume(struct attempt *a)
{
    cr_assert_eq(a, world.attempt);
    world.resumes++;
}

void attempt_deinit(struct attempt *a)
{
    if (!a->kit)
        return;
    cr_assert_eq(a->phase, PHASE_OVER);
    buf_deinit(&a->body);
    buf_deinit(&a->tap.answer.body);
    endpoint_unref(a->endpoint);
    a->kit = NULL;
}

struct str attempt_header(const struct attempt *a, const char *name)
{
    (void)a;
    for (size_t i = 0; i < 4 && world.headers[i].name; i++)
        if (strcmp(world.headers[i].name, name) == 0)
            return str_of(world.headers[i].value);
    return (struct str){ 0 };
}

bool fetch_next_header(const struct fetch *f, struct fetch_header_at *at)
{
    size_t i = (size_t)(uintptr_t)at->state;

    (void)f;
    if (i >= 4 || !world.headers[i].name)
        return false;
    at->name = str_of(world.headers[i].name);
    at->value = str_of(world.headers[i].value);
    at->state = (void *)(uintptr_t)(i + 1);
    return true;
}

#define CHAT_BODY                                                                             \
    "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":" \
    "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},"                  \
    "\"finish_reason\":\"stop\"}],"                                                           \
    "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}"

/* The upstream may have seen the request that then ends so. */
static inline void fails(enum err err, int status)
{
    world.attempt->sent_any = true;
    world.attempt->status = status;
    ends(err);
}

static inline void makes_good(struct answer *a)
{
    a->complete = a->storable = a->has_content = true;
    a->prompt_tokens = 3;
    a->completion_tokens = 2;
    memcpy(a->finish_reason, "stop", sizeof("stop"));
}

static inline void answers(const char *body)
{
    struct attempt *a = world.attempt;

    a->sent_any = true;
    a->status = 200;
    makes_good(&a->tap.answer);
    buf_put_text(&a->body, body);
    ends(OK);
}

static inline void says(enum delta_kind kind, const char *bytes)
{
    struct attempt *a = world.attempt;

    a->sent_any = a->streamed = true;
    a->status = 200;
    a->events->on_delta(a, &(struct delta){ kind, str_of(bytes) });
}

static inline void ends_stream(void)
{
    struct answer *a = &world.attempt->tap.answer;

    makes_good(a);
    buf_put_text(&a->body, CHAT_BODY);
    ends(OK);
}

/* A first call of upstream one that shows nothing for a while is joined by a second one. */
static inline void hedges(void)
{
    world.one->hedge = (struct upstream_hedge){ true, .after_us = 10 * 1000, .at_most = 1 };
    pool_configure(world.one->pool, world.one);
}

/* The second one is under way now; returns the first. */
static inline struct attempt *hedge(void)
{
    struct attempt *first = world.attempt;

    world.attempt = NULL;
    pass_ms(10);
    cr_assert(world.attempt, "there is no second call");
    return first;
}

/* ---- the books ----------------------------------------------------------------------- */

void account(struct metric_shard *shard, struct watch *watch, const struct record *r)
{
    (void)shard, (void)watch;
    world.record = *r;
    world.accounts++;
    (void)snprintf(world.trail, sizeof(world.trail), "%s", r->trail ? r->trail : "");
}

/* ---- the caller ---------------------------------------------------------------------- */

static inline void note_reply(struct client *c, const struct reply *r)
{
    c->reply = *r;
    copy_text(c->upstream, sizeof(c->upstream), r->upstream);
    copy_text(c->headers, sizeof(c->headers), r->headers);
    copy_text(c->upstream_id, sizeof(c->upstream_id), r->upstream_request_id);
}

static inline void on_whole(struct exchange_sink *s, const struct reply *r, struct str body)
{
    struct client *c = container_of(s, struct client, sink);

    note_reply(c, r);
    c->wholes++;
    buf_put(&c->got, body);
}

static inline void on_begin(struct exchange_sink *s, const struct reply *r)
{
    struct client *c = container_of(s, struct client, sink);

    note_reply(c, r);
    c->begun++;
}

static inline void on_bytes(struct exchange_sink *s, struct str bytes)
{
    struct client *c = container_of(s, struct client, sink);

    cr_assert_eq(c->begun, 1, "bytes before the head");
    buf_put(&c->got, bytes);
    if (c->fills_after > 0 && --c->fills_after == 0)
        exchange_pause(c->x);
}

static inline int on_failure(struct exchange_sink *s, const struct reply *r,
                             const struct failure *why)
{
    struct client *c = container_of(s, struct client, sink);

    note_reply(c, r);
    c->failure = *why;
    c->fault = *why->fault;
    copy_text(c->failed_body, sizeof(c->failed_body), why->body);
    c->failures++;
    return 599;
}

static inline void on_end(struct exchange_sink *s)
{
    struct client *c = container_of(s, struct client, sink);

    cr_assert_leq(c->wholes + c->begun, 1, "two answers");
    c->ended++;
    c->x = NULL;
}

#define PLAIN_MEMBERS "\"model\":\"m\",\"temperature\":0,\"messages\":[]"
#define PLAIN "{" PLAIN_MEMBERS "}"
#define STREAM "{\"model\":\"m\",\"temperature\":0,\"stream\":true,\"messages\":[]}"
#define STREAM_USAGE                                                      \
    "{\"model\":\"m\",\"temperature\":0,\"stream\":true,\"messages\":[]," \
    "\"stream_options\":{\"include_usage\":true}}"

/* Somebody is about to ask this; a test may change the ask before it starts. */
static inline struct client *client(size_t i, const char *body)
{
    struct client *c = &world.clients[i];

    c->sink = (struct exchange_sink){ on_whole, on_begin, on_bytes, on_failure, on_end };
    c->ask = (struct ask){
        .plan = world.plan,
        .scope = STR("public"),
        .endpoint = ENDPOINT_CHAT,
        .body = str_of(body),
        .request_id = STR("id"),
        .key_headers = STR(""),
        .cache = { .max_age_s = -1, .max_stale_s = -1, .stale_if_error_s = -1 },
        .priority = PRIORITY_COUNT,
        .is_again = true, /* one round: a test that wants more says so */
        .began_us = fake_loop.now_us,
    };
    return c;
}

static inline struct client *start(struct client *c)
{
    c->x = exchange_start(&world.kit, &c->ask, &c->sink);
    cr_assert_eq(c->ended + c->failures + c->begun + c->wholes, 0, "called back too early");
    turn();
    return c;
}

/* Somebody asks what nobody has kept, and is about to have it asked upstream. */
static inline struct client *start_missed(size_t i, const char *body)
{
    struct client *c = start(client(i, body));

    if (world.lookup)
        cache_says(NULL, CACHE_NONE);
    return c;
}

static inline void assert_got(const struct client *c, const char *bytes)
{
    cr_assert(str_eq(buf_str(&c->got), str_of(bytes)), "%.*s", STR_ARG(buf_str(&c->got)));
}

static inline bool got(const struct client *c, const char *part)
{
    return c->got.len > 0 && memmem(c->got.at, c->got.len, part, strlen(part)) != NULL;
}

/* An answer that was made some time ago and is fresh for a minute, then stale for another. */
static inline struct entry *entry_aged(uint64_t age_s, const char *body)
{
    struct entry_facts facts = {
        .endpoint = ENDPOINT_CHAT,
        .scope = STR("public"),
        .model = STR("m"),
        .upstream = STR("one"),
        .upstream_model = STR("m-1"),
        .content_type = STR("application/json"),
        .body = str_of(body),
        .finish_reason = "stop",
        .status = 200,
        .created_ms = clock_wall_ms() - age_s * 1000,
        .fresh_ms = 60 * 1000,
        .stale_ms = 60 * 1000,
        .prompt_tokens = 3,
        .completion_tokens = 2,
    };

    return entry_new(&facts);
}

/* ---- the whole ----------------------------------------------------------------------- */

static inline struct upstream *add_upstream(const char *name)
{
    struct upstream *u = upstream_new(str_of(name), dialect_named(STR("openai")));

    cr_assert(map_put(world.plan->upstreams, str_of(name), u));
    u->balance = BALANCE_ROUND_ROBIN;
    return u;
}

static inline void world_start(void)
{
    static struct route routes[2];
    static const struct fallback stale[] = { { .kind = FALLBACK_STALE } };

    world.plan = plan_new();
    world.one = add_upstream("one");
    world.two = add_upstream("two");
    cr_assert(upstream_add_site(world.one, STR("http://127.0.0.1:1/v1"), 1));
    cr_assert(upstream_add_site(world.one, STR("http://127.0.0.1:2/v1"), 1));
    cr_assert(upstream_add_site(world.two, STR("http://127.0.0.1:3/v1"), 1));
    routes[0] = (struct route){ world.one, STR("m-1") };
    routes[1] = (struct route){ world.two, STR("m-2") };
    world.model = ARENA_NEW(&world.plan->arena, struct model);
    *world.model = (struct model){ .name = STR("m"),
                                   .routes = routes,
                                   .route_count = 2,
                                   .max_attempts = 10,
                                   .deadline_us = 1000 * 1000,
                                   .priority = PRIORITY_NORMAL,
                                   .fallbacks = stale,
                                   .fallback_count = 1,
                                   .cache = { .ttl_ms = 60000, .stale_ms = 60000 } };
    plan_describe(world.plan, world.model);
    cr_assert(map_put(world.plan->models, STR("m"), world.model));
    plan_open(world.plan, NULL);
    exchange_kit_init(&world.kit);
    world.kit.background_most = MOST_CLIENTS;
    world.kit.loop = world.kit.upstream.loop = fake_loop_start();
    world.kit.flights = flights_new();
    world.kit.cache = (struct cache){ .loop = world.kit.loop, .memory = memory_new(1 << 20) };
}

/* Whatever a test did: everybody has had one end, and nothing is left behind. */
static inline void world_stop(void)
{
    int ended = 0;

    turn();
    for (size_t i = 0; i < MOST_CLIENTS; i++) {
        cr_assert_null(world.clients[i].x, "client %zu has had no end", i);
        cr_assert_leq(world.clients[i].ended, 1);
        ended += world.clients[i].ended;
        buf_deinit(&world.clients[i].got);
    }
    cr_assert_eq(world.accounts, ended, "each request is accounted for once");
    cr_assert_eq(metric_read(fake_loop.metrics, METRIC_IN_FLIGHT, NULL), 0);
    cr_assert_not(link_is_in(&world.kit.running));
    cr_assert_null(next_due(UINT64_MAX), "a timer is left armed");
    flights_free(world.kit.flights);
    memory_free(world.kit.cache.memory);
    entry_unref(world.peeked);
    entry_unref(world.kept);
    buf_deinit(&world.tape);
    cr_assert_null(world.awaiting);
    cr_assert_eq(world.leads, world.landings, "every lease is given back");
    cr_assert_eq(world.plan->refs, 1);
    plan_unref(world.plan);
    fake_loop_stop();
}
