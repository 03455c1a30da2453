/* SPDX-License-Identifier: Apache-2.0 */

/* Several who ask the same at the same time: one calls, the others follow. */

#include "world.h"

TestSuite(followers, .init = world_start, .fini = world_stop, .timeout = 20);

static struct client *const leader = &world.clients[0];
static struct client *const follower = &world.clients[1];

/* Whoever comes to lead looks once more, and finds nothing. */
static void turn_missed(void)
{
    turn();
    cache_says(NULL, CACHE_NONE);
}

/* Two clients with the same question; the second follows the first. */
static void start_two(const char *body)
{
    (void)start_missed(0, body);
    (void)start_missed(1, body);
    cr_assert_eq(world.call_count, 1);
}

Test(followers, equal_misses_are_one_call)
{
    start_two(PLAIN);
    answers(CHAT_BODY);
    turn();
    assert_got(leader, CHAT_BODY);
    assert_got(follower, CHAT_BODY);
    cr_assert_eq(leader->reply.word, WORD_MISS);
    cr_assert_eq(follower->reply.word, WORD_COALESCED);
    cr_assert_eq(follower->reply.attempts, 0);
    cr_assert_eq(world.stores, 1);
}

Test(followers, an_answer_that_came_while_they_waited_is_shared_however_late_they_hear_of_it)
{
    uint64_t made_ms;

    start_two(PLAIN);
    answers(CHAT_BODY);
    made_ms = clock_wall_ms();
    while (clock_wall_ms() < made_ms + 2)
        continue;
    turn();
    cr_assert_eq(follower->reply.word, WORD_COALESCED);
}

Test(followers, a_stream_is_heard_by_all_as_it_comes)
{
    start_two(STREAM);
    says(DELTA_CONTENT, "a");
    turn();
    assert_got(follower, "a");
    says(DELTA_CONTENT, "b");
    ends_stream();
    turn();
    assert_got(leader, "ab");
    assert_got(follower, "ab");
    cr_assert_eq(follower->failures, 0);
}

Test(followers, a_late_follower_hears_a_stream_from_its_start)
{
    (void)start_missed(0, STREAM);
    says(DELTA_CONTENT, "a");
    says(DELTA_CONTENT, "b");
    (void)start_missed(1, STREAM);
    turn();
    assert_got(follower, "ab");
    ends_stream();
}

Test(followers, plain_and_streamed_requests_fly_apart)
{
    struct attempt *first;

    (void)start_missed(0, PLAIN);
    first = world.attempt;
    world.attempt = NULL;
    (void)start_missed(1, STREAM);
    cr_assert_eq(world.call_count, 2);
    says(DELTA_CONTENT, "a");
    ends_stream();
    world.attempt = first;
    answers(CHAT_BODY);
}

Test(followers, an_answer_that_is_not_kept_still_serves_those_who_follow)
{
    start_two(PLAIN);
    world.attempt->sent_any = true;
    buf_put_text(&world.attempt->body, CHAT_BODY);
    ends(OK);
    turn();
    assert_got(follower, CHAT_BODY);
    cr_assert_eq(world.stores, 0);
}

Test(followers, when_the_leader_fails_the_follower_asks_anew)
{
    start_two(PLAIN);
    while (leader->x)
        fails(ERR_UPSTREAM_STATUS, 503);
    cr_assert_eq(leader->failure.err, ERR_UPSTREAM_STATUS);
    cr_assert_eq(follower->ended, 0);
    turn_missed();
    answers(CHAT_BODY);
    assert_got(follower, CHAT_BODY);
    cr_assert_eq(follower->reply.word, WORD_MISS);
    cr_assert_eq(follower->reply.attempts, 1);
}

/* Four with the same question, the first of which has failed as plainly as can be. */
static void start_four_and_fail(void)
{
    for (size_t i = 0; i < 4; i++)
        (void)start_missed(i, PLAIN);
    while (leader->x)
        fails(ERR_UPSTREAM_STATUS, 500);
    turn_missed();
}

Test(followers, when_a_second_leader_fails_all_have_failed)
{
    size_t calls;

    start_four_and_fail();
    while (follower->x) {
        buf_reset(&world.attempt->body);
        buf_put_text(&world.attempt->body, "no");
        fails(ERR_UPSTREAM_STATUS, 500);
    }
    calls = world.call_count;
    turn();
    for (size_t i = 2; i < 4; i++) {
        cr_assert_eq(world.clients[i].failure.err, ERR_UPSTREAM_STATUS);
        cr_assert_eq(world.clients[i].failure.status, 500);
        cr_assert_str_eq(world.clients[i].failed_body, "no");
        cr_assert_eq(world.clients[i].reply.attempts, 0);
    }
    cr_assert_eq(world.call_count, calls);
}

