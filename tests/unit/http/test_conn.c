/* SPDX-License-Identifier: Apache-2.0 */
#include "serving.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define HEAD_POST(path, fields) "POST " path " HTTP/1.1\r\nHost: a\r\n" fields "\r\n"

static struct serving *s;
static int fd;

static void open_one(void)
{
    s = serving_start(NULL);
    fd = client_open(s);
}

static void open_with(struct http_settings changes)
{
    s = serving_start(&changes);
    fd = client_open(s);
}

static void close_all(void)
{
    close(fd);
    serving_end(s);
}

static bool waits_for(sem_t *sem, long ms)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return sem_timedwait(sem, &until) == 0;
}

static void has(const char *text, const char *part)
{
    cr_assert_not_null(text, "the connection ended");
    cr_assert_not_null(strstr(text, part), "%s", text);
}

static void has_not(const char *text, const char *part)
{
    cr_assert_not_null(text, "the connection ended");
    cr_assert_null(strstr(text, part), "%s", text);
}

TestSuite(conn, .timeout = 15, .init = open_one, .fini = close_all);
TestSuite(conn_limits, .timeout = 15, .fini = close_all);

Test(conn, a_request_is_answered_and_the_connection_kept)
{
    for (int i = 0; i < 3; i++) {
        const char *got = client_ask(fd, GET("/hit?x=y"));

        has(got, "HTTP/1.1 200 OK\r\n");
        has(got, "X-Test: yes\r\n");
        has(got, "Content-Length: 10\r\n");
        has(got, "\r\n\r\nGET /hit 0");
        has_not(got, "Connection:");
    }
}

Test(conn, a_body_in_pieces_is_put_together)
{
    const char *text = HEAD_POST("/later", "Content-Length: 11\r\n") "hello world";

    for (const char *at = text; *at; at++)
        client_send(fd, (char[]){ *at, '\0' });
    has(client_read(fd), "\r\n\r\nhello world");
}

Test(conn, chunks_are_put_together)
{
    has(client_ask(fd, HEAD_POST("/later",
                                 "Transfer-Encoding: chunked\r\n") "5\r\nhello\r\n"
                                                                   "6\r\n world\r\n0\r\n\r\n"),
        "\r\n\r\nhello world");
}

Test(conn, pipelined_requests_are_answered_in_order)
{
    client_send(fd, GET("/later") GET("/hit") HEAD_POST(
                        "/later", "Content-Length: 1\r\n") "x" GET("/stream") GET("/hit"));
    has(client_read(fd), "Content-Length: 0\r\n");
    has(client_read(fd), "GET /hit 0");
    has(client_read(fd), "\r\n\r\nx");
    has(client_read(fd), "three");
    has(client_read(fd), "GET /hit 0");
}

Test(conn, a_stream_comes_in_chunks)
{
    const char *got = client_ask(fd, GET("/stream"));

    has(got, "Transfer-Encoding: chunked\r\n");
    has(got, "\r\n\r\n3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n");
    has_not(got, "Content-Length");
}

