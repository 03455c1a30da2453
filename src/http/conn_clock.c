/* SPDX-License-Identifier: Apache-2.0 */
#include "conn_clock.h"

#include "weir/net/tcp.h"

#include "conn.h"

void conn_clock_note(struct http_conn *c, uint64_t now_us)
{
    size_t queued = tcp_queued(c->tcp);
    uint64_t taken = c->written_bytes - queued;

    if (queued == 0 || taken != c->taken_bytes)
        c->stalled_us = now_us;
    c->taken_bytes = taken;
}

/*
 * The timer is moved only to be earlier: an end that moves later, as at every request, costs
 * nothing, and the timer finds out when it is due.
 */
void conn_clock_wind(struct http_conn *c, uint64_t now_us)
{
    uint64_t due_us = c->due_us;

    if (tcp_queued(c->tcp) > 0) {
        uint64_t slow_us = c->stalled_us + c->server->settings.slow_reader_timeout_us;

        due_us = slow_us < due_us ? slow_us : due_us;
    }
    if (due_us == UINT64_MAX || (timer_is_armed(&c->timer) && c->timer.due_us <= due_us))
        return;
    timer_arm(&c->timer, due_us > now_us ? due_us - now_us : 0);
}

void conn_clock_set(struct http_conn *c)
{
    const struct http_settings *s = &c->server->settings;
    uint64_t now_us = loop_now_us(c->server->loop);

    switch (c->state) {
    case CONN_IDLE: c->due_us = now_us + s->idle_timeout_us; break;
    case CONN_HEAD: c->due_us = c->began_us + s->header_timeout_us; break;
    case CONN_BODY: c->due_us = now_us + s->body_timeout_us; break;
    case CONN_WAITING:
    case CONN_STREAMING: c->due_us = UINT64_MAX; break;
    case CONN_CLOSING: return;
    }
    conn_clock_wind(c, now_us);
}
