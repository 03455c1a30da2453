/* SPDX-License-Identifier: Apache-2.0 */

/* From a request to an ask, and from what an exchange says to an answer. */

#include "world.h"

TestSuite(infer, .init = world_start, .fini = world_stop, .timeout = 20);

static const struct reply good = { .status = 200,
                                   .word = WORD_MISS,
                                   .stored = true,
                                   .content_type = { "application/json", 16 },
                                   .upstream = { "one", 3 },
                                   .upstream_model = { "m-1", 3 },
                                   .attempts = 2,
                                   .upstream_request_id = { "req_1", 5 },
                                   .headers = { "openai-version: 1\r\n", 19 },
                                   .cache_us = 1500,
                                   .upstream_us = 2000,
                                   .total_us = 4000 };

static const char sent_key[] = "order-7";

static void ask(const char *body)
{
    struct http_request r = request("POST", "/v1/chat/completions");

    r.body = str_of(body);
    with(&r, "x-request-id", "id-1");
    with(&r, "Cache-Control", "max-age=5");
    with(&r, "x-weir-timeout", "2s");
    with(&r, "openai-beta", "b");
    with(&r, "Idempotency-Key", sent_key);
    with(&r, "Cookie", "a=b");
    serve(&r);
}

static void tell_failure(enum err err, bool told)
{
    struct fault fault = { 0 };
    struct failure why = { .err = err, .fault = &fault, .told = told, .retry_after_s = -1 };

    (void)world.sink->on_failure(world.sink, &good, &why);
    exchange_ends();
}

Test(infer, an_ask_carries_the_requests_wishes_and_outlives_its_bytes)
{
    ask("{\"model\":\"m\"}");
    cr_assert(str_eq(world.ask.body, STR("{\"model\":\"m\"}")));
    cr_assert(str_eq(world.ask.request_id, STR("id-1")));
    cr_assert(str_eq(world.ask.key_headers, STR("openai-beta: b\n")));
    cr_assert_str_eq(world.ask.headers[0], "openai-beta: b");
    cr_assert_str_eq(world.ask.headers[1], "Idempotency-Key: order-7");
    cr_assert_null(world.ask.headers[2]);
    cr_assert_eq(world.ask.cache.max_age_s, 5);
    cr_assert_eq(world.ask.timeout_us, 2000000);
    cr_assert(str_eq(world.ask.idempotency_key, str_of(sent_key)));
    cr_assert_neq(world.ask.idempotency_key.at, sent_key, "lent by the request alone");
    cr_assert_str_eq(world.scope, "public");
    exchange_drops();
}

Test(infer, a_whole_answer_is_given_with_its_story)
{
    static const char *const lines[] = { "Content-Type: application/json\r\n",
                                         "x-request-id: id-1\r\n",
                                         "Cache-Status: weir; fwd=miss; stored\r\n",
                                         "x-weir-cache: miss\r\n",
                                         "x-weir-upstream: one\r\n",
                                         "x-weir-model: m-1\r\n",
                                         "x-weir-attempts: 2\r\n",
                                         "x-upstream-request-id: req_1\r\n",
                                         "openai-version: 1\r\n",
                                         "cache;dur=1.5",
                                         "upstream;dur=2",
                                         "total;dur=4" };

    ask("{}");
    world.sink->on_whole(world.sink, &good, STR("answer"));
    exchange_ends();
    cr_assert_eq(conn.status, 200);
    cr_assert(str_eq(buf_str(&conn.body), STR("answer")));
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        cr_expect(says(&conn.fields, lines[i]), "%s", lines[i]);
    cr_assert_not(says(&conn.fields, "degraded"));
}

static void assert_story(struct reply r, const char *status, const char *word)
{
    ask("{}");
    r.status = 200;
    world.sink->on_whole(world.sink, &r, STR(""));
    exchange_ends();
    cr_expect(says(&conn.fields, status), "%.*s", STR_ARG(buf_str(&conn.fields)));
    cr_expect(says(&conn.fields, word));
}