Test(followers, a_second_leader_that_leaves_is_replaced_once_more)
{
    start_four_and_fail();
    exchange_cancel(follower->x);
    exchange_cancel(world.clients[2].x);
    turn();
    answers(CHAT_BODY);
    turn();
    assert_got(&world.clients[3], CHAT_BODY);
}

Test(followers, what_would_be_refused_again_is_refused_for_all_in_one_call)
{
    start_two(PLAIN);
    buf_put_text(&world.attempt->body, "no");
    fails(ERR_UPSTREAM_REFUSED, 400);
    turn();
    cr_assert_eq(world.call_count, 1);
    cr_assert_eq(follower->failure.err, ERR_UPSTREAM_REFUSED);
    cr_assert_eq(follower->failure.status, 400);
    cr_assert_str_eq(follower->failed_body, "no");
    cr_assert_eq(follower->reply.attempts, 0);
}

static void ignore(void *ctx, const struct jsonschema_remark *r)
{
    (void)ctx, (void)r;
}

Test(followers, an_answer_that_does_not_fit_is_refused_for_all_in_one_call)
{
    struct watchlist *list = watchlist_new(STR("m"));

    cr_assert_eq(jsonschema_new(&list->schemas[WATCH_ANSWER], STR("{\"required\":[\"label\"]}"),
                                ignore, NULL),
                 OK);
    world.model->watch = list;
    world.model->rejects = true;
    start_two(PLAIN);
    while (leader->x)
        answers(CHAT_BODY);
    turn();
    cr_assert_eq(leader->failure.err, ERR_UPSTREAM_INVALID);
    cr_assert_eq(follower->failure.err, ERR_UPSTREAM_INVALID);
    cr_assert_eq(follower->reply.attempts, 0);
    cr_assert_eq(follower->failure.status, leader->failure.status);
    world.model->watch = NULL;
    watchlist_unref(list);
}

Test(followers, a_refusal_is_not_for_whoever_wrote_the_same_question_otherwise)
{
    (void)start_missed(0, PLAIN);
    (void)start_missed(1, "{\"user\":\"bob\"," PLAIN_MEMBERS "}");
    cr_assert_eq(world.call_count, 1);
    fails(ERR_UPSTREAM_REFUSED, 400);
    turn_missed();
    answers(CHAT_BODY);
    cr_assert_eq(leader->failure.status, 400);
    assert_got(follower, CHAT_BODY);
}

Test(followers, what_memory_holds_needs_neither_leader_nor_look_up)
{
    struct client *c;

    world.peeked = entry_aged(1, CHAT_BODY);
    c = start(client(0, PLAIN));
    assert_got(c, CHAT_BODY);
    cr_assert_eq(c->reply.word, WORD_HIT);
    cr_assert_eq(world.lookups, 0);
    cr_assert_eq(world.call_count, 0);
}

Test(followers, what_redis_holds_is_looked_up_once_for_all)
{
    (void)start(client(0, PLAIN));
    (void)start(client(1, PLAIN));
    cr_assert_eq(world.lookups, 1);
    cache_says(entry_aged(5, CHAT_BODY), CACHE_REDIS);
    turn();
    assert_got(leader, CHAT_BODY);
    assert_got(follower, CHAT_BODY);
    cr_assert_eq(follower->reply.word, WORD_HIT);
    cr_assert_eq(world.call_count, 0);
}

Test(followers, when_a_stream_breaks_off_those_who_have_heard_of_it_are_told_once)
{
    start_two(STREAM);
    says(DELTA_CONTENT, "a");
    turn();
    fails(ERR_UPSTREAM_TRUNCATED, 200);
    turn();
    assert_got(follower, "a");
    cr_assert_eq(follower->failure.err, ERR_UPSTREAM_TRUNCATED);
    cr_assert_not(follower->failure.told);
}

Test(followers, the_leaders_error_event_is_not_a_followers)
{
    start_two(STREAM);
    says(DELTA_CONTENT, "a");
    turn();
    says(DELTA_ERROR, "e");
    fails(ERR_UPSTREAM_IN_BAND, 200);
    turn();
    assert_got(leader, "ae");
    assert_got(follower, "a");
    cr_assert_not(follower->failure.told);
}

Test(followers, a_leader_whose_client_left_goes_on_for_those_who_follow)
{
    start_two(STREAM);
    says(DELTA_CONTENT, "a");
    exchange_cancel(leader->x);
    says(DELTA_CONTENT, "b");
    ends_stream();
    turn();
    assert_got(leader, "a");
    assert_got(follower, "ab");
}

