/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/clock.h"
#include "weir/base/metric.h"
#include "weir/net/loop.h"
#include "weir/net/redis_news.h"
#include "weir/net/resolve.h"
#include "weir/net/timer.h"

#include "server.h"
#include "upstream.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct metrics *metrics;
static struct loop *loop;
static struct resolver *resolver;
static struct redis *redis;
static struct redis_settings settings;
static struct server master, replica, sentinel;
static struct upstream fake;
static char folder[] = "sentinel-XXXXXX";
static const uint64_t second_us = 1000 * 1000;

/* How the last operation ended. */
static struct redis_op op;
static unsigned dones;
static enum err ended;
static char text[64];

static void begin(void)
{
    metrics = metrics_new();
    loop = loop_new(metrics_shard(metrics));
    resolver = resolver_new(loop);
    settings = (struct redis_settings){ .timeout_us = 100 * 1000, .most_in_flight = 1000 };
    cr_assert_eq(redis_settings_set_master(&settings, STR("weir"), NULL), OK);
}

static void remove_folder(void)
{
    char path[64];

    snprintf(path, sizeof(path), "%s/sentinel.conf", folder);
    unlink(path);
    rmdir(folder);
}

static void finish(void)
{
    redis_free(redis);
    resolver_free(resolver);
    loop_free(loop);
    cr_assert_eq(metric_read(metrics, METRIC_REDIS_IN_FLIGHT, NULL), 0);
    metrics_free(metrics);
    server_kill(&sentinel);
    server_kill(&replica);
    server_kill(&master);
    if (fake.thread)
        upstream_stop(&fake);
    remove_folder();
}

TestSuite(redis_sentinel, .init = begin, .fini = finish, .timeout = 60);

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

static void run_until(bool up, uint64_t limit_us)
{
    uint64_t began = clock_now_us();

    while (redis_is_up(redis) != up) {
        cr_assert_lt(clock_now_us() - began, limit_us, "not %s in time", up ? "up" : "down");
        run_for(2000);
    }
}

static void on_done(struct redis_op *o, enum err err, const struct redis_reply *reply)
{
    (void)o;
    dones++;
    ended = err;
    if (reply)
        snprintf(text, sizeof(text), "%.*s", STR_ARG(redis_reply_text(reply)));
}

static void ask(const struct str *words, size_t count)
{
    struct redis_command c = { words, count };
    unsigned before = dones;

    redis_start(redis, &op, &c, 1, on_done);
    while (dones == before)
        run_for(1000);
}

#define ASK(...)                             \
    ask((const struct str[]){ __VA_ARGS__ }, \
        sizeof((struct str[]){ __VA_ARGS__ }) / sizeof(struct str))

static void write_until_taken(const char *key, uint64_t limit_us)
{
    uint64_t began = clock_now_us();

    do {
        cr_assert_lt(clock_now_us() - began, limit_us, "nobody takes it: %s", text);
        run_for(10 * 1000);
        ASK(STR("SET"), str_of(key), STR("v"));
    } while (ended != OK || strcmp(text, "OK") != 0);
}

static void add_sentinel(const char *host, unsigned port)
{
    char place[64];

    snprintf(place, sizeof(place), "%s:%u", host, port);
    cr_assert_eq(redis_settings_add_sentinel(&settings, str_of(place), NULL), OK);
}

static void await_reply(const struct server *s, const char *question, const char *part)
{
    char reply[4096] = "";
    uint64_t began = clock_now_us();

    while (!strstr(reply, part)) {
        cr_assert_lt(clock_now_us() - began, 20 * second_us, "%s: %s", question, reply);
        run_for(20 * 1000);
        server_ask(s, question, reply, sizeof(reply));
    }
}

