/* SPDX-License-Identifier: Apache-2.0 */

/* One call against a scripted transport: each test tells what comes, and lets time pass. */

#include "scripted.h"
#include "weir/dialect/rules.h"

#include <math.h>

TestSuite(attempt, .init = start, .fini = stop, .timeout = 20);

/* ---- sending ------------------------------------------------------------------------- */

Test(attempt, the_request_goes_to_its_endpoint_under_the_upstreams_name_for_the_model)
{
    call_plain();
    cr_assert_str_eq(world.url, "http://127.0.0.1:1/v1/chat/completions");
    cr_assert(str_eq(buf_str(&world.sent), STR("{\"model\":\"m-1\",\"messages\":[]}")));
    fetch_ends(ERR_UPSTREAM_UNREACHABLE);
}

Test(attempt, the_upstreams_secret_goes_along_and_only_listed_headers_of_the_caller)
{
    static const char *const headers[] = { "user-agent: x", "Cookie: a=b", "OpenAI-Beta: y",
                                           "x-other: z", NULL };

    upstream_add_auth(world.upstream, STR("Authorization: Bearer s"));
    world.call.headers = headers;
    call_plain();
    cr_assert_str_eq(world.lines, "Accept-Encoding: identity\nContent-Type: application/json\n"
                                  "Authorization: Bearer s\nuser-agent: x\nOpenAI-Beta: y\n");
    fetch_ends(ERR_UPSTREAM_UNREACHABLE);
}

Test(attempt, usage_is_asked_for_and_taken_out_again)
{
    world.upstream->ask_usage = true;
    call_stream();
    cr_assert(has(&world.sent, "include_usage"));
    cr_assert(world.attempt.tap.usage_injected);
    comes(HI FINISH DONE);
    fetch_ends(OK);
}

Test(attempt, a_name_is_resolved_first)
{
    call_to("http://models:8000/v1", PLAIN);
    cr_assert_null(world.fetch);
    cr_assert_eq(world.attempt.phase, PHASE_RESOLVING);
    resolve_ends(OK, "10.0.0.1");
    cr_assert_str_eq(world.addresses, "10.0.0.1");
    cr_assert_eq(world.attempt.phase, PHASE_CONNECTING);
    fetch_ends(ERR_UPSTREAM_UNREACHABLE);
}

Test(attempt, a_name_that_is_unknown_cannot_be_reached)
{
    call_to("http://models:8000/v1", PLAIN);
    resolve_ends(ERR_UPSTREAM_UNREACHABLE, NULL);
    cr_assert_eq(world.err, ERR_UPSTREAM_UNREACHABLE);
    cr_assert_not(world.attempt.sent_any);
}

Test(attempt, a_request_that_exceeds_its_arena_is_refused_later)
{
    arena_init(&world.arena, 256);
    world.call.upstream_model = STR(
        "a name that is longer than what is left of so small an arena, "
        "which has held the request's own texts already; and some "
        "more words for this to be surely so, whatever it holds now "
        "or may ever hold of a request that is as small as this one");
    call_plain();
    cr_assert_null(world.fetch);
    turn();
    cr_assert_eq(world.err, ERR_TOO_LARGE);
}

/* ---- time ---------------------------------------------------------------------------- */

Test(attempt, resolving_has_the_time_to_connect)
{
    call_to("http://models:8000/v1", PLAIN);
    assert_ends_after_ms(10, ERR_UPSTREAM_UNREACHABLE);
    cr_assert_not(world.attempt.sent_any);
}

Test(attempt, connecting_has_its_time)
{
    call_plain();
    assert_ends_after_ms(10, ERR_UPSTREAM_UNREACHABLE);
    cr_assert_not(world.attempt.sent_any);
}

Test(attempt, the_head_has_its_time_after_which_the_request_may_have_been_seen)
{
    call_plain();
    connects();
    assert_ends_after_ms(20, ERR_UPSTREAM_SILENT);
    cr_assert(world.attempt.sent_any);
}

