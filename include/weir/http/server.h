/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/err.h"
#include "weir/base/own.h"
#include "weir/http/conn.h"
#include "weir/http/room.h"

#include <stdint.h>

/*
 * HTTP/1.1 on one loop: accepts, speaks, and sees to every limit that protects us: sizes,
 * header time, body progress, idle time, slow readers, number of connections.
 */

struct loop;

struct http_settings {
    struct str address;
    int fd;                          /* an inherited listening socket in its place; 0: none */
    _Atomic unsigned *siblings;      /* lent: this process's servers on the address; or NULL */
    unsigned most_connections;       /* of the whole process */
    _Atomic unsigned *connections;   /* lent: shared by the servers of the process */
    size_t body_bytes;               /* largest body */
    struct http_room *room;          /* lent: for the bodies of all servers; NULL: endless */
    uint64_t header_timeout_us;      /* from a request's first byte to its last header */
    uint64_t body_timeout_us;        /* between two pieces of a body */
    uint64_t idle_timeout_us;        /* between an answer and the next request's first byte */
    uint64_t slow_reader_timeout_us; /* a client that takes no byte for so long is dropped */
    size_t high_bytes, low_bytes;    /* marks of queued answer bytes */
};

MUST_CHECK enum err http_server_open(struct http_server **out, struct loop *loop,
                                     const struct http_settings *s,
                                     const struct http_handler *handler, struct fault *why);
void http_server_start(struct http_server *s);
unsigned http_server_port(const struct http_server *s);

/* New settings for later requests (reload); the address stays. */
void http_server_set(struct http_server *s, const struct http_settings *settings);

/*
 * Drain in steps: http_server_quiet() says `Connection: close` from now on.
 * http_server_hand_over() sends new connections to another process on the same address; where
 * that is false http_server_leave() has them refused. Both may be left out, and called on any
 * thread, so that all of a process's servers on one address leave at once.
 * http_server_stop() closes the listener, once whoever is under way to it has been taken in,
 * then idle connections, and after a second at most those that never asked (until then the
 * server is busy). http_server_turn_away() refuses requests that are not whole by then;
 * http_server_free() cuts what is left.
 */
void http_server_quiet(struct http_server *s);
bool http_server_hand_over(const struct http_server *s);
void http_server_leave(struct http_server *s);
void http_server_stop(struct http_server *s);
void http_server_turn_away(struct http_server *s);
unsigned http_server_busy(const struct http_server *s); /* requests under way */
void http_server_free(struct http_server *s);