/* A master with its replica, and a sentinel that knows both. */
static void start_trio(void)
{
    static const char *of_master[] = { "--repl-diskless-sync-delay", "0", NULL };
    static const char *of_replica[] = { "--replicaof", "127.0.0.1", NULL, NULL };
    static const char *of_sentinel[] = { NULL, "--sentinel", NULL };
    static char port[8], path[64];
    FILE *file;

    server_start_with(&master, of_master);
    snprintf(port, sizeof(port), "%u", master.port);
    of_replica[2] = port;
    server_start_with(&replica, of_replica);
    await_reply(&replica, "INFO replication", "master_link_status:up");
    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/sentinel.conf", folder);
    file = fopen(path, "w");
    cr_assert(file);
    fprintf(file,
            "sentinel monitor weir 127.0.0.1 %u 1\n"
            "sentinel down-after-milliseconds weir 500\n"
            "sentinel failover-timeout weir 2000\n",
            master.port);
    fclose(file);
    of_sentinel[0] = path;
    server_start_with(&sentinel, of_sentinel);
    await_reply(&sentinel, "INFO sentinel", "slaves=1");
}

static void link_up(void)
{
    redis = redis_new(loop, resolver, &settings);
    run_until(true, 5 * second_us);
}

/* ---- real sentinels ---- */

Test(redis_sentinel, the_master_is_found_though_one_sentinel_is_dead)
{
    start_trio();
    add_sentinel("127.0.0.1", 1);
    add_sentinel("localhost", sentinel.port);
    link_up();
    ASK(STR("SET"), STR("k"), STR("v"));
    cr_assert_str_eq(text, "OK");
}

Test(redis_sentinel, writes_go_on_at_the_replica_after_the_master_was_killed)
{
    start_trio();
    add_sentinel("127.0.0.1", sentinel.port);
    link_up();
    write_until_taken("before", second_us);
    ASK(STR("WAIT"), STR("1"), STR("1000"));
    server_kill(&master);
    run_until(false, second_us);
    write_until_taken("after", 20 * second_us);
    ASK(STR("GET"), STR("before"));
    cr_assert_str_eq(text, "v");
    await_reply(&replica, "ROLE", "master");
}

Test(redis_sentinel, writes_go_on_at_the_replica_while_the_master_is_frozen)
{
    start_trio();
    add_sentinel("127.0.0.1", sentinel.port);
    link_up();
    server_freeze(&master);
    write_until_taken("after", 20 * second_us);
    await_reply(&replica, "ROLE", "master");
    server_thaw(&master);
    write_until_taken("later", second_us);
    await_reply(&replica, "EXISTS later", ":1");
}

static unsigned ups, downs;

