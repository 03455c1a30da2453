/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/cache/fleet.h"

#include "replicas.h"
#include "weir/base/clock.h"
#include "weir/base/own.h"

#include <criterion/criterion.h>
#include <signal.h>

static struct stage stage;
static struct replica one, two;
static struct asker leader, follower, another;

static void set_up(void)
{
    struct remote_settings settings = { .prefix = STR("weir:") };

    stage_open(&stage, &settings);
    replica_open(&one, &stage, false);
    replica_open(&two, &stage, false);
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

TestSuite(fleet, .init = set_up, .fini = tear_down, .timeout = 20);

#define AT_ONCE_US (50 * 1000)

static int64_t leases(struct str result)
{
    return metric_read(stage.metrics, METRIC_LEASES, METRIC_LABEL(result));
}

static int64_t waiting(void)
{
    return metric_read(stage.metrics, METRIC_FLEET_WAITING, NULL);
}

static void store_answer(struct replica *r)
{
    struct entry_facts f = { .scope = STR("public"),
                             .model = STR("m"),
                             .content_type = STR("application/json"),
                             .body = STR("{}"),
                             .status = 200,
                             .created_ms = clock_wall_ms(),
                             .fresh_ms = 60000 };
    AUTO(entry_unref) struct entry *e = entry_new(&f);

    cr_assert(remote_store(r->remote, e, loop_shard(stage.loop)));
}

/* ---- who follows ---- */

static void expect_followers(const char *want)
{
    struct buf out = { 0 };

    stage_ask(&stage, &out, "SCARD " REPLICAS_FOLLOWERS);
    cr_assert(str_eq(buf_str(&out), str_of(want)), "%.*s", STR_ARG(buf_str(&out)));
    buf_deinit(&out);
}

Test(fleet, who_awaits_is_known_and_who_has_left_is_not)
{
    asker_lead(&leader, &one);
    asker_await(&follower, &two, false);
    stage_run_out(&stage, 20000);
    expect_followers("1");
    fleet_leave(&follower.seat);
    stage_run_out(&stage, 20000);
    expect_followers("0");
}

Test(fleet, who_awaits_for_long_stays_known)
{
    struct buf out = { 0 };
    uint64_t left_ms;

    asker_lead(&leader, &one);
    asker_await(&follower, &two, false);
    stage_run_out(&stage, (FLEET_LEASE_MS + 400) * 1000);
    stage_ask(&stage, &out, "PTTL " REPLICAS_FOLLOWERS);
    cr_assert(str_to_u64(buf_str(&out), &left_ms) && left_ms > FLEET_FOLLOW_MS - 2000);
    buf_deinit(&out);
}

Test(fleet, a_leader_goes_on_for_another_replica_until_that_leaves)
{
    asker_lead(&leader, &one);
    asker_await(&follower, &two, false);
    asker_look_out(&leader);
    stage_run_out(&stage, 200000);
    cr_assert_eq(leader.unfollowed, 0);
    fleet_leave(&follower.seat);
    stage_run_out(&stage, (FLEET_RENEW_MS + 200) * 1000);
    cr_assert_eq(leader.unfollowed, 1);
}

/* ---- landing ---- */

Test(fleet, a_landing_wakes_another_replica_at_once)
{
    uint64_t landed_us;

    asker_lead(&leader, &one);
    asker_await(&follower, &two, false);
    stage_run_out(&stage, 100000);
    cr_assert_eq(follower.ends, 0);
    landed_us = clock_now_us();
    fleet_land(&leader.seat, true);
    stage_until_end(&follower);
    cr_assert_eq(follower.end, FLEET_AGAIN);
    cr_assert_lt(follower.ended_us - landed_us, AT_ONCE_US);
}

Test(fleet, who_is_woken_finds_the_answer_that_has_landed)
{
    asker_lead(&leader, &one);
    asker_await(&follower, &two, false);
    store_answer(&one);
    fleet_land(&leader.seat, true);
    stage_until_end(&follower);
    asker_look_up(&follower, &two);
    cr_assert(follower.found);
    cr_assert_eq(follower.op.lease, LEASE_NONE);
}

static const struct fleet_failure why = { ERR_UPSTREAM_STATUS, 503, 2000 };

Test(fleet, a_failure_is_told_with_its_status_and_how_long_to_wait)
{
    asker_lead(&leader, &one);
    asker_await(&follower, &two, false);
    stage_run_out(&stage, 20000);
    fleet_fail(&leader.seat, &why);
    stage_until_end(&follower);
    cr_assert_eq(follower.end, FLEET_FAILED);
    cr_assert_eq(follower.seat.failure.err, why.err);
    cr_assert_eq(follower.seat.failure.status, why.status);
    cr_assert_eq(follower.seat.failure.wait_ms, why.wait_ms);
}

/* Of another version of this program. */
#define TELL(words)                                                                            \
    stage_do(&stage, "EVAL return(redis.call('publish',KEYS[1],table.concat(ARGV,'\\32'))) 1 " \
                     "weir:v1:landed " REPLICAS_HEX " " words)

Test(fleet, a_failure_in_words_that_nobody_here_knows_is_a_failure)
{
    asker_lead(&leader, &one);
    asker_await(&follower, &two, false);
    stage_run_out(&stage, 20000);
    TELL("failed ERR_OF_TOMORROW 12 soon");
    stage_until_end(&follower);
    cr_assert_eq(follower.end, FLEET_FAILED);
    cr_assert_eq(follower.seat.failure.err, ERR_FLIGHT_FAILED);
    cr_assert_eq(follower.seat.failure.status, 0);
    cr_assert_eq(follower.seat.failure.wait_ms, -1);
}

Test(fleet, news_in_a_word_that_nobody_here_knows_have_it_looked_up_again)
{
    asker_lead(&leader, &one);
    asker_await(&follower, &two, false);
    stage_run_out(&stage, 20000);
    TELL("tomorrow");
    stage_until_end(&follower);
    cr_assert_eq(follower.end, FLEET_AGAIN);
}

Test(fleet, an_answer_that_is_not_kept_has_everybody_ask_for_itself)
{
    asker_lead(&leader, &one);
    asker_await(&follower, &two, false);
    stage_run_out(&stage, 20000);
    fleet_land(&leader.seat, false);
    stage_until_end(&follower);
    cr_assert_eq(follower.end, FLEET_ALONE);
}

Test(fleet, a_leader_that_leaves_is_no_failure)
{
    asker_lead(&leader, &one);
    asker_await(&follower, &two, false);
    stage_run_out(&stage, 20000);
    fleet_leave(&leader.seat);
    stage_until_end(&follower);
    cr_assert_eq(follower.end, FLEET_AGAIN);
}

Test(fleet, after_a_failed_landing_exactly_one_takes_over)
{
    asker_lead(&leader, &one);
    asker_await(&follower, &two, false);
    asker_await(&another, &one, false);
    fleet_fail(&leader.seat, &why);
    stage_until_end(&follower);
    stage_until_end(&another);
    asker_look_up(&follower, &two);
    asker_look_up(&another, &one);
    cr_assert_eq(follower.op.lease, LEASE_OURS);
    cr_assert_eq(another.op.lease, LEASE_OTHERS);
}

Test(fleet, a_leader_who_leaves_wakes_the_others)
{
    asker_lead(&leader, &one);
    asker_await(&follower, &two, false);
    fleet_leave(&leader.seat);
    cr_assert_null(leader.seat.fleet);
    stage_until_end(&follower);
    cr_assert_eq(follower.end, FLEET_AGAIN);
}

Test(fleet, a_landing_before_the_waiting_began_is_noticed_at_once)
{
    uint64_t began_us;

    asker_lead(&leader, &one);
    asker_look_up(&follower, &two);
    fleet_land(&leader.seat, true);
    stage_run_out(&stage, 50000);
    began_us = clock_now_us();
    asker_resume_waiting(&follower, FLEET_LEASE_MS, false);
    stage_until_end(&follower);
    cr_assert_lt(follower.ended_us - began_us, AT_ONCE_US);
}

Test(fleet, a_landing_ends_the_waiting_once)
{
    asker_lead(&leader, &one);
    asker_await(&follower, &two, false);
    fleet_land(&leader.seat, true);
    stage_do(&stage, "PUBLISH weir:v1:landed " REPLICAS_HEX);
    stage_do(&stage, "PUBLISH weir:v1:landed nonsense");
    stage_run_out(&stage, 300000);
    cr_assert_eq(follower.ends, 1);
}

Test(fleet, news_of_another_question_wakes_nobody)
{
    asker_lead(&leader, &one);
    asker_await(&follower, &two, false);
    stage_do(&stage, "PUBLISH weir:v1:landed "
                     "1111111111111111111111111111111111111111111111111111111111111111");
    stage_run_out(&stage, 100000);
    cr_assert_eq(follower.ends, 0);
}

Test(fleet, who_has_left_hears_nothing)
{
    asker_lead(&leader, &one);
    asker_await(&follower, &two, false);
    fleet_leave(&follower.seat);
    fleet_land(&leader.seat, true);
    stage_run_out(&stage, 100000);
    cr_assert_eq(follower.ends, 0);
    cr_assert_eq(waiting(), 0);
}

Test(fleet, who_leaves_after_the_news_and_before_its_turn_hears_nothing)
{
    kill(stage.server, SIGKILL);
    while (redis_is_up(two.link))
        stage_run_out(&stage, 1000);
    follower.replica = &two;
    asker_resume_waiting(&follower, 1000, false);
    fleet_leave(&follower.seat);
    stage_run_out(&stage, 50000);
    cr_assert_eq(follower.ends, 0);
}

/* ---- a leader that has died ---- */

Test(fleet, a_dead_leaders_lease_ends_and_exactly_one_takes_over)
{
    uint64_t began_us = clock_now_us();

    stage_do(&stage, "SET " REPLICAS_FLIGHT " dead PX 400");
    asker_await(&follower, &one, false);
    asker_await(&another, &two, false);
    stage_until_end(&follower);
    stage_until_end(&another);
    cr_assert_lt(clock_now_us() - began_us, 1000 * 1000);
    asker_look_up(&follower, &one);
    asker_look_up(&another, &two);
    cr_assert_eq(follower.op.lease, LEASE_OURS);
    cr_assert_eq(another.op.lease, LEASE_OTHERS);
    fleet_lead(one.fleet, &follower.seat, &(struct digest){ 0 });
    cr_assert_eq(leases(STR("taken_over")), 1);
}

Test(fleet, a_leader_who_lives_is_waited_for_beyond_its_first_lease)
{
    asker_lead(&leader, &one);
    asker_await(&follower, &two, false);
    stage_run_out(&stage, (FLEET_LEASE_MS + 700) * 1000);
    cr_assert_eq(follower.ends, 0);
    fleet_land(&leader.seat, true);
    stage_until_end(&follower);
}

/* ---- Redis away ---- */

Test(fleet, a_redis_that_dies_wakes_everybody_at_once)
{
    uint64_t died_us;

    asker_lead(&leader, &one);
    asker_await(&follower, &two, false);
    died_us = clock_now_us();
    kill(stage.server, SIGKILL);
    stage_until_end(&follower);
    cr_assert_eq(follower.end, FLEET_AGAIN);
    cr_assert_lt(follower.ended_us - died_us, AT_ONCE_US);
    asker_look_up(&follower, &two);
    cr_assert_eq(follower.op.lease, LEASE_NONE);
    cr_assert(follower.op.away);
}

Test(fleet, a_redis_that_freezes_wakes_everybody_before_the_lease_ends)
{
    uint64_t froze_us;

    asker_lead(&leader, &one);
    asker_await(&follower, &two, false);
    stage_run_out(&stage, 50000);
    froze_us = clock_now_us();
    kill(stage.server, SIGSTOP);
    stage_until_end(&follower);
    cr_assert_lt(follower.ended_us - froze_us, 1000 * 1000);
}

Test(fleet, nobody_waits_for_a_redis_that_is_away)
{
    kill(stage.server, SIGKILL);
    while (redis_is_up(two.link))
        stage_run_out(&stage, 1000);
    follower.replica = &two;
    asker_resume_waiting(&follower, 60000, false);
    stage_until_end(&follower);
    cr_assert_eq(follower.end, FLEET_AGAIN);
}

Test(fleet, a_cut_connection_for_news_wakes_everybody)
{
    asker_lead(&leader, &one);
    asker_await(&follower, &two, false);
    stage_do(&stage, "CLIENT KILL TYPE pubsub");
    stage_until_end(&follower);
    cr_assert_eq(follower.end, FLEET_AGAIN);
    asker_await(&follower, &two, false);
}

Test(fleet, who_may_not_look_at_the_lease_waits_to_its_end)
{
    stage_do(&stage, "SET " REPLICAS_FLIGHT " dead PX 500");
    asker_look_up(&follower, &two);
    stage_do(&stage, "ACL SETUSER default -get");
    asker_resume_waiting(&follower, follower.op.lease_left_ms, false);
    stage_run_out(&stage, 200000);
    cr_assert_eq(follower.ends, 0);
    stage_until_end(&follower);
    cr_assert_eq(follower.end, FLEET_AGAIN);
}

/* ---- what is counted ---- */

Test(fleet, leading_and_waiting_are_counted_once_a_question)
{
    asker_lead(&leader, &one);
    asker_await(&follower, &two, false);
    cr_assert_eq(waiting(), 1);
    stage_do(&stage, "CLIENT KILL TYPE pubsub");
    stage_until_end(&follower);
    cr_assert_eq(waiting(), 0);
    asker_await(&follower, &two, false);
    fleet_alone(two.fleet);
    cr_assert_eq(leases(STR("ours")), 1);
    cr_assert_eq(leases(STR("others")), 1);
    cr_assert_eq(leases(STR("alone")), 1);
    cr_assert_eq(leases(STR("taken_over")), 0);
}

Test(fleet, the_holder_of_a_lease_is_a_name_for_people)
{
    struct str holder = fleet_wish(one.fleet, &(struct digest){ 0 }).holder;
    struct str host = { 0 }, pid = { 0 }, unique = { 0 };

    cr_assert(str_split(&holder, ':', &host) && host.len > 0);
    cr_assert(str_split(&holder, ':', &pid) && pid.len > 0);
    cr_assert(str_split(&holder, ':', &unique) && unique.len == 8);
    holder = fleet_wish(one.fleet, &(struct digest){ 0 }).holder;
    cr_assert_not(str_eq(holder, fleet_wish(two.fleet, &(struct digest){ 0 }).holder));
}
