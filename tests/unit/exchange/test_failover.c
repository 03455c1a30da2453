/* SPDX-License-Identifier: Apache-2.0 */

/* Whom an exchange asks next, and when it stops asking (field lessons F2 and F4). */

#include "world.h"

TestSuite(failover, .init = world_start, .fini = world_stop, .timeout = 20);

static void assert_called(size_t i, const char *label)
{
    cr_assert_lt(i, world.call_count, "only %zu calls", world.call_count);
    cr_assert_str_eq(world.calls[i].label, label);
}

Test(failover, endpoints_of_a_pool_are_tried_before_the_next_route)
{
    struct client *c = start_missed(0, PLAIN);

    fails(ERR_UPSTREAM_STATUS, 500);
    fails(ERR_UPSTREAM_STATUS, 500);
    answers(CHAT_BODY);
    assert_called(0, "127.0.0.1:1");
    assert_called(1, "127.0.0.1:2");
    assert_called(2, "127.0.0.1:3");
    cr_assert_str_eq(world.calls[1].upstream_model, "m-1");
    cr_assert_str_eq(world.calls[2].upstream_model, "m-2");
    cr_assert_str_eq(c->upstream, "two");
    cr_assert_eq(c->reply.attempts, 3);
}

Test(failover, neither_endpoint_of_a_race_that_was_lost_by_both_is_asked_again)
{
    struct attempt *first;

    hedges();
    (void)start_missed(0, PLAIN);
    first = hedge();
    fails(ERR_UPSTREAM_STATUS, 500);
    world.attempt = first;
    fails(ERR_UPSTREAM_STATUS, 500);
    assert_called(0, "127.0.0.1:1");
    assert_called(1, "127.0.0.1:2");
    assert_called(2, "127.0.0.1:3");
    answers(CHAT_BODY);
}

Test(failover, when_nobody_is_left_the_last_failure_is_told)
{
    struct client *c = start_missed(0, PLAIN);

    world.headers[0].name = "retry-after";
    world.headers[0].value = "7";
    fails(ERR_UPSTREAM_STATUS, 500);
    fails(ERR_UPSTREAM_STATUS, 502);
    world.headers[1].name = "content-type";
    world.headers[1].value = "application/json";
    buf_put_text(&world.attempt->body, "{}");
    fails(ERR_UPSTREAM_STATUS, 429);
    cr_assert_eq(c->failure.err, ERR_UPSTREAM_STATUS);
    cr_assert_eq(c->failure.status, 429);
    cr_assert_eq(c->failure.retry_after_s, 7);
    cr_assert_str_eq(c->failed_body, "{}");
    cr_assert_eq(c->reply.attempts, 3);
    cr_assert_eq(world.record.attempts, 3);
}

Test(failover, a_request_that_was_refused_itself_is_not_tried_elsewhere)
{
    struct client *c = start_missed(0, PLAIN);

    world.headers[0].name = "x-request-id";
    world.headers[0].value = "req_1";
    fails(ERR_UPSTREAM_REFUSED, 400);
    cr_assert_eq(c->failure.err, ERR_UPSTREAM_REFUSED);
    cr_assert_eq(c->failure.status, 400);
    cr_assert_eq(world.call_count, 1);
    cr_assert_str_eq(c->upstream_id, "req_1");
}

Test(failover, a_status_about_the_pools_own_key_or_model_skips_the_pool)
{
    static const int statuses[] = { 401, 403, 404 };

    for (size_t i = 0; i < 3; i++) {
        world.call_count = 0;
        (void)start_missed(i, PLAIN);
        fails(ERR_UPSTREAM_STATUS, statuses[i]);
        assert_called(1, "127.0.0.1:3");
        ends(ERR_UPSTREAM_REFUSED);
    }
}

Test(failover, a_call_that_may_have_been_worked_on_is_not_made_again_in_its_pool)
{
    (void)start_missed(0, PLAIN);
    fails(ERR_UPSTREAM_SILENT, 0);
    assert_called(1, "127.0.0.1:3");
    answers(CHAT_BODY);
}

Test(failover, a_broken_answer_is_not_asked_for_again_in_its_pool)
{
    (void)start_missed(0, PLAIN);
    fails(ERR_UPSTREAM_TRUNCATED, 200);
    assert_called(1, "127.0.0.1:3");
    answers(CHAT_BODY);
}

Test(failover, a_pool_may_be_said_to_stand_a_second_call)
{
    world.one->retry_after_send = true;
    (void)start_missed(0, PLAIN);
    fails(ERR_UPSTREAM_SILENT, 0);
    assert_called(1, "127.0.0.1:2");
    answers(CHAT_BODY);
}

