/* SPDX-License-Identifier: Apache-2.0 */
#include "server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sockaddr_in at_port(unsigned port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static unsigned find_port(void)
{
    struct sockaddr_in at = at_port(0);
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    close(fd);
    return ntohs(at.sin_port);
}

static int accepts(unsigned port)
{
    struct sockaddr_in at = at_port(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int result = connect(fd, (struct sockaddr *)&at, sizeof(at));

    close(fd);
    return result == 0;
}

static void run(struct server *s, const char *password)
{
    char port[8];
    int quiet = open("/dev/null", O_RDWR);

    snprintf(port, sizeof(port), "%u", s->port);
    s->process = fork();
    if (s->process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(quiet, 0);
        dup2(quiet, 1);
        dup2(quiet, 2);
        execlp("redis-server", "redis-server", "--bind", "127.0.0.1", "--port", port, "--save",
               "", "--appendonly", "no", "--requirepass", password ? password : "", NULL);
        _exit(127);
    }
    close(quiet);
    while (!accepts(s->port)) {
        cr_assert_eq(waitpid(s->process, NULL, WNOHANG), 0, "redis-server did not start");
        poll(NULL, 0, 5);
    }
}

void server_start(struct server *s, const char *password)
{
    s->port = find_port();
    run(s, password);
}

void server_start_again(struct server *s)
{
    run(s, NULL);
}

void server_kill(struct server *s)
{
    if (s->process > 0) {
        kill(s->process, SIGKILL);
        waitpid(s->process, NULL, 0);
    }
    s->process = 0;
}

void server_freeze(struct server *s)
{
    kill(s->process, SIGSTOP);
    waitpid(s->process, NULL, WUNTRACED);
}

void server_thaw(struct server *s)
{
    kill(s->process, SIGCONT);
}
