/* SPDX-License-Identifier: Apache-2.0 */

/* Running answers, from the leader on one replica to those who await it on another. */

#include "replicas.h"

#include "weir/base/clock.h"
#include "weir/base/own.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>

static struct stage stage;
static struct replica one, two;
static struct asker leader, follower, another;

static void set_up(void)
{
    struct remote_settings settings = { .prefix = STR("weir:") };

    stage_open(&stage, &settings);
    replica_open(&one, &stage, true);
    replica_open(&two, &stage, true);
}

static void tear_down(void)
{
    asker_deinit(&leader);
    asker_deinit(&follower);
    asker_deinit(&another);
    replica_close(&one);
    replica_close(&two);
    stage_close(&stage);
}

TestSuite(fleet_read, .init = set_up, .fini = tear_down, .timeout = 20);

static void expect_bytes(const struct asker *a, const char *want)
{
    cr_assert(str_eq(buf_str(&a->bytes), str_of(want)), "\"%.*s\"",
              STR_ARG(buf_str(&a->bytes)));
}

static void put(const char *text)
{
    fleet_write(&leader.seat, str_of(text));
}

static void begin(void)
{
    asker_lead(&leader, &one);
    asker_await(&follower, &two, true);
}

/* The leader renews no more, and its lease has not long to live. */
static void die(void)
{
    timer_disarm(&leader.seat.timer);
    stage_do(&stage, "PEXPIRE " REPLICAS_FLIGHT " 300");
}

Test(fleet_read, bytes_come_live)
{
    uint64_t written_us;

    begin();
    stage_run_out(&stage, 50000);
    written_us = clock_now_us();
    put("hello");
    stage_until_bytes(&follower, 5);
    cr_assert_lt(clock_now_us() - written_us, 50000);
    put(" again");
    stage_until_bytes(&follower, 11);
    expect_bytes(&follower, "hello again");
    cr_assert_eq(follower.ends, 0);
}

Test(fleet_read, who_comes_late_gets_it_from_its_start)
{
    asker_lead(&leader, &one);
    for (int i = 0; i < 5; i++) {
        put("more ");
        stage_run_out(&stage, 30000);
    }
    asker_await(&follower, &two, true);
    stage_until_bytes(&follower, 25);
    expect_bytes(&follower, "more more more more more ");
}

Test(fleet_read, a_good_landing_brings_the_rest_and_the_end)
{
    begin();
    put("first ");
    stage_until_bytes(&follower, 1);
    put("second ");
    put("third");
    fleet_land(&leader.seat, true);
    stage_until_end(&follower);
    expect_bytes(&follower, "first second third");
    cr_assert_eq(follower.end, FLEET_WHOLE);
    stage_run_out(&stage, 100000);
    cr_assert_eq(follower.ends, 1);
}

Test(fleet_read, a_stream_that_is_whole_but_not_kept_is_whole)
{
    begin();
    put("all");
    stage_until_bytes(&follower, 3);
    fleet_wrote_all(&leader.seat);
    fleet_land(&leader.seat, false);
    stage_until_end(&follower);
    cr_assert_eq(follower.end, FLEET_WHOLE);
}

Test(fleet_read, a_leader_that_fails_after_bytes_leaves_a_broken_stream)
{
    begin();
    put("half");
    stage_until_bytes(&follower, 4);
    fleet_fail(&leader.seat, &(struct fleet_failure){ .err = ERR_UPSTREAM_SILENT });
    stage_until_end(&follower);
    cr_assert_eq(follower.end, FLEET_BROKEN);
}

Test(fleet_read, a_leader_that_leaves_after_bytes_is_lost)
{
    begin();
    put("half");
    stage_until_bytes(&follower, 4);
    fleet_leave(&leader.seat);
    stage_until_end(&follower);
    cr_assert_eq(follower.end, FLEET_LOST);
}

Test(fleet_read, a_leader_that_fails_before_bytes_has_failed)
{
    begin();
    stage_run_out(&stage, 20000);
    fleet_fail(&leader.seat, &(struct fleet_failure){ .err = ERR_UPSTREAM_SILENT });
    stage_until_end(&follower);
    cr_assert_eq(follower.end, FLEET_FAILED);
    cr_assert_eq(follower.seat.failure.err, ERR_UPSTREAM_SILENT);
}

Test(fleet_read, a_leader_that_dies_after_bytes_is_lost)
{
    begin();
    put("half");
    stage_until_bytes(&follower, 4);
    die();
    stage_until_end(&follower);
    cr_assert_eq(follower.end, FLEET_LOST);
}

Test(fleet_read, a_stream_of_another_leader_is_no_continuation)
{
    begin();
    put("half");
    stage_until_bytes(&follower, 4);
    stage_do(&stage, "XADD " REPLICAS_TAPE " * by another b rest");
    stage_do(&stage, "PUBLISH weir:v1:landed " REPLICAS_HEX);
    stage_until_end(&follower);
    expect_bytes(&follower, "half");
    cr_assert_eq(follower.end, FLEET_LOST);
}

