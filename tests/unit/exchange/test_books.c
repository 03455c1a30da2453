/* SPDX-License-Identifier: Apache-2.0 */

/* What is written down of an exchange that ended in one state, made by hand. */

#include "books.h"
#include "world.h"

static struct exchange x;

static void begin(void)
{
    world_start();
    x = (struct exchange){ .kit = &world.kit,
                           .ask = client(0, PLAIN)->ask,
                           .model = world.model,
                           .word = WORD_MISS,
                           .why_not = "not deterministic" };
}

static void end(void)
{
    world.accounts = 0; /* these are no exchanges of the world's clients */
    buf_deinit(&x.race.first.body);
    entry_unref(x.answer);
    world_stop();
}

TestSuite(books, .init = begin, .fini = end, .timeout = 20);

static const struct record *closed(void)
{
    books_close(&x, NULL);
    cr_assert_eq(world.accounts, 1);
    return &world.record;
}

static void call(int status)
{
    x.trail.at = SETTLE;
    x.race.lead = &x.race.first;
    x.race.first.call.upstream = world.one;
    x.race.first.kit = &world.kit.upstream;
    x.race.first.phase = PHASE_OVER;
    x.race.first.status = status;
    x.race.first.call.upstream_model = STR("m-1");
    makes_good(&x.race.first.tap.answer);
}

Test(books, what_was_never_read_has_no_model_and_nothing_to_count)
{
    x.model = NULL;
    x.err = ERR_MALFORMED;
    cr_assert_null(closed()->model.at);
    cr_assert_null(world.record.upstream.at);
    cr_assert_null(world.record.answer.version.at);
    cr_assert_eq(world.record.answer.completion_tokens, -1);
    cr_assert_eq(world.record.prompt_tokens, -1);
    cr_assert_eq(world.record.status, 0);
}

Test(books, a_fresh_answer_is_counted_by_what_its_upstream_told)
{
    call(200);
    buf_put_text(&x.race.first.body, "{}");
    cr_assert_eq(closed()->answer.source, WATCH_FRESH);
    cr_assert(str_eq(world.record.answer.version, STR("m-1")));
    cr_assert(str_eq(world.record.answer.finish_reason, STR("stop")));
    cr_assert_eq(world.record.answer.completion_tokens, 2);
    cr_assert_eq(world.record.prompt_tokens, 3);
    cr_assert(str_eq(world.record.answer.body, STR("{}")));
    cr_assert_eq(world.record.answer.prompt_tokens, 3);
    cr_assert_null(world.record.answer.entry);
    cr_assert(str_eq(world.record.upstream, STR("one")));
}

Test(books, a_count_of_tokens_is_no_prediction)
{
    call(200);
    x.ask.endpoint = ENDPOINT_TOKENS;
    buf_put_text(&x.race.first.body, "{}");
    cr_assert_null(closed()->answer.version.at, "nothing is counted of it");
    cr_assert(str_eq(world.record.upstream, STR("one")));
}

Test(books, a_kept_answer_is_counted_apart_and_names_who_gave_it_then)
{
    x.answer = entry_aged(1, "{}");
    x.word = WORD_HIT;
    cr_assert_eq(closed()->answer.source, WATCH_CACHED);
    cr_assert_eq(world.record.answer.entry, x.answer);
    cr_assert(str_eq(world.record.upstream, STR("one")));
    cr_assert(str_eq(world.record.answer.version, STR("m-1")));
    cr_assert_eq(world.record.prompt_tokens, 3);
    cr_assert_eq(world.record.answer.completion_tokens, 2);
}

Test(books, a_coalesced_answer_is_counted_as_one)
{
    x.answer = entry_aged(0, "{}");
    x.word = WORD_COALESCED;
    cr_assert_eq(closed()->answer.source, WATCH_COALESCED);
}

Test(books, a_stale_answer_after_a_refusal_names_its_own_upstream_not_the_one_that_refused)
{
    call(503);
    x.race.first.call.upstream = world.two;
    x.race.first.call.upstream_model = STR("m-2");
    x.refusal = ERR_UPSTREAM_STATUS;
    x.answer = entry_aged(90, "{}");
    x.word = WORD_STALE;
    cr_assert(str_eq(closed()->upstream, STR("one")));
    cr_assert(str_eq(world.record.upstream_model, STR("m-1")));
}

Test(books, where_nobody_answered_it_names_who_was_asked_last)
{
    call(500);
    x.race.first.call.upstream = world.two;
    x.race.first.call.upstream_model = STR("m-2");
    x.err = x.refusal = ERR_UPSTREAM_STATUS;
    cr_assert(str_eq(closed()->upstream, STR("two")));
    cr_assert(str_eq(world.record.upstream_model, STR("m-2")));
    cr_assert_null(world.record.answer.version.at, "nothing is counted of it");
    cr_assert_eq(world.record.prompt_tokens, -1);
}

Test(books, a_client_that_left_is_cancelled_even_where_the_answer_came)
{
    call(200);
    x.deserted = true;
    cr_assert_eq(closed()->err, ERR_CANCELLED);
    cr_assert(str_eq(world.record.answer.version, STR("m-1")), "its answer is counted");
}

Test(books, a_client_that_left_does_not_hide_another_failure)
{
    x.deserted = true;
    x.err = ERR_DEADLINE;
    cr_assert_eq(closed()->err, ERR_DEADLINE);
}

Test(books, a_good_answer_tells_why_it_was_not_kept)
{
    call(200);
    cr_assert_str_eq(closed()->why, "not deterministic");
}

Test(books, what_was_wrong_with_a_request_is_told_first)
{
    (void)fault_set(&x.fault, ERR_MALFORMED, "model", "it is missing");
    x.err = ERR_MALFORMED;
    cr_assert_str_eq(closed()->why, "it is missing");
}

Test(books, a_failed_call_tells_what_the_network_said)
{
    call(0);
    x.err = x.refusal = ERR_UPSTREAM_UNREACHABLE;
    (void)snprintf(x.race.first.fetch.detail, sizeof(x.race.first.fetch.detail), "refused");
    cr_assert_str_eq(closed()->why, "refused");
}

Test(books, all_times_are_counted_from_the_first_byte)
{
    x.cache_us = 5;
    x.first_us = 7;
    pass_ms(9);
    cr_assert_eq(closed()->total_us, 9000);
    cr_assert_eq(world.record.cache_us, 5);
    cr_assert_eq(world.record.first_us, 7);
    cr_assert_eq(world.record.request_bytes, strlen(PLAIN));
}

Test(books, the_trail_is_handed_on)
{
    books_close(&x, "born decode settle");
    cr_assert_str_eq(world.trail, "born decode settle");
}
