/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An old gateway hands its port to a new one under load. Each is a thread with a loop and some
 * listeners; clients come and go on threads of their own, and count whoever was not served.
 */
#include "weir/base/metric.h"
#include "weir/net/loop.h"
#include "weir/net/tcp.h"
#include "weir/net/timer.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 4, CLIENTS = 4 };

static unsigned port;

TestSuite(listener_retire, .timeout = 60);

/* ---- a gateway ---- */

struct door {
    struct gateway *gateway;
    struct listener *listener; /* NULL once it has retired */
    _Atomic unsigned served;
};

struct gateway {
    struct metrics *metrics;
    struct loop *loop;
    struct door doors[MOST];
    unsigned count;
    _Atomic unsigned open;
    _Atomic unsigned siblings;
    _Atomic unsigned retired;
    pthread_t thread;
    struct letter letter;
};

static void on_data(struct tcp *t, struct str bytes)
{
    tcp_write(t, &bytes, 1);
    tcp_close_gently(t);
}

static void on_gone(struct tcp *t)
{
    tcp_close(t);
}

static void on_nothing(struct tcp *t)
{
    (void)t;
}

static const struct tcp_events events = { on_data, on_gone, on_gone, on_nothing, on_nothing };

static void on_accepted(void *owner, struct tcp *t)
{
    struct door *d = owner;

    atomic_fetch_add(&d->served, 1);
    tcp_own(t, NULL, &events);
}

static void *run(void *loop)
{
    loop_run(loop);
    return NULL;
}

/* With so many doors on `port`, or all of them on the socket `fd`. */
static void gateway_start(struct gateway *g, unsigned count, int fd)
{
    char address[32];

    g->metrics = metrics_new();
    g->loop = loop_new(metrics_shard(g->metrics));
    g->count = count;
    for (unsigned i = 0; i < count; i++) {
        struct listener_settings settings = {
            .most = 1000, .open = &g->open, .fd = fd, .siblings = &g->siblings
        };
        struct fault why = { 0 };

        snprintf(address, sizeof(address), "127.0.0.1:%u", port);
        settings.address = str_of(address);
        g->doors[i].gateway = g;
        cr_assert_eq(listener_open(&g->doors[i].listener, g->loop, &settings, &why), OK, "%s",
                     why.text);
        port = listener_port(g->doors[i].listener);
        listener_start(g->doors[i].listener, on_accepted, &g->doors[i]);
    }
    cr_assert_eq(pthread_create(&g->thread, NULL, run, g->loop), 0);
}

static void on_retired(void *owner)
{
    struct door *d = owner;

    d->listener = NULL;
    atomic_fetch_add(&d->gateway->retired, 1);
}

static void open_retire(struct letter *l)
{
    struct gateway *g = container_of(l, struct gateway, letter);

    for (unsigned i = 0; i < g->count; i++)
        listener_retire(g->doors[i].listener, on_retired);
}

static void open_stop(struct letter *l)
{
    struct gateway *g = container_of(l, struct gateway, letter);

    for (unsigned i = 0; i < g->count; i++)
        listener_close(g->doors[i].listener);
    loop_stop(g->loop);
}

static void gateway_retire(struct gateway *g)
{
    loop_send(g->loop, &g->letter, open_retire);
    while (atomic_load(&g->retired) < g->count)
        poll(NULL, 0, 1);
}

static void gateway_stop(struct gateway *g)
{
    loop_send(g->loop, &g->letter, open_stop);
    pthread_join(g->thread, NULL);
    loop_free(g->loop);
    metrics_free(g->metrics);
    cr_assert_eq(atomic_load(&g->open), 0);
    cr_assert_eq(atomic_load(&g->siblings), 0);
}

static unsigned served_by(struct gateway *g)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < g->count; i++)
        sum += atomic_load(&g->doors[i].served);
    return sum;
}

/* ---- its clients ---- */

static _Atomic bool enough;
static _Atomic unsigned answered, refused, failed;
static pthread_t clients[CLIENTS];

