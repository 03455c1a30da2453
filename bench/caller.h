/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/*
 * One connection that asks one thing and hears the answer as it comes. After the answer
 * it stays open, idle, until caller_leave or until the other side closes it.
 *
 * Exactly one of on_answered and on_failed tells how the asking ended. Losing an idle
 * connection afterwards is told by on_failed too.
 */

struct caller;

struct listener {
    void (*on_body)(struct caller *c, const char *bytes, size_t length); /* may be NULL */
    void (*on_answered)(struct caller *c, int status);
    void (*on_failed)(struct caller *c, const char *why);
};

struct caller {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    llhttp_t parser;
    const struct listener *listener; /* lent by whoever asks */
    const char *question;            /* lent; a whole HTTP request */
    bool left;
};

/* Reads "127.0.0.1:8080". False, with a line on standard error, for anything else. */
bool target_read(struct sockaddr_in *target, const char *text);

/* `c` is the asker's memory, and stays it until the loop has ended. */
void caller_ask(struct caller *c, const struct listener *listener,
                const struct sockaddr_in *target, const char *question);
void caller_leave(struct caller *c);
