/* SPDX-License-Identifier: Apache-2.0 */

/* Several gateways of one question: this one leads it, or awaits who does. */

#include "world.h"

static char fleet; /* of the world: never looked into */

static void start_fleet(void)
{
    world_start();
    world.kit.fleet = (struct fleet *)&fleet;
}

TestSuite(others, .init = start_fleet, .fini = world_stop, .timeout = 20);

static struct client *start_leased(size_t which, enum lease lease)
{
    struct client *c = start(client(which, STREAM));

    cache_leases(lease);
    return c;
}

/* Another gateway's bytes of the answer that is awaited. */
static void hears(const char *bytes)
{
    world.awaiting->events->on_bytes(world.awaiting, str_of(bytes));
}

/* ---- to lead ---- */

Test(others, a_leader_whose_client_leaves_goes_on_for_other_gateways)
{
    struct client *c = start_leased(0, LEASE_OURS);

    says(DELTA_CONTENT, "a");
    exchange_cancel(c->x);
    turn();
    cr_assert_eq(c->ended, 0);
    cr_assert_eq(world.looks_out, 1);
    says(DELTA_CONTENT, "b");
    ends_stream();
    cr_assert(str_eq(buf_str(&world.tape), STR("ab")));
    cr_assert_eq(world.good_landings, 1);
    assert_got(c, "a");
}

Test(others, a_leader_that_nobody_follows_any_more_is_called_off)
{
    struct client *c = start_leased(0, LEASE_OURS);

    says(DELTA_CONTENT, "a");
    exchange_cancel(c->x);
    world.leading->events->on_seen(world.leading, false);
    turn();
    cr_assert_eq(c->ended, 1);
    cr_assert_eq(world.cancelled, ERR_CANCELLED);
    cr_assert_eq(world.good_landings, 0);
}

Test(others, a_leader_that_is_followed_here_again_is_not_called_off)
{
    struct client *c = start_leased(0, LEASE_OURS);

    says(DELTA_CONTENT, "a");
    exchange_cancel(c->x);
    (void)start(client(1, STREAM));
    world.leading->events->on_seen(world.leading, false);
    turn();
    cr_assert_eq(c->ended, 0);
    ends_stream();
}

Test(others, while_somebody_here_follows_redis_is_not_asked)
{
    struct client *c = start_leased(0, LEASE_OURS);

    (void)start(client(1, STREAM));
    says(DELTA_CONTENT, "a");
    exchange_cancel(c->x);
    cr_assert_eq(world.looks_out, 0);
    exchange_cancel(world.clients[1].x);
    turn();
    cr_assert_eq(world.looks_out, 1);
    ends_stream();
}

/* ---- to lead, with a client that reads slowly ---- */

/* Its client has no room from here on. */
static struct client *start_slow(void)
{
    struct client *c = client(0, STREAM);

    c->fills_after = 1;
    (void)start(c);
    cache_leases(LEASE_OURS);
    says(DELTA_CONTENT, "a");
    return c;
}

static void sees(bool followed)
{
    world.leading->events->on_seen(world.leading, followed);
}

Test(others, a_slow_client_holds_up_its_upstream_until_it_is_known_that_others_wait)
{
    (void)start_slow();
    cr_assert_eq(world.pauses, 1);
    cr_assert_eq(world.looks_out, 1);
    sees(true);
    cr_assert_eq(world.resumes, 1);
    ends_stream();
}

Test(others, a_slow_client_that_nobody_else_follows_holds_up_its_upstream)
{
    (void)start_slow();
    sees(false);
    cr_assert_eq(world.resumes, 0);
    ends_stream();
}

Test(others, when_the_last_of_the_others_leaves_a_slow_client_holds_up_its_upstream_again)
{
    (void)start_slow();
    sees(true);
    sees(false);
    cr_assert_eq(world.pauses, 2);
    ends_stream();
}

Test(others, beyond_the_tape_a_slow_client_holds_up_its_upstream_whoever_waits)
{
    (void)start_slow();
    world.tape_is_full = true;
    sees(true);
    cr_assert_eq(world.resumes, 0);
    ends_stream();
}

Test(others, a_client_that_reads_again_needs_no_looking_out)
{
    struct client *c = start_slow();

    exchange_resume(c->x);
    cr_assert_eq(world.looks_away, 1);
    cr_assert_eq(world.resumes, 1);
    ends_stream();
}

Test(others, a_slow_client_that_leaves_lets_flow_for_the_others)
{
    struct client *c = start_slow();

    exchange_cancel(c->x);
    cr_assert_eq(world.resumes, 1);
    says(DELTA_CONTENT, "b");
    ends_stream();
    cr_assert(str_eq(buf_str(&world.tape), STR("ab")));
}

/* ---- to await ---- */