Test(attempt, the_first_data_has_its_time)
{
    call_plain();
    heads(200);
    assert_ends_after_ms(30, ERR_UPSTREAM_SILENT);
}

Test(attempt, the_gap_between_data_has_its_time)
{
    call_stream();
    comes(HI);
    pass_ms(39);
    comes(HI);
    assert_ends_after_ms(40, ERR_UPSTREAM_SILENT);
}

Test(attempt, comments_are_no_data)
{
    call_stream();
    pass_ms(29);
    comes(": ping\n\n");
    assert_ends_after_ms(1, ERR_UPSTREAM_SILENT);
}

Test(attempt, the_whole_call_has_its_time)
{
    world.upstream->timeouts.total_us = 100 * 1000;
    call_stream();
    for (int i = 0; i < 9; i++) {
        pass_ms(10);
        comes(HI);
    }
    assert_ends_after_ms(10, ERR_UPSTREAM_SILENT);
}

Test(attempt, no_limit_is_no_limit)
{
    world.upstream->timeouts = (struct upstream_timeouts){ 0 };
    call_plain();
    pass_ms(1000 * 1000);
    cr_assert_eq(world.ended, 0);
    fetch_ends(ERR_UPSTREAM_UNREACHABLE);
}

/* ---- a full owner ---------------------------------------------------------------------- */

Test(attempt, while_the_owner_is_full_the_upstream_is_not_slow)
{
    call_stream();
    comes(HI);
    attempt_pause(&world.attempt);
    cr_assert_eq(world.pauses, 1);
    pass_ms(500);
    cr_assert_eq(world.ended, 0);
    attempt_resume(&world.attempt);
    cr_assert_eq(world.resumes, 1);
    assert_ends_after_ms(40, ERR_UPSTREAM_SILENT);
}

Test(attempt, events_of_the_same_read_do_not_start_the_clock_of_a_full_owner)
{
    world.full_after_first = true;
    call_stream();
    comes(HI HI HI);
    pass_ms(500);
    cr_assert_eq(world.ended, 0);
    attempt_resume(&world.attempt);
    comes(FINISH DONE);
    fetch_ends(OK);
    cr_assert_eq(world.err, OK);
}

Test(attempt, a_full_owner_does_not_stop_the_clock_of_the_whole_call)
{
    call_stream();
    comes(HI);
    attempt_pause(&world.attempt);
    assert_ends_after_ms(1000, ERR_UPSTREAM_SILENT);
}

/* ---- plain answers --------------------------------------------------------------------- */

Test(attempt, a_plain_answer_stands_whole_under_the_name_that_was_asked_for)
{
    call_plain();
    heads(200);
    comes(CHAT_BODY);
    cr_assert_str_eq(world.kinds, "");
    fetch_ends(OK);
    cr_assert_eq(world.err, OK);
    cr_assert(has(&world.attempt.body, "\"model\":\"m\""));
    cr_assert(world.attempt.tap.answer.storable);
    cr_assert_not(world.attempt.streamed);
}

Test(attempt, an_answer_of_another_good_status_is_one_but_is_not_kept)
{
    call_plain();
    heads(201);
    comes(CHAT_BODY);
    fetch_ends(OK);
    cr_assert_eq(world.err, OK);
    cr_assert_not(world.attempt.tap.answer.storable);
    cr_assert_str_eq(world.attempt.tap.answer.why_not, "its status is not 200");
}

Test(attempt, a_plain_answer_that_breaks_off_is_what_the_transport_says)
{
    call_plain();
    heads(200);
    comes("{\"id\":");
    fetch_ends(ERR_UPSTREAM_TRUNCATED);
    cr_assert_eq(world.err, ERR_UPSTREAM_TRUNCATED);
}

Test(attempt, a_200_that_is_no_json_cannot_be_read)
{
    call_plain();
    heads(200);
    comes("<html>");
    fetch_ends(OK);
    cr_assert_eq(world.err, ERR_UPSTREAM_MALFORMED);
}

