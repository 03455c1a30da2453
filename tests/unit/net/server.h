/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

/* A real redis-server of a test's own: nothing on disk, a free port of 127.0.0.1. */
struct server {
    unsigned port;
    pid_t process;
};

/* `password` may be NULL. Returns once it accepts connections. */
void server_start(struct server *s, const char *password);
void server_start_again(struct server *s); /* on the same port */
void server_kill(struct server *s);
void server_freeze(struct server *s);
void server_thaw(struct server *s);
