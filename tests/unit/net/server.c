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

enum { MOST_ARGUMENTS = 32 };

static void run_quietly(const char **words)
{
    int quiet = open("/dev/null", O_RDWR);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(quiet, 0);
    dup2(quiet, 1);
    dup2(quiet, 2);
    execvp(words[0], (char *const *)words);
    _exit(127);
}

static void run(struct server *s, const char *password)
{
    const char *words[MOST_ARGUMENTS] = { "redis-server" };
    char port[8];
    size_t count = 1;

    snprintf(port, sizeof(port), "%u", s->port);
    for (size_t i = 0; s->arguments && s->arguments[i]; i++)
        words[count++] = s->arguments[i];
    words[count++] = "--bind";
    words[count++] = "127.0.0.1";
    words[count++] = "--port";
    words[count++] = port;
    if (!s->arguments || s->arguments[0][0] == '-') {
        words[count++] = "--save";
        words[count++] = "";
    }
    if (password) {
        words[count++] = "--requirepass";
        words[count++] = password;
    }
    s->process = fork();
    if (s->process == 0)
        run_quietly(words);
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

void server_start_with(struct server *s, const char *const *arguments)
{
    s->port = find_port();
    s->arguments = arguments;
    run(s, NULL);
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

void server_ask(const struct server *s, const char *command, char *reply, size_t size)
{
    struct sockaddr_in at = at_port(s->port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ssize_t got;

    cr_assert_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    dprintf(fd, "%s\r\n", command);
    got = recv(fd, reply, size - 1, 0);
    reply[got > 0 ? got : 0] = '\0';
    close(fd);
}