Test(failover, a_call_that_never_left_is_made_at_the_next_endpoint_and_does_not_count)
{
    struct client *c = start_missed(0, PLAIN);

    ends(ERR_UPSTREAM_UNREACHABLE);
    assert_called(1, "127.0.0.1:2");
    answers(CHAT_BODY);
    cr_assert_eq(c->reply.attempts, 1);
}

Test(failover, a_dead_pooled_connection_is_tried_again_once_on_a_fresh_one)
{
    struct client *c = start_missed(0, PLAIN);

    world.attempt->fetch.stale = true;
    ends(ERR_UPSTREAM_UNREACHABLE);
    assert_called(1, "127.0.0.1:1");
    cr_assert_not(world.calls[0].fresh);
    cr_assert(world.calls[1].fresh);
    answers(CHAT_BODY);
    cr_assert_eq(c->reply.attempts, 1);
}

Test(failover, a_fresh_connection_that_dies_as_well_goes_to_the_next_endpoint)
{
    (void)start_missed(0, PLAIN);
    world.attempt->fetch.stale = true;
    ends(ERR_UPSTREAM_UNREACHABLE);
    world.attempt->fetch.stale = true;
    ends(ERR_UPSTREAM_UNREACHABLE);
    assert_called(2, "127.0.0.1:2");
    cr_assert_not(world.calls[2].fresh);
    answers(CHAT_BODY);
}

Test(failover, the_second_try_on_a_fresh_connection_is_not_one_of_max_attempts)
{
    struct client *c;

    world.model->max_attempts = 1;
    c = start_missed(0, PLAIN);
    world.attempt->fetch.stale = true;
    ends(ERR_UPSTREAM_UNREACHABLE);
    answers(CHAT_BODY);
    assert_got(c, CHAT_BODY);
}

Test(failover, no_more_than_max_attempts_are_made)
{
    struct client *c;

    world.model->max_attempts = 2;
    c = start_missed(0, PLAIN);
    fails(ERR_UPSTREAM_STATUS, 500);
    fails(ERR_UPSTREAM_STATUS, 500);
    cr_assert_eq(world.call_count, 2);
    cr_assert_eq(c->failure.err, ERR_UPSTREAM_STATUS);
}

Test(failover, the_second_call_of_a_race_is_one_of_max_attempts)
{
    struct client *c;
    struct attempt *first;

    world.model->max_attempts = 2;
    hedges();
    c = start_missed(0, PLAIN);
    first = hedge();
    fails(ERR_UPSTREAM_STATUS, 500);
    world.attempt = first;
    fails(ERR_UPSTREAM_STATUS, 500);
    cr_assert_eq(world.call_count, 2);
    cr_assert_eq(c->failure.err, ERR_UPSTREAM_STATUS);
}

Test(failover, the_last_of_max_attempts_is_not_joined_by_a_second_call)
{
    world.model->max_attempts = 1;
    hedges();
    (void)start_missed(0, PLAIN);
    pass_ms(10);
    cr_assert_eq(world.call_count, 1);
    cr_assert_eq(metric_read(fake_loop.metrics, METRIC_HEDGES,
                             METRIC_LABEL(STR("one"), STR("refused_attempts"))),
                 1);
    answers(CHAT_BODY);
}

static int64_t retried(const char *cause)
{
    return metric_read(fake_loop.metrics, METRIC_RETRIES,
                       METRIC_LABEL(STR("one"), str_of(cause)));
}

static int64_t retries_refused(void)
{
    return metric_read(fake_loop.metrics, METRIC_RETRIES_REFUSED, METRIC_LABEL(STR("one")));
}

Test(failover, a_call_that_is_made_again_is_counted_with_its_cause)
{
    (void)start_missed(0, PLAIN);
    fails(ERR_UPSTREAM_STATUS, 500);
    cr_assert_eq(retried("5xx"), 1);
    fails(ERR_UPSTREAM_STATUS, 429);
    assert_called(2, "127.0.0.1:3");
    cr_assert_eq(retried("429"), 0, "the pool has nobody left");
    answers(CHAT_BODY);
}

Test(failover, what_is_not_called_again_takes_nothing_of_the_retry_budget)
{
    unsigned left = 0;

    world.model->max_attempts = 1;
    for (size_t i = 0; i < MOST_CLIENTS; i++) {
        (void)start_missed(i, PLAIN);
        fails(ERR_UPSTREAM_STATUS, 500);
    }
    while (pool_may_retry(world.one->pool))
        left++;
    cr_assert_eq(left, world.one->retry.floor);
    cr_assert_eq(retried("5xx"), 0);
    cr_assert_eq(retries_refused(), 0);
}

