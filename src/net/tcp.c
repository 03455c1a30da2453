/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection's phases: OPEN until its owner closes it; LINGERING when it was closed gently
 * and still has bytes to send, or waits for the peer to read them; CLOSING from the call to
 * libuv on, whose callback frees it. Only OPEN connections have an owner to tell things to,
 * except for the last thing, on_closed.
 *
 * Writing: bytes go straight to the socket. What it does not take is copied to `waiting`;
 * one libuv write at a time flies, with all that waited when it took off.
 *
 * libuv stops looking at a socket that we do not read, and at one whose peer has sent its
 * FIN. While that is so we ask the kernel ten times a second whether the peer is still
 * there, since a reset must not go unnoticed while an upstream works for nobody.
 */
#include "tcp_inner.h"

#include "weir/base/buf.h"
#include "weir/base/ensure.h"
#include "weir/base/mem.h"

#include "loop_inner.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

enum {
    PARTS_AT_ONCE = 32,
    LOOK_US = 100 * 1000,        /* how soon a reset is seen while we do not read */
    DRAIN_US = 1000 * 1000,      /* what a peer gets to read our last words */
    STALL_US = 30 * 1000 * 1000, /* no byte moved for so long: the last words are given up */
};

enum phase { OPEN, LINGERING, CLOSING };

struct tcp {
    uv_tcp_t uv;
    struct loop *loop; /* lent */
    void *owner;       /* lent by tcp_own's caller, as are its events */
    const struct tcp_events *events;
    tcp_dialed_fn *on_dialed;
    _Atomic unsigned *open; /* lent by the listener; NULL if we dialed */

    struct buf flying;
    struct buf waiting;
    uv_write_t flight;
    size_t low_bytes;
    size_t stalled_at; /* what was queued when we last looked, while lingering */

    enum phase phase;
    bool paused;
    bool ended;  /* the peer's FIN has been read */
    bool broken; /* nothing can be sent or read any more */
    bool above;  /* on_drained is owed */
    bool shut;   /* our FIN is on its way */

    struct timer timer; /* OPEN: looks after the peer. LINGERING: ends it. */
    struct deferred breaking;
    struct parting parting;
    union {
        uv_connect_t dial;
        uv_shutdown_t shutdown;
    } request;
};

#define stream_of(t) ((uv_stream_t *)&(t)->uv)
#define of_stream(stream) container_of((uv_tcp_t *)(stream), struct tcp, uv)

/* ---- the end ---- */

static void on_handle_closed(uv_handle_t *handle)
{
    struct tcp *t = container_of((uv_tcp_t *)handle, struct tcp, uv);

    if (t->events)
        t->events->on_closed(t);
    if (t->open)
        atomic_fetch_sub(t->open, 1);
    buf_deinit(&t->flying);
    buf_deinit(&t->waiting);
    free(t);
}

void tcp_close(struct tcp *t)
{
    if (t->phase == CLOSING)
        return;
    t->phase = CLOSING;
    timer_disarm(&t->timer);
    (void)deferred_cancel(&t->breaking);
    link_out(&t->parting.link);
    uv_close((uv_handle_t *)&t->uv, on_handle_closed);
}

static void tell_broken(struct tcp *t)
{
    if (t->phase == LINGERING) {
        tcp_close(t);
    } else if (t->phase == OPEN && !t->broken) {
        t->broken = true;
        timer_disarm(&t->timer);
        t->events->on_broken(t);
    }
}

static void run_breaking(struct deferred *d)
{
    struct tcp *t = container_of(d, struct tcp, breaking);

    t->broken = false; /* set when it was deferred, so that no more is written */
    tell_broken(t);
}

/* For failures inside a call of the owner's, which must not hear of them in there. */
static void break_later(struct tcp *t)
{
    if (t->broken)
        return;
    t->broken = true;
    loop_defer(t->loop, &t->breaking, run_breaking);
}

/* ---- reading ---- */

static void look_after_peer(struct tcp *t)
{
    if (t->phase == OPEN && !t->broken)
        timer_arm(&t->timer, LOOK_US);
}

static bool peer_is_gone(struct tcp *t)
{
    struct tcp_info info;
    socklen_t size = sizeof(info);
    uv_os_fd_t fd;

    if (uv_fileno((uv_handle_t *)&t->uv, &fd) != 0)
        return true;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return true;
    return info.tcpi_state == TCP_CLOSE;
}

