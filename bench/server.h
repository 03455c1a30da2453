/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/*
 * The least HTTP/1.1 server on libuv and llhttp: one loop, one scratch buffer for all
 * reads, answers written at once where the socket takes them. It trusts its clients (no
 * limits, no timeouts, one request at a time on a connection), for it only serves
 * measurements: as the upstream, and as the limit that a gateway is compared with.
 */

struct visitor; /* one connection */

struct service {
    void (*on_request_begun)(struct visitor *v);
    void (*on_body)(struct visitor *v, const char *bytes, size_t length);
    void (*on_request)(struct visitor *v); /* whole; answer now or later */
    void (*on_gone)(struct visitor *v);    /* nothing may be sent any more */
    size_t room;                           /* bytes of its own per connection, zeroed */
};

/* Serves on 127.0.0.1 until the process is killed; the port is told on standard output. */
int server_run(const struct service *service, uint64_t port);

void *visitor_room(struct visitor *v);
bool visitor_asks(const struct visitor *v, llhttp_method_t method, const char *url);

/* Bytes are copied where the socket does not take them at once. */
void visitor_send(struct visitor *v, const char *bytes, size_t length);

/* The answer is complete: the connection waits for the next request, or closes. */
void visitor_done(struct visitor *v);

/* Closes at once, whatever has been sent. */
void visitor_part(struct visitor *v);
