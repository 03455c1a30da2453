/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real loops on real threads hammer one pool: they ask, give back, leave at any moment, and a
 * third thread reloads. For the thread sanitizer as much as for the checks. A program of its
 * own, since Criterion does not start under the thread sanitizer.
 */
#include "weir/upstream/pool.h"

#include "weir/base/ensure.h"
#include "weir/base/metric.h"
#include "weir/net/loop.h"
#include "weir/net/timer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { WORKERS = 2, CALLERS = 16, ROUNDS = 300, RELOADS = 200 };

struct world {
    struct pool *pool;
    struct upstream *upstream;
    _Atomic unsigned held, waited, told;
};

struct worker {
    struct world *world;
    struct loop *loop;
    pthread_t thread;
    unsigned left; /* callers who are not done */
    uint64_t random;
};

struct caller {
    struct permit_seat seat;
    struct worker *worker;
    struct timer pause;
    unsigned rounds;
    enum { ASKS, WAITS, CALLS } does;
};

static uint64_t draw(struct worker *w, uint64_t below)
{
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (w->random >> 33) % below;
}

static void next_round(struct caller *c)
{
    c->does = ASKS;
    if (++c->rounds < ROUNDS)
        timer_arm(&c->pause, draw(c->worker, 200));
    else if (--c->worker->left == 0)
        loop_stop(c->worker->loop);
}

static void answered(struct caller *c, enum permit_answer answer)
{
    ensure((answer == PERMIT_HELD) == (c->seat.permit.pool != NULL));
    c->worker->world->told++;
    if (answer != PERMIT_HELD) {
        next_round(c);
        return;
    }
    c->worker->world->held++;
    c->does = CALLS;
    timer_arm(&c->pause, draw(c->worker, 300));
}

static void on_done(struct permit_seat *s, enum permit_answer answer)
{
    struct caller *c = container_of(s, struct caller, seat);

    ensure(c->does == WAITS);
    timer_disarm(&c->pause);
    answered(c, answer);
}

static void begin(struct caller *c)
{
    static const struct str tenants[] = { { "one", 3 }, { "two", 3 }, { "three", 5 } };
    struct permit_wish wish = {
        .priority = (enum priority)draw(c->worker, PRIORITY_COUNT),
        .tenant = tenants[draw(c->worker, 3)],
        .tried = draw(c->worker, 4) == 0 ? 1 : 0,
        .never_waits = draw(c->worker, 10) == 0,
    };
    enum permit_answer answer = permit_ask(&c->seat, c->worker->world->pool, c->worker->loop,
                                           &wish, on_done);

    if (answer != PERMIT_WAITS) {
        answered(c, answer);
        return;
    }
    c->worker->world->waited++;
    c->does = WAITS;
    timer_arm(&c->pause, draw(c->worker, 2000)); /* it leaves when it has had enough */
}

static void end(struct caller *c)
{
    static const struct permit_report reports[] = {
        { .verdict = VERDICT_GOOD, .status = 200, .retry_after_ms = -1, .first_us = 100 },
        { .verdict = VERDICT_GOOD, .status = 200, .retry_after_ms = -1, .first_us = 900 },
        { .verdict = VERDICT_FAULT, .status = 500, .retry_after_ms = -1 },
        { .verdict = VERDICT_FAULT, .refused = true, .retry_after_ms = -1 },
        { .verdict = VERDICT_BUSY, .status = 503, .retry_after_ms = 1 },
        { .verdict = VERDICT_NONE, .retry_after_ms = -1 },
    };

    permit_give_back(&c->seat.permit, &reports[draw(c->worker, 6)]);
}

static void on_pause(struct timer *t)
{
    struct caller *c = container_of(t, struct caller, pause);

    switch (c->does) {
    case ASKS: begin(c); return;
    case WAITS: permit_leave(&c->seat); break;
    case CALLS: end(c); break;
    }
    next_round(c);
}

static void *work(void *arg)
{
    struct worker *me = arg;
    struct caller callers[CALLERS] = { 0 };

    me->left = CALLERS;
    for (unsigned i = 0; i < CALLERS; i++) {
        callers[i].worker = me;
        timer_init(&callers[i].pause, me->loop, on_pause);
        timer_arm(&callers[i].pause, draw(me, 100));
    }
    loop_run(me->loop);
    return NULL;
}

/* What the control thread does meanwhile. */
static void disturb(struct world *w)
{
    struct pool_numbers all[POOL_ENDPOINTS];
    struct pool_keys keys;

    for (unsigned i = 0; i < RELOADS; i++) {
        size_t n;

        w->upstream->max_in_flight = 1 + i % 4;
        pool_configure(w->pool, w->upstream);
        pool_set_addresses(w->pool, STR("http://models"),
                           i % 2 ? STR("10.0.0.7,10.0.0.8") : STR("10.0.0.8,10.0.0.9"));
        pool_read_keys(w->pool, &keys);
        n = pool_read(w->pool, all);
        for (size_t j = 0; j < n; j++) {
            pool_note_probe(w->pool, all[j].endpoint, i % 5 > 0);
            endpoint_unref(all[j].endpoint);
        }
        (void)pool_may_retry(w->pool);
        (void)pool_hedge_after_us(w->pool);
    }
}