static void on_timer(struct timer *timer)
{
    struct tcp *t = container_of(timer, struct tcp, timer);
    size_t queued = tcp_queued(t);

    if (t->phase == LINGERING && !t->shut && queued < t->stalled_at) {
        t->stalled_at = queued;
        timer_arm(&t->timer, STALL_US);
    } else if (t->phase == LINGERING) {
        tcp_close(t);
    } else if (peer_is_gone(t)) {
        tell_broken(t);
    } else {
        look_after_peer(t);
    }
}

static void lend_scratch(uv_handle_t *handle, size_t hint, uv_buf_t *out)
{
    struct tcp *t = container_of((uv_tcp_t *)handle, struct tcp, uv);

    (void)hint;
    *out = uv_buf_init(t->loop->scratch, LOOP_SCRATCH);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *into)
{
    struct tcp *t = of_stream(stream);

    if (got == 0 || t->phase == CLOSING)
        return;
    if (got > 0) {
        if (t->phase == OPEN)
            t->events->on_data(t, (struct str){ into->base, (size_t)got });
        return;
    }
    if (got != UV_EOF) {
        tell_broken(t);
        return;
    }
    t->ended = true;
    if (t->phase == OPEN) {
        look_after_peer(t);
        t->events->on_ended(t);
    } else if (t->shut) {
        tcp_close(t);
    }
}

static void read_on(struct tcp *t)
{
    if (!t->ended && !t->broken && uv_read_start(stream_of(t), lend_scratch, on_read) != 0)
        break_later(t);
}

void tcp_pause(struct tcp *t)
{
    if (t->phase != OPEN || t->paused)
        return;
    t->paused = true;
    (void)uv_read_stop(stream_of(t)); /* always 0 */
    look_after_peer(t);
}

void tcp_resume(struct tcp *t)
{
    if (t->phase != OPEN || !t->paused)
        return;
    t->paused = false;
    if (!t->ended)
        timer_disarm(&t->timer);
    read_on(t);
}

/* ---- writing ---- */

static void on_shut(uv_shutdown_t *request, int status)
{
    struct tcp *t = of_stream(request->handle);

    if (t->phase == CLOSING)
        return;
    if (status != 0 || t->ended) {
        tcp_close(t);
        return;
    }
    timer_arm(&t->timer, DRAIN_US);
}

static void send_fin(struct tcp *t)
{
    if (t->shut)
        return;
    t->shut = true;
    if (uv_shutdown(&t->request.shutdown, stream_of(t), on_shut) != 0)
        tcp_close(t);
}

static void take_off(struct tcp *t);

static void on_written(uv_write_t *flight, int status)
{
    struct tcp *t = of_stream(flight->handle);

    if (t->phase == CLOSING)
        return;
    if (status != 0) {
        tell_broken(t);
        return;
    }
    buf_deinit(&t->flying);
    if (t->waiting.len > 0)
        take_off(t);
    if (t->phase == LINGERING) {
        if (tcp_queued(t) == 0)
            send_fin(t);
    } else if (t->above && tcp_queued(t) <= t->low_bytes) {
        t->above = false;
        t->events->on_drained(t);
    }
}

static void take_off(struct tcp *t)
{
    uv_buf_t bytes;

    t->flying = t->waiting;
    t->waiting = (struct buf){ 0 };
    bytes = uv_buf_init(t->flying.at, (unsigned)t->flying.len);
    bytes.len = t->flying.len;
    if (uv_write(&t->flight, stream_of(t), &bytes, 1, on_written) != 0)
        break_later(t);
}

/* Writes what the socket takes of at most PARTS_AT_ONCE parts; false: it is broken. */
static bool write_some(struct tcp *t, const struct str *parts, size_t count, size_t *written)
{
    uv_buf_t bytes[PARTS_AT_ONCE];
    unsigned filled = 0;
    int result;

    *written = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len == 0)
            continue;
        bytes[filled].base = (char *)parts[i].at; /* libuv only reads it */
        bytes[filled++].len = parts[i].len;
    }
    if (filled == 0)
        return true;
    result = uv_try_write(stream_of(t), bytes, filled);
    if (result >= 0)
        *written = (size_t)result;
    return result >= 0 || result == UV_EAGAIN;
}

