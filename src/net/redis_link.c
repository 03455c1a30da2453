/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to Redis, round and round:
 *
 *     WAITING -> RESOLVING -> CONNECTING -> GREETING -> UP
 *        ^           |            |            |        |
 *        +-----------+--- redis_link_lose -----+--------+
 *
 * A round is a probe: it has half a second to connect, and one operation's time to answer a
 * PING. So a server that accepts and stays silent, or answers too late to be of use, never
 * counts as up, and operations go on failing at once. A link that was well is tried again
 * almost at once; other rounds begin every half second, with jitter, so that many gateways
 * do not fall upon a server that has just come back.
 */
#include "redis_inner.h"

#include "weir/base/clock.h"
#include "weir/base/digest.h"
#include "weir/base/ensure.h"
#include "weir/base/log.h"
#include "weir/base/metric.h"

#include "tcp_inner.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum {
    AGAIN_US = 500 * 1000,
    AGAIN_SOON_US = 20 * 1000, /* after a link that was well: its connection was cut, no more */
    WELL_US = 1000 * 1000,     /* up for so long */
    CONNECT_US = 500 * 1000,
    LEAST_GREETING_US = 50 * 1000,
};

static void tell_state(struct redis *r, enum redis_told now, const char *why)
{
    if (r->loop->shard)
        metric_set(r->loop->shard, METRIC_REDIS_UP, now == TOLD_UP, NULL);
    if (r->told == now)
        return;
    r->told = now;
    if (now == TOLD_UP)
        log_info("redis_up", F_TEXT("host", r->settings.host), F_U64("port", r->settings.port));
    else
        log_warn("redis_down", F_TEXT("host", r->settings.host),
                 F_U64("port", r->settings.port), F_TEXT("why", why));
}

/* Between four and six fifths of `us`. */
static uint64_t with_jitter(uint64_t us)
{
    uint16_t chance;

    digest_random(&chance, sizeof(chance));
    return us * 4 / 5 + us * 2 / 5 * chance / UINT16_MAX;
}

static void drop_connection(struct redis *r)
{
    if (r->tcp)
        tcp_close(r->tcp);
    r->tcp = NULL;
    redis_wire_free(r->wire);
    r->wire = NULL;
}

void redis_link_lose(struct redis *r, const char *why)
{
    bool was_well = r->state == REDIS_UP && clock_now_us() - r->up_since_us > WELL_US;

    r->state = REDIS_WAITING;
    timer_arm(&r->probe, with_jitter(was_well ? AGAIN_SOON_US : AGAIN_US));
    tell_state(r, TOLD_DOWN, why);
    drop_connection(r);
    redis_give_up_all(r);
}

void redis_link_greeted(struct redis *r)
{
    r->state = REDIS_UP;
    r->up_since_us = clock_now_us();
    timer_disarm(&r->probe);
    tell_state(r, TOLD_UP, NULL);
}

/* ---- the connection ---- */

static void on_data(struct tcp *t, struct str bytes)
{
    struct redis *r = tcp_owner(t);
    struct redis_reply *reply = NULL;

    if (!redis_wire_feed(r->wire, bytes)) {
        redis_link_lose(r, "it sent more than it should");
        return;
    }
    while (r->tcp == t) { /* a reply may end the link, and the wire with it */
        bool asked;

        if (!redis_wire_next(r->wire, &reply)) {
            redis_link_lose(r, "it does not speak RESP2");
            return;
        }
        if (!reply)
            return;
        asked = redis_take_reply(r, reply);
        redis_wire_drop(reply);
        if (!asked)
            redis_link_lose(r, "it said what nobody had asked for");
    }
}

static void on_ended(struct tcp *t)
{
    redis_link_lose(tcp_owner(t), "it closed the connection");
}

static void on_broken(struct tcp *t)
{
    struct redis *r = tcp_owner(t);

    redis_link_lose(r, r->state == REDIS_CONNECTING ? "it cannot be connected to"
                                                    : "the connection was reset");
}

static void on_drained(struct tcp *t)
{
    (void)t; /* what may be queued is bounded where commands are taken */
}

static void on_closed(struct tcp *t)
{
    (void)t; /* the link has forgotten it already */
}

static const struct tcp_events events = { on_data, on_ended, on_broken, on_drained, on_closed };

static void on_dialed(struct tcp *t)
{
    struct redis *r = tcp_owner(t);
    uint64_t limit_us = r->settings.timeout_us;

    r->state = REDIS_GREETING;
    timer_arm(&r->probe, limit_us > LEAST_GREETING_US ? limit_us : LEAST_GREETING_US);
    redis_greet(r);
}

/* The `nth` of "127.0.0.1,[::1]", round about. */
static bool pick_address(const char *addresses, unsigned nth, uint16_t port,
                         struct sockaddr_storage *out)
{
    struct str rest = str_of(addresses);
    struct str piece = { 0 };
    unsigned count = 1;
    char text[64];

    for (const char *c = addresses; *c; c++)
        count += *c == ',';
    for (nth %= count; str_split(&rest, ',', &piece) && nth > 0; nth--)
        continue;
    if (str_starts(piece, STR("[")))
        piece = str_cut(piece, 1, piece.len - 1);
    if (piece.len >= sizeof(text))
        return false;
    memcpy(text, piece.at, piece.len);
    text[piece.len] = '\0';
    return uv_ip4_addr(text, port, (struct sockaddr_in *)out) == 0 ||
           uv_ip6_addr(text, port, (struct sockaddr_in6 *)out) == 0;
}

static void on_resolved(struct resolve *op, enum err err, const char *addresses)
{
    struct redis *r = container_of(op, struct redis, resolve);
    struct sockaddr_storage to = { 0 };

    if (r->freed) {
        free(r);
        return;
    }
    if (err || !pick_address(addresses, r->attempts++, r->settings.port, &to)) {
        redis_link_lose(r, "its name has no address");
        return;
    }
    r->state = REDIS_CONNECTING;
    r->wire = redis_wire_new();
    timer_arm(&r->probe, CONNECT_US);
    r->tcp = tcp_dial(r->loop, (struct sockaddr *)&to, on_dialed, r, &events);
}

static void on_probe(struct timer *t)
{
    struct redis *r = container_of(t, struct redis, probe);

    if (r->state != REDIS_WAITING) {
        redis_link_lose(r, r->state == REDIS_GREETING ? "it does not answer"
                                                      : "it cannot be reached");
        return;
    }
    r->state = REDIS_RESOLVING;
    resolve_start(r->resolver, &r->resolve, str_of(r->settings.host), on_resolved);
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
    bool resolving = r->state == REDIS_RESOLVING;

    r->state = REDIS_WAITING;
    timer_disarm(&r->probe);
    drop_connection(r);
    redis_give_up_all(r);
    redis_dispose(r);
    r->freed = true;
    if (resolving)
        resolve_cancel(&r->resolve);
    else
        free(r);
}
