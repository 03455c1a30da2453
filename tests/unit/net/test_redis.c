/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/net/redis.h"

#include "weir/base/clock.h"
#include "weir/base/metric.h"
#include "weir/net/loop.h"
#include "weir/net/resolve.h"
#include "weir/net/timer.h"

#include "server.h"
#include "upstream.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct metrics *metrics;
static struct loop *loop;
static struct resolver *resolver;
static struct redis *redis;
static struct server server;
static struct upstream fake;
static const uint64_t second_us = 1000 * 1000;

/* How the last operation ended. */
static struct redis_op op;
static unsigned dones;
static enum err ended;
static enum redis_type type;
static char text[64];
static size_t text_length;
static int64_t integer;

static void on_done(struct redis_op *o, enum err err, const struct redis_reply *reply)
{
    (void)o;
    dones++;
    ended = err;
    if (reply) {
        struct str t = redis_reply_text(reply);

        type = redis_reply_type(reply);
        text_length = t.len;
        memcpy(text, t.at ? t.at : "", t.len < sizeof(text) - 1 ? t.len : sizeof(text) - 1);
        text[t.len < sizeof(text) - 1 ? t.len : sizeof(text) - 1] = '\0';
        integer = redis_reply_integer(reply);
    }
    loop_stop(loop);
}

static void begin(void)
{
    metrics = metrics_new();
    loop = loop_new(metrics_shard(metrics));
    resolver = resolver_new(loop);
}

static void finish(void)
{
    redis_free(redis);
    resolver_free(resolver);
    loop_free(loop);
    cr_assert_eq(metric_read(metrics, METRIC_REDIS_IN_FLIGHT, NULL), 0);
    metrics_free(metrics);
    server_kill(&server);
    if (fake.thread)
        upstream_stop(&fake);
}

TestSuite(redis, .init = begin, .fini = finish, .timeout = 60);

static void end_turn(struct timer *t)
{
    loop_stop(t->loop);
}

static void run_for(uint64_t us)
{
    uint64_t until = clock_now_us() + us;

    while (clock_now_us() < until) {
        struct timer t;

        timer_init(&t, loop, end_turn);
        timer_arm(&t, until - clock_now_us());
        loop_run(loop);
        timer_disarm(&t);
    }
}

static void run_until(bool up, uint64_t limit_us)
{
    uint64_t began = clock_now_us();

    while (redis_is_up(redis) != up) {
        cr_assert_lt(clock_now_us() - began, limit_us, "not %s in time", up ? "up" : "down");
        run_for(2000);
    }
}

static void link_to(unsigned port, const char *password, unsigned database)
{
    struct redis_settings s = { .host = "127.0.0.1",
                                .port = (uint16_t)port,
                                .database = database,
                                .timeout_us = 50 * 1000,
                                .most_in_flight = 1000 };

    if (password)
        strncpy(s.password, password, sizeof(s.password) - 1);
    redis = redis_new(loop, resolver, &s);
}

static void link_to_server(void)
{
    server_start(&server, NULL);
    link_to(server.port, NULL, 0);
    run_until(true, second_us);
}

static void start(const struct str *words, size_t count)
{
    struct redis_command c = { words, count };
    unsigned before = dones;

    redis_start(redis, &op, &c, 1, on_done);
    cr_assert_eq(dones, before, "an operation ended inside its start");
}

static void ask(const struct str *words, size_t count)
{
    unsigned before = dones;

    start(words, count);
    while (dones == before)
        loop_run(loop);
}

#define ASK(...)                             \
    ask((const struct str[]){ __VA_ARGS__ }, \
        sizeof((struct str[]){ __VA_ARGS__ }) / sizeof(struct str))

static int64_t counted(const char *operation, const char *result)
{
    return metric_read(metrics, METRIC_REDIS_OPS,
                       METRIC_LABEL(str_of(operation), str_of(result)));
}

/* ---- while it is well ---- */

Test(redis, answers_come_with_their_type)
{
    link_to_server();
    ASK(STR("SET"), STR("k"), STR("v\0w"));
    cr_assert_eq(type, REDIS_STATUS);
    ASK(STR("GET"), STR("k"));
    cr_assert_eq(type, REDIS_TEXT);
    cr_assert_eq(text_length, 3);
    ASK(STR("GET"), STR("absent"));
    cr_assert_eq(type, REDIS_NIL);
    ASK(STR("HINCRBY"), STR("h"), STR("f"), STR("-7"));
    cr_assert_eq(type, REDIS_INTEGER);
    cr_assert_eq(integer, -7);
    cr_assert_eq(counted("count", "ok"), 1);
    cr_assert_eq(counted("get", "ok"), 2);
}

