/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fake_conn.h"
#include "fake_net.h"
#include "weir/api/api.h"
#include "weir/exchange/account.h"
#include "weir/exchange/load.h"
#include "weir/exchange/recall.h"

#include <stdio.h>

/*
 * The data plane with its neighbours as fakes, linked in place of the real ones: the connection
 * writes down what it is told, an exchange does what a test says. Included once by a test.
 */

static struct {
    struct exchange_kit kit;
    struct plan *plan;
    struct api_health health;
    struct api api;
    struct http_handler handler;

    int starts, cancels, pauses, resumes;
    struct ask ask;
    struct exchange_sink *sink; /* of the exchange under way */
    char scope[32], path_model[32], body[64];
    struct entry *recalled; /* what the quick way finds: one reference, or NULL */
    bool recalls_stream;
    int settled;

    int accounts;
    struct record record;
} world;

struct exchange *exchange_start(struct exchange_kit *kit, const struct ask *ask,
                                struct exchange_sink *sink)
{
    (void)kit;
    world.starts++;
    world.ask = *ask;
    world.sink = sink;
    (void)snprintf(world.scope, sizeof(world.scope), "%.*s", STR_ARG(ask->scope));
    (void)snprintf(world.path_model, sizeof(world.path_model), "%.*s",
                   STR_ARG(ask->path_model));
    (void)snprintf(world.body, sizeof(world.body), "%.*s", STR_ARG(ask->body));
    return (struct exchange *)(void *)&world;
}

void exchange_cancel(struct exchange *x)
{
    cr_assert_eq((void *)x, (void *)&world);
    world.cancels++;
}

void exchange_pause(struct exchange *x)
{
    cr_assert_eq((void *)x, (void *)&world);
    world.pauses++;
}

void exchange_resume(struct exchange *x)
{
    cr_assert_eq((void *)x, (void *)&world);
    world.resumes++;
}

bool recall_find(struct exchange_kit *kit, const struct ask *ask, struct recalled *out)
{
    (void)kit, (void)ask;
    if (!world.recalled)
        return false;
    *out = (struct recalled){ .entry = entry_ref(world.recalled),
                              .stream = world.recalls_stream,
                              .reply = { .status = 200,
                                         .word = WORD_HIT,
                                         .tier = CACHE_MEMORY,
                                         .ttl_ms = 5000,
                                         .content_type = STR("application/json") } };
    return true;
}

void recall_settle(struct exchange_kit *kit, const struct ask *ask, struct recalled *r)
{
    (void)kit, (void)ask;
    world.settled++;
    entry_unref(r->entry);
}

void account(struct metric_shard *shard, struct watch *watch, const struct record *r)
{
    (void)shard, (void)watch;
    world.accounts++;
    world.record = *r;
}

static inline void world_start(void)
{
    world.plan = plan_new();
    world.kit.loop = fake_loop_start();
    world.health.ready = true;
    api_init(&world.api, &world.kit, world.plan, &world.health);
    world.handler = api_handler(&world.api);
}

static inline void world_stop(void)
{
    cr_assert_null(world.sink, "an exchange has had no end");
    conn_reset();
    api_deinit(&world.api);
    entry_unref(world.recalled);
    cr_assert_eq(world.plan->refs, 1);
    plan_unref(world.plan);
    fake_loop_stop();
}

static inline struct tenant *add_tenant(const char *name, const char *key)
{
    struct tenant *t = tenants_add(world.plan->tenants, str_of(name));

    cr_assert(tenant_add_key(world.plan->tenants, t, str_of(key)));
    return t;
}

static inline struct model *add_model(const char *name)
{
    struct model *m = ARENA_NEW(&world.plan->arena, struct model);

    m->name = str_of(name);
    cr_assert(map_put(world.plan->models, m->name, m));
    return m;
}

/* A request whose bytes do not outlive the call. */
static inline void serve(struct http_request *r)
{
    char *body = malloc(r->body.len + 1);

    memcpy(body, r->body.at, r->body.len);
    r->body.at = body;
    conn_reset();
    if (world.handler.on_head(world.handler.owner, &conn, r) >= 0)
        world.handler.on_request(world.handler.owner, &conn, r);
    memset(body, '#', r->body.len);
    free(body);
}

static inline void serve_to(const char *method, const char *target)
{
    struct http_request r = request(method, target);

    r.body = str_of(strcmp(method, "POST") == 0 ? "{}" : "");
    serve(&r);
}

static inline void exchange_ends(void)
{
    struct exchange_sink *s = world.sink;

    world.sink = NULL;
    s->on_end(s);
}

/* The exchange under way ends without anybody having heard of it. */
static inline void exchange_drops(void)
{
    conn.watcher->on_gone(conn.watcher);
    exchange_ends();
}
