/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/net/redis_news.h"

#include "weir/base/clock.h"
#include "weir/base/metric.h"
#include "weir/net/loop.h"
#include "weir/net/resolve.h"
#include "weir/net/timer.h"

#include "server.h"
#include "upstream.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct metrics *metrics;
static struct loop *loop;
static struct resolver *resolver;
static struct redis_news *news;
static struct server server;
static struct upstream fake;
static const uint64_t second_us = 1000 * 1000;

/* What was heard. */
static unsigned ups, downs, messages;
static char last[64];

static void on_message(void *owner, struct str message)
{
    cr_assert_eq(owner, &messages);
    messages++;
    snprintf(last, sizeof(last), "%.*s", STR_ARG(message));
}

static void on_up(void *owner)
{
    (void)owner;
    ups++;
}

static void on_down(void *owner)
{
    (void)owner;
    downs++;
}

static const struct redis_news_events events = { on_message, on_up, on_down };

static void begin(void)
{
    metrics = metrics_new();
    loop = loop_new(metrics_shard(metrics));
    resolver = resolver_new(loop);
}

static void finish(void)
{
    redis_news_free(news);
    resolver_free(resolver);
    loop_free(loop);
    metrics_free(metrics);
    server_kill(&server);
    if (fake.thread)
        upstream_stop(&fake);
}

TestSuite(redis_news, .init = begin, .fini = finish, .timeout = 60);

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

static void run_until(const unsigned *count, unsigned wanted, uint64_t limit_us)
{
    uint64_t began = clock_now_us();

    while (*count < wanted) {
        cr_assert_lt(clock_now_us() - began, limit_us, "%u are not %u in time", *count, wanted);
        run_for(2000);
    }
}

static void listen_to(unsigned port, const char *user, const char *password)
{
    struct redis_settings s = { .host = "127.0.0.1",
                                .port = (uint16_t)port,
                                .timeout_us = 50 * 1000,
                                .most_in_flight = 1000 };

    snprintf(s.user, sizeof(s.user), "%s", user);
    snprintf(s.password, sizeof(s.password), "%s", password);
    news = redis_news_new(loop, resolver, &s, STR("weir:news"), &events, &messages);
    cr_assert_eq(ups, 0);
}

static void listen_to_server(void)
{
    server_start(&server, NULL);
    listen_to(server.port, "", "");
    run_until(&ups, 1, second_us);
}

static void publish(const char *text)
{
    char command[128];
    char reply[64];

    snprintf(command, sizeof(command), "PUBLISH weir:news %s", text);
    server_ask(&server, command, reply, sizeof(reply));
    cr_assert_str_eq(reply, ":1\r\n");
}

/* ---- a real server ---- */

Test(redis_news, what_is_published_is_heard)
{
    listen_to_server();
    cr_assert(redis_news_is_up(news));
    publish("one");
    publish("two");
    run_until(&messages, 2, second_us);
    cr_assert_str_eq(last, "two");
}

Test(redis_news, other_channels_are_not_heard)
{
    char reply[64];

    listen_to_server();
    server_ask(&server, "PUBLISH weir:other no", reply, sizeof(reply));
    publish("yes");
    run_until(&messages, 1, second_us);
    cr_assert_str_eq(last, "yes");
}

Test(redis_news, a_password_opens_it)
{
    server_start(&server, "secret");
    listen_to(server.port, "", "secret");
    run_until(&ups, 1, second_us);
}

Test(redis_news, a_quiet_channel_stays_up)
{
    listen_to_server();
    run_for(4500 * 1000);
    cr_assert_eq(downs, 0);
    publish("late");
    run_until(&messages, 1, second_us);
}

Test(redis_news, a_killed_server_is_noticed_and_its_return_too)
{
    listen_to_server();
    server_kill(&server);
    run_until(&downs, 1, second_us);
    cr_assert_not(redis_news_is_up(news));
    server_start_again(&server);
    run_until(&ups, 2, 2 * second_us);
    publish("again");
    run_until(&messages, 1, second_us);
}

Test(redis_news, a_frozen_server_is_noticed_within_some_seconds)
{
    listen_to_server();
    server_freeze(&server);
    run_until(&downs, 1, 4 * second_us);
    server_thaw(&server);
    run_until(&ups, 2, 3 * second_us);
    publish("again");
    run_until(&messages, 1, second_us);
}

Test(redis_news, a_user_who_may_not_listen_leaves_it_down)
{
    char reply[64];

    server_start(&server, NULL);
    server_ask(&server, "ACL SETUSER deaf on >pw ~* +@all -subscribe", reply, sizeof(reply));
    cr_assert_str_eq(reply, "+OK\r\n");
    listen_to(server.port, "deaf", "pw");
    run_for(second_us);
    cr_assert_eq(ups, 0);
    cr_assert_eq(downs, 0);
    cr_assert_not(redis_news_is_up(news));
}

Test(redis_news, nothing_is_heard_after_its_end)
{
    listen_to_server();
    publish("lost");
    redis_news_free(news);
    news = NULL;
    run_for(50 * 1000);
    cr_assert_eq(messages, 0);
    cr_assert_eq(downs, 0);
}

Test(redis_news, it_may_end_before_it_has_connected)
{
    listen_to(1, "", "");
    redis_news_free(news);
    news = NULL;
    run_for(50 * 1000);
    cr_assert_eq(ups + downs, 0);
}

/* ---- servers that lie ---- */

