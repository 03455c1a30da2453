/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The phases of a line, each of which may also end it:
 *
 *     ASKING (a sentinel) -> RESOLVING -> CONNECTING -> CONNECTED
 *
 * Nothing that the server sends can do more than end its line. A look-up that is called off
 * ends later, so a line closed in the middle of one is freed by that end; one that is closed
 * from inside a reply is freed when the bytes at hand have been left alone.
 */
#include "redis_line.h"

#include "weir/base/mem.h"
#include "weir/net/resolve.h"
#include "weir/net/timer.h"

#include "redis_sentinel.h"
#include "redis_wire.h"
#include "tcp_inner.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_US = 500 * 1000 };

enum phase { ASKING, RESOLVING, CONNECTING, CONNECTED, LOST, CLOSED };

struct redis_line {
    struct loop *loop; /* lent, as all these are */
    struct resolver *resolver;
    const struct redis_settings *settings;
    const struct redis_line_events *events;
    void *owner;
    unsigned nth;
    enum phase phase;
    bool resolving; /* its end is still to come */
    bool reading;   /* inside on_data, which looks at the line again */
    struct redis_place place;
    struct redis_sentinel *sentinel; /* ASKING; owned */
    struct resolve resolve;
    struct timer limit;
    struct tcp *tcp; /* owned until closed; NULL while there is none */
    struct redis_wire *wire;
};

/* Closes all that is open, and leaves the line to whoever still has to come back to it. */
static void let_go(struct redis_line *l)
{
    timer_disarm(&l->limit);
    redis_sentinel_free(steal(&l->sentinel));
    if (l->tcp)
        tcp_close(l->tcp);
    l->tcp = NULL;
    redis_wire_free(steal(&l->wire));
}

static void lose(struct redis_line *l, const char *why)
{
    l->phase = LOST;
    let_go(l);
    l->events->on_lost(l->owner, why);
}

/* ---- the connection ---- */

static const char *read_replies(struct redis_line *l, struct str bytes)
{
    struct redis_reply *reply = NULL;

    if (!redis_wire_feed(l->wire, bytes))
        return "it sent more than it should";
    while (l->phase == CONNECTED) { /* a reply may end the line, and the wire with it */
        if (!redis_wire_next(l->wire, &reply))
            return "it does not speak RESP2";
        if (!reply)
            break;
        l->events->on_reply(l->owner, reply);
        redis_wire_drop(reply);
    }
    return NULL;
}

static void on_data(struct tcp *t, struct str bytes)
{
    struct redis_line *l = tcp_owner(t);
    const char *fault;

    l->reading = true;
    fault = read_replies(l, bytes);
    l->reading = false;
    if (l->phase == CLOSED)
        free(l);
    else if (fault)
        lose(l, fault);
}

static void on_ended(struct tcp *t)
{
    lose(tcp_owner(t), "it closed the connection");
}

static void on_broken(struct tcp *t)
{
    struct redis_line *l = tcp_owner(t);

    lose(l, l->phase == CONNECTING ? "it cannot be connected to" : "the connection was reset");
}

static void on_drained(struct tcp *t)
{
    (void)t; /* what may be queued is bounded where commands are taken */
}

static void on_closed(struct tcp *t)
{
    (void)t; /* the line has forgotten it already */
}

static const struct tcp_events events = { on_data, on_ended, on_broken, on_drained, on_closed };

static void on_dialed(struct tcp *t)
{
    struct redis_line *l = tcp_owner(t);

    l->phase = CONNECTED;
    timer_disarm(&l->limit);
    l->events->on_open(l->owner);
}

static void on_limit(struct timer *t)
{
    lose(container_of(t, struct redis_line, limit), "it cannot be reached");
}

/* ---- the name ---- */

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
    struct redis_line *l = container_of(op, struct redis_line, resolve);
    struct sockaddr_storage to = { 0 };

    l->resolving = false;
    if (l->phase == CLOSED) {
        free(l);
        return;
    }
    if (l->phase != RESOLVING)
        return;
    if (err || !pick_address(addresses, l->nth, l->place.port, &to)) {
        lose(l, "its name has no address");
        return;
    }
    l->phase = CONNECTING;
    l->wire = redis_wire_new();
    timer_arm(&l->limit, CONNECT_US);
    l->tcp = tcp_dial(l->loop, (struct sockaddr *)&to, on_dialed, l, &events);
}

static void resolve(struct redis_line *l)
{
    l->phase = RESOLVING;
    l->resolving = true;
    resolve_start(l->resolver, &l->resolve, str_of(l->place.host), on_resolved);
}

static void on_told(void *owner, const struct redis_place *master)
{
    struct redis_line *l = owner;

    redis_sentinel_free(steal(&l->sentinel));
    if (!master) {
        lose(l, "no sentinel knows the master");
        return;
    }
    l->place = *master;
    resolve(l);
}

/* ---- the line itself ---- */

struct redis_line *redis_line_open(struct loop *loop, struct resolver *resolver,
                                   const struct redis_settings *settings, unsigned nth,
                                   const struct redis_line_events *line_events, void *owner)
{
    struct redis_line *l = MEM_NEW(struct redis_line);

    l->loop = loop;
    l->resolver = resolver;
    l->settings = settings;
    l->events = line_events;
    l->owner = owner;
    l->nth = nth;
    timer_init(&l->limit, loop, on_limit);
    memcpy(l->place.host, settings->host, sizeof(l->place.host));
    l->place.port = settings->port;
    if (settings->sentinel_count > 0)
        l->sentinel = redis_sentinel_ask(loop, resolver, settings, nth, on_told, l);
    else
        resolve(l);
    return l;
}

void redis_line_close(struct redis_line *l)
{
    if (!l)
        return;
    l->phase = CLOSED;
    let_go(l);
    if (l->resolving)
        resolve_cancel(&l->resolve);
    else if (!l->reading)
        free(l);
}

void redis_line_write(struct redis_line *l, struct str bytes)
{
    tcp_write(l->tcp, &bytes, 1);
}

size_t redis_line_queued(const struct redis_line *l)
{
    return tcp_queued(l->tcp);
}

const struct redis_place *redis_line_place(const struct redis_line *l)
{
    return &l->place;
}