Test(conn, head_requests_get_no_bodies)
{
    const char *got;
    const char *second;

    client_send(fd, "HEAD /hit HTTP/1.1\r\nHost: a\r\n\r\n"
                    "HEAD /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    got = client_read_all(fd);
    has(got, "Content-Length: 11\r\n");
    second = strstr(got, "\r\n\r\n") + 4;
    cr_assert_eq(memcmp(second, "HTTP/1.1 200", 12), 0, "%s", second);
    cr_assert_str_eq(strstr(second, "\r\n\r\n"), "\r\n\r\n");
}

Test(conn, status_204_has_no_length)
{
    has_not(client_ask(fd, GET("/empty")), "Content-Length");
    has(client_ask(fd, GET("/hit")), "GET /hit 0");
}

Test(conn, connection_close_is_honoured)
{
    has(client_ask(fd, "GET /hit HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        "Connection: close\r\n");
    cr_assert(client_sees_end(fd));
}

Test(conn, http10_is_served_and_closed)
{
    has(client_ask(fd, "GET /hit HTTP/1.0\r\n\r\n"), "Connection: close\r\n");
    cr_assert(client_sees_end(fd));
}

Test(conn, http10_may_be_kept_alive)
{
    for (int i = 0; i < 2; i++)
        has(client_ask(fd, "GET /hit HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
            "Connection: keep-alive\r\n");
}

Test(conn, an_http10_stream_ends_with_the_connection)
{
    client_send(fd, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    has(client_read_all(fd), "\r\n\r\nonetwothree");
}

Test(conn, a_client_that_expects_100_is_told_to_go_on)
{
    has(client_ask(fd, HEAD_POST("/later", "Expect: 100-continue\r\nContent-Length: 2\r\n")),
        "HTTP/1.1 100 Continue\r\n\r\n");
    has(client_ask(fd, "{}"), "\r\n\r\n{}");
}

Test(conn, a_refused_client_is_not_told_to_go_on)
{
    has(client_ask(fd, HEAD_POST("/refused", "Expect: 100-continue\r\nContent-Length: 2\r\n")),
        "HTTP/1.1 403 ");
    cr_assert(client_sees_end(fd));
}

Test(conn, a_refusal_without_a_body_keeps_the_connection)
{
    has(client_ask(fd, GET("/refused")), "HTTP/1.1 403 ");
    has(client_ask(fd, GET("/hit")), "HTTP/1.1 200 ");
}

Test(conn, a_handler_may_ask_for_small_bodies)
{
    const char *got = client_ask(fd, HEAD_POST("/small", "Content-Length: 11\r\n"));

    has(got, "HTTP/1.1 413 ");
    has(got, "limit of 10 bytes");
    cr_assert(client_sees_end(fd));
}

Test(conn, a_message_that_is_no_http_gets_one_error_and_the_end)
{
    client_send(fd,
                "POST /hit HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n"
                "\r\nx" GET("/wait"));
    has(client_read(fd), "HTTP/1.1 400 ");
    has(client_read_all(fd), "");
    cr_assert_eq(metric_read(s->metrics, METRIC_MALFORMED, NULL), 1);
    cr_assert_eq(sem_trywait(&s->reached), -1);
}

Test(conn, empty_lines_between_requests_are_forgiven)
{
    client_send(fd, "\r\n" GET("/hit") "\r\n");
    has(client_read(fd), "GET /hit");
    has(client_ask(fd, GET("/hit")), "GET /hit");
}

Test(conn, a_client_that_leaves_is_noticed_at_once)
{
    client_send(fd, GET("/wait"));
    sem_wait(&s->reached);
    close(fd);
    cr_assert(waits_for(&s->gone, 200));
    fd = client_open(s);
}

Test(conn, a_reset_is_noticed_at_once)
{
    struct linger at_once = { .l_onoff = 1 };

    client_send(fd, GET("/wait"));
    sem_wait(&s->reached);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd);
    cr_assert(waits_for(&s->gone, 200));
    fd = client_open(s);
}

Test(conn, a_half_closed_client_that_said_close_is_served)
{
    client_send(fd, "POST /later HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2"
                    "\r\n\r\n{}");
    shutdown(fd, SHUT_WR);
    has(client_read_all(fd), "\r\n\r\n{}");
}

Test(conn, a_half_closed_http10_client_is_served)
{
    client_send(fd, "POST /later HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}");
    shutdown(fd, SHUT_WR);
    has(client_read_all(fd), "\r\n\r\n{}");
}

Test(conn, an_answerer_that_does_not_watch_may_answer_a_client_that_left)
{
    client_send(fd, GET("/wait-blindly"));
    sem_wait(&s->reached);
    close(fd);
    fd = client_open(s);
    client_send(fd, GET("/wait-blindly"));
    has(client_read(fd), "late");
}

Test(conn, a_slow_reader_bounds_what_is_queued)
{
    char bytes[65536];
    size_t got = 0;

    client_send(fd, GET("/flood"));
    sem_wait(&s->reached);
    while (got < 4 << 20) {
        ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

        cr_assert_gt(n, 0);
        got += (size_t)n;
    }
    close(fd);
    cr_assert(waits_for(&s->gone, 1000));
    fd = client_open(s);
}

Test(conn, pipelining_without_reading_does_not_fill_our_memory)
{
    static char requests[1 << 16];
    struct pollfd room = { .fd = fd, .events = POLLOUT };
    size_t len = 0, sent = 0;

    while (len + sizeof(GET("/hit")) < sizeof(requests))
        len += (size_t)snprintf(requests + len, sizeof(requests) - len, "%s", GET("/hit"));
    while (poll(&room, 1, 500) == 1) {
        ssize_t n = send(fd, requests, len, MSG_DONTWAIT | MSG_NOSIGNAL);

        cr_assert_gt(n, 0);
        sent += (size_t)n;
        cr_assert_lt(sent, 256U << 20);
    }
}

Test(conn_limits, a_head_that_takes_too_long_gets_408)
{
    open_with((struct http_settings){ .header_timeout_us = 50000 });
    client_send(fd, "GET /hit HTTP/1.1\r\nHost:");
    has(client_read(fd), "HTTP/1.1 408 ");
    cr_assert(client_sees_end(fd));
    cr_assert_eq(serving_refused(s, STR("header_timeout")), 1);
}

Test(conn_limits, a_body_that_stops_gets_408)
{
    open_with((struct http_settings){ .body_timeout_us = 50000 });
    client_send(fd, HEAD_POST("/hit", "Content-Length: 5\r\n") "abc");
    has(client_read(fd), "HTTP/1.1 408 ");
    cr_assert_eq(serving_refused(s, STR("body_timeout")), 1);
}

Test(conn_limits, a_body_that_comes_slowly_but_surely_is_read)
{
    struct timespec pause = { .tv_nsec = 20000000 };

    open_with((struct http_settings){ .body_timeout_us = 200000 });
    client_send(fd, HEAD_POST("/hit", "Content-Length: 20\r\n"));
    for (int i = 0; i < 20; i++) {
        nanosleep(&pause, NULL); /* slowness is what is tested */
        client_send(fd, "x");
    }
    has(client_read(fd), "POST /hit 20");
}

Test(conn_limits, an_idle_connection_is_closed)
{
    open_with((struct http_settings){ .idle_timeout_us = 50000 });
    has(client_ask(fd, GET("/hit")), "GET /hit");
    cr_assert(client_sees_end(fd));
    cr_assert_eq(serving_refused(s, STR("idle")), 1);
}

Test(conn_limits, waiting_for_an_answer_is_not_idle)
{
    open_with((struct http_settings){ .idle_timeout_us = 5000 });
    has(client_ask(fd, GET("/later")), "HTTP/1.1 200 ");
}

Test(conn_limits, a_client_that_takes_nothing_is_dropped)
{
    open_with((struct http_settings){ .slow_reader_timeout_us = 100000 });
    client_send(fd, GET("/flood"));
    cr_assert(waits_for(&s->gone, 3000));
    cr_assert_eq(serving_refused(s, STR("slow_reader")), 1);
}