#define SUBSCRIBED "*3\r\n$9\r\nsubscribe\r\n$9\r\nweir:news\r\n:1\r\n"
#define MESSAGE(text) "*3\r\n$7\r\nmessage\r\n$9\r\nweir:news\r\n" text

static const char *lie;
static _Atomic unsigned visits;

static void tell_lies(struct upstream *u, int fd, unsigned nth)
{
    atomic_store(&visits, nth + 1);
    upstream_say(fd, lie);
    upstream_await_close(u, fd);
}

/* It subscribes so often as `up` says, is cut off each time, and tried again. */
static void expect_cut(const char *said, bool up)
{
    uint64_t began = clock_now_us();

    lie = said;
    upstream_start(&fake, tell_lies);
    listen_to(fake.port, "", "");
    while (atomic_load(&visits) < 2) {
        cr_assert_lt(clock_now_us() - began, 5 * second_us, "not tried again: %s", said);
        run_for(5000);
    }
    cr_assert_eq(ups > 0, up, "%s", said);
    cr_assert_eq(downs > 0, up, "%s", said);
    redis_news_free(news);
    news = NULL;
    run_for(10 * 1000);
}

static const char *const never_up[] = {
    "HTTP/1.1 400 Bad Request\r\n\r\n",
    "+OK\r\n",
    "$-1\r\n",
    "*-1\r\n",
    "*0\r\n",
    ":1\r\n",
    "*3\r\n:1\r\n:2\r\n:3\r\n",
    "*3\r\n$-1\r\n$-1\r\n$-1\r\n",
    "*3\r\n$9\r\nsubscribe\r\n$5\r\nother\r\n:1\r\n",
    "*2\r\n$9\r\nsubscribe\r\n$9\r\nweir:news\r\n",
    MESSAGE("$2\r\nhi\r\n"),
    "*2147483647\r\n",
    ">3\r\n$9\r\nsubscribe\r\n",
    "-NOPERM this user has no permissions\r\n",
};

static const char *const cut_later[] = {
    SUBSCRIBED "+OK\r\n",
    SUBSCRIBED "-ERR what\r\n",
    SUBSCRIBED "*0\r\n",
    SUBSCRIBED "*-1\r\n",
    SUBSCRIBED "*1\r\n$7\r\nmessage\r\n",
    SUBSCRIBED "*2\r\n$4\r\npong\r\n$0\r\n\r\n",
    SUBSCRIBED "*3\r\n*0\r\n*0\r\n*0\r\n",
    SUBSCRIBED "*3\r\n$7\r\nmessage\r\n$5\r\nother\r\n$1\r\nx\r\n",
    SUBSCRIBED MESSAGE("$-1\r\n"),
    SUBSCRIBED MESSAGE(":7\r\n"),
    SUBSCRIBED MESSAGE("*1\r\n$1\r\nx\r\n"),
    SUBSCRIBED "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$9\r\nweir:news\r\n$1\r\nx\r\n",
    SUBSCRIBED "*3\r\n$11\r\nunsubscribe\r\n$9\r\nweir:news\r\n:0\r\n",
    SUBSCRIBED SUBSCRIBED,
    SUBSCRIBED "garbage\r\n",
};

Test(redis_news, what_is_no_subscription_is_cut_off_and_tried_again)
{
    for (size_t i = 0; i < sizeof(never_up) / sizeof(*never_up); i++) {
        atomic_store(&visits, 0);
        expect_cut(never_up[i], false);
        upstream_stop(&fake);
        fake.thread = NULL;
    }
}

Test(redis_news, what_is_no_message_is_cut_off_and_tried_again)
{
    for (size_t i = 0; i < sizeof(cut_later) / sizeof(*cut_later); i++) {
        atomic_store(&visits, 0);
        ups = downs = 0;
        expect_cut(cut_later[i], true);
        cr_assert_eq(messages, 0);
        upstream_stop(&fake);
        fake.thread = NULL;
    }
}

Test(redis_news, messages_before_an_odd_reply_are_heard)
{
    expect_cut(SUBSCRIBED MESSAGE("$2\r\nhi\r\n") "+odd\r\n", true);
    cr_assert_geq(messages, 1);
    cr_assert_str_eq(last, "hi");
}

static void listen_in_silence(struct upstream *u, int fd, unsigned nth)
{
    atomic_store(&visits, nth + 1);
    upstream_await_close(u, fd);
}

Test(redis_news, a_server_that_accepts_and_stays_silent_is_tried_again)
{
    uint64_t began = clock_now_us();

    upstream_start(&fake, listen_in_silence);
    listen_to(fake.port, "", "");
    while (atomic_load(&visits) < 2) {
        cr_assert_lt(clock_now_us() - began, 4 * second_us);
        run_for(5000);
    }
    cr_assert_eq(ups, 0);
    redis_news_free(news);
    news = NULL;
    run_for(10 * 1000);
}

/* ---- an owner that ends it from inside ---- */

static void end_on_message(void *owner, struct str message)
{
    on_message(owner, message);
    redis_news_free(news);
    news = NULL;
}

Test(redis_news, it_may_end_while_it_is_heard)
{
    static const struct redis_news_events last_words = { end_on_message, on_up, on_down };
    struct redis_settings s = { .host = "127.0.0.1", .timeout_us = 50 * 1000 };

    server_start(&server, NULL);
    s.port = (uint16_t)server.port;
    news = redis_news_new(loop, resolver, &s, STR("weir:news"), &last_words, &messages);
    run_until(&ups, 1, second_us);
    publish("end");
    run_until(&messages, 1, second_us);
    run_for(20 * 1000);
    cr_assert_eq(downs, 0);
}
