/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

#include "fake_conn.h"
#include "weir/api/admin.h"
#include "weir/net/timer.h"

static struct metrics *metrics;
static struct plan *plan;
static struct api_health health;
static struct admin admin;
static struct loop *loop;
static struct feed *feed;

static void start(void)
{
    metrics = metrics_new();
    plan = plan_new();
    loop = loop_new(metrics_shard(metrics));
    admin_init(&admin, loop, metrics, metrics_shard(metrics), plan, &health);
    feed = admin.feed;
}

static void stop(void)
{
    conn_reset();
    admin_deinit(&admin);
    loop_free(loop);
    plan_unref(plan);
    metrics_free(metrics);
}

TestSuite(feed, .init = start, .fini = stop, .timeout = 20);

static void gone(void)
{
    conn.watcher->on_gone(conn.watcher);
}

static void on_due(struct timer *t)
{
    loop_stop(t->loop);
}

static void run_for(uint64_t us)
{
    struct timer end = { 0 };

    timer_init(&end, loop, on_due);
    timer_arm(&end, us);
    loop_run(loop);
}

static size_t events(void)
{
    static const char word[] = "event: overview\ndata: {";
    size_t count = 0;

    for (size_t i = 0; i + sizeof(word) - 1 <= conn.body.len; i++)
        count += memcmp(conn.body.at + i, word, sizeof(word) - 1) == 0;
    return count;
}

Test(feed, who_joins_hears_of_this_moment_at_once)
{
    cr_assert(feed_join(feed, &conn));
    cr_assert(says(&conn.fields, "Content-Type: text/event-stream"));
    cr_assert_eq(events(), 1);
    gone();
}

Test(feed, who_asks_for_the_head_alone_has_it_and_does_not_listen)
{
    feed_answer_head(&conn);
    cr_assert(says(&conn.fields, "Content-Type: text/event-stream"));
    cr_assert_eq(conn.ended, 1);
    cr_assert_eq(conn.body.len, 0);
    cr_assert_null(conn.watcher);
}

Test(feed, an_event_is_one_line_of_data)
{
    cr_assert(feed_join(feed, &conn));
    cr_assert(str_ends(buf_str(&conn.body), STR("}\n\n")));
    for (size_t i = sizeof("event: overview\n"); i + 2 < conn.body.len; i++)
        cr_assert_neq(conn.body.at[i], '\n');
    gone();
}

Test(feed, a_second_later_there_is_another_event)
{
    cr_assert(feed_join(feed, &conn));
    run_for(FEED_EVERY_US + 200 * 1000);
    cr_assert_eq(events(), 2);
    gone();
}

Test(feed, a_slow_reader_misses_moments)
{
    cr_assert(feed_join(feed, &conn));
    conn.full = true;
    run_for(FEED_EVERY_US + 200 * 1000);
    cr_assert_eq(events(), 1);
    gone();
}

Test(feed, who_is_gone_is_not_written_to)
{
    cr_assert(feed_join(feed, &conn));
    gone();
    run_for(FEED_EVERY_US + 200 * 1000);
    cr_assert_eq(events(), 1);
}

Test(feed, there_are_only_so_many_listeners)
{
    struct http_watcher *watchers[FEED_LISTENERS];

    for (int i = 0; i < FEED_LISTENERS; i++) {
        conn_reset();
        cr_assert(feed_join(feed, &conn));
        watchers[i] = conn.watcher;
    }
    conn_reset();
    cr_assert_not(feed_join(feed, &conn));
    cr_assert_eq(conn.begun, 0);
    for (int i = 0; i < FEED_LISTENERS; i++)
        watchers[i]->on_gone(watchers[i]);
}
