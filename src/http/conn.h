/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/list.h"
#include "weir/http/conn.h"
#include "weir/net/loop.h"
#include "weir/net/timer.h"

#include "server.h"

/*
 * A connection goes round: IDLE, HEAD and BODY while a message comes in, WAITING for its
 * answer, STREAMING it, and IDLE again; at last CLOSING, from which nothing is read.
 */

struct tcp;

enum conn_state { CONN_IDLE, CONN_HEAD, CONN_BODY, CONN_WAITING, CONN_STREAMING, CONN_CLOSING };

struct http_conn {
    struct link link;             /* in the server's list */
    struct http_server *server;   /* lent */
    struct tcp *tcp;              /* NULL once it has closed */
    struct intake *intake;        /* while a message is incomplete or being handed up */
    struct http_watcher *watcher; /* lent by the answerer */
    struct http_kept *kept;       /* until the answer's end */
    struct buf tail;              /* what came behind a request that is not answered yet */
    struct deferred resume;       /* goes on with the tail */

    enum conn_state state;
    bool is_reading; /* inside read_requests() */
    bool is_http10;  /* the present request, as are the next four */
    bool is_kept_alive;
    bool is_head_only;
    bool is_unread;  /* its body was not read: what follows is no request */
    bool is_chunked; /* its answer */
    bool has_ended;  /* the client will send nothing more */
    bool is_owed;    /* somebody who was not told of the end still owes an answer */

    struct timer timer;     /* may be due early: looks at the times below */
    uint64_t began_us;      /* the present request's first byte */
    uint64_t due_us;        /* the end of what the state allows; UINT64_MAX: no end */
    uint64_t stalled_us;    /* since when the client has taken nothing of what is queued */
    uint64_t written_bytes; /* ever */
    uint64_t taken_bytes;   /* of these, by the socket, when last looked at */
};

/* Made by the server for an accepted connection. It frees itself when that has closed. */
void http_conn_start(struct http_server *s, struct tcp *t);
void http_conn_stop_if_idle(struct http_conn *c);
/* Whoever is still sending its request is told that it comes too late. */
void http_conn_turn_away(struct http_conn *c);
bool http_conn_is_busy(const struct http_conn *c);
/* Tells the answerer that the client has gone, and drops the connection. */
void http_conn_cut(struct http_conn *c);

/* For the answering half: is this the connection's last answer? */
bool http_conn_closes_after(const struct http_conn *c);
/* The answer is complete: the connection turns to what comes next. */
void http_conn_turn(struct http_conn *c);
