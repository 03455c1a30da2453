/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/net/tcp.h"

#include "weir/base/buf.h"
#include "weir/base/clock.h"
#include "weir/net/loop.h"
#include "weir/net/timer.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MUCH = 16 * 1024 * 1024 };

static struct loop *loop;
static struct listener *listener;
static _Atomic unsigned open_count;
static struct tcp *conn;
static unsigned ended, broken, drained, closed;
static struct buf got;
static bool stop_on_data, stop_on_ended, stop_on_broken, stop_on_drained, close_on_data;

static void stop_if(bool wanted)
{
    if (wanted)
        loop_stop(loop);
}

static void on_data(struct tcp *t, struct str bytes)
{
    buf_put(&got, bytes);
    if (close_on_data)
        tcp_close(t);
    stop_if(stop_on_data);
}

static void on_ended(struct tcp *t)
{
    (void)t;
    ended++;
    stop_if(stop_on_ended);
}

static void on_broken(struct tcp *t)
{
    (void)t;
    broken++;
    stop_if(stop_on_broken);
}

static void on_drained(struct tcp *t)
{
    (void)t;
    drained++;
    stop_if(stop_on_drained);
}

static void on_closed(struct tcp *t)
{
    cr_assert_eq(tcp_owner(t), &conn);
    closed++;
    conn = NULL;
    loop_stop(loop);
}

static const struct tcp_events events = { on_data, on_ended, on_broken, on_drained, on_closed };

static void on_accepted(void *owner, struct tcp *accepted)
{
    (void)owner;
    conn = accepted;
    tcp_own(accepted, &conn, &events);
    loop_stop(loop);
}

static struct listener *listen_on(const char *address, unsigned most)
{
    struct listener_settings settings = { str_of(address), most, &open_count };
    struct fault why = { 0 };
    struct listener *l = NULL;

    cr_assert_eq(listener_open(&l, loop, &settings, &why), OK, "%s", why.text);
    return l;
}

static void begin(void)
{
    loop = loop_new(NULL);
    listener = listen_on("127.0.0.1:0", 10);
    listener_start(listener, on_accepted, NULL);
}

static void finish(void)
{
    if (conn)
        tcp_close(conn);
    listener_close(listener);
    loop_free(loop);
    buf_deinit(&got);
    cr_assert_eq(atomic_load(&open_count), 0);
}

TestSuite(tcp, .init = begin, .fini = finish, .timeout = 30);

static int dial(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)listener_port(listener)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static int dial_and_accept(void)
{
    int fd = dial();

    loop_run(loop);
    cr_assert(conn);
    return fd;
}

