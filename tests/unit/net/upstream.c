/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void *run(void *arg)
{
    struct upstream *u = arg;
    unsigned nth = 0;

    for (;;) {
        int fd = accept(u->listening, NULL, NULL);

        if (fd < 0)
            return NULL;
        u->script(u, fd, nth++);
        close(fd);
    }
}

void upstream_start(struct upstream *u, upstream_fn *script)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(at);
    pthread_t *thread = malloc(sizeof(*thread));

    u->script = script;
    u->listening = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(u->listening, (struct sockaddr *)&at, sizeof(at)), 0);
    cr_assert_eq(listen(u->listening, 64), 0);
    cr_assert_eq(getsockname(u->listening, (struct sockaddr *)&at, &size), 0);
    u->port = ntohs(at.sin_port);
    u->thread = thread;
    cr_assert_eq(pthread_create(thread, NULL, run, u), 0);
}

void upstream_stop(struct upstream *u)
{
    shutdown(u->listening, SHUT_RDWR);
    pthread_join(*(pthread_t *)u->thread, NULL);
    close(u->listening);
    free(u->thread);
}

bool upstream_hear(struct upstream *u, int fd, char *into, size_t size)
{
    size_t got = 0;

    for (;;) {
        ssize_t n = recv(fd, into + got, size - 1 - got, 0);
        char *end;
        char *length;

        if (n <= 0)
            return false;
        got += (size_t)n;
        into[got] = '\0';
        end = strstr(into, "\r\n\r\n");
        length = strstr(into, "Content-Length: ");
        if (end &&
            (!length || got >= (size_t)(end + 4 - into) + strtoul(length + 16, NULL, 10))) {
            atomic_fetch_add(&u->requests, 1);
            return true;
        }
    }
}

void upstream_say(int fd, const char *text)
{
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

void upstream_reset(int fd)
{
    struct linger hard = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

void upstream_await_close(struct upstream *u, int fd)
{
    char drop[4096];

    while (recv(fd, drop, sizeof(drop), 0) > 0)
        continue;
    atomic_fetch_add(&u->closes, 1);
}
