/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reading half, in the order of time, and the ends; conn_answer.c has the answering half.
 *
 * What always holds: an intake is held in HEAD and BODY and while a request is being handed
 * up, never between requests. Bytes that nobody may read yet lie in `tail`, which is empty
 * while a message comes in. A connection is freed when its socket has closed and nobody
 * owes it an answer any more.
 *
 * A client's FIN while an answer is pending means that it has left, unless its request said
 * that it was the last one (Connection: close, or HTTP/1.0): see the decision note on
 * half-closed clients.
 */
#include "conn.h"

#include "weir/base/ensure.h"
#include "weir/base/mem.h"
#include "weir/base/metric.h"
#include "weir/net/tcp.h"

#include "conn_clock.h"
#include "kept.h"

#include <stdlib.h>

enum { TAIL_BYTES = 64 << 10 }; /* of pipelined requests; beyond it reading pauses */

static bool owes_answer(const struct http_conn *c)
{
    return c->state == CONN_WAITING || c->state == CONN_STREAMING;
}

static void release(struct http_conn *c)
{
    http_kept_free(c->kept);
    free(c);
}

/* Nothing is read any more; what is queued may still be sent. */
static void begin_closing(struct http_conn *c)
{
    c->state = CONN_CLOSING;
    timer_disarm(&c->timer);
    (void)deferred_cancel(&c->resume);
    buf_deinit(&c->tail);
}

static void close_gently(struct http_conn *c)
{
    begin_closing(c);
    tcp_close_gently(c->tcp);
}

/* The client is gone, or is cut off. Last, since on_gone may end much. */
static void leave(struct http_conn *c)
{
    struct http_watcher *w = c->watcher;

    c->is_owed = owes_answer(c) && !w;
    c->watcher = NULL;
    begin_closing(c);
    tcp_close(c->tcp);
    if (!w)
        return;
    w->on_gone(w);
    http_kept_free(steal(&c->kept));
}

/* ---- the clocks ---- */

static void put_request(struct http_conn *c, struct http_request *r)
{
    intake_request(c->intake, c->server->fields, r);
    r->began_us = c->began_us;
}

static void fail(struct http_conn *c, int status, const char *what)
{
    const struct http_handler *h = &c->server->handler;
    struct http_refusal refusal = { .status = status, .what = what };
    struct buf fields = { 0 }, body = { 0 };
    struct http_request r;

    if (intake_has_head(c->intake)) {
        put_request(c, &r);
        refusal.request = &r;
    }
    c->is_unread = true;
    c->state = CONN_WAITING;
    h->put_error(h->owner, &refusal, &fields, &body);
    http_conn_answer(c, &(struct http_answer){ .status = status,
                                               .fields = buf_str(&fields),
                                               .body = { buf_str(&body) } });
    buf_deinit(&fields);
    buf_deinit(&body);
    http_server_return_intake(c->server, steal(&c->intake));
}

static void expire(struct http_conn *c)
{
    switch (c->state) {
    case CONN_IDLE:
        http_server_count_refused(c->server, STR("idle"));
        close_gently(c);
        break;
    case CONN_HEAD:
        http_server_count_refused(c->server, STR("header_timeout"));
        fail(c, 408, "the request's header took too long to arrive");
        break;
    case CONN_BODY:
        http_server_count_refused(c->server, STR("body_timeout"));
        fail(c, 408, "the request's body stopped arriving");
        break;
    case CONN_WAITING:
    case CONN_STREAMING:
    case CONN_CLOSING: break;
    }
}

static void on_due(struct timer *t)
{
    struct http_conn *c = container_of(t, struct http_conn, timer);
    uint64_t now_us = loop_now_us(c->server->loop);
    bool is_queued = tcp_queued(c->tcp) > 0;

    conn_clock_note(c, now_us);
    if (is_queued && now_us >= c->stalled_us + c->server->settings.slow_reader_timeout_us) {
        http_server_count_refused(c->server, STR("slow_reader"));
        leave(c);
    } else if (now_us < c->due_us) {
        conn_clock_wind(c, now_us);
    } else if (c->state == CONN_IDLE && is_queued) {
        conn_clock_set(c); /* its answer is still on the way: it is slow, not idle */
    } else {
        expire(c);
    }
}

