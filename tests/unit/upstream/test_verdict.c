/* SPDX-License-Identifier: Apache-2.0 */

/* What a pool has learnt once a call over a scripted transport has ended. */

#include "scripted.h"

TestSuite(verdict, .init = start, .fini = stop, .timeout = 20);

/* One call whose head has this status, and what its pool then tells. */
static struct pool_numbers after_status(long status)
{
    attempt_deinit(&world.attempt);
    world.ended = 0;
    call_plain();
    heads(status);
    comes("{\"error\":{}}");
    fetch_ends(OK);
    return look();
}

Test(verdict, faults_of_a_server_count_against_it_and_those_of_a_request_do_not)
{
    static const struct {
        long status;
        unsigned faults;
    } rows[] = { { 500, 1 }, { 502, 1 }, { 503, 1 }, { 408, 1 }, { 400, 0 }, { 404, 0 },
                 { 409, 0 }, { 413, 0 }, { 422, 0 }, { 425, 0 }, { 429, 0 }, { 401, 0 } };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(after_status(rows[i].status).faults, rows[i].faults, "status %ld",
                     rows[i].status);
}

Test(verdict, who_asks_to_be_left_alone_rests_for_as_long)
{
    static const long statuses[] = { 429, 503, 529 };

    world.retry_after = "7";
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct pool_numbers n = after_status(statuses[i]);

        cr_expect(n.rest_us > 5000000 && n.rest_us <= 7000000, "status %ld", statuses[i]);
        cr_expect_eq(n.faults, 0, "status %ld", statuses[i]);
    }
}

Test(verdict, a_refused_key_is_dropped_where_there_are_others)
{
    struct pool_keys keys;

    upstream_add_auth(world.upstream, STR("Authorization: Bearer a"));
    upstream_add_auth(world.upstream, STR("Authorization: Bearer b"));
    (void)after_status(403);
    pool_read_keys(world.upstream->pool, &keys);
    cr_assert_eq(keys.dropped, 1);
}

Test(verdict, a_good_answer_tells_how_long_it_took)
{
    call_plain();
    pass_ms(8);
    heads(200);
    comes(CHAT_BODY);
    fetch_ends(OK);
    cr_assert_float_eq(look().latency_s, 0.008, 0.001);
    cr_assert_eq(look().faults, 0);
}

Test(verdict, the_time_of_its_first_content_is_that_of_the_first_delta_with_some)
{
    call_stream();
    comes(": hello\n\n");
    pass_ms(5);
    comes(HI);
    pass_ms(5);
    comes(HI FINISH DONE);
    fetch_ends(OK);
    cr_assert_eq(world.attempt.first_us - world.attempt.started_us, 5000);
}

Test(verdict, an_error_inside_a_200_is_a_fault_unless_it_says_that_it_is_busy)
{
    call_stream();
    comes("data: {\"error\":{\"message\":\"x\",\"code\":500}}\n\n");
    turn();
    cr_assert_eq(look().faults, 1);
    attempt_deinit(&world.attempt);
    world.ended = 0;
    call_stream();
    comes("data: {\"error\":{\"message\":\"x\",\"code\":429}}\n\n");
    turn();
    cr_assert_eq(look().faults, 0);
}

Test(verdict, whoever_falls_silent_is_at_fault)
{
    call_plain();
    connects();
    pass_ms(20);
    cr_assert_eq(look().faults, 1);
}

Test(verdict, what_we_call_off_is_nobodys_fault)
{
    call_plain();
    connects();
    attempt_cancel(&world.attempt, ERR_DEADLINE);
    turn();
    cr_assert_eq(look().faults, 0);
}

Test(verdict, a_deadline_that_passes_while_connecting_is_a_fault)
{
    call_plain();
    attempt_cancel(&world.attempt, ERR_DEADLINE);
    turn();
    cr_assert_eq(look().faults, 1);
}

Test(verdict, a_dead_pooled_connection_is_nobodys_fault)
{
    call_plain();
    connects();
    world.fetch->stale = true;
    fetch_ends(ERR_UPSTREAM_UNREACHABLE);
    cr_assert_eq(look().faults, 0);
}
