/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/net/tcp.h"

#include <uv.h>

struct sockaddr;

/* The connection that `server` has ready, or NULL. `open` is counted up now, down at its end. */
struct tcp *tcp_accept(struct loop *loop, uv_stream_t *server, _Atomic unsigned *open);

/* The same for a connection that was accepted without libuv. */
struct tcp *tcp_adopt(struct loop *loop, int fd, _Atomic unsigned *open);

/*
 * A connection to `to`, owned from the start. on_dialed comes once it stands; if it cannot,
 * on_broken does. The caller keeps the time, and may close it at any moment.
 */
typedef void tcp_dialed_fn(struct tcp *t);

struct tcp *tcp_dial(struct loop *loop, const struct sockaddr *to, tcp_dialed_fn *on_dialed,
                     void *owner, const struct tcp_events *events);
