/* SPDX-License-Identifier: Apache-2.0 */
#include "drift.h"

#include "drift_plan.h"
#include "fake_conn.h"
#include "weir/base/clock.h"
#include "weir/base/metric.h"
#include "weir/net/loop.h"
#include "weir/net/timer.h"
#include "weir/watch/store.h"
#include "weir/watch/ticks.h"

#include <stdio.h>

/* Pages and orders of a judge that is alone, with the connection that writes down what it is told. */

static struct metrics *metrics;
static struct loop *loop;
static struct ticks *ticks;
static struct judge *judge;
static struct plan *plan;
static struct timer look;
static uint64_t ahead_ms;

static void start(void)
{
    const struct judge_settings settings = { .tick_ms = 60000,
                                             .probability = .05,
                                             .per_ms = UINT64_C(2592000000),
                                             .min_n = 2000,
                                             .baseline_ticks = 60,
                                             .tolerance = 1.2,
                                             .alpha = .01 };

    metrics = metrics_new();
    loop = loop_new(NULL);
    ticks = ticks_new();
    plan = chat_plan();
    judge = judge_new(loop, store_file_new(loop, ticks, STR("")), &settings, metrics,
                      metrics_shard(metrics));
    ahead_ms = clock_wall_ms() + 3600 * 1000;
}

static void stop(void)
{
    conn_reset();
    judge_free(judge);
    plan_unref(plan);
    ticks_free(ticks);
    loop_free(loop);
    metrics_free(metrics);
}

TestSuite(drift, .init = start, .fini = stop, .timeout = 20);

static void on_look(struct timer *t)
{
    if (conn.answers > 0)
        loop_stop(loop);
    else
        timer_arm(t, 1000);
}

/* An order is answered later, from the loop. */
static int serve(struct http_request *r)
{
    conn_reset();
    cr_assert(drift_knows(r->path));
    drift_serve(judge, plan, &conn, r);
    timer_init(&look, loop, on_look);
    timer_arm(&look, 1);
    loop_run(loop);
    cr_assert_eq(conn.answers, 1);
    return conn.status;
}

static int ask(const char *method, const char *target, const char *body)
{
    struct http_request r = request(method, target);

    r.body = str_of(body);
    return serve(&r);
}

/* ---- pages ---- */

Test(drift, it_knows_its_pages_and_no_others)
{
    cr_assert(drift_knows(STR("/admin/drift")));
    cr_assert(drift_knows(STR("/admin/baselines/0123/pin")));
    cr_assert_not(drift_knows(STR("/admin/baselines/0123/pin/more")));
    cr_assert_not(drift_knows(STR("/admin/baselines//pin")));
    cr_assert_not(drift_knows(STR("/admin/overview")));
    cr_assert_not(drift_knows(STR("/metrics")));
    cr_assert_not(drift_knows(STR("/admin/")));
}

Test(drift, each_page_is_json_that_nobody_keeps)
{
    static const struct {
        const char *path, *body;
    } pages[] = {
        { "/admin/drift", "{\"promise\":" },
        { "/admin/alarms", "{\"alarms\":[]}\n" },
        { "/admin/silences", "{\"silences\":[]}\n" },
        { "/admin/baselines", "{\"baselines\":[]}\n" },
    };

    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(ask("GET", pages[i].path, ""), 200);
        cr_assert(str_starts(buf_str(&conn.body), str_of(pages[i].body)), "%s", pages[i].path);
        cr_assert(says(&conn.fields, "Content-Type: application/json\r\n"));
        cr_assert(says(&conn.fields, "Cache-Control: no-store\r\n"));
    }
}

Test(drift, what_is_not_there_is_404)
{
    cr_assert_eq(ask("GET", "/admin/baselines/0123456789abcdef", ""), 404);
    cr_assert(says(&conn.body, "There is no baseline of that id"));
    cr_assert_eq(ask("GET", "/admin/alarms/0123456789abcdef", ""), 404);
    cr_assert_eq(ask("GET", "/admin/baselines/0123456789abcdef/pin", ""), 404);
}

Test(drift, another_method_is_405)
{
    cr_assert_eq(ask("POST", "/admin/drift", "{}"), 405);
    cr_assert_eq(ask("PUT", "/admin/baselines", "{}"), 405);
    cr_assert_eq(ask("DELETE", "/admin/silences", ""), 405);
    cr_assert_eq(ask("POST", "/admin/baselines/0123456789abcdef", ""), 405);
}

Test(drift, where_nothing_is_judged_it_says_so)
{
    struct http_request r = request("GET", "/admin/drift");

    conn_reset();
    drift_serve(NULL, plan, &conn, &r);
    cr_assert_eq(conn.status, 503);
}

