/* SPDX-License-Identifier: Apache-2.0 */
#include "alerts.h"

#include "alarm.h"
#include "upstream.h"
#include "weir/base/metric.h"
#include "weir/net/loop.h"
#include "weir/watch/judge.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * The telling of alarms, with a judge whose pages and deliveries the test writes, and real
 * receivers. The loop runs until the judge hears that something is delivered, or a receiver
 * has heard enough.
 */

enum { MOST = 12 };

static struct {
    struct buf alarms;
    struct str silences;
    struct {
        const char *key;
        struct buf json;
        bool delivered;
    } deliveries[MOST];
    size_t count;
    bool ours, refuses;
    struct judge_order *orders[MOST]; /* under way */
    size_t order_count;
    struct deferred turn;
    unsigned delivered, looks;
    size_t enough; /* so many end the loop */
    void (*on_news)(void *owner);
    void *owner;
} judge;

static struct alerts_kit kit;
static struct alert_settings settings;
static struct alert_webhook hooks[2];
static struct alerts *alerts;
static struct metrics *metrics;
static struct upstream one, two;
static char urls[2][64];
static char heard[2][32768]; /* all requests, one behind the other */
static _Atomic int refusals; /* that the first still has to say */
static bool second_is_silent;

/* ---- the judge ----------------------------------------------------------------------------- */

void judge_put_alarms(const struct judge *j, struct buf *out)
{
    (void)j;
    judge.looks++;
    buf_put(out, judge.alarms.at ? buf_str(&judge.alarms) : STR("{\"alarms\":[]}"));
}

void judge_put_changes(const struct judge *j, struct buf *out)
{
    (void)j;
    buf_put(out, STR("{\"changes\":[]}"));
}

void judge_put_silences(const struct judge *j, struct buf *out)
{
    (void)j;
    buf_put(out, judge.silences.at ? judge.silences : STR("{\"silences\":[]}"));
}

bool judge_each_delivery(const struct judge *j, judge_delivery_fn *fn, void *ctx)
{
    (void)j;
    for (size_t i = 0; judge.ours && i < judge.count; i++)
        if (!judge.deliveries[i].delivered)
            fn(ctx, str_of(judge.deliveries[i].key), buf_str(&judge.deliveries[i].json));
    return judge.ours;
}

void judge_on_delivery(struct judge *j, void (*fn)(void *owner), void *owner)
{
    (void)j;
    judge.on_news = fn;
    judge.owner = owner;
}

static void end_orders(struct deferred *d)
{
    (void)d;
    while (judge.order_count > 0) {
        struct judge_order *o = judge.orders[--judge.order_count];

        o->on_done(o, judge.refuses ? ERR_STORE_DOWN : OK);
        if (!judge.refuses && ++judge.delivered == judge.enough)
            loop_stop(kit.post.loop);
    }
    judge.refuses = false;
}

void judge_delivered(struct judge *j, struct judge_order *o, struct str key, judge_fn *on_done)
{
    (void)j;
    o->on_done = on_done;
    if (judge.order_count == 0)
        loop_defer(kit.post.loop, &judge.turn, end_orders);
    judge.orders[judge.order_count++] = o;
    for (size_t i = 0; i < judge.count && !judge.refuses; i++)
        if (str_eq(str_of(judge.deliveries[i].key), key))
            judge.deliveries[i].delivered = true;
}

/* Each came a second after the one that is said next: the judge keeps no order. */
static void judge_says(const char *key, enum alarm_state state)
{
    struct alarm *a = make_alarm(state);

    a->updated_ms -= 1000 * judge.count;
    judge.deliveries[judge.count].key = key;
    alarm_put(a, &judge.deliveries[judge.count++].json);
    alarm_free(a);
    buf_deinit(&judge.alarms);
    judge.alarms = alarm_page(state);
}

/* ---- receivers ----------------------------------------------------------------------------- */

