/* SPDX-License-Identifier: Apache-2.0 */

/* What a leader does to Redis; test_fleet.c and test_fleet_read.c have the other side. */

#include "replicas.h"

#include "fleet_inner.h"

#include "weir/base/own.h"

#include <criterion/criterion.h>
#include <signal.h>

static struct stage stage;
static struct replica one;
static struct asker leader;

static void set_up(void)
{
    struct remote_settings settings = { .prefix = STR("weir:") };

    stage_open(&stage, &settings);
    replica_open(&one, &stage, true);
}

static void tear_down(void)
{
    asker_deinit(&leader);
    replica_close(&one);
    stage_close(&stage);
}

TestSuite(fleet_lead, .init = set_up, .fini = tear_down, .timeout = 20);

static void expect_text(const char *command, const char *want)
{
    struct buf out = { 0 };

    stage_ask(&stage, &out, command);
    cr_assert(str_eq(buf_str(&out), str_of(want)), "%s: \"%.*s\"", command,
              STR_ARG(buf_str(&out)));
    buf_deinit(&out);
}

static uint64_t number_of(const char *command)
{
    struct buf out = { 0 };
    uint64_t n;

    stage_ask(&stage, &out, command);
    cr_assert(str_to_u64(buf_str(&out), &n), "%s: \"%.*s\"", command, STR_ARG(buf_str(&out)));
    buf_deinit(&out);
    return n;
}

/* ---- the lease ---- */

Test(fleet_lead, the_lease_is_renewed_every_second)
{
    asker_lead(&leader, &one);
    stage_run_out(&stage, (FLEET_RENEW_MS + 200) * 1000);
    cr_assert_gt(number_of("PTTL " REPLICAS_FLIGHT), FLEET_LEASE_MS - 500);
}

Test(fleet_lead, a_lost_lease_is_left_to_who_has_it)
{
    asker_lead(&leader, &one);
    stage_do(&stage, "SET " REPLICAS_FLIGHT " another PX 9000");
    stage_run_out(&stage, (FLEET_RENEW_MS + 200) * 1000);
    cr_assert_gt(number_of("PTTL " REPLICAS_FLIGHT), 6000);
    fleet_land(&leader.seat, false);
    expect_text("GET " REPLICAS_FLIGHT, "another");
}

Test(fleet_lead, a_lease_that_nobody_has_taken_meanwhile_is_taken_again)
{
    asker_lead(&leader, &one);
    stage_do(&stage, "FLUSHALL");
    stage_run_out(&stage, (FLEET_RENEW_MS + 200) * 1000);
    expect_text("EXISTS " REPLICAS_FLIGHT, "1");
}

Test(fleet_lead, landing_gives_the_lease_back_and_zeroes_the_seat)
{
    asker_lead(&leader, &one);
    fleet_land(&leader.seat, true);
    cr_assert_null(leader.seat.fleet);
    stage_do(&stage, "PING");
    stage_run_out(&stage, 20000);
    expect_text("EXISTS " REPLICAS_FLIGHT, "0");
}

Test(fleet_lead, a_leader_goes_on_without_redis)
{
    asker_lead(&leader, &one);
    kill(stage.server, SIGKILL);
    fleet_write(&leader.seat, STR("a"));
    stage_run_out(&stage, (FLEET_RENEW_MS + 200) * 1000);
    fleet_write(&leader.seat, STR("b"));
    fleet_land(&leader.seat, true);
}

Test(fleet_lead, a_leader_may_land_while_its_renewal_is_under_way)
{
    asker_lead(&leader, &one);
    kill(stage.server, SIGSTOP);
    stage_run_out(&stage, (FLEET_RENEW_MS + 50) * 1000);
    fleet_land(&leader.seat, true);
    kill(stage.server, SIGCONT);
    stage_run_out(&stage, 50000);
    cr_assert_null(leader.seat.fleet);
}

/* ---- those who follow ---- */

Test(fleet_lead, who_looks_out_hears_at_once_that_nobody_follows)
{
    asker_lead(&leader, &one);
    asker_look_out(&leader);
    stage_run_out(&stage, 100000);
    cr_assert_eq(leader.unfollowed, 1);
}

Test(fleet_lead, who_looks_out_hears_when_the_last_of_those_who_follow_has_left)
{
    stage_do(&stage, "SADD " REPLICAS_FOLLOWERS " somebody");
    asker_lead(&leader, &one);
    asker_look_out(&leader);
    stage_run_out(&stage, (FLEET_RENEW_MS + 200) * 1000);
    cr_assert_eq(leader.unfollowed, 0);
    stage_do(&stage, "SREM " REPLICAS_FOLLOWERS " somebody");
    stage_run_out(&stage, (FLEET_RENEW_MS + 200) * 1000);
    cr_assert_eq(leader.unfollowed, 1);
}

