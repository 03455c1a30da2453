/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/metric.h"
#include "weir/net/loop.h"
#include "weir/net/tcp.h"
#include "weir/net/timer.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct metrics *metrics;
static struct loop *loop;
static struct listener *listener;
static _Atomic unsigned open_count;
static struct tcp *accepted[4];
static size_t accepted_count;

static void on_closed(struct tcp *t)
{
    (void)t;
    loop_stop(loop);
}

/* Nobody says anything. */
static const struct tcp_events events = { .on_closed = on_closed };

static void on_accepted(void *owner, struct tcp *t)
{
    cr_assert_eq(owner, &accepted_count);
    accepted[accepted_count++] = t;
    tcp_own(t, NULL, &events);
    loop_stop(loop);
}

static enum err open_on(const char *address, unsigned most, struct fault *why)
{
    struct listener_settings settings = { str_of(address), most, &open_count };

    return listener_open(&listener, loop, &settings, why);
}

static void start(void)
{
    metrics = metrics_new();
    loop = loop_new(metrics_shard(metrics));
}

static void stop(void)
{
    listener_close(listener);
    loop_free(loop);
    metrics_free(metrics);
}

TestSuite(listener, .init = start, .fini = stop, .timeout = 20);

static int dial(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)listener_port(listener)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void listen_here(unsigned most)
{
    struct fault why = { 0 };

    cr_assert_eq(open_on("127.0.0.1:0", most, &why), OK, "%s", why.text);
    listener_start(listener, on_accepted, &accepted_count);
}

static void on_due(struct timer *t)
{
    loop_stop(t->loop);
}

/* Whatever happens within a few milliseconds. */
static void run_once(void)
{
    struct timer t;

    timer_init(&t, loop, on_due);
    timer_arm(&t, 5000);
    loop_run(loop);
    timer_disarm(&t);
}

static int64_t refused(void)
{
    return metric_read(metrics, METRIC_CONNECTIONS_REFUSED, METRIC_LABEL(STR("limit")));
}

/* ---- addresses ----------------------------------------------------------------------- */

Test(listener, a_port_of_zero_picks_one_that_is_told)
{
    struct fault why = { 0 };

    cr_assert_eq(open_on("localhost:0", 1, &why), OK, "%s", why.text);
    cr_assert_gt(listener_port(listener), 0);
    cr_assert_leq(listener_port(listener), 65535);
}

Test(listener, an_ipv4_address_may_stand_in_brackets)
{
    struct fault why = { 0 };

    cr_assert_eq(open_on("[127.0.0.1]:0", 1, &why), OK, "%s", why.text);
    cr_assert_gt(listener_port(listener), 0);
}

Test(listener, half_an_address_is_a_fault_that_shows_it)
{
    static const char *const wrong[] = { ":",  ":80",     "[]:80", "[::1:80",       "::1]:80",
                                         "[]", "h:0x50",  "h:-1",  "h: 80",         "h:80 ",
                                         "h:", "h:65536", "[::1]", "127.0.0.1:80:", "[::1]80" };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct fault why = { 0 };

        cr_assert_eq(open_on(wrong[i], 1, &why), ERR_CONFIG, "%s", wrong[i]);
        cr_assert_null(listener);
        cr_assert(strstr(why.text, wrong[i]), "%s: %s", wrong[i], why.text);
        cr_assert_eq(listener_probe(str_of(wrong[i]), &why), ERR_CONFIG, "%s", wrong[i]);
        cr_assert_not(listener_is_loopback(str_of(wrong[i])), "%s", wrong[i]);
    }
}

Test(listener, a_host_of_255_bytes_is_looked_up_and_a_longer_one_is_no_address)
{
    char address[300];
    struct fault why = { 0 };

    memset(address, 'x', sizeof(address));
    memcpy(address + 255, ":0", 3);
    cr_assert_eq(open_on(address, 1, &why), ERR_CONFIG);
    cr_assert(str_starts(str_of(why.text), STR("cannot listen on")), "%s", why.text);
    memset(address, 'x', sizeof(address));
    memcpy(address + 256, ":0", 3);
    cr_assert_eq(open_on(address, 1, &why), ERR_CONFIG);
    cr_assert(str_starts(str_of(why.text), STR("\"xxx")), "%s", why.text);
}

Test(listener, what_only_begins_like_loopback_is_not)
{
    cr_assert_not(listener_is_loopback(STR("127.0.0.1.example:80")));
    cr_assert_not(listener_is_loopback(STR("localhost.example:80")));
    cr_assert_not(listener_is_loopback(STR("128.0.0.1:80")));
    cr_assert_not(listener_is_loopback(STR("[::2]:80")));
    cr_assert(listener_is_loopback(STR("[0:0:0:0:0:0:0:1]:80")));
    cr_assert(listener_is_loopback(STR("127.255.255.255:0")));
}

Test(listener, a_probe_leaves_the_address_free)
{
    char address[32];
    struct fault why = { 0 };

    cr_assert_eq(open_on("127.0.0.1:0", 1, &why), OK);
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", listener_port(listener));
    listener_close(listener);
    listener = NULL;
    loop_free(loop); /* now it is closed */
    cr_assert_eq(listener_probe(str_of(address), &why), OK, "%s", why.text);
    cr_assert_eq(listener_probe(str_of(address), &why), OK, "%s", why.text);
    loop = loop_new(metrics_shard(metrics));
    cr_assert_eq(open_on(address, 1, &why), OK, "%s", why.text);
}

/* ---- accepting ----------------------------------------------------------------------- */

Test(listener, nobody_is_accepted_before_the_start)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct fault why = { 0 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert_eq(open_on("127.0.0.1:0", 1, &why), OK);
    to.sin_port = htons((uint16_t)listener_port(listener));
    cr_assert_neq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    close(fd);
}

Test(listener, those_over_the_cap_are_counted_and_room_lets_the_next_one_in)
{
    int fds[4];
    char byte;

    listen_here(1);
    fds[0] = dial();
    loop_run(loop);
    fds[1] = dial();
    fds[2] = dial();
    while (refused() < 2)
        run_once();
    cr_assert_leq(recv(fds[1], &byte, 1, 0), 0);
    cr_assert_leq(recv(fds[2], &byte, 1, 0), 0);
    cr_assert_eq(accepted_count, 1);
    tcp_close(accepted[0]);
    loop_run(loop);
    fds[3] = dial();
    loop_run(loop);
    cr_assert_eq(accepted_count, 2);
    cr_assert_eq(refused(), 2);
    tcp_close(accepted[1]);
    loop_run(loop);
    cr_assert_eq(atomic_load(&open_count), 0);
    for (size_t i = 0; i < 4; i++)
        close(fds[i]);
}

Test(listener, a_cap_of_none_lets_nobody_in)
{
    int fd;
    char byte;

    listen_here(0);
    fd = dial();
    while (refused() < 1)
        run_once();
    cr_assert_leq(recv(fd, &byte, 1, 0), 0);
    cr_assert_eq(accepted_count, 0);
    close(fd);
}

Test(listener, the_cap_is_over_all_listeners_that_share_the_count)
{
    struct listener *first;
    int one, two;
    char byte;

    listen_here(1);
    first = listener;
    one = dial();
    loop_run(loop);
    listen_here(1);
    two = dial();
    while (refused() < 1)
        run_once();
    cr_assert_leq(recv(two, &byte, 1, 0), 0);
    cr_assert_eq(accepted_count, 1);
    tcp_close(accepted[0]);
    loop_run(loop);
    listener_close(first);
    close(one);
    close(two);
}

Test(listener, none_is_fine_to_close)
{
    listener_close(NULL);
}
