/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to Redis, round and round:
 *
 *     WAITING -> OPENING -> GREETING -> UP
 *        ^          |           |        |
 *        +----------+- redis_link_lose --+
 *
 * A round is a probe: its line has half a second to connect, and one operation's time to
 * answer a PING. So a server that accepts and stays silent, or answers too late to be of use,
 * never counts as up, and operations go on failing at once. A link that was well is tried
 * again almost at once; other rounds begin every half second, with jitter, so that many
 * gateways do not fall upon a server that has just come back.
 */
#include "redis_inner.h"

#include "weir/base/clock.h"
#include "weir/base/digest.h"
#include "weir/base/log.h"
#include "weir/base/metric.h"

#include <stdlib.h>

enum {
    AGAIN_US = 500 * 1000,
    AGAIN_SOON_US = 20 * 1000, /* after a link that was well: its connection was cut, no more */
    WELL_US = 1000 * 1000,     /* up for so long */
    LEAST_GREETING_US = 50 * 1000,
};

static void tell_state(struct redis *r, enum redis_told now, const char *why)
{
    const struct redis_place *at = redis_line_place(r->line);

    if (r->loop->shard)
        metric_set(r->loop->shard, METRIC_REDIS_UP, now == TOLD_UP, NULL);
    if (r->told == now)
        return;
    r->told = now;
    if (now == TOLD_UP)
        log_info("redis_up", F_TEXT("host", at->host), F_U64("port", at->port));
    else
        log_warn("redis_down", F_TEXT("host", at->host), F_U64("port", at->port),
                 F_TEXT("why", why));
}

uint64_t redis_with_jitter(uint64_t us)
{
    uint16_t chance;

    digest_random(&chance, sizeof(chance));
    return us * 4 / 5 + us * 2 / 5 * chance / UINT16_MAX;
}

void redis_link_lose(struct redis *r, const char *why)
{
    bool was_well = r->state == REDIS_UP && clock_now_us() - r->up_since_us > WELL_US;

    r->state = REDIS_WAITING;
    timer_arm(&r->probe, redis_with_jitter(was_well ? AGAIN_SOON_US : AGAIN_US));
    tell_state(r, TOLD_DOWN, why);
    redis_line_close(steal(&r->line));
    redis_give_up_all(r);
}

void redis_link_greeted(struct redis *r)
{
    r->state = REDIS_UP;
    r->up_since_us = clock_now_us();
    timer_disarm(&r->probe);
    tell_state(r, TOLD_UP, NULL);
}

/* ---- the line ---- */

static void on_open(void *owner)
{
    struct redis *r = owner;
    uint64_t limit_us = r->settings.timeout_us;

    r->state = REDIS_GREETING;
    timer_arm(&r->probe, limit_us > LEAST_GREETING_US ? limit_us : LEAST_GREETING_US);
    redis_greet(r);
}

static void on_reply(void *owner, const struct redis_reply *reply)
{
    if (!redis_take_reply(owner, reply))
        redis_link_lose(owner, "it said what nobody had asked for");
}

static void on_lost(void *owner, const char *why)
{
    redis_link_lose(owner, why);
}

static const struct redis_line_events events = { on_open, on_reply, on_lost };

static void on_probe(struct timer *t)
{
    struct redis *r = container_of(t, struct redis, probe);

    if (r->state == REDIS_GREETING) {
        redis_link_lose(r, "it does not answer");
        return;
    }
    r->state = REDIS_OPENING;
    r->line = redis_line_open(r->loop, r->resolver, &r->settings, r->attempts++, &events, r);
}

void redis_link_open(struct redis *r)
{
    timer_init(&r->probe, r->loop, on_probe);
    if (r->loop->shard)
        metric_set(r->loop->shard, METRIC_REDIS_UP, 0, NULL);
    on_probe(&r->probe);
}

void redis_link_close(struct redis *r)
{
    r->state = REDIS_WAITING;
    timer_disarm(&r->probe);
    redis_line_close(steal(&r->line));
    redis_give_up_all(r);
    redis_dispose(r);
    free(r);
}