/* ---- reading ---- */

static void begin_message(struct http_conn *c)
{
    c->intake = http_server_take_intake(c->server);
    intake_begin(c->intake, c->server->settings.body_bytes, c->server->settings.room);
    c->state = CONN_HEAD;
    c->began_us = loop_now_us(c->server->loop);
    c->is_http10 = c->is_head_only = c->is_unread = c->is_chunked = false;
    c->is_kept_alive = true;
}

static void hand_up(struct http_conn *c)
{
    const struct http_handler *h = &c->server->handler;
    struct http_request r;

    put_request(c, &r);
    c->state = CONN_WAITING;
    h->on_request(h->owner, c, &r);
    http_server_return_intake(c->server, steal(&c->intake));
}

/* Lets the handler say how much body it takes. False: the request is refused, and answered. */
static bool ask_handler(struct http_conn *c)
{
    const struct http_handler *h = &c->server->handler;
    struct http_request r;
    int64_t most;

    if (!h->on_head)
        return true;
    put_request(c, &r);
    c->state = CONN_WAITING;
    c->is_unread = !intake_is_whole(c->intake);
    most = h->on_head(h->owner, c, &r);
    if (most < 0) {
        ensure(!owes_answer(c));
        http_server_return_intake(c->server, steal(&c->intake));
        return false;
    }
    ensure(c->state == CONN_WAITING);
    c->is_unread = false;
    if ((uint64_t)most >= c->server->settings.body_bytes ||
        intake_limit(c->intake, (size_t)most))
        return true;
    fail(c, intake_status(c->intake), intake_what(c->intake));
    return false;
}

static void meet_head(struct http_conn *c, bool has_more)
{
    const struct rules *rules = intake_rules(c->intake);
    struct http_request r;

    put_request(c, &r);
    c->is_http10 = intake_version(c->intake) < 11;
    c->is_kept_alive = rules->is_kept_alive;
    c->is_head_only = r.method == HTTP_HEAD;
    if (!ask_handler(c))
        return;
    if (intake_is_whole(c->intake)) {
        hand_up(c);
        return;
    }
    c->state = CONN_BODY;
    if (has_more)
        return;
    intake_keep(c->intake);
    if (rules->expects_continue)
        tcp_write(c->tcp, &STR("HTTP/1.1 100 Continue\r\n\r\n"), 1);
}

/* Feeds what one step of the present message takes, and returns how much that was. */
static size_t read_some(struct http_conn *c, struct str bytes)
{
    size_t used;

    /* An empty line between requests is no beginning; clients of old sent one after a body. */
    if (c->state == CONN_IDLE && str_starts(bytes, STR("\r\n")))
        return 2;
    if (c->state == CONN_IDLE)
        begin_message(c);

    switch (intake_feed(c->intake, bytes, &used)) {
    case INTAKE_MORE: break;
    case INTAKE_HEAD: meet_head(c, used < bytes.len); break;
    case INTAKE_WHOLE: hand_up(c); break;
    case INTAKE_BAD:
        metric_add(loop_shard(c->server->loop), METRIC_MALFORMED, 1, NULL);
        fail(c, intake_status(c->intake), intake_what(c->intake));
        break;
    }
    return used;
}

/* A client that does not take its answers gets no further ones. */
static bool may_read(const struct http_conn *c)
{
    if (c->state == CONN_IDLE)
        return !http_conn_is_full(c);
    return c->state == CONN_HEAD || c->state == CONN_BODY;
}

static size_t read_requests(struct http_conn *c, struct str bytes)
{
    size_t at = 0;

    c->is_reading = true;
    while (at < bytes.len && may_read(c))
        at += read_some(c, str_cut(bytes, at, bytes.len));
    c->is_reading = false;
    if (c->state != CONN_CLOSING)
        conn_clock_set(c);
    return at;
}

static void on_data(struct tcp *t, struct str bytes)
{
    struct http_conn *c = tcp_owner(t);
    size_t used = 0;

    if (c->state == CONN_CLOSING)
        return;
    if (c->tail.len == 0)
        used = read_requests(c, bytes);
    if (used == bytes.len || c->state == CONN_CLOSING)
        return;
    buf_put(&c->tail, str_cut(bytes, used, bytes.len));
    if (c->tail.len >= TAIL_BYTES)
        tcp_pause(t);
}