Test(attempt, a_200_with_an_error_inside_is_an_error)
{
    call_plain();
    heads(200);
    comes("{\"error\":{\"message\":\"slow down\",\"code\":429}}");
    fetch_ends(OK);
    cr_assert_eq(world.err, ERR_UPSTREAM_IN_BAND);
    cr_assert_eq(world.attempt.tap.answer.error_status, 429);
}

Test(attempt, what_is_packed_although_we_asked_for_it_plain_is_refused_at_its_head)
{
    call_plain();
    world.content_encoding = "gzip";
    heads(200);
    turn();
    cr_assert_eq(world.err, ERR_UPSTREAM_MALFORMED);
}

Test(attempt, identity_is_no_packing)
{
    call_plain();
    world.content_encoding = "Identity";
    heads(200);
    comes(CHAT_BODY);
    fetch_ends(OK);
    cr_assert_eq(world.err, OK);
}

Test(attempt, a_stream_nobody_asked_for_is_read_as_a_plain_answer)
{
    call_plain();
    world.content_type = "text/event-stream";
    heads(200);
    comes(HI FINISH DONE);
    fetch_ends(OK);
    cr_assert_eq(world.err, ERR_UPSTREAM_MALFORMED);
}

Test(attempt, a_plain_answer_to_a_streamed_request_is_gathered)
{
    call_to("http://127.0.0.1:1/v1", STREAM);
    heads(200);
    comes(CHAT_BODY);
    fetch_ends(OK);
    cr_assert_eq(world.err, OK);
    cr_assert_not(world.attempt.streamed);
}

/* ---- statuses -------------------------------------------------------------------------- */

Test(attempt, a_status_about_the_request_itself_is_a_refusal_and_others_are_not)
{
    static const struct {
        long status;
        enum err err;
    } rows[] = {
        { 400, ERR_UPSTREAM_REFUSED }, { 413, ERR_UPSTREAM_REFUSED },
        { 415, ERR_UPSTREAM_REFUSED }, { 422, ERR_UPSTREAM_REFUSED },
        { 401, ERR_UPSTREAM_STATUS },  { 403, ERR_UPSTREAM_STATUS },
        { 404, ERR_UPSTREAM_STATUS },  { 408, ERR_UPSTREAM_STATUS },
        { 409, ERR_UPSTREAM_STATUS },  { 429, ERR_UPSTREAM_STATUS },
        { 500, ERR_UPSTREAM_STATUS },  { 503, ERR_UPSTREAM_STATUS },
        { 529, ERR_UPSTREAM_STATUS },  { 302, ERR_UPSTREAM_STATUS },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        attempt_deinit(&world.attempt);
        world.ended = 0;
        call_plain();
        heads(rows[i].status);
        comes("{\"error\":{}}");
        fetch_ends(OK);
        cr_expect_eq(world.err, rows[i].err, "status %ld", rows[i].status);
        cr_expect_eq(world.attempt.status, rows[i].status);
    }
}

Test(attempt, the_body_of_an_error_status_is_kept_as_it_came)
{
    call_to("http://127.0.0.1:1/v1", STREAM);
    world.content_type = "text/event-stream";
    heads(400);
    comes("{\"error\":");
    comes("{}}");
    fetch_ends(OK);
    cr_assert(str_eq(buf_str(&world.attempt.body), STR("{\"error\":{}}")));
    cr_assert_str_eq(world.kinds, "");
}

Test(attempt, a_status_counts_although_its_body_broke_off)
{
    call_plain();
    heads(400);
    fetch_ends(ERR_UPSTREAM_TRUNCATED);
    cr_assert_eq(world.err, ERR_UPSTREAM_REFUSED);
}