Test(followers, a_leader_whose_client_left_stops_when_the_last_follower_has_left)
{
    start_two(PLAIN);
    exchange_cancel(leader->x);
    turn();
    cr_assert_eq(leader->ended, 0);
    exchange_cancel(follower->x);
    turn();
    cr_assert_eq(leader->ended, 1);
    cr_assert_eq(world.cancelled, ERR_CANCELLED);
}

Test(followers, a_leader_that_finishes_for_nobody_goes_on_when_the_last_follower_has_left)
{
    world.model->finish_on_disconnect = true;
    start_two(PLAIN);
    exchange_cancel(leader->x);
    exchange_cancel(follower->x);
    turn();
    cr_assert_eq(leader->ended, 0);
    answers(CHAT_BODY);
    cr_assert_eq(world.stores, 1);
}

Test(followers, a_follower_that_leaves_does_not_disturb_its_leader)
{
    start_two(PLAIN);
    exchange_cancel(follower->x);
    turn();
    cr_assert_eq(follower->ended, 1);
    answers(CHAT_BODY);
    assert_got(leader, CHAT_BODY);
}

Test(followers, a_followers_deadline_is_its_own)
{
    struct client *c;

    (void)start_missed(0, PLAIN);
    c = client(1, PLAIN);
    c->ask.timeout_us = 10 * 1000;
    (void)start(c);
    pass_ms(10);
    cr_assert_eq(follower->failure.err, ERR_DEADLINE);
    answers(CHAT_BODY);
    assert_got(leader, CHAT_BODY);
}

Test(followers, a_leaders_deadline_hands_the_question_on)
{
    (void)start_missed(0, PLAIN);
    pass_ms(500);
    (void)start_missed(1, PLAIN);
    pass_ms(500);
    cr_assert_eq(leader->failure.err, ERR_DEADLINE);
    turn_missed();
    cr_assert_eq(world.call_count, 2);
    answers(CHAT_BODY);
    assert_got(follower, CHAT_BODY);
}

Test(followers, a_full_follower_hears_the_rest_when_it_has_room)
{
    struct client *c;

    (void)start_missed(0, STREAM);
    c = client(1, STREAM);
    c->fills_after = 1;
    (void)start(c);
    says(DELTA_CONTENT, "a");
    turn();
    says(DELTA_CONTENT, "b");
    ends_stream();
    turn();
    cr_assert_eq(world.pauses, 0);
    assert_got(follower, "a");
    cr_assert_eq(follower->ended, 0);
    exchange_resume(follower->x);
    assert_got(follower, "ab");
    cr_assert_eq(follower->ended, 1);
}

Test(followers, a_full_follower_that_leaves_after_the_landing_gives_its_answer_back)
{
    struct client *c;

    (void)start_missed(0, STREAM);
    c = client(1, STREAM);
    c->fills_after = 1;
    (void)start(c);
    says(DELTA_CONTENT, "a");
    turn();
    ends_stream();
    turn();
    exchange_cancel(follower->x);
    turn();
    cr_assert_eq(follower->ended, 1);
    cr_assert_eq(world.kept->refs, 1);
}

/* ---- a stale answer is no answer to whoever did not ask for it -------------------------------- */

static void start_two_stale(const char *body, int64_t second_takes_s)
{
    for (size_t i = 0; i < 2; i++) {
        struct client *c = client(i, body);

        c->ask.cache.stale_if_error_s = i == 0 ? 30 : second_takes_s;
        (void)start(c);
        if (world.lookup)
            cache_says(entry_aged(70, CHAT_BODY), CACHE_REDIS);
    }
    while (leader->x)
        fails(ERR_UPSTREAM_STATUS, 503);
    turn();
    while (world.attempt) {
        fails(ERR_UPSTREAM_STATUS, 503);
        turn();
    }
}

Test(followers, a_leaders_stale_answer_is_not_passed_off_as_a_followers)
{
    start_two_stale(PLAIN, 0);
    cr_assert_eq(leader->reply.word, WORD_STALE);
    cr_assert_eq(follower->failures, 1);
}

Test(followers, a_follower_that_takes_a_stale_answer_is_told_that_it_is_one)
{
    start_two_stale(PLAIN, 30);
    assert_got(follower, CHAT_BODY);
    cr_assert_eq(follower->reply.word, WORD_STALE);
    cr_assert_eq(follower->reply.stale_why, STALE_IF_ERROR);
}

Test(followers, a_leaders_stale_stream_is_not_heard_by_followers)
{
    start_two_stale(STREAM, 0);
    cr_assert_eq(leader->begun, 1);
    cr_assert_eq(follower->begun, 0);
    cr_assert_eq(follower->failures, 1);
}
