/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/metric.h"
#include "weir/net/loop.h"
#include "weir/net/timer.h"
#include "weir/upstream/pool.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/*
 * A pool with its upstream, on one real loop with real time. Tests say what came of calls; no
 * call is made. Included once by a test.
 */

enum { MS = 1000, SECOND = 1000 * 1000 };

static struct {
    struct metrics *metrics;
    struct loop *loop;
    struct upstream *u;
    struct pool *p;
    struct timer alarm;
} world;

/* Who asks, and what it has heard. */
struct caller {
    struct permit_seat seat;
    enum permit_answer answer;
    unsigned heard;
};

static inline void start(void)
{
    world.metrics = metrics_new();
    world.loop = loop_new(metrics_shard(world.metrics));
    world.u = upstream_new(STR("local"), NULL);
    world.p = pool_new(STR("local"));
}

static inline void on_stop(struct letter *l)
{
    (void)l;
    loop_stop(world.loop);
}

/* Opens every letter that is under way. */
static inline void pump(void)
{
    struct letter stop;

    loop_send(world.loop, &stop, on_stop);
    loop_run(world.loop);
}

static inline void on_alarm(struct timer *t)
{
    loop_stop(t->loop);
}

/* Lets time pass, for what ends by time alone. */
static inline void pass(uint64_t us)
{
    timer_init(&world.alarm, world.loop, on_alarm);
    timer_arm(&world.alarm, us);
    loop_run(world.loop);
}

static inline void on_done(struct permit_seat *s, enum permit_answer answer)
{
    struct caller *c = container_of(s, struct caller, seat);

    c->answer = answer;
    c->heard++;
}

static inline enum permit_answer ask_for(struct caller *c, const struct permit_wish *wish)
{
    c->heard = 0;
    c->answer = permit_ask(&c->seat, world.p, world.loop, wish, on_done);
    return c->answer;
}

static inline enum permit_answer ask(struct caller *c)
{
    return ask_for(c, &(struct permit_wish){ .priority = PRIORITY_NORMAL });
}

static inline void tell(struct caller *c, enum verdict verdict, int status, int64_t wait_ms)
{
    permit_give_back(&c->seat.permit, &(struct permit_report){ .verdict = verdict,
                                                               .status = status,
                                                               .retry_after_ms = wait_ms,
                                                               .first_us = 5 * MS,
                                                               .total_us = 10 * MS });
}

static inline void end_well(struct caller *c)
{
    tell(c, VERDICT_GOOD, 200, -1);
}

static inline void end_badly(struct caller *c)
{
    tell(c, VERDICT_FAULT, 500, -1);
}

static inline void end_refused(struct caller *c)
{
    permit_give_back(&c->seat.permit, &(struct permit_report){ .verdict = VERDICT_FAULT,
                                                               .refused = true,
                                                               .retry_after_ms = -1 });
}

static inline void add_site(const char *url)
{
    cr_assert(upstream_add_site(world.u, str_of(url), 1));
}

static inline void configure(void)
{
    pool_configure(world.p, world.u);
}

static inline bool is_at(const struct caller *c, const char *url)
{
    return strcmp(c->seat.permit.endpoint->url, url) == 0;
}

/* One call that ends so. */
static inline void call_once(void (*end)(struct caller *c))
{
    struct caller c = { 0 };

    cr_assert_eq(ask(&c), PERMIT_HELD);
    end(&c);
}

struct seen {
    char url[64], address[64];
    struct pool_numbers numbers;
};

/* What the pool tells of the endpoint at this place; its reference is given back at once. */
static inline struct seen look(size_t place)
{
    struct pool_numbers all[POOL_ENDPOINTS];
    size_t n = pool_read(world.p, all);
    struct seen seen = { 0 };

    cr_assert_lt(place, n);
    seen.numbers = all[place];
    strncpy(seen.url, all[place].endpoint->url, sizeof(seen.url) - 1);
    if (all[place].endpoint->address)
        strncpy(seen.address, all[place].endpoint->address, sizeof(seen.address) - 1);
    for (size_t i = 0; i < n; i++)
        endpoint_unref(all[i].endpoint);
    return seen;
}

static inline size_t count_endpoints(void)
{
    struct upstream_endpoint *all[POOL_ENDPOINTS];
    size_t n = pool_list(world.p, all);

    for (size_t i = 0; i < n; i++)
        endpoint_unref(all[i]);
    return n;
}

static inline int64_t depth(const char *priority)
{
    return metric_read(world.metrics, METRIC_QUEUE_DEPTH,
                       METRIC_LABEL(STR("local"), str_of(priority)));
}

static inline int64_t turned_away(const char *priority, const char *reason)
{
    return metric_read(world.metrics, METRIC_TURNED_AWAY,
                       METRIC_LABEL(STR("local"), str_of(priority), str_of(reason)));
}

static inline void stop(void)
{
    struct pool_numbers all[POOL_ENDPOINTS];
    size_t n;

    pump();
    n = pool_read(world.p, all);
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(all[i].in_flight, 0, "a permit is lost");
        endpoint_unref(all[i].endpoint);
    }
    cr_assert_eq(pool_waiting(world.p), 0);
    cr_assert(depth("high") == 0 && depth("normal") == 0 && depth("low") == 0);
    pool_unref(world.p);
    upstream_free(world.u);
    loop_free(world.loop);
    metrics_free(world.metrics);
}