static void run_resume(struct deferred *d)
{
    struct http_conn *c = container_of(d, struct http_conn, resume);
    size_t used = read_requests(c, buf_str(&c->tail));

    if (c->state == CONN_CLOSING)
        return;
    buf_drop(&c->tail, used);
    if (c->tail.len > 0)
        return;
    buf_deinit(&c->tail);
    tcp_resume(c->tcp);
    if (c->has_ended && !owes_answer(c))
        close_gently(c);
}

/* The answer's end and a drained queue may both ask for it in one turn of the loop. */
static void resume_later(struct http_conn *c)
{
    (void)deferred_cancel(&c->resume);
    loop_defer(c->server->loop, &c->resume, run_resume);
}

static void on_ended(struct tcp *t)
{
    struct http_conn *c = tcp_owner(t);

    c->has_ended = true;
    if (owes_answer(c)) {
        if (c->is_kept_alive && !c->is_http10)
            leave(c);
    } else if (c->tail.len == 0 && c->state != CONN_CLOSING) {
        close_gently(c);
    }
}

static void on_broken(struct tcp *t)
{
    struct http_conn *c = tcp_owner(t);

    if (c->state == CONN_CLOSING)
        tcp_close(t);
    else
        leave(c);
}

static void on_drained(struct tcp *t)
{
    struct http_conn *c = tcp_owner(t);

    if (owes_answer(c) && c->watcher)
        c->watcher->on_drained(c->watcher);
    else if (c->state == CONN_IDLE && c->tail.len > 0)
        resume_later(c);
}

/* ---- when the answer has ended ---- */

bool http_conn_closes_after(const struct http_conn *c)
{
    return !c->is_kept_alive || c->is_unread || c->has_ended || c->server->is_quiet;
}

void http_conn_turn(struct http_conn *c)
{
    c->watcher = NULL;
    http_kept_free(steal(&c->kept));
    if (c->is_owed) {
        c->is_owed = false;
        if (!c->tcp)
            release(c);
        return;
    }
    if (http_conn_closes_after(c)) {
        close_gently(c);
        return;
    }
    c->state = CONN_IDLE;
    if (c->is_reading)
        return;
    conn_clock_set(c);
    if (c->tail.len > 0)
        resume_later(c);
}

/* ---- from the first byte to the last ---- */

static void on_closed(struct tcp *t)
{
    struct http_conn *c = tcp_owner(t);
    struct http_server *s = c->server;

    metric_add(loop_shard(s->loop), METRIC_CONNECTIONS, -1, NULL);
    link_out(&c->link);
    c->tcp = NULL;
    http_server_return_intake(s, steal(&c->intake));
    if (!c->is_owed)
        release(c);
    http_server_forget(s);
}

static const struct tcp_events events = { .on_data = on_data,
                                          .on_ended = on_ended,
                                          .on_broken = on_broken,
                                          .on_drained = on_drained,
                                          .on_closed = on_closed };

void http_conn_start(struct http_server *s, struct tcp *t)
{
    struct http_conn *c = MEM_NEW(struct http_conn);

    c->server = s;
    c->tcp = t;
    c->state = CONN_IDLE;
    timer_init(&c->timer, s->loop, on_due);
    link_before(&s->conns, &c->link);
    metric_add(loop_shard(s->loop), METRIC_CONNECTIONS, 1, NULL);
    tcp_own(t, c, &events);
    tcp_set_low(t, s->settings.low_bytes);
    conn_clock_set(c);
}

void http_conn_stop_if_idle(struct http_conn *c)
{
    if (c->state == CONN_IDLE && c->tail.len == 0)
        close_gently(c);
}

void http_conn_turn_away(struct http_conn *c)
{
    if (c->state == CONN_HEAD || c->state == CONN_BODY)
        fail(c, 503, "this server is shutting down; send the request again, to another");
}

bool http_conn_is_busy(const struct http_conn *c)
{
    return c->state != CONN_IDLE || c->tail.len > 0 || tcp_queued(c->tcp) > 0;
}

void http_conn_cut(struct http_conn *c)
{
    if (c->state == CONN_CLOSING)
        tcp_close(c->tcp);
    else
        leave(c);
}
