/* SPDX-License-Identifier: Apache-2.0 */

/* One exchange from being born to being told, where nobody fails and nobody else asks. */

#include "world.h"

TestSuite(exchange, .init = world_start, .fini = world_stop, .timeout = 20);

/* ---- decode -------------------------------------------------------------------------- */

Test(exchange, a_body_that_cannot_be_read_is_a_fault_and_calls_nobody)
{
    struct client *c = start(client(0, "{\"model\":"));

    cr_assert_eq(c->failure.err, ERR_MALFORMED);
    cr_assert_neq(c->fault.text[0], '\0');
    cr_assert_eq(world.call_count, 0);
    cr_assert_eq(world.record.status, 599);
}

Test(exchange, a_model_that_is_not_configured_is_told_with_its_name)
{
    struct client *c = start(client(0, "{\"model\":\"other\",\"messages\":[]}"));

    cr_assert_eq(c->failure.err, ERR_NO_MODEL);
    cr_assert_eq(world.record.model.len, 0);
}

Test(exchange, a_model_outside_the_tenants_list_is_no_model)
{
    struct client *c = client(0, PLAIN);
    struct tenant *t = tenants_add(world.plan->tenants, STR("acme"));

    tenant_add_model(t, STR("another"));
    c->ask.tenant = t;
    (void)start(c);
    cr_assert_eq(c->failure.err, ERR_NO_MODEL);
}

Test(exchange, the_path_may_name_the_model)
{
    struct client *c = client(0, "{\"x\":1}");

    c->ask.endpoint = ENDPOINT_PREDICT;
    c->ask.path_model = STR("m");
    (void)start(c);
    cr_assert_not_null(world.lookup);
    cr_assert(str_eq(world.lookup->asked.model, STR("m")));
    cache_says(NULL, CACHE_NONE);
    cr_assert_eq(c->failure.err, ERR_UNSUPPORTED);
}

/* ---- a miss -------------------------------------------------------------------------- */

Test(exchange, a_miss_is_called_answered_and_stored)
{
    struct client *c = start_missed(0, PLAIN);

    answers(CHAT_BODY);
    cr_assert_eq(c->ended, 1);
    cr_assert_eq(world.stores, 1);
    cr_assert(str_eq(world.kept->facts.body, STR(CHAT_BODY)));
    assert_got(c, CHAT_BODY);
    cr_assert_eq(c->reply.word, WORD_MISS);
    cr_assert(c->reply.stored);
    cr_assert_eq(c->reply.attempts, 1);
    cr_assert_str_eq(c->upstream, "one");
}

Test(exchange, what_is_kept_carries_the_scope_the_model_and_who_answered)
{
    (void)start_missed(0, PLAIN);
    answers(CHAT_BODY);
    cr_assert(str_eq(world.kept->facts.scope, STR("public")));
    cr_assert(str_eq(world.kept->facts.model, STR("m")));
    cr_assert(str_eq(world.kept->facts.upstream, STR("one")));
    cr_assert(str_eq(world.kept->facts.upstream_model, STR("m-1")));
    cr_assert_str_eq(world.kept->facts.finish_reason, "stop");
    cr_assert_eq(world.kept->facts.fresh_ms, 60000);
    cr_assert_eq(world.kept->facts.completion_tokens, 2);
}

Test(exchange, an_answer_that_is_not_good_is_passed_on_and_not_kept)
{
    struct client *c = start_missed(0, PLAIN);

    world.attempt->sent_any = true;
    world.attempt->tap.answer.why_not = "cut short";
    buf_put_text(&world.attempt->body, CHAT_BODY);
    ends(OK);
    assert_got(c, CHAT_BODY);
    cr_assert_eq(world.stores, 0);
    cr_assert_not(c->reply.stored);
    cr_assert_str_eq(world.record.why, "cut short");
}

Test(exchange, the_upstreams_telling_headers_travel_and_others_do_not)
{
    struct client *c = start_missed(0, PLAIN);

    world.headers[0].name = "x-ratelimit-remaining-requests";
    world.headers[0].value = "9";
    world.headers[1].name = "set-cookie";
    world.headers[1].value = "a=b";
    world.headers[2].name = "x-request-id";
    world.headers[2].value = "req_1";
    answers(CHAT_BODY);
    cr_assert_str_eq(c->headers, "x-ratelimit-remaining-requests: 9\r\n");
    cr_assert_str_eq(c->upstream_id, "req_1");
}

Test(exchange, a_stream_flows_as_it_comes_and_is_kept_in_plain_form)
{
    struct client *c = start_missed(0, STREAM);

    says(DELTA_CONTENT, "a");
    assert_got(c, "a");
    says(DELTA_DONE, "d");
    cr_assert_eq(c->ended, 0);
    ends_stream();
    assert_got(c, "ad");
    cr_assert(c->reply.stream);
    cr_assert_eq(world.stores, 1);
    cr_assert(str_eq(world.kept->facts.body, STR(CHAT_BODY)));
}

