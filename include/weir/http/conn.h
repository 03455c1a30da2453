/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/err.h"
#include "weir/base/str.h"
#include "weir/http/request.h"

/*
 * One client connection: requests in, answers out, in order, keep-alive and pipelined.
 *
 * A request is handed up when it is whole. One that came in a single read is lent straight
 * from the loop's scratch buffer: whoever needs it beyond on_request calls http_conn_keep(),
 * which copies it into the connection (and moves the slices of `r` there). What arrived in
 * pieces lies in the connection already. Kept bytes stay until the answer has ended.
 *
 * Exactly one answer is given to each request, either whole (http_conn_answer) or streamed
 * (begin, write..., end). The next pipelined request is read only after it. If the client
 * leaves first, the watcher's on_gone comes once; after that, and after the answer's end,
 * the connection must not be touched by the answerer, and kept bytes are gone unless
 * http_conn_take() took them. An answerer without a watcher hears nothing, and answers all
 * the same. Nothing of this calls back from inside an answering call.
 */

struct http_conn;
struct http_kept;
struct http_server;

/* Everything is lent for the call. `fields` is raw "Name: value\r\n" lines, without framing
   (Content-Length, Transfer-Encoding, Connection, Date are ours). */
struct http_answer {
    int status;
    struct str fields;
    struct str body[4];
};

/* Why a message is refused by the layer that reads it. */
struct http_refusal {
    int status;
    const char *what;
    const struct http_request *request; /* NULL: its head was not read so far; lent */
};

struct http_watcher {
    void (*on_gone)(struct http_watcher *w);    /* the client has left: stop working for it */
    void (*on_drained)(struct http_watcher *w); /* queued bytes fell below the low-water mark */
};

struct http_handler {
    /*
     * The head is there, a body may follow: returns the largest body to read (the server's
     * limit holds all the same), or answers (a refusal; the connection then closes if a body
     * was announced) and returns a negative number. NULL: server's limit.
     */
    int64_t (*on_head)(void *owner, struct http_conn *c, const struct http_request *r);
    void (*on_request)(void *owner, struct http_conn *c, struct http_request *r);
    /* A message that is no HTTP, or over a limit: writes the answer's fields and body. */
    void (*put_error)(void *owner, const struct http_refusal *r, struct buf *fields,
                      struct buf *body);
    void *owner;
};

void http_conn_keep(struct http_conn *c, struct http_request *r);
/* The kept bytes become the caller's, to outlive the answer or (inside on_gone) the client. */
struct http_kept *http_conn_take(struct http_conn *c);
void http_kept_free(struct http_kept *k);
/* `w` is lent until the answer's end, or until its on_gone. */
void http_conn_watch(struct http_conn *c, struct http_watcher *w);

/* Bytes are lent for the call: what the socket does not take at once is copied. */
void http_conn_answer(struct http_conn *c, const struct http_answer *a);
void http_conn_begin(struct http_conn *c, int status,
                     struct str fields); /* chunked; 1.0: until close */
void http_conn_write(struct http_conn *c, struct str bytes);
void http_conn_end(struct http_conn *c);

bool http_conn_is_full(
    const struct http_conn *c); /* above the high mark: on_drained will come */
