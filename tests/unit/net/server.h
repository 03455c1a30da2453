/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* A real redis-server of a test's own: nothing on disk, a free port of 127.0.0.1. */
struct server {
    unsigned port;
    pid_t process;
    const char *const *arguments; /* lent; may be NULL */
};

/* `password` may be NULL. Returns once it accepts connections. */
void server_start(struct server *s, const char *password);
/* With more of redis-server's arguments, the last one NULL. Those of a sentinel begin with the
   name of its file. */
void server_start_with(struct server *s, const char *const *arguments);
void server_start_again(struct server *s); /* on the same port */
void server_kill(struct server *s);
void server_freeze(struct server *s);
void server_thaw(struct server *s);

/* One command, its words between spaces; the first bytes of the reply. */
void server_ask(const struct server *s, const char *command, char *reply, size_t size);