Test(fleet_lead, who_looks_out_hears_nothing_while_redis_does_not_say)
{
    asker_lead(&leader, &one);
    kill(stage.server, SIGKILL);
    asker_look_out(&leader);
    stage_run_out(&stage, (FLEET_RENEW_MS + 200) * 1000);
    cr_assert_eq(leader.unfollowed, 0);
}

Test(fleet_lead, who_looks_out_hears_when_somebody_comes)
{
    asker_lead(&leader, &one);
    asker_look_out(&leader);
    stage_run_out(&stage, 100000);
    cr_assert_eq(leader.followed, 0);
    stage_do(&stage, "SADD " REPLICAS_FOLLOWERS " somebody");
    stage_run_out(&stage, (FLEET_RENEW_MS + 200) * 1000);
    cr_assert_eq(leader.followed, 1);
}

Test(fleet_lead, who_looks_away_hears_no_more)
{
    asker_lead(&leader, &one);
    asker_look_out(&leader);
    fleet_look_away(&leader.seat);
    stage_run_out(&stage, (FLEET_RENEW_MS + 200) * 1000);
    cr_assert_eq(leader.unfollowed, 0);
    fleet_look_out(&leader.seat, leader.seat.events);
    stage_run_out(&stage, 100000);
    cr_assert_eq(leader.unfollowed, 1);
}

Test(fleet_lead, a_leader_may_land_while_it_asks_who_follows)
{
    asker_lead(&leader, &one);
    asker_look_out(&leader);
    fleet_land(&leader.seat, true);
    stage_run_out(&stage, 50000);
    cr_assert_eq(leader.unfollowed, 0);
}

Test(fleet_lead, landing_forgets_who_followed)
{
    stage_do(&stage, "SADD " REPLICAS_FOLLOWERS " somebody");
    asker_lead(&leader, &one);
    fleet_land(&leader.seat, true);
    stage_run_out(&stage, 20000);
    expect_text("EXISTS " REPLICAS_FOLLOWERS, "0");
}

/* ---- the tape ---- */

static void write_megabytes(size_t n)
{
    static char megabyte[1 << 20];

    memset(megabyte, 'x', sizeof(megabyte));
    while (n-- > 0)
        fleet_write(&leader.seat, (struct str){ megabyte, sizeof(megabyte) });
}

Test(fleet_lead, no_more_is_read_for_others_than_a_tape_holds_whether_there_is_one_or_not)
{
    one.fleet->streams = false;
    asker_lead(&leader, &one);
    write_megabytes(7);
    cr_assert(fleet_has_room(&leader.seat));
    write_megabytes(1);
    cr_assert_not(fleet_has_room(&leader.seat));
}

Test(fleet_lead, the_first_bytes_go_at_once_and_the_next_in_batches)
{
    asker_lead(&leader, &one);
    for (int i = 0; i < 100; i++)
        fleet_write(&leader.seat, STR("piece "));
    stage_run_out(&stage, 5000);
    cr_assert_eq(number_of("XLEN " REPLICAS_TAPE), 1);
    stage_run_out(&stage, 50000);
    cr_assert_eq(number_of("XLEN " REPLICAS_TAPE), 2);
}

Test(fleet_lead, a_full_batch_does_not_wait)
{
    static char batch[FLEET_FLUSH_BYTES];

    memset(batch, 'x', sizeof(batch));
    asker_lead(&leader, &one);
    fleet_write(&leader.seat, STR("first"));
    fleet_write(&leader.seat, (struct str){ batch, sizeof(batch) });
    stage_run_out(&stage, 10000);
    cr_assert_eq(number_of("XLEN " REPLICAS_TAPE), 2);
}

Test(fleet_lead, without_streams_nothing_is_written)
{
    one.fleet->streams = false;
    asker_lead(&leader, &one);
    fleet_write(&leader.seat, STR("bytes"));
    fleet_land(&leader.seat, true);
    stage_run_out(&stage, 50000);
    expect_text("EXISTS " REPLICAS_TAPE, "0");
}

Test(fleet_lead, a_tape_that_grows_too_long_is_cut_to_its_mark)
{
    struct buf out = { 0 };

    asker_lead(&leader, &one);
    write_megabytes((FLEET_TAPE_BYTES >> 20) + 1);
    stage_run_out(&stage, 100000);
    cr_assert_eq(number_of("XLEN " REPLICAS_TAPE), 1);
    stage_ask(&stage, &out, "XRANGE " REPLICAS_TAPE " - +");
    buf_put(&out, (struct str){ "", 1 });
    cr_assert(strstr(out.at, "end\nover"));
    buf_deinit(&out);
}

Test(fleet_lead, who_lost_the_lease_writes_no_more)
{
    asker_lead(&leader, &one);
    fleet_write(&leader.seat, STR("ours"));
    stage_run_out(&stage, 50000);
    stage_do(&stage, "SET " REPLICAS_FLIGHT " another PX 9000");
    fleet_write(&leader.seat, STR("not ours any more"));
    stage_run_out(&stage, 50000);
    cr_assert_eq(number_of("XLEN " REPLICAS_TAPE), 1);
}
