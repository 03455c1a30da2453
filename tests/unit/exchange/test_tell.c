/* SPDX-License-Identifier: Apache-2.0 */

/* What a sink hears of an exchange that stands still in one state, made by hand. */

#include "deadline.h"
#include "tell.h"
#include "world.h"

static struct exchange x;
static struct client *heard;

static void begin(void)
{
    world_start();
    heard = client(0, PLAIN);
    x = (struct exchange){ .kit = &world.kit,
                           .ask = heard->ask,
                           .sink = &heard->sink,
                           .model = world.model,
                           .word = WORD_MISS,
                           .wait_ms = -1 };
    x.race.first.tap.answer.prompt_tokens = x.race.first.tap.answer.completion_tokens = -1;
    timer_init(&x.deadline, world.kit.loop, NULL);
}

static void end(void)
{
    timer_disarm(&x.deadline);
    buf_deinit(&x.race.first.body);
    entry_unref(x.answer);
    entry_unref(x.refused);
    arena_deinit(&x.arena);
    world_stop();
}

TestSuite(tell, .init = begin, .fini = end, .timeout = 20);

/* An upstream is asked, or has just answered, which `phase` says. */
static void call(enum attempt_phase phase, int status)
{
    x.trail.at = phase == PHASE_OVER ? SETTLE : CALL;
    x.race.lead = &x.race.first;
    x.race.under_way = phase != PHASE_OVER;
    x.race.started_us = fake_loop.now_us;
    x.race.first.call.upstream = world.one;
    x.race.first.kit = &world.kit.upstream;
    x.race.first.phase = phase;
    x.race.first.status = status;
    x.race.first.call.upstream_model = STR("m-1");
    x.race.first.started_us = fake_loop.now_us;
}

static void fail_with(enum err err, enum err refusal)
{
    x.err = err;
    x.refusal = refusal;
    tell_failure(&x);
    cr_assert_eq(heard->failures, 1);
}

/* ---- what goes before an answer ------------------------------------------------------ */

Test(tell, of_nobody_asked_a_reply_names_nobody)
{
    tell_whole(&x, STR("{}"));
    cr_assert_eq(heard->reply.status, 200);
    cr_assert_eq(heard->reply.attempts, 0);
    cr_assert_str_eq(heard->upstream, "");
    cr_assert_eq(heard->reply.word, WORD_MISS);
    cr_assert_eq(heard->reply.content_type.len, strlen("application/json"));
}

Test(tell, a_plain_answer_has_its_upstreams_status_and_a_stream_has_200)
{
    call(PHASE_OVER, 201);
    tell_whole(&x, STR("{}"));
    cr_assert_eq(heard->reply.status, 201);
    cr_assert_eq(x.status, 201);
    x.request.stream = true;
    tell_begin(&x);
    cr_assert_eq(heard->reply.status, 200);
    cr_assert_eq(x.status, 200);
    heard->begun = 0; /* two answers were told here, which no exchange does */
}

Test(tell, a_call_under_way_counts_once_the_upstream_may_have_seen_it)
{
    x.attempts = 1;
    call(PHASE_DATA, 200);
    tell_begin(&x);
    cr_assert_eq(heard->reply.attempts, 1);
    x.race.first.sent_any = true;
    tell_begin(&x);
    cr_assert_eq(heard->reply.attempts, 2);
    x.race.first.phase = PHASE_OVER;
    x.trail.at = SETTLE;
    tell_begin(&x);
    cr_assert_eq(heard->reply.attempts, 1);
}

Test(tell, the_time_of_a_call_under_way_is_added_to_those_before)
{
    x.upstream_us = 700;
    call(PHASE_DATA, 200);
    pass_ms(3);
    tell_begin(&x);
    cr_assert_eq(heard->reply.upstream_us, 3700);
    cr_assert_eq(heard->reply.total_us, 3000);
    cr_assert_eq(x.first_us, 3000);
}

Test(tell, what_was_kept_is_told_with_its_age_and_who_answered_then)
{
    x.answer = entry_aged(20, "{}");
    x.tier = CACHE_REDIS;
    x.word = WORD_HIT;
    tell_whole(&x, x.answer->facts.body);
    cr_assert_eq(heard->reply.word, WORD_HIT);
    cr_assert_eq(heard->reply.tier, CACHE_REDIS);
    cr_assert_geq(heard->reply.age_ms, 20000);
    cr_assert_leq(heard->reply.ttl_ms, 40000);
    cr_assert_str_eq(heard->upstream, "one");
    cr_assert_neq(heard->reply.stale_why, STALE_IF_ERROR);
}

Test(tell, a_stale_answer_says_why_it_was_given)
{
    call(PHASE_OVER, 503);
    x.word = WORD_STALE;
    x.stale_why = STALE_IF_ERROR;
    x.refusal = ERR_UPSTREAM_STATUS;
    x.answer = entry_aged(90, "{}");
    tell_whole(&x, x.answer->facts.body);
    cr_assert_eq(heard->reply.stale_why, STALE_IF_ERROR);
    cr_assert_eq(heard->reply.word, WORD_STALE);
    cr_assert_lt(heard->reply.ttl_ms, 0);
    cr_assert_eq(heard->reply.status, 200);
}

