/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/metric.h"
#include "weir/http/server.h"
#include "weir/net/loop.h"

#include <pthread.h>
#include <semaphore.h>

/*
 * A server on a thread of its own, for tests that talk to it over real sockets, and a small
 * blocking client. What the handler does is in the path:
 *
 *   /hit       answered at once: method, path and length of the body
 *   /later     kept, and answered by a timer with the body
 *   /stream    "one", "two", "three" in pieces, at once
 *   /wait      never answered, with a watcher; /wait-blindly without one
 *   /flood     an endless stream that heeds the marks
 *   /small     takes bodies of 10 bytes; /refused is turned away at its head with 403
 *   /empty     204
 */

struct serving {
    struct loop *loop;
    struct metrics *metrics;
    struct http_server *server;
    struct http_settings settings;
    pthread_t thread;
    _Atomic unsigned connections;
    unsigned port;
    sem_t gone;     /* posted by each on_gone */
    sem_t reached;  /* posted when a request is handed up */
    sem_t released; /* lets go who waits in serving_do() */
};

struct serving *serving_start(const struct http_settings *changes);
void serving_end(struct serving *s);

/* Runs `verb` on the server's thread, and returns when it has. */
void serving_do(struct serving *s, void (*verb)(struct http_server *s));
unsigned serving_busy(struct serving *s);
int64_t serving_refused(struct serving *s, struct str reason);

/* ---- the client ---- */

int client_open(const struct serving *s);
void client_send(int fd, const char *text);
/* One answer, by its framing; static memory. NULL: the connection ended first. */
const char *client_read(int fd);
const char *client_ask(int fd, const char *text);
/* Waits for the end of the stream, and returns what came before it. */
const char *client_read_all(int fd);
bool client_sees_end(int fd);