Test(attempt, an_endless_body_of_an_error_status_is_cut)
{
    static char piece[256 << 10];

    memset(piece, 'x', sizeof(piece) - 1);
    call_plain();
    heads(500);
    for (int i = 0; i < 5; i++)
        comes(piece);
    turn();
    cr_assert_eq(world.err, ERR_UPSTREAM_STATUS);
    cr_assert_leq(world.attempt.body.len, ATTEMPT_ERROR_BYTES);
}

/* ---- streams --------------------------------------------------------------------------- */

Test(attempt, a_stream_comes_event_by_event_under_the_name_that_was_asked_for)
{
    call_stream();
    comes(HI FINISH);
    comes("data: [DO");
    cr_assert_str_eq(world.kinds, "cc");
    comes("NE]\n\n");
    cr_assert_str_eq(world.kinds, "ccd");
    cr_assert(has(&world.seen, "\"model\":\"m\""));
    cr_assert_not(has(&world.seen, "m-1"));
    fetch_ends(OK);
    cr_assert_eq(world.err, OK);
}

Test(attempt, a_whole_stream_waits_a_moment_for_its_connection)
{
    call_stream();
    comes(HI FINISH DONE);
    cr_assert_eq(world.attempt.phase, PHASE_LINGER);
    assert_ends_after_ms(250, OK);
    cr_assert(world.attempt.tap.answer.complete);
}

Test(attempt, a_whole_stream_is_whole_although_its_connection_breaks)
{
    call_stream();
    comes(HI FINISH DONE);
    fetch_ends(ERR_UPSTREAM_TRUNCATED);
    cr_assert_eq(world.err, OK);
}

Test(attempt, a_whole_stream_is_whole_although_it_is_called_off)
{
    call_stream();
    comes(HI FINISH DONE);
    attempt_cancel(&world.attempt, ERR_CANCELLED);
    turn();
    cr_assert_eq(world.err, OK);
}

Test(attempt, a_whole_stream_is_whole_although_the_time_of_the_call_is_over)
{
    world.upstream->timeouts.total_us = 100 * 1000;
    call_stream();
    pass_ms(20);
    comes(HI FINISH DONE);
    pass_ms(80);
    cr_assert_eq(world.ended, 1);
    cr_assert_eq(world.err, OK);
}

Test(attempt, a_stream_without_a_marker_of_its_end_is_broken_off)
{
    call_stream();
    comes(HI);
    fetch_ends(OK);
    cr_assert_eq(world.err, ERR_UPSTREAM_TRUNCATED);
}

Test(attempt, a_stream_that_breaks_before_any_content_is_what_the_transport_says)
{
    call_stream();
    fetch_ends(ERR_UPSTREAM_UNREACHABLE);
    cr_assert_eq(world.err, ERR_UPSTREAM_UNREACHABLE);
}

Test(attempt, a_stream_with_nothing_in_it_is_empty)
{
    call_stream();
    comes(DONE);
    fetch_ends(OK);
    cr_assert_eq(world.err, ERR_UPSTREAM_EMPTY);
}

Test(attempt, an_error_event_ends_the_call_after_it_was_told)
{
    call_stream();
    comes(HI "data: {\"error\":{\"message\":\"overloaded\",\"code\":503}}\n\n" HI);
    cr_assert_str_eq(world.kinds, "ce");
    turn();
    cr_assert_eq(world.err, ERR_UPSTREAM_IN_BAND);
}

/* ---- calling off ------------------------------------------------------------------------ */

Test(attempt, a_call_is_called_off_while_its_name_is_resolved)
{
    call_to("http://models:8000/v1", PLAIN);
    attempt_cancel(&world.attempt, ERR_CANCELLED);
    cr_assert_eq(world.ended, 0);
    turn();
    cr_assert_eq(world.err, ERR_CANCELLED);
    cr_assert_null(world.fetch);
}