static void keep(struct tcp *t, const struct str *parts, size_t count, size_t skip)
{
    for (size_t i = 0; i < count; i++) {
        size_t from = skip < parts[i].len ? skip : parts[i].len;

        skip -= from;
        if (from < parts[i].len)
            buf_put(&t->waiting, (struct str){ parts[i].at + from, parts[i].len - from });
    }
}

void tcp_write(struct tcp *t, const struct str *parts, size_t count)
{
    while (count > 0) {
        size_t now = count < PARTS_AT_ONCE ? count : PARTS_AT_ONCE;
        size_t written = 0;

        if (t->phase != OPEN || t->broken)
            return;
        if (tcp_queued(t) == 0 && !write_some(t, parts, now, &written)) {
            break_later(t);
            return;
        }
        keep(t, parts, now, written);
        parts += now;
        count -= now;
        if (t->flying.len == 0 && t->waiting.len > 0 && count == 0)
            take_off(t);
    }
    t->above = t->above || tcp_queued(t) > t->low_bytes;
}

size_t tcp_queued(const struct tcp *t)
{
    return uv_stream_get_write_queue_size((const uv_stream_t *)&t->uv) + t->waiting.len;
}

void tcp_set_low(struct tcp *t, size_t low_bytes)
{
    t->low_bytes = low_bytes;
}

/* ---- the gentle end ---- */

static void run_parting(struct parting *p)
{
    tcp_close(container_of(p, struct tcp, parting));
}

void tcp_close_gently(struct tcp *t)
{
    if (t->phase != OPEN)
        return;
    if (t->broken) {
        tcp_close(t);
        return;
    }
    t->phase = LINGERING;
    t->parting.run = run_parting;
    link_before(&t->loop->partings, &t->parting.link);
    t->stalled_at = tcp_queued(t);
    timer_arm(&t->timer, STALL_US);
    if (t->paused)
        read_on(t); /* what is still read is thrown away, so that our FIN is not a reset */
    if (tcp_queued(t) == 0)
        send_fin(t);
}

/* ---- the beginning ---- */

static struct tcp *make(struct loop *loop, _Atomic unsigned *open)
{
    struct tcp *t = MEM_NEW(struct tcp);

    ensure(uv_tcp_init(&loop->uv, &t->uv) == 0);
    t->loop = loop;
    link_init(&t->parting.link);
    timer_init(&t->timer, loop, on_timer);
    t->open = open;
    if (open)
        atomic_fetch_add(open, 1);
    return t;
}

struct tcp *tcp_adopt(struct loop *loop, int fd, _Atomic unsigned *open)
{
    struct tcp *t = make(loop, open);

    ensure(uv_tcp_open(&t->uv, fd) == 0); /* it is a connected socket, and ours */
    return t;
}

struct tcp *tcp_accept(struct loop *loop, uv_stream_t *server, _Atomic unsigned *open)
{
    struct tcp *t = make(loop, open);

    if (uv_accept(server, stream_of(t)) != 0) {
        tcp_close(t);
        return NULL;
    }
    return t;
}

void tcp_own(struct tcp *t, void *owner, const struct tcp_events *events)
{
    bool first = !t->events;

    t->owner = owner;
    t->events = events;
    if (first && t->phase == OPEN)
        read_on(t);
}

static void on_dial_answered(uv_connect_t *dial, int status)
{
    struct tcp *t = of_stream(dial->handle);

    if (t->phase == CLOSING)
        return;
    if (status != 0) {
        tell_broken(t);
        return;
    }
    (void)uv_tcp_nodelay(&t->uv, 1);
    (void)uv_tcp_keepalive(&t->uv, 1, 30);
    read_on(t);
    t->on_dialed(t);
}

struct tcp *tcp_dial(struct loop *loop, const struct sockaddr *to, tcp_dialed_fn *on_dialed,
                     void *owner, const struct tcp_events *events)
{
    struct tcp *t = make(loop, NULL);

    t->owner = owner;
    t->events = events;
    t->on_dialed = on_dialed;
    if (uv_tcp_connect(&t->request.dial, &t->uv, to, on_dial_answered) != 0)
        break_later(t);
    return t;
}

void *tcp_owner(const struct tcp *t)
{
    return t->owner;
}