Test(failover, where_the_retry_budget_is_used_up_the_next_route_is_asked)
{
    while (pool_may_retry(world.one->pool))
        ;
    (void)start_missed(0, PLAIN);
    fails(ERR_UPSTREAM_STATUS, 500);
    assert_called(1, "127.0.0.1:3");
    answers(CHAT_BODY);
    cr_assert_eq(retried("5xx"), 0);
    cr_assert_eq(retries_refused(), 1);
}

Test(failover, there_is_no_second_try_once_the_client_has_seen_bytes)
{
    struct client *c = start_missed(0, STREAM);

    says(DELTA_CONTENT, "a");
    fails(ERR_UPSTREAM_TRUNCATED, 200);
    cr_assert_eq(world.call_count, 1);
    cr_assert_eq(c->failure.err, ERR_UPSTREAM_TRUNCATED);
    cr_assert_not(c->failure.told);
}

Test(failover, a_failure_before_any_content_goes_elsewhere_and_leaves_no_trace)
{
    struct client *c = start_missed(0, STREAM);

    says(DELTA_SILENT, "role of the first");
    fails(ERR_UPSTREAM_IN_BAND, 200);
    says(DELTA_CONTENT, "a");
    ends_stream();
    assert_got(c, "a");
}

Test(failover, an_error_event_before_any_content_goes_elsewhere)
{
    struct client *c = start_missed(0, STREAM);

    says(DELTA_ERROR, "e");
    fails(ERR_UPSTREAM_IN_BAND, 200);
    says(DELTA_CONTENT, "a");
    ends_stream();
    assert_got(c, "a");
}

Test(failover, an_error_event_after_content_goes_through_and_is_not_told_twice)
{
    struct client *c = start_missed(0, STREAM);

    says(DELTA_CONTENT, "a");
    says(DELTA_ERROR, "e");
    fails(ERR_UPSTREAM_IN_BAND, 200);
    assert_got(c, "ae");
    cr_assert(c->failure.told);
}

Test(failover, an_error_inside_a_200_is_told_with_its_true_status)
{
    struct client *c;

    world.model->max_attempts = 1;
    c = start_missed(0, PLAIN);
    world.attempt->tap.answer.error_status = 429;
    (void)snprintf(world.attempt->tap.answer.error_text, 32, "slow down");
    fails(ERR_UPSTREAM_IN_BAND, 200);
    cr_assert_eq(c->failure.status, 429);
    cr_assert_str_eq(c->failed_body, "slow down");
}

Test(failover, a_pool_that_lacks_its_secret_is_passed_over)
{
    world.one->auth_missing = true;
    (void)start_missed(0, PLAIN);
    assert_called(0, "127.0.0.1:3");
    answers(CHAT_BODY);
}

Test(failover, where_all_pools_lack_their_secret_the_configuration_is_at_fault)
{
    struct client *c;

    world.one->auth_missing = world.two->auth_missing = true;
    c = start_missed(0, PLAIN);
    cr_assert_eq(c->failure.err, ERR_CONFIG);
    cr_assert_eq(world.record.attempts, 0);
}

Test(failover, an_upstreams_failure_is_told_rather_than_another_pools_missing_secret)
{
    struct client *c;

    world.two->auth_missing = true;
    c = start_missed(0, PLAIN);
    fails(ERR_UPSTREAM_STATUS, 500);
    fails(ERR_UPSTREAM_STATUS, 500);
    cr_assert_eq(c->failure.err, ERR_UPSTREAM_STATUS);
    cr_assert_eq(c->failure.status, 500);
}

Test(failover, without_endpoints_there_is_no_route)
{
    struct client *c;

    world.model->route_count = 0;
    c = start_missed(0, PLAIN);
    cr_assert_eq(c->failure.err, ERR_NO_ROUTE);
}

Test(failover, a_client_that_leaves_between_two_calls_ends_the_second)
{
    struct client *c = start_missed(0, PLAIN);

    fails(ERR_UPSTREAM_STATUS, 500);
    exchange_cancel(c->x);
    turn();
    cr_assert_eq(world.call_count, 2);
    cr_assert_eq(world.record.err, ERR_CANCELLED);
}

Test(failover, the_deadline_covers_all_calls_together)
{
    struct client *c = start_missed(0, PLAIN);

    pass_ms(600);
    fails(ERR_UPSTREAM_STATUS, 500);
    pass_ms(399);
    cr_assert_eq(c->ended, 0);
    pass_ms(1);
    cr_assert_eq(c->failure.err, ERR_DEADLINE);
}

Test(failover, the_time_of_all_calls_is_added_up)
{
    struct client *c = start_missed(0, PLAIN);

    pass_ms(20);
    fails(ERR_UPSTREAM_STATUS, 500);
    pass_ms(30);
    answers(CHAT_BODY);
    cr_assert_eq(c->reply.upstream_us, 50 * 1000);
    cr_assert_eq(c->reply.total_us, 50 * 1000);
}