static void check_rest(struct world *w, struct metrics *metrics)
{
    static const struct str words[] = { { "high", 4 }, { "normal", 6 }, { "low", 3 } };
    struct pool_numbers all[POOL_ENDPOINTS];
    size_t n = pool_read(w->pool, all);

    for (size_t i = 0; i < n; i++) {
        ensure(all[i].in_flight == 0);
        endpoint_unref(all[i].endpoint);
    }
    ensure(pool_waiting(w->pool) == 0);
    for (size_t i = 0; i < 3; i++)
        ensure(metric_read(metrics, METRIC_QUEUE_DEPTH, METRIC_LABEL(STR("local"), words[i])) ==
               0);
    ensure(w->held > 0 && w->waited > 0 && w->told > w->held);
}

static void set_up(struct world *w)
{
    struct upstream *u = upstream_new(STR("local"), NULL);

    ensure(upstream_add_site(u, STR("http://127.0.0.1:1"), 1));
    ensure(upstream_add_site(u, STR("http://models"), 2));
    upstream_add_auth(u, STR("k: one"));
    upstream_add_auth(u, STR("k: two"));
    u->each_address = true;
    u->max_in_flight = 2;
    u->queue.size = 8;
    u->queue.timeout_us = 1000;
    u->breaker.rest_us = u->breaker.most_rest_us = 500;
    u->cold_start_us = 1000 * 1000;
    u->health.path = NULL;
    u->health.down_after = 1;
    u->hedge = (struct upstream_hedge){ .on = true, .percentile = 0.9, .at_most = 0.1 };
    *w = (struct world){ .pool = pool_new(STR("local")), .upstream = u };
    pool_configure(w->pool, u);
}

static void asking_and_leaving_on_two_threads_loses_nobody(void)
{
    struct metrics *metrics = metrics_new();
    struct world w;
    struct worker workers[WORKERS];

    set_up(&w);
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){ .world = &w,
                                      .loop = loop_new(metrics_shard(metrics)),
                                      .random = i + 1 };
        ensure(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
    disturb(&w);
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(workers[i].thread, NULL);
    for (unsigned i = 0; i < WORKERS; i++)
        loop_free(workers[i].loop);
    check_rest(&w, metrics);
    pool_unref(w.pool);
    upstream_free(w.upstream);
    metrics_free(metrics);
}

/* ---- time, which must not run backwards where threads meet ---- */

enum { REPORTS = 20000, QUICK_US = 1, LONG_US = 1000 * 1000 * 1000, RARELY = 10 };

struct reporter {
    struct pool *pool;
    struct loop *loop;
    pthread_t thread;
    bool tells_long_ones;
    double most_s; /* the mean, right after one that took long */
};

static void report(const struct reporter *me, uint64_t first_us)
{
    const struct permit_wish wish = { .never_waits = true };
    struct permit_seat seat = { 0 };

    ensure(permit_ask(&seat, me->pool, me->loop, &wish, on_done) == PERMIT_HELD);
    permit_give_back(&seat.permit, &(struct permit_report){ .verdict = VERDICT_GOOD,
                                                            .status = 200,
                                                            .retry_after_ms = -1,
                                                            .first_us = first_us,
                                                            .total_us = first_us });
}

static double mean_s(struct pool *p)
{
    struct pool_numbers all[POOL_ENDPOINTS];

    ensure(pool_read(p, all) == 1);
    endpoint_unref(all[0].endpoint);
    return all[0].latency_s;
}

static void *tell_times(void *arg)
{
    struct reporter *me = arg;

    for (unsigned i = 0; i < REPORTS; i++) {
        bool took_long = me->tells_long_ones && i % RARELY == RARELY - 1;
        double mean;

        report(me, took_long ? LONG_US : QUICK_US);
        mean = took_long ? mean_s(me->pool) : 0;
        me->most_s = mean > me->most_s ? mean : me->most_s;
    }
    return NULL;
}

/* It would be, if one thread's report could be older than another's which came before it. */
static void one_of_many_calls_is_never_the_whole_truth(void)
{
    struct metrics *metrics = metrics_new();
    struct upstream *u = upstream_new(STR("local"), NULL);
    struct pool *p = pool_new(STR("local"));
    struct reporter reporters[WORKERS];

    ensure(upstream_add_site(u, STR("http://127.0.0.1:1"), 1));
    pool_configure(p, u);
    for (unsigned i = 0; i < WORKERS; i++)
        reporters[i] = (struct reporter){ .pool = p,
                                          .loop = loop_new(metrics_shard(metrics)),
                                          .tells_long_ones = i == 0 };
    report(&reporters[0], QUICK_US);
    for (unsigned i = 0; i < WORKERS; i++)
        ensure(pthread_create(&reporters[i].thread, NULL, tell_times, &reporters[i]) == 0);
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(reporters[i].thread, NULL);
    ensure(reporters[0].most_s > 0 && reporters[0].most_s < LONG_US / 1e6 / 2);
    for (unsigned i = 0; i < WORKERS; i++)
        loop_free(reporters[i].loop);
    pool_unref(p);
    upstream_free(u);
    metrics_free(metrics);
}

int main(void)
{
    puts("asking_and_leaving_on_two_threads_loses_nobody");
    asking_and_leaving_on_two_threads_loses_nobody();
    puts("one_of_many_calls_is_never_the_whole_truth");
    one_of_many_calls_is_never_the_whole_truth();
    return 0;
}