Test(infer, the_caches_part_is_told_as_rfc_9211_has_it)
{
    assert_story((struct reply){ .word = WORD_HIT, .tier = CACHE_MEMORY, .ttl_ms = 311000 },
                 "Cache-Status: weir; hit; ttl=311; detail=memory\r\n",
                 "x-weir-cache: hit\r\n");
    assert_story((struct reply){ .word = WORD_HIT, .tier = CACHE_REDIS, .age_ms = 7900 },
                 "detail=redis\r\nAge: 7\r\n", "x-weir-cache: hit\r\n");
    assert_story((struct reply){ .word = WORD_STALE,
                                 .ttl_ms = -20000,
                                 .stale_why = STALE_IF_ERROR,
                                 .degraded = DEGRADED_STALE },
                 "Cache-Status: weir; hit; ttl=-20; detail=stale-if-error\r\n",
                 "x-weir-degraded: stale\r\n");
    assert_story((struct reply){ .word = WORD_COALESCED },
                 "Cache-Status: weir; fwd=miss; collapsed\r\n", "x-weir-cache: coalesced\r\n");
    assert_story((struct reply){ .word = WORD_BYPASS }, "Cache-Status: weir; fwd=bypass\r\n",
                 "x-weir-cache: bypass\r\n");
}

Test(infer, a_stream_is_written_as_it_comes_and_is_not_to_be_gathered)
{
    ask("{}");
    world.sink->on_begin(world.sink, &good);
    cr_assert(says(&conn.fields, "Content-Type: text/event-stream\r\n"));
    cr_assert(says(&conn.fields, "X-Accel-Buffering: no\r\n"));
    world.sink->on_bytes(world.sink, STR("data: a\n\n"));
    world.sink->on_bytes(world.sink, STR(""));
    exchange_ends();
    cr_assert_eq(conn.ended, 1);
    cr_assert(str_eq(buf_str(&conn.body), STR("data: a\n\n")));
}

Test(infer, a_full_connection_pauses_and_room_resumes)
{
    ask("{}");
    world.sink->on_begin(world.sink, &good);
    world.sink->on_bytes(world.sink, STR("a\n"));
    cr_assert_eq(world.pauses, 0);
    conn.full = true;
    world.sink->on_bytes(world.sink, STR("b\n"));
    cr_assert_eq(world.pauses, 1);
    conn.watcher->on_drained(conn.watcher);
    cr_assert_eq(world.resumes, 1);
    exchange_ends();
}

Test(infer, a_failure_before_any_byte_is_an_error_with_its_status)
{
    ask("{}");
    tell_failure(ERR_NO_ROUTE, false);
    cr_assert_eq(conn.status, 503);
    cr_assert(says(&conn.fields, "Retry-After: 1\r\n"));
    cr_assert(says(&conn.fields, "x-weir-attempts: 2\r\n"));
    cr_assert(says(&conn.body, "no_healthy_upstream"));
}

Test(infer, a_stream_that_breaks_off_ends_with_one_error_event)
{
    ask("{}");
    world.sink->on_begin(world.sink, &good);
    world.sink->on_bytes(world.sink, STR("data: a\n\n"));
    tell_failure(ERR_UPSTREAM_TRUNCATED, false);
    cr_assert_eq(conn.ended, 1);
    cr_assert(says(&conn.body, "data: a\n\ndata: {\"error\":"));
    cr_assert(says(&conn.body, "stream_incomplete"));
    cr_assert_not(says(&conn.body, "[DONE]"));
}

Test(infer, an_event_cut_in_the_middle_is_ended_before_the_error_event)
{
    ask("{}");
    world.sink->on_begin(world.sink, &good);
    world.sink->on_bytes(world.sink, STR("data: {\"a"));
    tell_failure(ERR_UPSTREAM_TRUNCATED, false);
    cr_assert(says(&conn.body, "data: {\"a\n\ndata: {\"error\":"));
}

Test(infer, an_event_cut_behind_a_line_is_ended_before_the_error_event)
{
    ask("{}");
    world.sink->on_begin(world.sink, &good);
    world.sink->on_bytes(world.sink, STR("data: {\"a\":1}\n"));
    tell_failure(ERR_UPSTREAM_TRUNCATED, false);
    cr_assert(says(&conn.body, "\n\ndata: {\"error\":"));
}

Test(infer, an_error_event_of_the_upstream_is_not_told_twice)
{
    ask("{}");
    world.sink->on_begin(world.sink, &good);
    world.sink->on_bytes(world.sink, STR("data: {\"error\":{}}\n\n"));
    tell_failure(ERR_UPSTREAM_IN_BAND, true);
    cr_assert(str_eq(buf_str(&conn.body), STR("data: {\"error\":{}}\n\n")));
    cr_assert_eq(conn.ended, 1);
}

Test(infer, a_client_that_left_hears_nothing_more)
{
    ask("{}");
    conn.watcher->on_gone(conn.watcher);
    cr_assert_eq(world.cancels, 1);
    cr_assert(str_eq(world.ask.body, STR("{}")), "the exchange may still read it");
    tell_failure(ERR_CANCELLED, false);
    cr_assert_eq(conn.answers + conn.begun, 0);
}

