/* SPDX-License-Identifier: Apache-2.0 */
#include "serving.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static struct serving *s;

static void start(void)
{
    s = serving_start(NULL);
}

static void end(void)
{
    serving_end(s);
}

static void has(const char *text, const char *part)
{
    cr_assert_not_null(text, "the connection ended");
    cr_assert_not_null(strstr(text, part), "%s", text);
}

TestSuite(server, .timeout = 15, .init = start, .fini = end);

Test(server, says_in_a_fault_why_it_cannot_listen)
{
    struct http_settings settings = s->settings;
    struct http_handler handler = { 0 };
    struct http_server *server;
    struct fault why = { 0 };

    settings.address = STR("nowhere");
    cr_assert_neq(http_server_open(&server, s->loop, &settings, &handler, &why), OK);
    cr_assert_neq(why.text[0], '\0');
}

Test(server, counts_its_connections)
{
    int fd = client_open(s);

    client_ask(fd, GET("/hit"));
    cr_assert_eq(metric_read(s->metrics, METRIC_CONNECTIONS, NULL), 1);
    cr_assert_eq(s->connections, 1);
    close(fd);
}

Test(server, says_close_once_it_is_quiet)
{
    int fd = client_open(s);

    client_ask(fd, GET("/hit"));
    serving_do(s, http_server_quiet);
    has(client_ask(fd, GET("/hit")), "Connection: close\r\n");
    cr_assert(client_sees_end(fd));
    close(fd);
}

Test(server, accepts_until_it_is_stopped)
{
    int fd;

    serving_do(s, http_server_quiet);
    fd = client_open(s);
    has(client_ask(fd, GET("/hit")), "HTTP/1.1 200 ");
    close(fd);
}

Test(server, closes_idle_connections_when_it_stops)
{
    int fd = client_open(s);

    client_ask(fd, GET("/hit"));
    serving_do(s, http_server_stop);
    cr_assert(client_sees_end(fd));
    close(fd);
}

Test(server, finishes_what_it_has_begun_when_it_stops)
{
    int fd = client_open(s);

    client_send(fd, "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}");
    sem_wait(&s->reached);
    serving_do(s, http_server_stop);
    cr_assert_geq(serving_busy(s), 1);
    has(client_read(fd), "\r\n\r\n{}");
    cr_assert(client_sees_end(fd));
    close(fd);
}

static void await_connections(unsigned count)
{
    while (atomic_load(&s->connections) < count)
        poll(NULL, 0, 1);
}

Test(server, answers_who_came_before_it_stopped_and_asks_a_little_later)
{
    int fd = client_open(s);

    await_connections(1);
    serving_do(s, http_server_stop);
    poll(NULL, 0, 300);
    cr_assert_geq(serving_busy(s), 1);
    has(client_ask(fd, GET("/hit")), "Connection: close\r\n");
    cr_assert(client_sees_end(fd));
    close(fd);
}

Test(server, closes_who_came_and_never_asks_when_it_stops)
{
    int fd = client_open(s);

    await_connections(1);
    serving_do(s, http_server_stop);
    cr_assert(client_sees_end(fd));
    close(fd);
}

Test(server, is_not_busy_with_idle_connections)
{
    int fd = client_open(s);

    client_ask(fd, GET("/hit"));
    sem_wait(&s->reached);
    cr_assert_eq(serving_busy(s), 0);
    client_send(fd, GET("/wait"));
    sem_wait(&s->reached);
    cr_assert_eq(serving_busy(s), 1);
    close(fd);
    sem_wait(&s->gone);
}

Test(server, cuts_what_is_left_when_it_is_freed)
{
    int fd = client_open(s);

    client_send(fd, GET("/wait"));
    sem_wait(&s->reached);
    serving_end(s);
    cr_assert(client_sees_end(fd));
    close(fd);
    s = serving_start(NULL);
}