static void serve(struct upstream *u, int fd, unsigned nth)
{
    size_t i = u == &two;
    size_t at = strlen(heard[i]);

    (void)nth;
    if (!upstream_hear(u, fd, heard[i] + at, sizeof(heard[i]) - at))
        return;
    if (u == &two && second_is_silent)
        upstream_await_close(u, fd);
    else if (u == &one && refusals > 0 && refusals--)
        upstream_say(fd, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    else
        upstream_say(fd, "HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n");
}

static unsigned count_in(const char *text, const char *what)
{
    unsigned n = 0;

    for (; (text = strstr(text, what)); text += strlen(what))
        n++;
    return n;
}

/* ---- life ---------------------------------------------------------------------------------- */

static void start(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    metrics = metrics_new();
    kit.shard = metrics_shard(metrics);
    kit.post.loop = loop_new(NULL);
    kit.post.resolver = resolver_new(kit.post.loop);
    kit.post.fetcher = fetcher_new(kit.post.loop);
    kit.settings = &settings;
    kit.tick_ms = 1000;
    upstream_start(&one, serve);
    upstream_start(&two, serve);
    (void)snprintf(urls[0], sizeof(urls[0]), "http://127.0.0.1:%u/one", one.port);
    (void)snprintf(urls[1], sizeof(urls[1]), "http://127.0.0.1:%u/two", two.port);
    hooks[0].url = str_of(urls[0]);
    hooks[1].url = str_of(urls[1]);
    settings.webhooks = hooks;
    judge.ours = true;
    judge.enough = 1;
}

static void stop(void)
{
    alerts_free(alerts);
    fetcher_free(kit.post.fetcher);
    resolver_free(kit.post.resolver);
    loop_free(kit.post.loop);
    upstream_stop(&one);
    upstream_stop(&two);
    metrics_free(metrics);
    for (size_t i = 0; i < judge.count; i++)
        buf_deinit(&judge.deliveries[i].json);
    buf_deinit(&judge.alarms);
}

TestSuite(alerts, .init = start, .fini = stop, .timeout = 60);

static struct timer leaving;

static void on_leave(struct timer *t)
{
    alerts_stop(alerts);
    if (alerts_are_idle(alerts))
        loop_stop(t->loop);
    else
        timer_arm(t, 1000);
}

static void run(size_t webhooks)
{
    settings.webhook_count = webhooks;
    alerts = alerts_new(&kit);
    alerts_start(alerts, STR("127.0.0.1:8081"));
    loop_run(kit.post.loop);
    timer_init(&leaving, kit.post.loop, on_leave);
    timer_arm(&leaving, 1);
    loop_run(kit.post.loop);
}

static void on_end(struct timer *t)
{
    loop_stop(t->loop);
}

/* Where nothing is to come. */
static void run_for_ms(uint64_t ms, size_t webhooks)
{
    struct timer end;

    timer_init(&end, kit.post.loop, on_end);
    timer_arm(&end, ms * 1000);
    run(webhooks);
}

static int64_t sent(const char *receiver, const char *result)
{
    int64_t n = metric_read(metrics, METRIC_ALERTS_SENT,
                            METRIC_LABEL(str_of(receiver), str_of(result)));

    return n == METRIC_ABSENT ? 0 : n;
}

/* ---- webhooks ------------------------------------------------------------------------------ */

Test(alerts, a_change_that_nobody_wants_to_know_is_delivered)
{
    judge_says(ALARM_NAME ":firing", ALARM_FIRING);
    run(0);
    cr_assert(judge.deliveries[0].delivered);
}

Test(alerts, a_change_is_delivered_when_its_webhook_has_taken_it)
{
    judge_says(ALARM_NAME ":firing", ALARM_FIRING);
    run(1);
    cr_assert(judge.deliveries[0].delivered);
    cr_assert_eq(count_in(heard[0], "POST /one "), 1);
    cr_assert(strstr(heard[0], "\"link\":\"http://127.0.0.1:8081/\""), "%s", heard[0]);
    cr_assert_eq(sent("webhook", "ok"), 1);
}

Test(alerts, it_is_carried_again_under_the_same_id_until_it_is_taken)
{
    refusals = 2;
    judge_says(ALARM_NAME ":firing", ALARM_FIRING);
    run(1);
    cr_assert_eq(count_in(heard[0], "webhook-id: " ALARM_NAME ":firing\r\n"), 3);
    cr_assert(sent("webhook", "failed") == 2 && sent("webhook", "ok") == 1);
}

Test(alerts, one_receiver_that_hangs_keeps_nothing_from_the_other)
{
    second_is_silent = true;
    judge_says(ALARM_NAME ":firing", ALARM_FIRING);
    run_for_ms(2000, 2);
    cr_assert_eq(count_in(heard[0], "POST /one "), 1);
    cr_assert_eq(count_in(heard[1], "POST /two "), 1);
    cr_assert_not(judge.deliveries[0].delivered);
}

Test(alerts, nobody_hears_of_an_end_before_the_beginning)
{
    refusals = 1;
    judge.enough = 2;
    judge_says(ALARM_NAME ":resolved", ALARM_RESOLVED);
    judge_says(ALARM_NAME ":firing", ALARM_FIRING);
    run(1);
    cr_assert_eq(count_in(heard[0], "POST /one "), 3);
    cr_assert_lt(strstr(heard[0], "webhook-id: " ALARM_NAME ":firing"),
                 strstr(heard[0], "webhook-id: " ALARM_NAME ":resolved"));
    cr_assert_eq(count_in(heard[0], "webhook-id: " ALARM_NAME ":resolved"), 1);
}

Test(alerts, many_changes_follow_one_another_without_a_look_for_each)
{
    static char keys[MOST][ALARM_ID + 8];

    judge.enough = MOST;
    for (size_t i = 0; i < MOST; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), ALARM_NAME ":%c", (char)('a' + i));
        judge_says(keys[i], ALARM_FIRING);
    }
    run(1);
    cr_assert_eq(count_in(heard[0], "POST /one "), MOST);
    cr_assert_lt(judge.looks, MOST);
}