Test(redis, an_error_of_the_server_is_a_reply)
{
    link_to_server();
    ASK(STR("SET"), STR("k"), STR("v"));
    ASK(STR("HGETALL"), STR("k"));
    cr_assert_eq(ended, OK);
    cr_assert_eq(type, REDIS_ERROR);
    cr_assert_eq(strncmp(text, "WRONGTYPE", 9), 0);
    cr_assert_eq(counted("hgetall", "error"), 1);
    cr_assert(redis_is_up(redis));
}

Test(redis, what_was_refused_on_its_way_into_a_transaction_is_told_by_its_class)
{
    const struct str multi[] = { STR("MULTI") };
    const struct str get[] = { STR("GET") }; /* of what? */
    const struct str exec[] = { STR("EXEC") };
    const struct redis_command all[] = { { multi, 1 }, { get, 1 }, { exec, 1 } };

    link_to_server();
    redis_start(redis, &op, all, 3, on_done);
    while (dones == 0)
        loop_run(loop);
    cr_assert_eq(strncmp(text, "EXECABORT", 9), 0);
    cr_assert_str_eq(op.refused, "ERR");
    ASK(STR("GET"), STR("k"));
    cr_assert_str_eq(op.refused, "");
}

Test(redis, several_commands_end_with_the_reply_of_the_last)
{
    const struct str set[] = { STR("SET"), STR("k"), STR("v") };
    const struct str get[] = { STR("GET"), STR("k") };
    const struct redis_command both[] = { { set, 3 }, { get, 2 } };

    link_to_server();
    redis_start(redis, &op, both, 2, on_done);
    while (dones == 0)
        loop_run(loop);
    cr_assert_eq(dones, 1);
    cr_assert_str_eq(text, "v");
}

Test(redis, a_value_of_a_megabyte_comes_back_whole)
{
    static char value[1024 * 1024];

    link_to_server();
    memset(value, 'v', sizeof(value));
    ASK(STR("SET"), STR("k"), { value, sizeof(value) });
    ASK(STR("GET"), STR("k"));
    cr_assert_eq(text_length, sizeof(value));
}

Test(redis, what_nobody_waits_for_is_sent_all_the_same)
{
    const struct str set[] = { STR("SET"), STR("k"), STR("quiet") };
    const struct redis_command command = { set, 3 };

    link_to_server();
    redis_start(redis, NULL, &command, 1, NULL);
    ASK(STR("GET"), STR("k"));
    cr_assert_str_eq(text, "quiet");
}

Test(redis, the_settings_database_is_used)
{
    server_start(&server, NULL);
    link_to(server.port, NULL, 3);
    run_until(true, second_us);
    ASK(STR("SET"), STR("k"), STR("v"));
    ASK(STR("SELECT"), STR("3"));
    ASK(STR("GET"), STR("k"));
    cr_assert_str_eq(text, "v");
}

Test(redis, a_password_opens_the_link)
{
    server_start(&server, "secret");
    link_to(server.port, "secret", 0);
    run_until(true, second_us);
    ASK(STR("PING"));
    cr_assert_str_eq(text, "PONG");
}

Test(redis, a_wrong_password_leaves_it_down)
{
    server_start(&server, "secret");
    link_to(server.port, "wrong", 0);
    run_for(300 * 1000);
    cr_assert_not(redis_is_up(redis));
}

Test(redis, a_missing_password_leaves_it_down)
{
    server_start(&server, "secret");
    link_to(server.port, NULL, 0);
    run_for(300 * 1000);
    cr_assert_not(redis_is_up(redis));
}

/* ---- many at once ---- */

enum { MANY = 1000 };

static unsigned fine, refused;

static void on_one_of_many(struct redis_op *o, enum err err, const struct redis_reply *reply)
{
    (void)o, (void)reply;
    fine += err == OK;
    refused += err == ERR_STORE_DOWN;
    if (fine + refused == MANY + 10)
        loop_stop(loop);
}

Test(redis, operations_over_the_bound_fail_and_the_others_do_not)
{
    static struct redis_op ops[MANY + 10];
    const struct str words[] = { STR("PING") };
    const struct redis_command command = { words, 1 };

    link_to_server();
    for (unsigned i = 0; i < MANY + 10; i++)
        redis_start(redis, &ops[i], &command, 1, on_one_of_many);
    cr_assert_eq(fine + refused, 0);
    loop_run(loop);
    cr_assert_eq(fine, MANY);
    cr_assert_eq(refused, 10);
}