Test(exchange, nothing_is_shown_before_the_first_content)
{
    struct client *c = start_missed(0, STREAM);

    says(DELTA_SILENT, "role");
    cr_assert_eq(c->begun, 0);
    says(DELTA_CONTENT, "a");
    assert_got(c, "rolea");
    ends_stream();
}

Test(exchange, a_stream_that_only_ever_was_silent_is_shown_at_its_end)
{
    struct client *c = start_missed(0, STREAM);

    says(DELTA_SILENT, "role");
    ends_stream();
    assert_got(c, "role");
    cr_assert_eq(c->begun, 1);
}

Test(exchange, silence_beyond_a_bound_is_shown)
{
    static char silence[200 << 10];
    struct client *c = start_missed(0, STREAM);

    memset(silence, 's', sizeof(silence) - 1);
    says(DELTA_SILENT, silence);
    cr_assert_eq(c->begun, 0);
    says(DELTA_SILENT, silence);
    cr_assert_eq(c->got.len, 2 * (sizeof(silence) - 1));
    says(DELTA_CONTENT, "a");
    cr_assert_eq(c->got.len, 2 * (sizeof(silence) - 1) + 1);
    ends_stream();
}

Test(exchange, bytes_too_large_to_read_are_shown_at_once)
{
    struct client *c = start_missed(0, STREAM);

    says(DELTA_OPAQUE, "o");
    assert_got(c, "o");
    ends_stream();
}

Test(exchange, the_usage_chunk_is_taken_out_for_whoever_did_not_ask_for_it)
{
    struct client *c = start_missed(0, STREAM);

    says(DELTA_CONTENT, "a");
    says(DELTA_USAGE, "u");
    says(DELTA_DONE, "d");
    ends_stream();
    assert_got(c, "ad");
}

Test(exchange, the_usage_chunk_is_shown_to_whoever_asked_for_it)
{
    struct client *c = start_missed(0, STREAM_USAGE);

    says(DELTA_CONTENT, "a");
    says(DELTA_USAGE, "u");
    ends_stream();
    assert_got(c, "au");
}

Test(exchange, a_plain_answer_to_a_streamed_request_becomes_a_stream)
{
    struct client *c = start_missed(0, STREAM);

    answers(CHAT_BODY);
    cr_assert_eq(c->begun, 1);
    cr_assert(got(c, "\"hi\""));
    cr_assert(got(c, "[DONE]"));
}

Test(exchange, a_plain_answer_without_a_streamed_form_goes_through_as_it_is)
{
    struct client *c = start_missed(0, STREAM);

    answers("{\"object\":\"list\"}");
    cr_assert_eq(c->wholes, 1);
    assert_got(c, "{\"object\":\"list\"}");
    cr_assert_not(c->reply.stream);
}

/* ---- a full sink ---------------------------------------------------------------------- */

Test(exchange, a_full_sink_pauses_the_call_and_room_resumes_it)
{
    struct client *c = client(0, STREAM);

    c->fills_after = 1;
    (void)start(c);
    cache_says(NULL, CACHE_NONE);
    says(DELTA_CONTENT, "a");
    cr_assert_eq(world.pauses, 1);
    exchange_resume(c->x);
    cr_assert_eq(world.resumes, 1);
    ends_stream();
}

/* ---- the caller's time ----------------------------------------------------------------- */

Test(exchange, the_deadline_runs_out_during_the_look_up)
{
    struct client *c = start(client(0, PLAIN));

    pass_ms(1000);
    cr_assert_eq(c->failure.err, ERR_DEADLINE);
    cr_assert_eq(world.call_count, 0);
    cr_assert_str_eq(world.trail, "born>decode>join>look_up>degrade>settle");
}

Test(exchange, the_deadline_runs_out_during_the_call)
{
    struct client *c = start_missed(0, PLAIN);

    world.attempt->sent_any = true;
    pass_ms(999);
    cr_assert_eq(c->ended, 0);
    pass_ms(1);
    cr_assert_eq(world.cancelled, ERR_DEADLINE);
    cr_assert_eq(c->failure.err, ERR_DEADLINE);
    cr_assert_eq(world.record.attempts, 1);
}

Test(exchange, the_deadline_counts_from_the_requests_first_byte)
{
    struct client *c = client(0, PLAIN);

    c->ask.began_us -= 900 * 1000;
    (void)start(c);
    pass_ms(99);
    cr_assert_eq(c->ended, 0);
    pass_ms(1);
    cr_assert_eq(c->failure.err, ERR_DEADLINE);
}

Test(exchange, a_caller_may_shorten_the_deadline)
{
    struct client *c = client(0, PLAIN);

    c->ask.timeout_us = 10 * 1000;
    (void)start(c);
    pass_ms(10);
    cr_assert_eq(c->failure.err, ERR_DEADLINE);
}

Test(exchange, a_caller_cannot_lengthen_the_deadline)
{
    struct client *c = client(0, PLAIN);

    c->ask.timeout_us = 60 * 1000 * 1000;
    (void)start(c);
    pass_ms(1000);
    cr_assert_eq(c->failure.err, ERR_DEADLINE);
}

