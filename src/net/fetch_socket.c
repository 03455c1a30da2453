/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors of libcurl's, watched by the loop.
 *
 * libcurl takes its interest back after each transfer and declares it again with the next.
 * Following it to the letter costs two epoll_ctl per request; so a watch stays, looking for
 * readability, for as long as the connection lives. It also pays: an idle connection that
 * becomes readable is dead (the upstream closed it, or says what nobody asked for). This
 * libcurl would take it for alive, so it is shut down at once, which its check does see.
 *
 * A watch goes when libcurl closes the descriptor, through fetch_socket_close: libuv aborts
 * over descriptors that vanish under it. While it is still connecting, libcurl closes one
 * without telling, and then takes its interest back; until a connection stands, that ends a
 * watch as well.
 */
#include "fetch_inner.h"

#include "weir/base/clock.h"
#include "weir/base/ensure.h"
#include "weir/base/mem.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct fetch_watch {
    uv_poll_t uv;
    struct fetcher *fetcher;
    struct fetch_slot *slot; /* whose transfer uses it; NULL while pooled */
    curl_socket_t fd;
    int wanted;  /* by libcurl: UV_READABLE, UV_WRITABLE */
    int watched; /* by libuv */
};

static struct fetch_watch *find(const struct fetcher *f, curl_socket_t fd)
{
    return (size_t)fd < f->watches_capacity ? f->watches[fd] : NULL;
}

static void stop(struct fetch_watch *w)
{
    (void)uv_poll_stop(&w->uv); /* always 0 */
    w->watched = 0;
}

/* Nobody wants this event: the connection is pooled and dead, or its transfer is paused. */
static void on_unwanted(struct fetch_watch *w)
{
    if (!w->slot)
        (void)shutdown(w->fd, SHUT_RDWR); /* fails if it is closed already: as good */
    stop(w);
}

static void watch_for(struct fetch_watch *w, int events);

static void on_handle_closed(uv_handle_t *handle)
{
    free(container_of((uv_poll_t *)handle, struct fetch_watch, uv));
}

static void drop(struct fetch_watch *w)
{
    w->fetcher->watches[w->fd] = NULL;
    if (w->slot && w->slot->watch == w)
        w->slot->watch = NULL;
    uv_close((uv_handle_t *)&w->uv, on_handle_closed);
}

static void on_ready(uv_poll_t *uv, int status, int events)
{
    struct fetch_watch *w = container_of(uv, struct fetch_watch, uv);
    struct fetcher *f = w->fetcher;
    curl_socket_t fd = w->fd;
    int flags = 0;
    int running;

    if (status < 0)
        w->watched = 0; /* libuv has stopped it */
    if (w->wanted == 0) {
        on_unwanted(w);
        return;
    }
    if (status < 0)
        events = w->wanted; /* by reading or writing libcurl finds out what is wrong */
    if (events & w->wanted & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & w->wanted & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    if (flags == 0) {
        watch_for(w, w->wanted);
        return;
    }
    ensure(curl_multi_socket_action(f->multi, fd, flags, &running) == CURLM_OK);

    /* If `w` is not gone by this, its error may not have been the end: it is watched on. */
    if (status < 0 && find(f, fd) == w && w->watched == 0 && w->wanted != 0)
        watch_for(w, w->wanted);
    fetcher_turn(f);
}

static void watch_for(struct fetch_watch *w, int events)
{
    ensure(uv_poll_start(&w->uv, events, on_ready) == 0);
    w->watched = events;
}

static struct fetch_watch *make(struct fetcher *f, curl_socket_t fd)
{
    struct fetch_watch *w = MEM_NEW(struct fetch_watch);

    if ((size_t)fd >= f->watches_capacity) {
        size_t capacity = (size_t)fd * 2 + 64;

        f->watches = mem_grow(f->watches, capacity * sizeof(struct fetch_watch *));
        for (size_t i = f->watches_capacity; i < capacity; i++)
            f->watches[i] = NULL;
        f->watches_capacity = capacity;
    }
    w->fetcher = f;
    w->fd = fd;
    ensure(uv_poll_init(&f->loop->uv, &w->uv, fd) == 0);
    f->watches[fd] = w;
    return w;
}

int fetch_socket_changed(CURL *easy, curl_socket_t fd, int what, void *fetcher, void *unused)
{
    struct fetcher *f = fetcher;
    struct fetch_watch *w = find(f, fd);
    char *slot = NULL;

    (void)unused;
    if (what == CURL_POLL_REMOVE) {
        if (!w)
            return 0;
        if (w->slot && !w->slot->fetch->connected) {
            drop(w);
            return 0;
        }
        w->wanted = 0;
        if (w->watched & UV_WRITABLE)
            watch_for(w, UV_READABLE);
        return 0;
    }
    if (!w)
        w = make(f, fd);
    ensure(curl_easy_getinfo(easy, CURLINFO_PRIVATE, &slot) == CURLE_OK);
    w->slot = (struct fetch_slot *)(void *)slot;
    w->slot->watch = w;
    w->wanted = (what & CURL_POLL_IN ? UV_READABLE : 0) |
                (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

    /* Looking for readability too often is harmless, for writability it would spin. */
    if ((w->watched & w->wanted) != w->wanted || (w->watched & ~w->wanted & UV_WRITABLE))
        watch_for(w, w->wanted);
    return 0;
}

void fetch_socket_let_go(struct fetch_slot *slot)
{
    if (slot->watch)
        slot->watch->slot = NULL;
    slot->watch = NULL;
}

static int port_of(curl_socket_t fd)
{
    struct sockaddr_storage name = { 0 };
    socklen_t size = sizeof(name);

    if (getsockname(fd, (struct sockaddr *)&name, &size) != 0)
        return 0;
    if (name.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&name)->sin6_port);
    return ntohs(((struct sockaddr_in *)&name)->sin_port);
}

static void note_closing(struct fetcher *f, curl_socket_t fd)
{
    struct tcp_info info = { 0 };
    socklen_t size = sizeof(info);

    f->closed = (struct fetch_closed){ 0 };
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return;
    f->closed.local_port = port_of(fd);
    f->closed.received_us = clock_now_us() - (uint64_t)info.tcpi_last_data_recv * 1000;
}

int fetch_socket_close(void *fetcher, curl_socket_t fd)
{
    struct fetcher *f = fetcher;
    struct fetch_watch *w = find(f, fd);

    note_closing(f, fd);
    if (w)
        drop(w);
    return close(fd);
}