static int dial(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool is_served(int fd)
{
    char byte = 0;
    bool fine = fd >= 0 && send(fd, "x", 1, MSG_NOSIGNAL) == 1 && recv(fd, &byte, 1, 0) == 1 &&
                byte == 'x' && recv(fd, &byte, 1, 0) == 0;

    if (fd >= 0)
        close(fd);
    return fine;
}

static bool in_a_hurry;

static void *come_and_go(void *arg)
{
    while (!atomic_load(&enough)) {
        int fd = dial();

        if (fd < 0)
            atomic_fetch_add(&refused, 1);
        else if (is_served(fd))
            atomic_fetch_add(&answered, 1);
        else
            atomic_fetch_add(&failed, 1);
        if (fd < 0 || !in_a_hurry)
            poll(NULL, 0, 1); /* the rate */
    }
    return arg;
}

static void start_clients(void)
{
    for (unsigned i = 0; i < CLIENTS; i++)
        cr_assert_eq(pthread_create(&clients[i], NULL, come_and_go, NULL), 0);
}

static void await_answers(unsigned more)
{
    unsigned wanted = atomic_load(&answered) + more;

    while (atomic_load(&answered) < wanted)
        poll(NULL, 0, 1);
}

static void stop_clients(void)
{
    atomic_store(&enough, true);
    for (unsigned i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
}

static void all_were_served(void)
{
    cr_assert_eq(atomic_load(&failed), 0, "%u of %u", failed, answered + failed);
    cr_assert_eq(atomic_load(&refused), 0, "%u of %u", refused, answered + refused);
}

/* ---- handing over ---- */

static struct gateway older, newer;

static void hand_over(unsigned from, unsigned to)
{
    unsigned before, last;

    gateway_start(&older, from, 0);
    start_clients();
    await_answers(200);
    gateway_start(&newer, to, 0);
    await_answers(200);
    gateway_retire(&older);
    last = served_by(&older);
    before = served_by(&newer);
    await_answers(500);
    stop_clients();
    all_were_served();
    cr_assert_eq(served_by(&older), last);
    cr_assert_geq(served_by(&newer) - before, 500 - CLIENTS); /* some were being served */
    gateway_stop(&older);
}

Test(listener_retire, no_connection_is_lost_between_as_many)
{
    hand_over(2, 2);
    gateway_stop(&newer);
}

Test(listener_retire, no_connection_is_lost_on_the_way_to_more)
{
    hand_over(2, 4);
    gateway_stop(&newer);
}

Test(listener_retire, no_connection_is_lost_on_the_way_from_one_to_one)
{
    hand_over(1, 1);
    gateway_stop(&newer);
}

Test(listener_retire, the_newcomers_share_evenly_afterwards)
{
    unsigned before[MOST];

    hand_over(3, 3);
    for (unsigned i = 0; i < 3; i++)
        before[i] = atomic_load(&newer.doors[i].served);
    for (unsigned i = 0; i < 300; i++)
        cr_assert(is_served(dial()));
    for (unsigned i = 0; i < 3; i++)
        cr_assert_gt(atomic_load(&newer.doors[i].served) - before[i], 50);
    gateway_stop(&newer);
}

Test(listener_retire, it_can_be_handed_over_again_and_again)
{
    static struct gateway gateways[5];

    gateway_start(&gateways[0], 2, 0);
    start_clients();
    for (unsigned i = 1; i < 5; i++) {
        gateway_start(&gateways[i], 2, 0);
        await_answers(100);
        gateway_retire(&gateways[i - 1]);
        await_answers(100);
    }
    stop_clients();
    all_were_served();
    for (unsigned i = 0; i < 5; i++)
        gateway_stop(&gateways[i]);
}

/* ---- alone ---- */

Test(listener_retire, who_is_queued_at_the_end_is_served)
{
    int fds[20];

    gateway_start(&older, 1, 0);
    for (unsigned i = 0; i < 20; i++)
        fds[i] = dial();
    gateway_retire(&older);
    for (unsigned i = 0; i < 20; i++)
        cr_assert(is_served(fds[i]));
    cr_assert_eq(served_by(&older), 20);
    cr_assert_eq(dial(), -1);
    gateway_stop(&older);
}

static void leave_all(struct gateway *g)
{
    for (unsigned i = 0; i < g->count; i++)
        listener_leave(g->doors[i].listener);
}

Test(listener_retire, whoever_is_not_refused_is_served)
{
    in_a_hurry = true;
    gateway_start(&older, 4, 0);
    start_clients();
    await_answers(500);
    leave_all(&older);
    gateway_retire(&older);
    while (atomic_load(&refused) < 2 * CLIENTS)
        poll(NULL, 0, 1);
    stop_clients();
    cr_assert_eq(atomic_load(&failed), 0, "%u of %u", failed, answered + failed);
    gateway_stop(&older);
}

Test(listener_retire, an_address_that_was_left_is_free)
{
    struct fault why = { 0 };
    char address[32];

    gateway_start(&older, 2, 0);
    snprintf(address, sizeof(address), "127.0.0.1:%u", port);
    cr_assert_neq(listener_probe(str_of(address), &why), OK);
    leave_all(&older);
    cr_assert_eq(dial(), -1);
    cr_assert_eq(listener_probe(str_of(address), &why), OK, "%s", why.text);
    gateway_start(&newer, 2, 0);
    for (unsigned i = 0; i < 50; i++)
        cr_assert(is_served(dial()));
    cr_assert_eq(served_by(&newer), 50);
    gateway_retire(&older);
    gateway_stop(&older);
    gateway_stop(&newer);
}

Test(listener_retire, one_that_retires_may_be_closed)
{
    gateway_start(&older, 2, 0);
    gateway_start(&newer, 2, 0);
    loop_send(older.loop, &older.letter, open_retire);
    start_clients();
    await_answers(50);
    stop_clients();
    gateway_stop(&older);
    cr_assert_eq(atomic_load(&older.retired), 0);
    gateway_stop(&newer);
}

/* ---- a socket that was handed down ---- */

static int listening_socket(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    cr_assert_eq(listen(fd, 1000), 0);
    return fd;
}

Test(listener_retire, a_socket_that_was_handed_down_serves_two_gateways_in_turn)
{
    int fd = listening_socket();

    gateway_start(&older, 2, fd);
    start_clients();
    await_answers(200);
    gateway_retire(&older);
    gateway_start(&newer, 2, fd); /* meanwhile they wait in its queue */
    await_answers(200);
    stop_clients();
    cr_assert_eq(atomic_load(&failed), 0);
    cr_assert_gt(served_by(&older), 0);
    cr_assert_gt(served_by(&newer), 0);
    gateway_stop(&older);
    gateway_stop(&newer);
    close(fd);
}

Test(listener_retire, a_descriptor_that_does_not_listen_is_a_fault)
{
    struct listener_settings settings = { .address = STR("127.0.0.1:0"), .most = 1 };
    int pair[2];
    struct fault why = { 0 };
    struct loop *loop = loop_new(NULL);
    struct listener *l = NULL;

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    settings.fd = pair[0];
    cr_assert_eq(listener_open(&l, loop, &settings, &why), ERR_CONFIG);
    cr_assert(strstr(why.text, "listens"), "%s", why.text);
    cr_assert_not(listener_is_listening(-1));
    close(pair[0]);
    close(pair[1]);
    loop_free(loop);
}