Test(fleet_read, who_does_not_want_bytes_gets_none)
{
    asker_lead(&leader, &one);
    asker_await(&follower, &two, false);
    put("bytes");
    stage_run_out(&stage, 100000);
    fleet_land(&leader.seat, true);
    stage_until_end(&follower);
    cr_assert_eq(follower.end, FLEET_AGAIN);
    expect_bytes(&follower, "");
}

Test(fleet_read, two_readers_get_the_same)
{
    begin();
    asker_await(&another, &one, true);
    put("some");
    stage_until_bytes(&follower, 4);
    stage_until_bytes(&another, 4);
    fleet_land(&leader.seat, true);
    stage_until_end(&follower);
    stage_until_end(&another);
    cr_assert_eq(another.end, FLEET_WHOLE);
    expect_bytes(&another, "some");
}

/* ---- back-pressure ---- */

Test(fleet_read, who_is_paused_gets_nothing_until_it_resumes)
{
    begin();
    follower.pause_after = 3;
    put("one");
    stage_until_bytes(&follower, 3);
    put(" two");
    fleet_land(&leader.seat, true);
    stage_run_out(&stage, 100000);
    expect_bytes(&follower, "one");
    cr_assert_eq(follower.ends, 0);
    follower.pause_after = 0;
    fleet_resume(&follower.seat);
    stage_until_end(&follower);
    expect_bytes(&follower, "one two");
    cr_assert_eq(follower.end, FLEET_WHOLE);
}

Test(fleet_read, a_long_stream_comes_whole_and_in_order_to_who_pauses_often)
{
    struct buf sent = { 0 };

    begin();
    for (int i = 0; i < 200; i++) {
        char line[4096];
        int len = snprintf(line, sizeof(line), "%05d%4000s\n", i, "");

        buf_put(&sent, (struct str){ line, (size_t)len });
        fleet_write(&leader.seat, (struct str){ line, (size_t)len });
        if (i % 20 == 0)
            stage_run_out(&stage, 1000);
    }
    fleet_land(&leader.seat, true);
    while (follower.ends == 0) {
        follower.pause_after = follower.bytes.len + 30000;
        fleet_resume(&follower.seat);
        stage_run_out(&stage, 2000);
    }
    cr_assert_eq(follower.end, FLEET_WHOLE);
    cr_assert(str_eq(buf_str(&follower.bytes), buf_str(&sent)));
    buf_deinit(&sent);
}

Test(fleet_read, who_leaves_while_being_told_hears_no_more)
{
    begin();
    follower.leave_after = 1;
    put("one");
    stage_until_bytes(&follower, 3);
    put("two");
    fleet_land(&leader.seat, true);
    stage_run_out(&stage, 100000);
    expect_bytes(&follower, "one");
    cr_assert_eq(follower.ends, 0);
}

/* ---- odd tapes ---- */

Test(fleet_read, a_tape_that_is_over_breaks_who_has_begun_and_has_others_ask_for_themselves)
{
    static char megabyte[1 << 20];

    begin();
    put("begun");
    stage_until_bytes(&follower, 5);
    for (size_t i = 0; i <= FLEET_TAPE_BYTES / sizeof(megabyte); i++)
        fleet_write(&leader.seat, (struct str){ megabyte, sizeof(megabyte) });
    stage_until_end(&follower);
    cr_assert_eq(follower.end, FLEET_LONG);

    asker_await(&another, &two, true);
    stage_until_end(&another);
    cr_assert_eq(another.bytes.len, 0);
    cr_assert_eq(another.end, FLEET_ALONE);
}

Test(fleet_read, a_tape_of_no_shape_of_ours_is_not_read)
{
    asker_lead(&leader, &one);
    stage_do(&stage, "XADD " REPLICAS_TAPE " * text hello");
    asker_await(&follower, &two, true);
    stage_run_out(&stage, 100000);
    cr_assert_eq(follower.ends, 0);
    fleet_land(&leader.seat, true);
    stage_until_end(&follower);
    expect_bytes(&follower, "");
    cr_assert_eq(follower.end, FLEET_AGAIN);
}

Test(fleet_read, a_tape_of_another_type_is_not_read)
{
    asker_lead(&leader, &one);
    stage_do(&stage, "SET " REPLICAS_TAPE " text");
    asker_await(&follower, &two, true);
    stage_run_out(&stage, 100000);
    cr_assert_eq(follower.ends, 0);
}

/* ---- Redis away ---- */

Test(fleet_read, a_redis_that_dies_breaks_the_stream_of_who_has_begun)
{
    begin();
    put("half");
    stage_until_bytes(&follower, 4);
    kill(stage.server, SIGKILL);
    stage_until_end(&follower);
    cr_assert_eq(follower.end, FLEET_LOST);
}

Test(fleet_read, a_cut_connection_for_news_loses_nothing_of_a_stream)
{
    begin();
    put("one ");
    stage_until_bytes(&follower, 4);
    stage_do(&stage, "CLIENT KILL TYPE pubsub");
    put("two");
    stage_until_bytes(&follower, 7);
    fleet_land(&leader.seat, true);
    stage_until_end(&follower);
    cr_assert_eq(follower.end, FLEET_WHOLE);
    expect_bytes(&follower, "one two");
}