/* ---- cancelling ---- */

Test(redis, a_cancelled_operation_ends_once_and_its_reply_goes_to_nobody)
{
    const struct str words[] = { STR("PING") };

    link_to_server();
    start(words, 1);
    redis_cancel(&op);
    cr_assert_eq(dones, 0);
    loop_run(loop);
    cr_assert_eq(dones, 1);
    cr_assert_eq(ended, ERR_CANCELLED);
    ASK(STR("ECHO"), STR("mine"));
    cr_assert_str_eq(text, "mine");
}

Test(redis, an_operation_that_failed_at_once_may_be_cancelled_before_it_is_told)
{
    const struct str words[] = { STR("PING") };

    link_to(1, NULL, 0);
    start(words, 1);
    redis_cancel(&op);
    loop_run(loop);
    cr_assert_eq(dones, 1);
    cr_assert_eq(ended, ERR_CANCELLED);
}

Test(redis, operations_under_way_end_when_the_link_is_freed)
{
    const struct str words[] = { STR("PING") };

    link_to_server();
    start(words, 1);
    redis_free(redis);
    redis = NULL;
    cr_assert_eq(dones, 1);
    cr_assert_eq(ended, ERR_STORE_DOWN);
}

/* ---- while it is away ---- */

static void expect_quick_failure(void)
{
    uint64_t began = clock_now_us();

    ASK(STR("PING"));
    cr_assert_eq(ended, ERR_STORE_DOWN);
    cr_assert_lt(clock_now_us() - began, 5000);
}

Test(redis, operations_fail_at_once_while_nothing_listens)
{
    link_to(1, NULL, 0);
    expect_quick_failure();
    run_for(20 * 1000);
    expect_quick_failure();
    cr_assert_eq(counted("ping", "down"), 2);
}

Test(redis, a_killed_server_is_noticed_and_its_return_too)
{
    link_to_server();
    server_kill(&server);
    run_until(false, second_us);
    expect_quick_failure();
    run_for(700 * 1000);
    server_start_again(&server);
    run_until(true, 2 * second_us);
    ASK(STR("PING"));
    cr_assert_eq(ended, OK);
}

Test(redis, a_frozen_server_costs_each_operation_its_deadline_and_soon_nothing)
{
    uint64_t began;

    link_to_server();
    server_freeze(&server);
    for (unsigned i = 0; i < REDIS_FAILURES; i++) {
        began = clock_now_us();
        ASK(STR("GET"), STR("k"));
        cr_assert_eq(ended, ERR_STORE_DOWN);
        cr_assert_lt(clock_now_us() - began, 100 * 1000);
    }
    run_until(false, second_us);
    expect_quick_failure();
    run_for(second_us);
    cr_assert_not(redis_is_up(redis));
    expect_quick_failure();
    server_thaw(&server);
    run_until(true, 2 * second_us);
    ASK(STR("PING"));
    cr_assert_eq(ended, OK);
}

Test(redis, one_silent_command_cuts_the_link_after_a_while)
{
    link_to_server();
    server_freeze(&server);
    ASK(STR("PING"));
    cr_assert_eq(ended, ERR_STORE_DOWN);
    cr_assert(redis_is_up(redis));
    run_until(false, 400 * 1000);
    cr_assert_eq(counted("ping", "timeout"), 1);
}

/* ---- servers that lie ---- */

static const char *lie;

static void tell_lies(struct upstream *u, int fd, unsigned nth)
{
    (void)nth;
    upstream_say(fd, lie);
    upstream_await_close(u, fd);
}

static void expect_survival(const char *said)
{
    lie = said;
    upstream_start(&fake, tell_lies);
    link_to(fake.port, NULL, 0);
    run_for(700 * 1000);
    expect_quick_failure();
    cr_assert_not(redis_is_up(redis));
    redis_free(redis);
    redis = NULL;
    run_for(10 * 1000);
}

Test(redis, a_server_of_another_protocol_is_down)
{
    expect_survival("HTTP/1.1 400 Bad Request\r\n\r\n");
}

Test(redis, a_server_that_loads_is_down)
{
    expect_survival("-LOADING Redis is loading the dataset in memory\r\n");
}

Test(redis, a_server_that_announces_too_much_is_down)
{
    expect_survival("*2147483647\r\n");
}

Test(redis, a_server_that_says_more_than_it_was_asked_is_down)
{
    expect_survival("+PONG\r\n+PONG\r\n");
}