Test(tell, what_another_fetched_is_coalesced_though_it_is_an_entry)
{
    x.answer = entry_aged(0, "{}");
    x.word = WORD_COALESCED;
    tell_whole(&x, x.answer->facts.body);
    cr_assert_eq(heard->reply.word, WORD_COALESCED);
}

/* ---- a stream ------------------------------------------------------------------------ */

Test(tell, the_first_bytes_begin_a_stream_and_the_next_do_not)
{
    x.request.stream = true;
    tell_bytes(&x, STR("a"));
    tell_bytes(&x, STR(""));
    tell_bytes(&x, STR("b"));
    cr_assert_eq(heard->begun, 1);
    cr_assert(x.committed);
    assert_got(heard, "ab");
}

Test(tell, patience_ends_when_a_stream_begins_and_the_deadline_does_not)
{
    x.ask.patience_us = 1000;
    deadline_set(&x);
    cr_assert_eq(x.deadline.due_us - fake_loop.now_us, 900); /* a tenth before it */
    tell_begin(&x);
    cr_assert_eq(x.deadline.due_us - x.ask.began_us, world.model->deadline_us);
}

Test(tell, headers_of_an_upstream_travel_only_with_its_own_answer)
{
    world.headers[0].name = "x-ratelimit-limit";
    world.headers[0].value = "5";
    x.answer = entry_aged(1, "{}");
    tell_begin(&x);
    cr_assert_str_eq(heard->headers, "");
    entry_unref(x.answer);
    x.answer = NULL;
    call(PHASE_DATA, 200);
    tell_begin(&x);
    cr_assert_str_eq(heard->headers, "x-ratelimit-limit: 5\r\n");
}

Test(tell, who_has_left_hears_nothing_and_the_exchange_still_knows_its_status)
{
    x.deserted = true;
    tell_bytes(&x, STR("a"));
    cr_assert_eq(heard->begun, 0);
    cr_assert_eq(heard->got.len, 0);
    cr_assert_eq(x.status, 200);
    tell_whole(&x, STR("{}"));
    cr_assert_eq(heard->wholes, 0);
}

/* ---- failures ------------------------------------------------------------------------ */

Test(tell, an_upstreams_refusal_goes_through_with_its_words_and_its_wait)
{
    world.headers[0].name = "content-type";
    world.headers[0].value = "text/plain";
    x.wait_ms = 6500;
    call(PHASE_OVER, 429);
    buf_put_text(&x.race.first.body, "slow down");
    fail_with(ERR_UPSTREAM_STATUS, ERR_UPSTREAM_STATUS);
    cr_assert_eq(heard->failure.status, 429);
    cr_assert_str_eq(heard->failed_body, "slow down");
    cr_assert_eq(heard->failure.content_type.len, strlen("text/plain"));
    cr_assert_eq(heard->failure.retry_after_s, 7);
    cr_assert_eq(x.status, 599, "the status that the sink gave it");
}

Test(tell, an_error_inside_a_200_has_the_status_that_it_names_and_no_type)
{
    world.headers[0].name = "content-type";
    world.headers[0].value = "text/event-stream";
    call(PHASE_OVER, 200);
    x.race.first.tap.answer.error_status = 503;
    (void)snprintf(x.race.first.tap.answer.error_text,
                   sizeof(x.race.first.tap.answer.error_text), "overloaded");
    fail_with(ERR_UPSTREAM_IN_BAND, ERR_UPSTREAM_IN_BAND);
    cr_assert_eq(heard->failure.status, 503);
    cr_assert_str_eq(heard->failed_body, "overloaded");
    cr_assert_null(heard->failure.content_type.at);
}

Test(tell, a_deadline_is_not_blamed_on_the_upstream_that_refused_before)
{
    call(PHASE_OVER, 500);
    buf_put_text(&x.race.first.body, "broken");
    fail_with(ERR_DEADLINE, ERR_UPSTREAM_STATUS);
    cr_assert_eq(heard->failure.err, ERR_DEADLINE);
    cr_assert_eq(heard->failure.status, 0);
    cr_assert_str_eq(heard->failed_body, "");
    cr_assert_eq(heard->failure.retry_after_s, -1);
}

Test(tell, what_a_flight_was_refused_with_is_every_followers)
{
    const struct entry_facts facts = { .status = 400,
                                       .body = STR("bad question"),
                                       .content_type = STR("text/plain") };

    x.refused = entry_new(&facts);
    fail_with(ERR_UPSTREAM_REFUSED, OK);
    cr_assert_eq(heard->failure.status, 400);
    cr_assert_str_eq(heard->failed_body, "bad question");
}

Test(tell, an_error_event_is_numbered_behind_the_last_event)
{
    call(PHASE_OVER, 200);
    x.race.first.tap.sequence = 41;
    fail_with(ERR_UPSTREAM_TRUNCATED, OK);
    cr_assert_eq(heard->failure.sequence, 42);
}

Test(tell, without_a_call_an_error_event_is_the_first)
{
    x.race.first.tap.sequence = 41;
    fail_with(ERR_NO_ROUTE, OK);
    cr_assert_eq(heard->failure.sequence, 0);
}
