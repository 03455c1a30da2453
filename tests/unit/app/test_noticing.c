/* SPDX-License-Identifier: Apache-2.0 */
#include "noticing.h"

#include "server.h"
#include "weir/base/metric.h"
#include "weir/net/loop.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_US = 20 * 1000 };

static struct noticing noticing;
static struct noticing_kit kit;
static struct settings settings;
static struct server server;
static char folder[] = "/tmp/weir-noticing-XXXXXX", file[40];
static bool (*awaited)(void);
static struct timer look;

static void start(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    kit.metrics = metrics_new();
    kit.shard = metrics_shard(kit.metrics);
    kit.post.loop = loop_new(NULL);
    kit.post.resolver = resolver_new(kit.post.loop);
    kit.post.fetcher = fetcher_new(kit.post.loop);
    kit.settings = &settings;
    settings.drift = (struct drift_settings){ .probability = 0.05,
                                              .per_ms = UINT64_C(30) * 24 * 3600 * 1000,
                                              .tick_ms = 1000,
                                              .min_n = 200,
                                              .baseline_ticks = 4,
                                              .tolerance = 1.2,
                                              .alpha = 0.01 };
    cr_assert(mkdtemp(folder));
    (void)snprintf(file, sizeof(file), "%s/state", folder);
}

static void stop(void)
{
    noticing_close(&noticing);
    fetcher_free(kit.post.fetcher);
    resolver_free(kit.post.resolver);
    loop_free(kit.post.loop);
    metrics_free(kit.metrics);
    (void)unlink(file);
    (void)rmdir(folder);
    if (server.process)
        server_kill(&server);
}

TestSuite(noticing, .init = start, .fini = stop, .timeout = 60);

static void use_redis(void)
{
    server_start(&server, NULL);
    settings.redis_on = true;
    settings.redis_prefix = STR("weir:");
    settings.redis = (struct redis_settings){ .host = "127.0.0.1",
                                              .port = (uint16_t)server.port,
                                              .timeout_us = 50 * 1000,
                                              .most_in_flight = 1000 };
}

static void on_look(struct timer *t)
{
    if (awaited())
        loop_stop(t->loop);
    else
        timer_arm(t, LOOK_US);
}

static void await(bool (*fn)(void))
{
    awaited = fn;
    timer_init(&look, kit.post.loop, on_look);
    timer_arm(&look, 1);
    loop_run(kit.post.loop);
}

static bool is_idle(void)
{
    return noticing_is_idle(&noticing);
}

static void begin(void)
{
    noticing_open(&noticing, &kit);
    noticing_start(&noticing, STR("127.0.0.1:8081"));
}

static void end(void)
{
    noticing_stop(&noticing);
    await(is_idle);
}

/* The judge's page of drift says so. */
static bool says(const char *text)
{
    struct buf page = { 0 };
    bool found;

    judge_put_drift(noticing.judge, &page);
    buf_put(&page, STR("\0"));
    found = strstr(page.at, text) != NULL;
    buf_deinit(&page);
    return found;
}

static bool judges(void)
{
    return says("\"judge\":\"this replica\"");
}

static bool has_lease(void)
{
    char reply[128] = { 0 };

    server_ask(&server, "GET weir:v1:drift:lease", reply, sizeof(reply));
    return strncmp(reply, "$-1", 3) != 0;
}

/* ---- where counts go ----------------------------------------------------------------------- */

Test(noticing, without_redis_workers_count_into_its_ticks)
{
    noticing_open(&noticing, &kit);
    cr_assert_not_null(noticing.ticks);
    cr_assert_null(noticing.link);
}

Test(noticing, with_redis_counts_go_there_by_a_link_of_its_own)
{
    use_redis();
    noticing_open(&noticing, &kit);
    cr_assert_null(noticing.ticks);
    cr_assert_not_null(noticing.link);
}

Test(noticing, its_pace_is_that_of_the_configured_tick)
{
    settings.drift.tick_ms = 60000;
    noticing_open(&noticing, &kit);
    cr_assert(noticing.pace.tick_ms == 60000 && noticing.pace.settle_ms == 15000);
}

Test(noticing, the_promise_is_the_configured_one)
{
    settings.drift.probability = 0.25;
    noticing_open(&noticing, &kit);
    cr_assert(says("{\"promise\":{\"probability\":0.25,\"per_s\":2592000},\"tick_s\":1,"));
}

/* ---- judging ------------------------------------------------------------------------------- */

static bool is_kept(void)
{
    return access(file, F_OK) == 0;
}

Test(noticing, without_redis_it_judges_and_keeps_what_it_knows_in_its_file)
{
    settings.drift.state_file = str_of(file);
    begin();
    await(judges);
    await(is_kept);
    end();
    cr_assert(says("\"judge\":\"off\""));
}

Test(noticing, with_redis_it_judges_by_the_lease_and_gives_it_back)
{
    use_redis();
    begin();
    await(judges);
    cr_assert(has_lease());
    end();
    noticing_close(&noticing);
    cr_assert_not(has_lease());
}

/* ---- its end ------------------------------------------------------------------------------- */

Test(noticing, what_never_started_can_be_closed)
{
    noticing_open(&noticing, &kit);
    noticing_close(&noticing);
    cr_assert_null(noticing.judge);
}

Test(noticing, a_zeroed_one_is_closed)
{
    cr_assert_null(noticing.judge);
    noticing_close(&noticing);
}

Test(noticing, stopping_twice_is_stopping_once)
{
    begin();
    noticing_stop(&noticing);
    end();
    cr_assert(noticing_is_idle(&noticing));
}

Test(noticing, a_redis_that_hangs_does_not_hold_up_the_end)
{
    use_redis();
    begin();
    await(judges);
    server_freeze(&server);
    end(); /* or the suite's time is over */
    noticing_close(&noticing);
    server_thaw(&server);
}

Test(noticing, a_redis_that_was_never_there_does_not_hold_up_the_end)
{
    use_redis();
    server_kill(&server);
    server.process = 0;
    begin();
    end();
}
