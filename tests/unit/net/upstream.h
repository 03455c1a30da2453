/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * An upstream that follows a script: a thread of its own takes connections one after the
 * other and plays the script on each. What it sends and sees is plain bytes.
 */
struct upstream;
typedef void upstream_fn(struct upstream *u, int fd, unsigned nth); /* nth connection, from 0 */

struct upstream {
    unsigned port;
    _Atomic unsigned requests; /* read whole by upstream_hear */
    _Atomic unsigned closes;   /* seen by upstream_await_close */
    int listening;
    void *thread;
    upstream_fn *script;
};

void upstream_start(struct upstream *u, upstream_fn *script);
void upstream_stop(struct upstream *u);

/* For scripts: reads one request with its Content-Length body; false at the end. */
bool upstream_hear(struct upstream *u, int fd, char *into, size_t size);
void upstream_say(int fd, const char *text);
void upstream_reset(int fd); /* closes with a reset */
void upstream_await_close(struct upstream *u, int fd);
