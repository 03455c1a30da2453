/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include "weir/base/clock.h"
#include "weir/base/ensure.h"
#include "weir/base/log.h"
#include "weir/base/mem.h"
#include "weir/cache/fleet.h"
#include "weir/watch/watch.h"

#include <stdlib.h>

enum {
    HIGH_BYTES = 256 << 10, /* queued for one client before its upstream is paused */
    LOW_BYTES = 64 << 10,
    POLL_US = 10 * 1000,       /* how often a stopping worker looks whether it is done */
    LAST_WORDS_US = 50 * 1000, /* for counts on their way to Redis */
};

struct worker {
    struct worker_kit kit; /* its members are lent by the process */
    pthread_t thread;
    struct loop *loop;
    struct fetcher *fetcher;
    struct resolver *resolver;
    struct redis *redis;   /* NULL: none is configured */
    struct remote *remote; /* NULL with it */
    struct fleet *fleet;   /* NULL with it, or when each process coalesces alone */
    struct watch *watch;
    struct exchange_kit exchanges;
    struct api api;
    struct http_server *server;
    struct timer poll; /* stopping: until nothing is under way */
    struct timer last; /* over: until the last counts are out */
    struct letter over;
};

/* ---- making -------------------------------------------------------------------------- */

static void put_http_settings(struct http_settings *out, const struct worker_kit *kit,
                              const struct settings *s, struct str address)
{
    *out = (struct http_settings){
        .address = address,
        .fd = kit->fd,
        .siblings = kit->siblings,
        .most_connections = kit->most_connections,
        .connections = kit->connections,
        .body_bytes = s->max_body_bytes,
        .room = kit->room,
        .header_timeout_us = s->header_timeout_us,
        .body_timeout_us = s->body_timeout_us,
        .idle_timeout_us = s->idle_timeout_us,
        .slow_reader_timeout_us = s->slow_reader_timeout_us,
        .high_bytes = HIGH_BYTES,
        .low_bytes = LOW_BYTES,
    };
}

static void open_redis(struct worker *w, const struct settings *s)
{
    struct remote_settings remote = { .prefix = s->redis_prefix,
                                      .store_requests = s->store_requests,
                                      .most_bytes = s->cache_entry_bytes };

    if (!s->redis_on)
        return;
    w->redis = redis_new(w->loop, w->resolver, &s->redis);
    w->remote = remote_new(w->redis, &remote);
    if (!s->coalesce_alone)
        w->fleet = fleet_new(w->loop, w->resolver, w->redis, &s->redis, s->redis_prefix,
                             s->coalesce_streams);
}

static void free_worker(struct worker *w)
{
    http_server_free(steal(&w->server));
    api_deinit(&w->api);
    watch_free(w->watch);
    fleet_free(w->fleet);
    remote_free(w->remote);
    redis_free(w->redis);
    fetcher_free(w->fetcher);
    resolver_free(w->resolver);
    loop_free(w->loop);
    exchange_kit_deinit(&w->exchanges);
    free(w);
}

static void on_poll(struct timer *t);
static void on_last(struct timer *t);

enum err worker_open(struct worker **out, const struct worker_kit *kit, struct str address,
                     struct fault *why)
{
    const struct settings *s = kit->settings;
    struct worker *w = MEM_NEW(struct worker);
    struct http_settings http;
    struct http_handler handler;
    enum err err;

    w->kit = *kit;
    w->loop = loop_new(metrics_shard(kit->metrics));
    w->resolver = resolver_new(w->loop);
    w->fetcher = fetcher_new(w->loop);
    fetcher_keep(w->fetcher, kit->most_pooled);
    open_redis(w, s);
    w->watch = watch_new(w->loop, w->remote, s->redis_prefix);
    watch_set_ticks(w->watch, kit->ticks);
    watch_set_course(w->watch, kit->course);
    watch_set_pace(w->watch, kit->pace);
    watch_set_names(w->watch, s->drift.changes);
    w->exchanges = (struct exchange_kit){
        .loop = w->loop,
        .upstream = { w->loop, w->fetcher, w->resolver },
        .cache = { w->loop, kit->memory, w->remote, s->redis_on && s->store_requests,
                   s->cache_entry_bytes },
        .flights = kit->flights,
        .backoffs = kit->backoffs,
        .load = kit->load,
        .background_most = kit->most_background,
        .fleet = w->fleet,
        .watch = w->watch,
    };
    exchange_kit_init(&w->exchanges);
    api_init(&w->api, &w->exchanges, kit->plan, kit->health);
    timer_init(&w->poll, w->loop, on_poll);
    timer_init(&w->last, w->loop, on_last);