Test(attempt, a_call_is_called_off_in_the_middle_of_its_answer)
{
    call_stream();
    comes(HI);
    attempt_cancel(&world.attempt, ERR_DEADLINE);
    attempt_cancel(&world.attempt, ERR_CANCELLED);
    comes(HI);
    cr_assert_str_eq(world.kinds, "c");
    turn();
    cr_assert_eq(world.err, ERR_DEADLINE);
}

Test(attempt, calls_are_counted_by_how_they_end)
{
    const struct upstream_endpoint *e;

    call_plain();
    heads(503);
    fetch_ends(OK);
    e = world.attempt.endpoint;
    cr_assert_eq(metric_read(fake_loop.metrics, METRIC_ATTEMPTS,
                             METRIC_LABEL(STR("one"), e->label, STR("5xx"))),
                 1);
    cr_assert_eq(metric_read(fake_loop.metrics, METRIC_UPSTREAM_IN_FLIGHT,
                             METRIC_LABEL(STR("one"), e->label)),
                 0);
}

/* ---- addresses ------------------------------------------------------------------------------ */

Test(attempt, one_of_several_addresses_of_a_name_is_called_without_resolving)
{
    world.upstream->each_address = true;
    world.address = "10.0.0.7";
    call_to("http://models:8000/v1", PLAIN);
    cr_assert_str_eq(world.url, "http://models:8000/v1/chat/completions");
    cr_assert_str_eq(world.addresses, "10.0.0.7");
    fetch_ends(ERR_UPSTREAM_UNREACHABLE);
}

Test(attempt, an_owner_that_is_full_while_a_name_is_resolved_stays_so)
{
    call_to("http://models:8000/v1", PLAIN);
    attempt_pause(&world.attempt);
    world.pauses = 0;
    resolve_ends(OK, "10.0.0.1");
    cr_assert_eq(world.pauses, 1);
    fetch_ends(ERR_UPSTREAM_UNREACHABLE);
}

/* ---- rules ------------------------------------------------------------------------------------ */

/* An upstream of rules, with one that says this to `refund`. */
static struct rules *call_rules(const char *body)
{
    static const struct attempt_events events = { on_delta, on_done };
    struct rules *rules = rules_new(STR("simple"));
    struct rule_words words = { .match = STR("refund"), .reply = STR("soon"), .score = NAN };
    struct fault why;

    cr_assert_eq(rules_add(rules, &words, &why), OK);
    upstream_free(world.upstream);
    world.upstream = upstream_new(STR("rules"), dialect_named(STR("rules")));
    world.upstream->rules = rules;
    world.upstream->pool = pool_new(STR("rules"));
    cr_assert_eq(request_decode(&world.request, ENDPOINT_CHAT, (struct str){ 0 }, str_of(body),
                                &world.arena, &why),
                 OK);
    world.call.upstream = world.upstream;
    attempt_start(&world.attempt, &world.kit, &world.call, &events);
    cr_assert_eq(world.ended, 0, "called back too early");
    return rules;
}

#define ASKS(text) \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"" text "\"}]}"

Test(attempt, rules_answer_without_a_call)
{
    struct rules *rules = call_rules(ASKS("a refund, please"));

    turn();
    cr_assert_eq(world.err, OK);
    cr_assert_null(world.fetch);
    cr_assert_null(world.attempt.endpoint);
    cr_assert_not(world.attempt.sent_any);
    cr_assert_eq(world.attempt.status, 200);
    cr_assert(has(&world.attempt.body, "soon"));
    rules_free(rules);
}

Test(attempt, where_no_rule_fits_there_is_no_answer)
{
    struct rules *rules = call_rules(ASKS("hello"));

    turn();
    cr_assert_eq(world.err, ERR_NO_RULE);
    rules_free(rules);
}

Test(attempt, a_call_to_rules_can_be_called_off)
{
    struct rules *rules = call_rules(ASKS("refund"));

    attempt_cancel(&world.attempt, ERR_CANCELLED);
    turn();
    cr_assert_eq(world.err, ERR_CANCELLED);
    rules_free(rules);
}
