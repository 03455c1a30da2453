/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listening socket. We make it ourselves, since this libuv cannot ask for SO_REUSEPORT,
 * and set on it what every accepted connection shall have: Linux hands TCP_NODELAY and the
 * keep-alive settings down, which saves four system calls a connection.
 *
 * When the process runs out of descriptors libuv closes waiting clients without a word; the
 * cap lies below that, so that it is us who turn them away, and say so.
 */
#include "tcp_inner.h"

#include "weir/base/ensure.h"
#include "weir/base/log.h"
#include "weir/base/mem.h"
#include "weir/base/metric.h"
#include "weir/net/timer.h"

#include "loop_inner.h"
#include "reuseport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKLOG = 4096, /* the kernel's own ceiling cuts it down if need be */
    KEEP_IDLE_S = 30,
    KEEP_EVERY_S = 10,
    KEEP_TRIES = 3,         /* a peer that vanished is found within a minute */
    RETIRE_US = 500 * 1000, /* a handshake that has begun is through by then */
    LEAVE_US = 100 *
               1000,   /* the same where the port refuses meanwhile: no longer than need be */
    LOOPBACK = 1,      /* its index, in every network namespace */
    NOWHERE = INT_MAX, /* the index of no device */
};

struct listener {
    uv_tcp_t uv;
    struct loop *loop; /* lent */
    listener_fn *on_accepted;
    void *owner; /* lent by listener_start's caller */
    unsigned most;
    _Atomic unsigned *open;     /* lent */
    _Atomic unsigned *siblings; /* lent, or NULL */
    int fd;                     /* of uv */
    unsigned port;
    bool refusing;  /* we have said so in the log */
    bool inherited; /* others hold the same socket: what is queued is not lost by closing */
    bool has_left;
    listener_retired_fn *on_retired;
    struct timer retiring;
};

struct address {
    char host[256];
    char port[8];
};

/* "host:port" or "[v6]:port". */
static bool read_address(struct str s, struct address *out)
{
    size_t colon = s.len;
    struct str host;
    struct str port;
    uint64_t number;

    while (colon > 0 && s.at[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return false;
    host = str_cut(s, 0, colon - 1);
    port = str_cut(s, colon, s.len);
    if (str_starts(host, STR("[")) && str_ends(host, STR("]")))
        host = str_cut(host, 1, host.len - 1);
    else if (host.len > 0 && memchr(host.at, ':', host.len))
        return false;
    if (host.len == 0 || host.len >= sizeof(out->host))
        return false;
    if (!str_to_u64(port, &number) || number > 65535)
        return false;
    (void)snprintf(out->host, sizeof(out->host), "%.*s", STR_ARG(host));
    (void)snprintf(out->port, sizeof(out->port), "%u", (unsigned)number);
    return true;
}

static bool set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

/* What every connection that it accepts shall have. */
static bool set_manners(int fd)
{
    return set(fd, IPPROTO_TCP, TCP_NODELAY, 1) && set(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
           set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S) &&
           set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_EVERY_S) &&
           set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_TRIES);
}

static int open_socket(const struct addrinfo *a, bool shared)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool fine;

    if (fd < 0)
        return -1;
    if (!shared)
        (void)set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, LOOPBACK); /* not to meet who has left */
    fine = set(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
           (!shared || set(fd, SOL_SOCKET, SO_REUSEPORT, 1)) && set_manners(fd) &&
           (a->ai_family != AF_INET6 || set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
           bind(fd, a->ai_addr, a->ai_addrlen) == 0;
    if (!fine) {
        int why = errno;

        (void)close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

static unsigned port_of(const uv_tcp_t *uv)
{
    struct sockaddr_storage name = { 0 };
    int length = sizeof(name);

    ensure(uv_tcp_getsockname(uv, (struct sockaddr *)&name, &length) == 0);
    if (name.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&name)->sin6_port);
    return ntohs(((struct sockaddr_in *)&name)->sin_port);
}

/* Bound and ready to be started, or -1 with the reason in `text`. */
static int bind_address(const struct address *address, bool shared, const char **text)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct addrinfo *found = NULL;
    int result = getaddrinfo(address->host, address->port, &hints, &found);
    int fd;

    if (result != 0) {
        *text = gai_strerror(result);
        return -1;
    }
    fd = open_socket(found, shared);
    *text = fd < 0 ? strerror(errno) : "";
    freeaddrinfo(found);
    return fd;
}

static void on_handle_closed(uv_handle_t *handle)
{
    free(container_of((uv_tcp_t *)handle, struct listener, uv));
}

static enum err bind_text(int *fd, struct str text, bool shared, struct fault *why)
{
    struct address address;
    const char *reason = "";

    if (!read_address(text, &address))
        return fault_set(why, ERR_CONFIG, "", "\"%.*s\" is not an address like 127.0.0.1:8080",
                         STR_ARG(text));
    *fd = bind_address(&address, shared, &reason);
    if (*fd < 0)
        return fault_set(why, ERR_CONFIG, "", "cannot listen on %.*s: %s", STR_ARG(text),
                         reason);
    return OK;
}

enum err listener_probe(struct str address, struct fault *why)
{
    int fd;
    enum err err = bind_text(&fd, address, false, why);

    if (err)
        return err;
    (void)close(fd);
    return OK;
}

/* ---- accepting ---- */

static bool is_full(struct listener *l)
{
    unsigned open = atomic_load(l->open);

    if (open < l->most) {
        l->refusing = false;
        return false;
    }
    if (l->loop->shard)
        metric_add(l->loop->shard, METRIC_CONNECTIONS_REFUSED, 1, METRIC_LABEL(STR("limit")));
    if (!l->refusing)
        log_warn("connections_full", F_U64("open", open), F_U64("most", l->most));
    l->refusing = true;
    return true;
}

static void hand_on(struct listener *l, struct tcp *t, bool full)
{
    if (full)
        tcp_close(t);
    else
        l->on_accepted(l->owner, t);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct listener *l = container_of((uv_tcp_t *)server, struct listener, uv);
    bool full;
    struct tcp *t;

    if (status != 0)
        return;
    full = is_full(l);
    t = tcp_accept(l->loop, server, l->open);
    if (t)
        hand_on(l, t, full);
}

/* ---- retiring ---- */

static void take_in_queued(struct listener *l)
{
    for (;;) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            bool full = is_full(l);

            hand_on(l, tcp_adopt(l->loop, fd, l->open), full);
        } else if (errno != ECONNABORTED && errno != EINTR) { /* not about one connection */
            return;
        }
    }
}