    put_http_settings(&http, kit, s, address);
    handler = api_handler(&w->api);
    err = http_server_open(&w->server, w->loop, &http, &handler, why);
    if (err) {
        free_worker(w);
        return err;
    }
    *out = w;
    return OK;
}

unsigned worker_port(const struct worker *w)
{
    return http_server_port(w->server);
}

static void *run(void *owner)
{
    struct worker *w = owner;

    loop_run(w->loop);
    log_flush();
    return NULL;
}

void worker_start(struct worker *w)
{
    http_server_start(w->server);
    ensure(pthread_create(&w->thread, NULL, run, w) == 0);
}

void worker_join(struct worker *w)
{
    ensure(pthread_join(w->thread, NULL) == 0);
    free_worker(w);
}

/* ---- letters from the control thread --------------------------------------------------- */

struct order {
    struct letter letter;
    struct worker *worker;
    struct plan *plan; /* reload: one reference */
    struct http_settings http;
};

/* A letter that comes behind the loop's end is opened when the loop is freed: too late. */
static bool is_late(const struct order *o)
{
    return !o->worker->server;
}

static void send_order(struct worker *w, letter_fn *open)
{
    struct order *o = MEM_NEW(struct order);

    o->worker = w;
    loop_send(w->loop, &o->letter, open);
}

static void on_reload(struct letter *l)
{
    struct order *o = container_of(l, struct order, letter);

    if (!is_late(o)) {
        api_set_plan(&o->worker->api, o->plan);
        http_server_set(o->worker->server, &o->http);
    }
    plan_unref(o->plan);
    free(o);
}

void worker_reload(struct worker *w, const struct config *c)
{
    struct order *o = MEM_NEW(struct order);

    o->worker = w;
    o->plan = plan_ref(c->plan);
    put_http_settings(&o->http, &w->kit, &c->settings, (struct str){ 0 });
    loop_send(w->loop, &o->letter, on_reload);
}

static void on_quiet(struct letter *l)
{
    struct order *o = container_of(l, struct order, letter);

    if (!is_late(o))
        http_server_quiet(o->worker->server);
    free(o);
}

void worker_quiet(struct worker *w)
{
    send_order(w, on_quiet);
}

static void on_over(struct letter *l)
{
    struct worker *w = container_of(l, struct worker, over);

    w->kit.on_over(w->kit.owner);
}

static void on_last(struct timer *t)
{
    struct worker *w = container_of(t, struct worker, last);

    loop_stop(w->loop);
    loop_send(w->kit.control, &w->over, on_over);
}

/* Flights are shared: an exchange without a client may still lead others. */
static void on_poll(struct timer *t)
{
    struct worker *w = container_of(t, struct worker, poll);

    if (http_server_busy(w->server) > 0 || link_is_in(&w->exchanges.running)) {
        timer_arm(t, POLL_US);
        return;
    }
    watch_flush(w->watch);
    timer_arm(&w->last, w->redis ? LAST_WORDS_US : 1000);
}

bool worker_hand_over(const struct worker *w)
{
    return http_server_hand_over(w->server);
}

void worker_leave(struct worker *w)
{
    http_server_leave(w->server);
}

static void on_stop(struct letter *l)
{
    struct order *o = container_of(l, struct order, letter);

    if (!is_late(o)) {
        http_server_stop(o->worker->server);
        exchange_quit_background(&o->worker->exchanges);
        timer_arm(&o->worker->poll, POLL_US);
    }
    free(o);
}

void worker_stop(struct worker *w)
{
    send_order(w, on_stop);
}

static void on_cut(struct letter *l)
{
    struct order *o = container_of(l, struct order, letter);

    if (!is_late(o)) {
        exchange_cancel_all(&o->worker->exchanges);
        http_server_turn_away(o->worker->server);
    }
    free(o);
}

void worker_cut(struct worker *w)
{
    send_order(w, on_cut);
}