Test(exchange, a_stream_cut_by_the_deadline_is_told_as_a_failure_after_its_bytes)
{
    struct client *c = start_missed(0, STREAM);

    says(DELTA_CONTENT, "a");
    pass_ms(1000);
    cr_assert_eq(c->begun, 1);
    cr_assert_eq(c->failures, 1);
    cr_assert_eq(c->failure.err, ERR_DEADLINE);
    cr_assert_eq(world.stores, 0);
}

Test(exchange, a_stream_that_has_said_all_is_whole_whatever_comes_while_its_connection_lingers)
{
    struct client *c = start_missed(0, STREAM);

    says(DELTA_CONTENT, "a");
    says(DELTA_DONE, "d");
    makes_good(&world.attempt->tap.answer);
    buf_put_text(&world.attempt->tap.answer.body, CHAT_BODY);
    world.attempt->phase = PHASE_LINGER;
    pass_ms(1000);
    cr_assert_eq(c->failures, 0);
    cr_assert_eq(c->ended, 1);
    cr_assert_eq(world.stores, 1);
}

/* ---- the client leaves ------------------------------------------------------------------ */

Test(exchange, a_client_that_leaves_at_once_costs_nothing)
{
    struct client *c = client(0, PLAIN);

    c->x = exchange_start(&world.kit, &c->ask, &c->sink);
    exchange_cancel(c->x);
    turn();
    cr_assert_eq(c->ended, 1);
    cr_assert_eq(world.lookups, 0);
    cr_assert_eq(world.record.err, ERR_CANCELLED);
}

Test(exchange, a_client_that_leaves_during_the_look_up_is_settled_when_that_ends)
{
    struct client *c = start(client(0, PLAIN));

    exchange_cancel(c->x);
    cr_assert_eq(c->ended, 0);
    turn();
    cr_assert_eq(c->ended, 1);
    cr_assert_eq(world.record.err, ERR_CANCELLED);
    cr_assert_eq(world.call_count, 0);
}

Test(exchange, what_a_late_look_up_finds_for_a_client_that_left_is_given_back)
{
    struct client *c = start(client(0, PLAIN));

    exchange_cancel(c->x);
    (void)deferred_cancel(&world.lookup->turn);
    cache_says(entry_aged(1, CHAT_BODY), CACHE_REDIS);
    cr_assert_eq(c->wholes, 0);
    cr_assert_eq(world.record.err, ERR_CANCELLED);
}

Test(exchange, a_client_that_leaves_during_the_call_ends_it)
{
    struct client *c = start_missed(0, STREAM);

    says(DELTA_CONTENT, "a");
    exchange_cancel(c->x);
    cr_assert_eq(world.cancelled, ERR_CANCELLED);
    cr_assert_eq(c->ended, 0);
    turn();
    cr_assert_eq(c->ended, 1);
    assert_got(c, "a");
    cr_assert_eq(world.stores, 0);
    cr_assert_eq(world.record.err, ERR_CANCELLED);
}

Test(exchange, a_call_that_can_be_kept_is_finished_where_the_configuration_says_so)
{
    struct client *c;

    world.model->finish_on_disconnect = true;
    c = start_missed(0, STREAM);
    says(DELTA_CONTENT, "a");
    exchange_cancel(c->x);
    says(DELTA_CONTENT, "b");
    ends_stream();
    assert_got(c, "a");
    cr_assert_eq(world.stores, 1);
    cr_assert_eq(world.record.err, ERR_CANCELLED);
}

Test(exchange, a_paused_call_is_resumed_when_its_client_leaves)
{
    struct client *c = client(0, STREAM);

    world.model->finish_on_disconnect = true;
    c->fills_after = 1;
    (void)start(c);
    cache_says(NULL, CACHE_NONE);
    says(DELTA_CONTENT, "a");
    exchange_cancel(c->x);
    cr_assert_eq(world.resumes, 1);
    ends_stream();
    cr_assert_eq(world.stores, 1);
}

Test(exchange, a_client_that_leaves_behind_the_last_event_does_not_spoil_what_is_kept)
{
    struct client *c = start_missed(0, STREAM);

    says(DELTA_CONTENT, "a");
    says(DELTA_DONE, "d");
    makes_good(&world.attempt->tap.answer);
    buf_put_text(&world.attempt->tap.answer.body, CHAT_BODY);
    world.attempt->phase = PHASE_LINGER;
    exchange_cancel(c->x);
    turn();
    cr_assert_eq(c->ended, 1);
    cr_assert_eq(world.stores, 1);
}

Test(exchange, a_drain_that_is_over_ends_all)
{
    struct client *a = start(client(0, PLAIN));
    struct client *b;

    cache_says(NULL, CACHE_NONE);
    b = start(client(1, STREAM));
    exchange_cancel_all(&world.kit);
    turn();
    cr_assert_eq(a->failure.err, ERR_SHUTDOWN);
    cr_assert_eq(b->failure.err, ERR_SHUTDOWN);
}