static void on_retire_due(struct timer *t)
{
    struct listener *l = container_of(t, struct listener, retiring);
    listener_retired_fn *on_retired = l->on_retired;
    void *owner = l->owner;

    if (!l->inherited && l->on_accepted)
        take_in_queued(l);
    listener_close(l);
    on_retired(owner);
}

/* ---- the listener itself ---- */

static enum err inherit(int *fd, int from, struct fault *why)
{
    int copy;

    if (!listener_is_listening(from))
        return fault_set(why, ERR_CONFIG, "", "descriptor %d is no socket that listens", from);
    copy = fcntl(from, F_DUPFD_CLOEXEC, 0);
    if (copy < 0 || !set_manners(copy)) {
        if (copy >= 0)
            (void)close(copy);
        return fault_set(why, ERR_CONFIG, "", "cannot listen on descriptor %d: %s", from,
                         strerror(errno));
    }
    *fd = copy;
    return OK;
}

enum err listener_open(struct listener **out, struct loop *loop,
                       const struct listener_settings *settings, struct fault *why)
{
    struct listener *l;
    int fd;
    enum err err = settings->fd > 0 ? inherit(&fd, settings->fd, why)
                                    : bind_text(&fd, settings->address, true, why);

    if (err)
        return err;
    l = MEM_NEW(struct listener);
    l->loop = loop;
    l->most = settings->most;
    l->open = settings->open;
    l->inherited = settings->fd > 0;
    timer_init(&l->retiring, loop, on_retire_due);
    ensure(uv_tcp_init(&loop->uv, &l->uv) == 0);
    if (uv_tcp_open(&l->uv, fd) != 0) {
        (void)close(fd);
        uv_close((uv_handle_t *)&l->uv, on_handle_closed);
        return fault_set(why, ERR_CONFIG, "", "cannot listen on %.*s",
                         STR_ARG(settings->address));
    }
    l->fd = fd;
    l->port = port_of(&l->uv);
    l->siblings = settings->siblings;
    if (l->siblings)
        atomic_fetch_add(l->siblings, 1);
    *out = l;
    return OK;
}

void listener_start(struct listener *l, listener_fn *on_accepted, void *owner)
{
    l->on_accepted = on_accepted;
    l->owner = owner;
    if (uv_listen((uv_stream_t *)&l->uv, BACKLOG, on_connection) != 0)
        log_error("listen_failed", F_U64("port", l->port));
}

unsigned listener_port(const struct listener *l)
{
    return l->port;
}

void listener_close(struct listener *l)
{
    if (!l)
        return;
    timer_disarm(&l->retiring);
    if (l->siblings)
        atomic_fetch_sub(l->siblings, 1);
    uv_close((uv_handle_t *)&l->uv, on_handle_closed);
}

bool listener_hand_over(const struct listener *l)
{
    return !l->inherited && reuseport_steer(l->fd, l->siblings ? atomic_load(l->siblings) : 1);
}

/*
 * Bound to no device, the socket is not found by the kernel for who begins to connect, who is
 * refused; for who has begun, it is. To close it instead would reset those, and who comes between
 * our last look at the queue and the end, after they have sent a question, maybe. Kernels before
 * 5.7 may not let us: then that stays as it is.
 */
void listener_leave(struct listener *l)
{
    l->has_left = !l->inherited && set(l->fd, SOL_SOCKET, SO_BINDTOIFINDEX, NOWHERE);
}

void listener_retire(struct listener *l, listener_retired_fn *on_retired)
{
    bool steered = !l->has_left && listener_hand_over(l);

    if (!l->has_left && !steered)
        listener_leave(l);
    l->on_retired = on_retired;
    timer_arm(&l->retiring, l->has_left ? LEAVE_US : steered ? RETIRE_US : 0);
}

bool listener_is_listening(int fd)
{
    int is_listening = 0;
    int type = 0;
    socklen_t length = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &length) == 0 &&
           is_listening && getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &type, &length) == 0 &&
           type == IPPROTO_TCP;
}

bool listener_is_loopback(struct str text)
{
    struct address address;
    struct in_addr v4;
    struct in6_addr v6;

    if (!read_address(text, &address))
        return false;
    if (inet_pton(AF_INET, address.host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, address.host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcasecmp(address.host, "localhost") == 0;
}