Test(others, who_awaits_and_leaves_goes_on_for_those_who_follow_it_here)
{
    struct client *c = start_leased(0, LEASE_OTHERS);

    (void)start(client(1, STREAM));
    hears("a");
    turn();
    exchange_cancel(c->x);
    hears("b");
    fleet_ends(FLEET_WHOLE);
    turn();
    assert_got(c, "a");
    assert_got(&world.clients[1], "ab");
    cr_assert_eq(world.clients[1].failures, 0);
}

Test(others, a_stream_whose_upstream_failed_elsewhere_is_told_as_that)
{
    struct client *c = start_leased(0, LEASE_OTHERS);

    hears("a");
    fleet_ends(FLEET_BROKEN);
    cr_assert_eq(c->failure.err, ERR_UPSTREAM_TRUNCATED);
}

Test(others, a_lost_leader_is_told_as_that_to_all_who_followed)
{
    struct client *c = start_leased(0, LEASE_OTHERS);

    (void)start(client(1, STREAM));
    hears("a");
    turn();
    fleet_ends(FLEET_LOST);
    turn();
    cr_assert_eq(c->failure.err, ERR_LEADER_LOST);
    cr_assert_eq(world.clients[1].failure.err, ERR_LEADER_LOST);
}

Test(others, a_stream_that_is_too_long_is_told_as_that_to_all_who_followed)
{
    struct client *c = start_leased(0, LEASE_OTHERS);

    (void)start(client(1, STREAM));
    hears("a");
    turn();
    fleet_ends(FLEET_LONG);
    turn();
    cr_assert_eq(c->failure.err, ERR_TOO_LONG);
    cr_assert_eq(world.clients[1].failure.err, ERR_TOO_LONG);
}

/* ---- when an upstream fails ---- */

static void fails_elsewhere(void)
{
    world.awaiting->failure = (struct fleet_failure){ ERR_UPSTREAM_STATUS, 503, 1500 };
    fleet_ends(FLEET_FAILED);
}

Test(others, a_leader_tells_how_its_upstreams_have_failed)
{
    struct client *c = start_leased(0, LEASE_OURS);

    while (c->x)
        fails(ERR_UPSTREAM_STATUS, 500);
    cr_assert_eq(world.failure.err, ERR_UPSTREAM_STATUS);
    cr_assert_eq(world.failure.status, 500);
}

Test(others, a_leader_that_is_late_has_not_failed)
{
    struct client *c = start_leased(0, LEASE_OURS);

    pass_ms(1000);
    turn();
    cr_assert_eq(c->failure.err, ERR_DEADLINE);
    cr_assert_eq(world.leavings, 1);
    cr_assert_eq(world.failure.err, OK);
}

Test(others, an_answer_that_is_not_kept_is_for_each_alone)
{
    (void)start_leased(0, LEASE_OURS);
    world.attempt->sent_any = true;
    buf_put_text(&world.attempt->body, CHAT_BODY);
    ends(OK);
    cr_assert_eq(world.landings, 1);
    cr_assert_eq(world.good_landings, 0);
}

Test(others, a_refusal_is_for_each_alone)
{
    (void)start_leased(0, LEASE_OURS);
    fails(ERR_UPSTREAM_REFUSED, 400);
    cr_assert_eq(world.landings, 1);
}

Test(others, who_is_to_ask_alone_asks_without_the_lease)
{
    struct client *c = start_leased(0, LEASE_OTHERS);

    fleet_ends(FLEET_ALONE);
    cr_assert_eq(world.call_count, 1);
    says(DELTA_CONTENT, "a");
    ends_stream();
    assert_got(c, "a");
    cr_assert_eq(world.leads, 0);
}

Test(others, whose_leader_has_failed_may_try_itself)
{
    struct client *c = start_leased(0, LEASE_OTHERS);

    fails_elsewhere();
    cr_assert_eq(c->ended, 0);
    cr_assert_eq(world.lookups, 2);
    cache_leases(LEASE_OURS);
    says(DELTA_CONTENT, "a");
    ends_stream();
    assert_got(c, "a");
}

Test(others, when_a_second_leader_has_failed_that_is_everybodys_failure)
{
    struct client *c = start_leased(0, LEASE_OTHERS);

    (void)start(client(1, STREAM));
    fails_elsewhere();
    cache_leases(LEASE_OTHERS);
    fails_elsewhere();
    turn();
    for (size_t i = 0; i < 2; i++) {
        c = &world.clients[i];
        cr_assert_eq(c->failure.err, ERR_UPSTREAM_STATUS);
        cr_assert_eq(c->failure.status, 503);
        cr_assert_eq(c->failure.retry_after_s, 2);
    }
    cr_assert_eq(world.call_count, 0);
}