Test(drift, a_page_of_another_site_changes_nothing)
{
    struct http_request r = request("POST", "/admin/silences");

    with(&r, "Host", "127.0.0.1:8081");
    with(&r, "Origin", "http://evil.test");
    cr_assert_eq(serve(&r), 403);
}

/* ---- orders ---- */

static void make_baseline(char id[17])
{
    const char *at;

    cr_assert_eq(ask("POST", "/admin/baselines",
                     "{\"model\":\"chat\",\"prediction\":\"intent\",\"pin\":true,"
                     "\"counts\":{\"refund\":300,\"shipping\":100}}"),
                 200, "%.*s", STR_ARG(buf_str(&conn.body)));
    at = memmem(conn.body.at, conn.body.len, "{\"id\":\"", 7);
    cr_assert(at);
    (void)snprintf(id, 17, "%.16s", at + 7);
}

Test(drift, a_baseline_of_counts_is_made_shown_pinned_and_not_dropped)
{
    char id[17], path[64];

    make_baseline(id);
    cr_assert(says(&conn.body, "\"version\":\"*\""));
    cr_assert(says(&conn.body, "\"from\":\"file\""));
    (void)snprintf(path, sizeof(path), "/admin/baselines/%s", id);
    cr_assert_eq(ask("GET", path, ""), 200);
    cr_assert(str_starts(buf_str(&conn.body), STR("{\"pinned\":true,\"baseline\":{\"id\":")));
    cr_assert_eq(ask("DELETE", path, ""), 400);
    cr_assert(says(&conn.body, "It is in force"));
    (void)snprintf(path, sizeof(path), "/admin/baselines/%s/pin", id);
    cr_assert_eq(ask("POST", path, "{}"), 200);
    cr_assert(says(&conn.body, "\"histogram\":\"chat:%2A:intent\""));
}

Test(drift, what_is_wrong_with_a_baseline_is_told_by_its_member)
{
    cr_assert_eq(ask("POST", "/admin/baselines", "{"), 400);
    cr_assert_eq(ask("POST", "/admin/baselines", "{\"modle\":\"chat\"}"), 400);
    cr_assert(says(&conn.body, "did you mean \\\"model\\\"?"));
    cr_assert_eq(ask("POST", "/admin/baselines",
                     "{\"model\":\"chat\",\"prediction\":\"intent\",\"counts\":{\"x\":500}}"),
                 400);
    cr_assert(says(&conn.body, "counts: the prediction has no value \\\"x\\\""));
    cr_assert_eq(ask("POST", "/admin/baselines", "{\"model\":\"chat\",\"from\":5,\"to\":1}"),
                 400);
    cr_assert(says(&conn.body, "from: must lie before to."));
    cr_assert_eq(ask("POST", "/admin/baselines", "{\"model\":\"chat\",\"from\":1,\"to\":5}"),
                 404);
    cr_assert(says(&conn.body, "model: nothing was counted so far of \\\"chat\\\""));
}

Test(drift, a_silence_comes_and_goes)
{
    char body[128], path[64];
    const char *at;

    (void)snprintf(body, sizeof(body), "{\"until_ms\":%llu,\"model\":\"chat\"}",
                   (unsigned long long)ahead_ms);
    cr_assert_eq(ask("POST", "/admin/silences", body), 200);
    at = memmem(conn.body.at, conn.body.len, "{\"id\":\"", 7);
    (void)snprintf(path, sizeof(path), "/admin/silences/%.16s", at + 7);
    cr_assert_eq(ask("GET", "/admin/silences", ""), 200);
    cr_assert(says(&conn.body, "\"model\":\"chat\""));
    cr_assert_eq(ask("DELETE", path, ""), 200);
    cr_assert_eq(ask("DELETE", path, ""), 404);
}

Test(drift, a_silence_that_is_over_already_is_refused)
{
    cr_assert_eq(ask("POST", "/admin/silences", "{\"until_ms\":1000}"), 400);
    cr_assert(says(&conn.body, "ahead of now"));
}

Test(drift, orders_about_what_there_is_not_are_404)
{
    cr_assert_eq(ask("POST", "/admin/baselines/0123456789abcdef/pin", ""), 404);
    cr_assert_eq(ask("DELETE", "/admin/baselines/0123456789abcdef", ""), 404);
    cr_assert_eq(ask("POST", "/admin/alarms/0123456789abcdef/acknowledge", ""), 404);
    cr_assert_eq(ask("DELETE", "/admin/silences/x", ""), 404);
}