static void say(int fd, const char *text)
{
    cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void reset(int fd)
{
    struct linger hard = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(fd);
}

static void end_turn(struct timer *t)
{
    loop_stop(t->loop);
}

static void run_for(uint64_t us)
{
    struct timer t;

    timer_init(&t, loop, end_turn);
    timer_arm(&t, us);
    loop_run(loop);
    timer_disarm(&t);
}

/* ---- reading ---- */

Test(tcp, tells_what_the_peer_sent)
{
    int fd = dial_and_accept();

    stop_on_data = true;
    say(fd, "hello");
    loop_run(loop);
    cr_assert(str_eq(buf_str(&got), STR("hello")));
    close(fd);
}

Test(tcp, tells_of_the_peers_end_and_may_still_write)
{
    int fd = dial_and_accept();
    char text[8] = { 0 };

    stop_on_ended = true;
    shutdown(fd, SHUT_WR);
    loop_run(loop);
    cr_assert_eq(ended, 1);
    tcp_write(conn, &STR("still"), 1);
    cr_assert_eq(recv(fd, text, sizeof(text), 0), 5);
    cr_assert_eq(broken, 0);
    close(fd);
}

Test(tcp, tells_of_a_reset)
{
    int fd = dial_and_accept();

    stop_on_broken = true;
    reset(fd);
    loop_run(loop);
    cr_assert_eq(broken, 1);
}

Test(tcp, sees_a_reset_while_paused_within_a_fifth_of_a_second)
{
    int fd = dial_and_accept();
    uint64_t began = clock_now_us();

    stop_on_broken = true;
    tcp_pause(conn);
    reset(fd);
    loop_run(loop);
    cr_assert_eq(broken, 1);
    cr_assert_lt(clock_now_us() - began, 200 * 1000);
}

Test(tcp, sees_a_reset_after_the_peers_end)
{
    int fd = dial_and_accept();

    stop_on_ended = true;
    shutdown(fd, SHUT_WR);
    loop_run(loop);
    stop_on_broken = true;
    reset(fd);
    loop_run(loop);
    cr_assert_eq(broken, 1);
}

Test(tcp, tells_nothing_while_paused_and_all_of_it_after)
{
    int fd = dial_and_accept();

    tcp_pause(conn);
    say(fd, "later");
    run_for(20 * 1000);
    cr_assert_eq(got.len, 0);
    stop_on_data = true;
    tcp_resume(conn);
    loop_run(loop);
    cr_assert(str_eq(buf_str(&got), STR("later")));
    close(fd);
}

Test(tcp, may_be_closed_while_it_tells_of_data)
{
    int fd = dial_and_accept();

    close_on_data = true;
    say(fd, "bye");
    loop_run(loop);
    cr_assert_eq(closed, 1);
    close(fd);
}

/* ---- writing ---- */

struct reader {
    pthread_t thread;
    int fd;
    size_t got;
    bool in_order;
};

static void *read_all(void *arg)
{
    struct reader *r = arg;
    static unsigned char block[64 * 1024];

    r->in_order = true;
    for (;;) {
        ssize_t n = recv(r->fd, block, sizeof(block), 0);

        if (n <= 0)
            return NULL;
        for (ssize_t i = 0; i < n; i++, r->got++)
            r->in_order = r->in_order && block[i] == (unsigned char)(r->got % 251);
    }
}

static void write_much(void)
{
    char *block = malloc(MUCH);

    for (size_t i = 0; i < MUCH; i++)
        block[i] = (char)(unsigned char)(i % 251);
    /* In pieces of many sizes, some of none. */
    for (size_t at = 0, size = 1; at < MUCH; size = size * 2 % 1000003) {
        size_t now = size < MUCH - at ? size : MUCH - at;
        struct str parts[] = { { block + at, now / 2 },
                               { NULL, 0 },
                               { block + at + now / 2, now - now / 2 } };

        tcp_write(conn, parts, 3);
        at += now;
    }
    free(block);
}

Test(tcp, keeps_what_the_socket_does_not_take_and_sends_it_in_order)
{
    struct reader r = { .fd = dial_and_accept() };

    tcp_set_low(conn, 64 * 1024);
    stop_on_drained = true;
    write_much();
    cr_assert_gt(tcp_queued(conn), 1024 * 1024);
    cr_assert_eq(drained, 0);
    pthread_create(&r.thread, NULL, read_all, &r);
    loop_run(loop);
    cr_assert_eq(drained, 1);
    cr_assert_leq(tcp_queued(conn), 64 * 1024);
    tcp_close_gently(conn);
    loop_run(loop);
    shutdown(r.fd, SHUT_WR);
    pthread_join(r.thread, NULL);
    cr_assert_eq(r.got, MUCH);
    cr_assert(r.in_order);
    close(r.fd);
}

Test(tcp, a_write_of_many_parts_arrives_whole)
{
    struct str parts[100];
    char text[200] = { 0 };
    int fd = dial_and_accept();

    for (unsigned i = 0; i < 100; i++)
        parts[i] = STR("ab");
    tcp_write(conn, parts, 100);
    cr_assert_eq(recv(fd, text, 200, MSG_WAITALL), 200);
    cr_assert_eq(tcp_queued(conn), 0);
    cr_assert_eq(strncmp(text, "ababab", 6), 0);
    close(fd);
}

Test(tcp, a_failed_write_is_told_later_and_once)
{
    int fd = dial_and_accept();

    tcp_pause(conn);
    reset(fd);
    stop_on_broken = true;
    for (unsigned i = 0; i < 10; i++)
        tcp_write(conn, &STR("x"), 1);
    cr_assert_eq(broken, 0);
    loop_run(loop);
    run_for(250 * 1000);
    cr_assert_eq(broken, 1);
}

/* ---- the end ---- */

Test(tcp, a_gentle_close_sends_what_is_queued_and_then_the_end)
{
    struct reader r = { .fd = dial_and_accept() };

    write_much();
    tcp_close_gently(conn);
    pthread_create(&r.thread, NULL, read_all, &r);
    loop_run(loop);
    pthread_join(r.thread, NULL);
    cr_assert_eq(closed, 1);
    cr_assert_eq(r.got, MUCH);
    close(r.fd);
}

Test(tcp, a_gentle_close_lets_the_peer_read_though_it_is_still_sending)
{
    char text[8] = { 0 };
    int fd = dial_and_accept();

    say(fd, "more than anybody reads");
    tcp_write(conn, &STR("no"), 1);
    tcp_close_gently(conn);
    run_for(20 * 1000);
    say(fd, "and more");
    run_for(20 * 1000);
    cr_assert_eq(recv(fd, text, sizeof(text), 0), 2);
    cr_assert_eq(recv(fd, text, sizeof(text), 0), 0);
    close(fd);
    loop_run(loop);
    cr_assert_eq(closed, 1);
}

Test(tcp, a_gentle_close_ends_after_a_second_whatever_the_peer_does)
{
    uint64_t began = clock_now_us();
    int fd = dial_and_accept();

    tcp_close_gently(conn);
    loop_run(loop);
    cr_assert_eq(closed, 1);
    cr_assert_lt(clock_now_us() - began, 1500 * 1000);
    close(fd);
}

Test(tcp, a_loop_that_ends_closes_those_that_linger)
{
    int fd = dial_and_accept();

    tcp_close_gently(conn);
    run_for(10 * 1000);
    cr_assert_eq(closed, 0);
    close(fd);
}

Test(tcp, random_ends_of_many_connections_leave_nothing_behind)
{
    srand(7);
    for (unsigned i = 0; i < 1000; i++) {
        int fd = dial_and_accept();

        stop_on_data = stop_on_ended = stop_on_broken = rand() % 2 == 0;
        if (rand() % 2)
            say(fd, "x");
        if (rand() % 2)
            tcp_write(conn, &STR("y"), 1);
        if (rand() % 3 == 0)
            reset(fd);
        else
            close(fd);
        if (rand() % 2)
            tcp_close(conn);
        else
            tcp_close_gently(conn);
        while (conn)
            loop_run(loop);
    }
    cr_assert_eq(closed, 1000);
}

/* ---- listening ---- */

Test(tcp, connections_over_the_cap_are_closed)
{
    int fds[11];
    char byte;

    conn = NULL;
    listener_close(listener);
    listener = listen_on("127.0.0.1:0", 1);
    listener_start(listener, on_accepted, NULL);
    fds[0] = dial_and_accept();
    fds[1] = dial();
    run_for(20 * 1000);
    cr_assert_eq(atomic_load(&open_count), 1);
    cr_assert_leq(recv(fds[1], &byte, 1, 0), 0);
    close(fds[0]);
    close(fds[1]);
}

Test(tcp, several_listeners_share_a_port)
{
    char address[32];
    struct listener *other;

    snprintf(address, sizeof(address), "127.0.0.1:%u", listener_port(listener));
    other = listen_on(address, 10);
    cr_assert_eq(listener_port(other), listener_port(listener));
    listener_close(other);
}

Test(tcp, an_address_where_somebody_listens_is_not_free)
{
    char address[32];
    struct fault why = { 0 };

    snprintf(address, sizeof(address), "127.0.0.1:%u", listener_port(listener));
    cr_assert_eq(listener_probe(str_of(address), &why), ERR_CONFIG);
    cr_assert(strstr(why.text, "in use"), "%s", why.text);
}

Test(tcp, a_probed_address_can_be_listened_on_at_once)
{
    char address[32];
    struct fault why = { 0 };
    struct listener *other = listen_on("127.0.0.1:0", 1);

    snprintf(address, sizeof(address), "127.0.0.1:%u", listener_port(other));
    listener_close(other);
    cr_assert_eq(listener_probe(str_of(address), &why), OK, "%s", why.text);
    listener_close(listen_on(address, 1));
}

Test(tcp, an_address_that_is_none_is_a_fault)
{
    static const char *const wrong[] = {
        "",       "8080",     "127.0.0.1",   "127.0.0.1:", "127.0.0.1:99999",
        "::1:80", "host:80x", "256.0.0.1:80"
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct listener_settings settings = { str_of(wrong[i]), 1, &open_count };
        struct fault why = { 0 };
        struct listener *l = NULL;

        cr_assert_eq(listener_open(&l, loop, &settings, &why), ERR_CONFIG, "%s", wrong[i]);
        cr_assert_neq(why.text[0], '\0');
    }
}

Test(tcp, loopback_addresses_are_told_from_others)
{
    cr_assert(listener_is_loopback(STR("127.0.0.1:80")));
    cr_assert(listener_is_loopback(STR("127.9.9.9:80")));
    cr_assert(listener_is_loopback(STR("[::1]:80")));
    cr_assert(listener_is_loopback(STR("localhost:80")));
    cr_assert_not(listener_is_loopback(STR("0.0.0.0:80")));
    cr_assert_not(listener_is_loopback(STR("[::]:80")));
    cr_assert_not(listener_is_loopback(STR("10.0.0.1:80")));
    cr_assert_not(listener_is_loopback(STR("nonsense")));
}