Test(alerts, what_another_gateway_judges_is_left_to_it)
{
    judge.ours = false;
    judge_says(ALARM_NAME ":firing", ALARM_FIRING);
    run_for_ms(1500, 1);
    cr_assert_eq(heard[0][0], '\0');
}

Test(alerts, the_judge_is_told_again_when_its_store_was_away)
{
    judge.refuses = true;
    judge_says(ALARM_NAME ":firing", ALARM_FIRING);
    run(1);
    cr_assert(judge.deliveries[0].delivered);
    cr_assert_eq(count_in(heard[0], "POST /one "), 1);
}

/* As after a FLUSHALL: the judge reads its store once a tick. */
static void lose_all(struct timer *t)
{
    judge.count = 0;
    judge.on_news(judge.owner);
    (void)t;
}

Test(alerts, what_the_store_has_lost_is_carried_all_the_same)
{
    struct timer loss;

    refusals = 2;
    judge_says(ALARM_NAME ":firing", ALARM_FIRING);
    timer_init(&loss, kit.post.loop, lose_all);
    timer_arm(&loss, 300 * 1000);
    run(1);
    cr_assert_eq(sent("webhook", "ok"), 1);
    buf_deinit(&judge.deliveries[0].json);
}

static void give_up(struct timer *t)
{
    judge.ours = false;
    lose_all(t);
}

Test(alerts, what_was_put_off_is_left_to_the_gateway_that_judges_next)
{
    struct timer loss;

    refusals = 1;
    judge_says(ALARM_NAME ":firing", ALARM_FIRING);
    timer_init(&loss, kit.post.loop, give_up);
    timer_arm(&loss, 300 * 1000);
    run_for_ms(2500, 1);
    cr_assert_eq(count_in(heard[0], "POST /one "), 1);
    buf_deinit(&judge.deliveries[0].json);
}

/* ---- silences ------------------------------------------------------------------------------ */

#define SILENCE "{\"silences\":[{\"id\":\"a\",\"until_ms\":99999999999999,\"model\":\"chat\"}]}"

static void end_silence(struct timer *t)
{
    (void)t;
    cr_assert_eq(heard[0][0], '\0');
    judge.silences = (struct str){ 0 };
    judge.on_news(judge.owner);
}

Test(alerts, what_is_silenced_waits_for_the_end_of_it)
{
    struct timer silence;

    judge.silences = STR(SILENCE);
    judge_says(ALARM_NAME ":firing", ALARM_FIRING);
    timer_init(&silence, kit.post.loop, end_silence);
    timer_arm(&silence, 1200 * 1000);
    run(1);
    cr_assert_eq(count_in(heard[0], "POST /one "), 1);
}

Test(alerts, what_came_and_went_under_a_silence_is_never_told)
{
    judge.silences = STR(SILENCE);
    judge.enough = 2;
    judge_says(ALARM_NAME ":resolved", ALARM_RESOLVED);
    judge_says(ALARM_NAME ":firing", ALARM_FIRING);
    run(1);
    cr_assert(judge.deliveries[0].delivered && judge.deliveries[1].delivered);
    cr_assert_eq(heard[0][0], '\0');
}

/* ---- a command, and Alertmanagers ------------------------------------------------------------ */

Test(alerts, a_command_is_run_beside_the_webhooks)
{
    settings.exec = (const char *[]){ "/bin/sh", "-c", "test \"$WEIR_ALARM_STATE\" = firing",
                                      NULL };
    judge_says(ALARM_NAME ":firing", ALARM_FIRING);
    run(1);
    cr_assert(sent("exec", "ok") == 1 && sent("webhook", "ok") == 1);
}

Test(alerts, a_command_that_hangs_does_not_hold_up_the_end)
{
    settings.exec = (const char *[]){ "sleep", "50", NULL };
    judge_says(ALARM_NAME ":firing", ALARM_FIRING);
    run_for_ms(1000, 0);
    cr_assert_not(judge.deliveries[0].delivered);
}

Test(alerts, every_gateway_tells_an_alertmanager_what_stands)
{
    settings.alertmanagers = &hooks[0].url;
    settings.alertmanager_count = 1;
    judge.ours = false;
    judge_says(ALARM_NAME ":firing", ALARM_ACKNOWLEDGED);
    run_for_ms(2500, 0);
    cr_assert_eq(count_in(heard[0], "POST /one/api/v2/alerts "), 1, "%s", heard[0]);
    cr_assert(strstr(heard[0], "\"alertname\":\"WeirDrift\""));
    cr_assert(strstr(heard[0], "\"generatorURL\":\"http://127.0.0.1:8081/\""));
    cr_assert_eq(sent("alertmanager", "ok"), 1);
}

Test(alerts, a_configured_link_stands_in_place_of_the_admin_address)
{
    settings.link = STR("https://weir.example.com/");
    judge_says(ALARM_NAME ":firing", ALARM_FIRING);
    run(1);
    cr_assert(strstr(heard[0], "\"link\":\"https://weir.example.com/\""));
}
