/* SPDX-License-Identifier: Apache-2.0 */
#include "server.h"

#include "weir/base/mem.h"
#include "weir/base/metric.h"
#include "weir/net/loop.h"
#include "weir/net/tcp.h"

#include "conn.h"
#include "parser.h"

#include <stdlib.h>

static struct http_conn *conn_of(struct link *l)
{
    return container_of(l, struct http_conn, link);
}

static void on_accepted(void *owner, struct tcp *t)
{
    http_conn_start(owner, t);
}

static void on_grace(struct timer *t);

enum {
    GRACE_US = 20 * 1000,
    GRACES = 50, /* a second; a busy client's connect and its send may be so far apart */
};

enum err http_server_open(struct http_server **out, struct loop *loop,
                          const struct http_settings *settings,
                          const struct http_handler *handler, struct fault *why)
{
    struct listener_settings where = { .address = settings->address,
                                       .most = settings->most_connections,
                                       .open = settings->connections,
                                       .fd = settings->fd,
                                       .siblings = settings->siblings };
    struct listener *listener;
    struct http_server *s;
    enum err err;

    parser_self_test();
    err = listener_open(&listener, loop, &where, why);
    if (err)
        return err;

    s = MEM_NEW(struct http_server);
    s->loop = loop;
    s->listener = listener;
    s->handler = *handler;
    link_init(&s->conns);
    timer_init(&s->grace, loop, on_grace);
    http_server_set(s, settings);
    *out = s;
    return OK;
}

void http_server_start(struct http_server *s)
{
    listener_start(s->listener, on_accepted, s);
}

unsigned http_server_port(const struct http_server *s)
{
    return listener_port(s->listener);
}

void http_server_set(struct http_server *s, const struct http_settings *settings)
{
    s->settings = *settings;
    s->settings.address = (struct str){ NULL, 0 }; /* it was lent, and stays as it is */
}

void http_server_quiet(struct http_server *s)
{
    s->is_quiet = true;
}

/* Taken in, but its first request has not come: it is on its way. */
static bool is_fresh(const struct http_conn *c)
{
    return c->state == CONN_IDLE && c->written_bytes == 0;
}

/* Returns how many idle connections were spared, since they are fresh. */
static unsigned stop_idle(struct http_server *s, bool sparing)
{
    struct link *next;
    unsigned spared = 0;

    for (struct link *l = s->conns.next; l != &s->conns; l = next) {
        next = l->next;
        if (sparing && is_fresh(conn_of(l)))
            spared++;
        else
            http_conn_stop_if_idle(conn_of(l));
    }
    return spared;
}

static void on_grace(struct timer *t)
{
    struct http_server *s = container_of(t, struct http_server, grace);

    s->is_retiring = stop_idle(s, ++s->graces < GRACES) > 0;
    if (s->is_retiring)
        timer_arm(t, GRACE_US);
}

static void on_retired(void *owner)
{
    struct http_server *s = owner;

    s->listener = NULL;
    timer_arm(&s->grace, GRACE_US);
}

bool http_server_hand_over(const struct http_server *s)
{
    return listener_hand_over(s->listener);
}

void http_server_leave(struct http_server *s)
{
    listener_leave(s->listener);
}

void http_server_stop(struct http_server *s)
{
    s->is_quiet = true;
    if (!s->listener || s->is_retiring)
        return;
    s->is_retiring = true;
    listener_retire(s->listener, on_retired);
}

void http_server_turn_away(struct http_server *s)
{
    struct link *next;

    for (struct link *l = s->conns.next; l != &s->conns; l = next) {
        next = l->next;
        http_conn_turn_away(conn_of(l));
    }
}

unsigned http_server_busy(const struct http_server *s)
{
    unsigned busy = s->is_retiring;

    for (const struct link *l = s->conns.next; l != &s->conns; l = l->next)
        busy += http_conn_is_busy(container_of(l, const struct http_conn, link));
    return busy;
}

static void release(struct http_server *s)
{
    while (s->idle_intake_count > 0)
        intake_free(s->idle_intakes[--s->idle_intake_count]);
    free(s);
}

void http_server_free(struct http_server *s)
{
    struct link *next;

    if (!s)
        return;
    timer_disarm(&s->grace);
    listener_close(steal(&s->listener));
    for (struct link *l = s->conns.next; l != &s->conns; l = next) {
        next = l->next;
        http_conn_cut(conn_of(l));
    }
    s->is_freed = true;
    http_server_forget(s);
}

void http_server_forget(struct http_server *s)
{
    if (s->is_freed && !link_is_in(&s->conns))
        release(s);
}

struct intake *http_server_take_intake(struct http_server *s)
{
    return s->idle_intake_count > 0 ? s->idle_intakes[--s->idle_intake_count] : intake_new();
}

void http_server_return_intake(struct http_server *s, struct intake *in)
{
    if (!in)
        return;
    intake_end(in);
    if (s->idle_intake_count == SERVER_IDLE_INTAKES)
        intake_free(in);
    else
        s->idle_intakes[s->idle_intake_count++] = in;
}

void http_server_count_refused(struct http_server *s, struct str reason)
{
    metric_add(loop_shard(s->loop), METRIC_CONNECTIONS_REFUSED, 1, METRIC_LABEL(reason));
}