/* ---- the quick way ------------------------------------------------------------------------- */

static struct entry *kept(const char *body)
{
    return entry_new(&(struct entry_facts){ .endpoint = ENDPOINT_CHAT, .body = str_of(body) });
}

#define CHAT_BODY                                                                             \
    "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":" \
    "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},"                  \
    "\"finish_reason\":\"stop\"}]}"

Test(infer, what_was_asked_before_is_answered_without_an_exchange)
{
    world.recalled = kept(CHAT_BODY);
    ask("{}");
    cr_assert_eq(world.starts, 0);
    cr_assert_eq(world.settled, 1);
    cr_assert(str_eq(buf_str(&conn.body), STR(CHAT_BODY)));
    cr_assert(says(&conn.fields, "x-weir-cache: hit\r\n"));
    cr_assert_eq(world.recalled->refs, 1);
}

Test(infer, a_stream_asked_before_is_replayed_without_an_exchange)
{
    world.recalled = kept(CHAT_BODY);
    world.recalls_stream = true;
    ask("{}");
    cr_assert_eq(world.settled, 1);
    cr_assert_eq(conn.ended, 1);
    cr_assert(says(&conn.body, "data: [DONE]\n\n"));
}

Test(infer, what_cannot_be_replayed_is_asked_anew)
{
    world.recalled = kept("{\"object\":\"list\"}");
    world.recalls_stream = true;
    ask("{}");
    cr_assert_eq(world.settled, 0);
    cr_assert_eq(world.starts, 1);
    cr_assert_eq(world.recalled->refs, 1);
    exchange_drops();
}

/* ---- at the gateway's limit ------------------------------------------------------------------ */

/* Of twenty at once so many are under way; what is asked for says what its priority is. */
static void at_limit(unsigned under_way, const char *model, const char *priority)
{
    static struct load load;
    struct http_request r = request("POST", "/v1/chat/completions");
    char body[64];

    load = (struct load){ .most = 20, .under_way = under_way };
    world.kit.load = &load;
    add_model("high")->priority = PRIORITY_HIGH;
    add_model("low")->priority = PRIORITY_LOW;
    add_model("usual")->priority = PRIORITY_NORMAL;
    (void)snprintf(body, sizeof(body), "{\"model\":\"%s\",\"messages\":[]}", model);
    r.body = str_of(body);
    if (priority)
        with(&r, "x-weir-priority", priority);
    serve(&r);
    if (world.starts > 0)
        exchange_drops();
    cr_assert_eq(load.under_way, under_way, "it was let in twice, or never left");
}

static void assert_shed(const char *priority)
{
    cr_assert_eq(conn.status, 503);
    cr_assert(says(&conn.fields, "Retry-After: 1\r\n"));
    cr_assert_eq(metric_read(fake_loop.metrics, METRIC_SHED,
                             METRIC_LABEL(str_of(priority), STR("in_flight"))),
                 1);
    cr_assert_eq(world.record.err, ERR_OVERLOADED);
    cr_assert_str_eq(world.record.why, "in_flight");
}

Test(infer, who_asks_for_a_low_model_is_turned_away_first)
{
    at_limit(16, "low", NULL);
    assert_shed("low");
}

Test(infer, below_the_share_of_the_lowest_everybody_is_let_in)
{
    at_limit(15, "low", NULL);
    cr_assert_eq(world.starts, 1);
}

Test(infer, who_asks_for_a_usual_model_is_let_in_where_a_low_one_is_not)
{
    at_limit(18, "usual", NULL);
    cr_assert_eq(world.starts, 1);
}

Test(infer, who_asks_for_a_usual_model_is_turned_away_before_a_high_one)
{
    at_limit(19, "usual", NULL);
    assert_shed("normal");
}

Test(infer, who_asks_for_a_high_model_is_let_in_while_there_is_any_room)
{
    at_limit(19, "high", NULL);
    cr_assert_eq(world.starts, 1);
}

Test(infer, at_the_limit_itself_a_high_model_is_turned_away_as_what_it_is)
{
    at_limit(20, "high", NULL);
    assert_shed("high");
}

Test(infer, what_the_caller_says_counts_more_than_its_models_priority)
{
    at_limit(16, "high", "low");
    assert_shed("low");
}

Test(infer, what_names_no_model_that_there_is_has_the_usual_priority)
{
    at_limit(18, "other", NULL);
    cr_assert_eq(world.starts, 1);
}