static void on_message(void *owner, struct str message)
{
    (void)owner, (void)message;
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

Test(redis_sentinel, news_are_heard_from_the_new_master)
{
    static const struct redis_news_events events = { on_message, on_up, on_down };
    struct redis_news *news;

    start_trio();
    add_sentinel("127.0.0.1", sentinel.port);
    news = redis_news_new(loop, resolver, &settings, STR("c"), &events, NULL);
    while (ups == 0)
        run_for(2000);
    server_kill(&master);
    while (ups < 2)
        run_for(2000);
    cr_assert_eq(downs, 1);
    await_reply(&replica, "PUBSUB NUMSUB c", ":1");
    redis_news_free(news);
}

/* ---- sentinels that lie ---- */

static char said[128];
static _Atomic unsigned questions;

static void answer(struct upstream *u, int fd, unsigned nth)
{
    char question[256];

    (void)nth;
    if (read(fd, question, sizeof(question)) <= 0)
        return;
    atomic_fetch_add(&questions, 1);
    upstream_say(fd, said);
    upstream_await_close(u, fd);
}

/* It says that the master stands at this port. */
static void name_port(unsigned port)
{
    char digits[8];
    int length = snprintf(digits, sizeof(digits), "%u", port);

    snprintf(said, sizeof(said), "*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%s\r\n", length, digits);
    if (!fake.thread)
        upstream_start(&fake, answer);
}

Test(redis_sentinel, a_replica_that_a_sentinel_takes_for_the_master_is_not_used)
{
    start_trio();
    name_port(replica.port);
    add_sentinel("127.0.0.1", fake.port);
    redis = redis_new(loop, resolver, &settings);
    run_for(second_us);
    cr_assert_not(redis_is_up(redis));
    redis_free(redis);
    add_sentinel("127.0.0.1", sentinel.port); /* the next round asks this one */
    link_up();
}

Test(redis_sentinel, a_master_that_becomes_a_replica_is_left_and_asked_for_again)
{
    char reply[64];

    server_start(&master, NULL);
    name_port(master.port);
    add_sentinel("127.0.0.1", fake.port);
    link_up();
    server_ask(&master, "REPLICAOF 127.0.0.1 1", reply, sizeof(reply));
    ASK(STR("SET"), STR("k"), STR("v"));
    cr_assert_eq(strncmp(text, "READONLY", 8), 0, "%s", text);
    cr_assert_not(redis_is_up(redis));
    run_for(second_us);
    cr_assert_not(redis_is_up(redis));
    cr_assert_leq(atomic_load(&questions), 6); /* asked again, but not all the time */
    server_ask(&master, "REPLICAOF NO ONE", reply, sizeof(reply));
    run_until(true, 2 * second_us);
}

Test(redis_sentinel, a_user_who_may_not_ask_for_the_role_is_served)
{
    char reply[64];

    server_start(&master, NULL);
    server_ask(&master, "ACL SETUSER me on >pw ~* +@all -role", reply, sizeof(reply));
    strncpy(settings.user, "me", sizeof(settings.user) - 1);
    strncpy(settings.password, "pw", sizeof(settings.password) - 1);
    name_port(master.port);
    add_sentinel("127.0.0.1", fake.port);
    link_up();
}

Test(redis_sentinel, what_is_no_place_is_not_connected_to)
{
    static const char *const odd[] = {
        "*-1\r\n",
        "$-1\r\n",
        "*0\r\n",
        "*1\r\n$1\r\nh\r\n",
        "*2\r\n$-1\r\n$-1\r\n",
        "*2\r\n$1\r\nh\r\n:6379\r\n",
        "*2\r\n$1\r\nh\r\n$5\r\n65536\r\n",
        "*2\r\n$1\r\nh\r\n$1\r\n0\r\n",
        "*2\r\n$0\r\n\r\n$4\r\n6379\r\n",
        "*3\r\n$1\r\nh\r\n$4\r\n6379\r\n$1\r\nx\r\n",
        "-IDONTKNOW\r\n",
        "+OK\r\n+OK\r\n",
        "HTTP/1.1 400\r\n\r\n",
    };

    upstream_start(&fake, answer);
    add_sentinel("127.0.0.1", fake.port);
    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
        unsigned before = atomic_load(&questions);

        snprintf(said, sizeof(said), "%s", odd[i]);
        redis = redis_new(loop, resolver, &settings);
        while (atomic_load(&questions) == before)
            run_for(2000);
        run_for(20 * 1000);
        cr_assert_not(redis_is_up(redis), "%s", odd[i]);
        redis_free(redis);
        redis = NULL;
        run_for(5000);
    }
}

static void say_nothing(struct upstream *u, int fd, unsigned nth)
{
    (void)nth;
    atomic_fetch_add(&questions, 1);
    upstream_await_close(u, fd);
}

Test(redis_sentinel, a_silent_sentinel_costs_half_a_second)
{
    uint64_t began;

    start_trio();
    upstream_start(&fake, say_nothing);
    add_sentinel("127.0.0.1", fake.port);
    add_sentinel("127.0.0.1", sentinel.port);
    began = clock_now_us();
    link_up();
    cr_assert_geq(clock_now_us() - began, 450 * 1000);
    cr_assert_lt(clock_now_us() - began, second_us);
    cr_assert_eq(atomic_load(&questions), 1);
}

Test(redis_sentinel, the_link_may_end_while_a_sentinel_is_asked)
{
    upstream_start(&fake, say_nothing);
    add_sentinel("127.0.0.1", fake.port);
    redis = redis_new(loop, resolver, &settings);
    while (atomic_load(&questions) == 0)
        run_for(2000);
    redis_free(redis);
    redis = redis_new(loop, resolver, &settings);
    redis_free(redis); /* while its name is looked up */
    redis = NULL;
    run_for(50 * 1000);
}
