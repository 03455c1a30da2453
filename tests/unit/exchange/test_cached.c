/* SPDX-License-Identifier: Apache-2.0 */

/* What an exchange makes of kept answers, and of a caller's wishes about them. */

#include "weir/exchange/recall.h"
#include "world.h"

TestSuite(cached, .init = world_start, .fini = world_stop, .timeout = 20);

static struct client *start_found(struct client *c, struct entry *e)
{
    (void)start(c);
    cache_says(e, CACHE_REDIS);
    return c;
}

Test(cached, what_memory_holds_is_answered_without_a_look_up)
{
    struct client *c;

    world.peeked = entry_aged(5, CHAT_BODY);
    c = start(client(0, PLAIN));
    cr_assert_eq(world.lookups, 0);
    cr_assert_eq(c->reply.word, WORD_HIT);
    cr_assert_eq(c->reply.tier, CACHE_MEMORY);
    assert_got(c, CHAT_BODY);
}

Test(cached, a_hit_is_replayed_with_its_age_and_calls_nobody)
{
    struct client *c = start_found(client(0, PLAIN), entry_aged(5, CHAT_BODY));

    assert_got(c, CHAT_BODY);
    cr_assert_eq(c->reply.word, WORD_HIT);
    cr_assert_eq(c->reply.tier, CACHE_REDIS);
    cr_assert_eq(c->reply.attempts, 0);
    cr_assert_eq(c->reply.age_ms / 1000, 5);
    cr_assert_leq(c->reply.ttl_ms, 55000);
    cr_assert_geq(c->reply.ttl_ms, 54000);
    cr_assert_str_eq(c->upstream, "one");
    cr_assert_eq(world.call_count, 0);
    cr_assert_eq(world.stores, 0);
}

Test(cached, a_hit_for_a_stream_is_replayed_as_one)
{
    struct client *c = start_found(client(0, STREAM), entry_aged(5, CHAT_BODY));

    cr_assert_eq(c->begun, 1);
    cr_assert(got(c, "\"hi\""));
    cr_assert(got(c, "[DONE]"));
    cr_assert_not(got(c, "prompt_tokens"));
}

Test(cached, a_hit_for_a_stream_tells_usage_to_whoever_asked_for_it)
{
    struct client *c = start_found(client(0, STREAM_USAGE), entry_aged(5, CHAT_BODY));

    cr_assert(got(c, "prompt_tokens"));
}

Test(cached, a_hit_that_has_no_streamed_form_is_asked_anew)
{
    struct client *c = start_found(client(0, STREAM), entry_aged(5, "{\"object\":\"list\"}"));

    cr_assert_eq(world.call_count, 1);
    says(DELTA_CONTENT, "a");
    ends_stream();
    assert_got(c, "a");
    cr_assert_eq(c->reply.attempts, 1);
}

Test(cached, a_hit_that_has_no_streamed_form_is_no_hit_for_only_if_cached)
{
    struct client *c = client(0, STREAM);

    c->ask.cache.only_if_cached = true;
    (void)start_found(c, entry_aged(5, "{\"object\":\"list\"}"));
    cr_assert_eq(c->failure.err, ERR_ONLY_IF_CACHED);
    cr_assert_eq(world.call_count, 0);
}

Test(cached, a_stale_answer_is_asked_anew)
{
    struct client *c = start_found(client(0, PLAIN), entry_aged(70, CHAT_BODY));

    answers("{\"new\":1}");
    assert_got(c, "{\"new\":1}");
    cr_assert_eq(c->reply.word, WORD_MISS);
    cr_assert_eq(world.stores, 1);
}

Test(cached, a_stale_answer_serves_whoever_says_max_stale)
{
    struct client *c = client(0, PLAIN);

    c->ask.cache.max_stale_s = 30;
    (void)start_found(c, entry_aged(70, CHAT_BODY));
    assert_got(c, CHAT_BODY);
    cr_assert_eq(c->reply.word, WORD_STALE);
    cr_assert_lt(c->reply.ttl_ms, 0);
    cr_assert_neq(c->reply.stale_why, STALE_IF_ERROR);
}

Test(cached, an_answer_staler_than_max_stale_is_asked_anew)
{
    struct client *c = client(0, PLAIN);

    c->ask.cache.max_stale_s = 5;
    (void)start_found(c, entry_aged(70, CHAT_BODY));
    cr_assert_eq(world.call_count, 1);
    answers(CHAT_BODY);
    cr_assert_eq(c->reply.word, WORD_MISS);
}

Test(cached, max_stale_without_a_number_takes_any_age)
{
    struct client *c = client(0, PLAIN);

    c->ask.cache.max_stale_s = INT64_MAX;
    (void)start_found(c, entry_aged(119, CHAT_BODY));
    cr_assert_eq(c->reply.word, WORD_STALE);
}

Test(cached, a_fresh_answer_older_than_max_age_is_asked_anew)
{
    struct client *c = client(0, PLAIN);

    c->ask.cache.max_age_s = 4;
    (void)start_found(c, entry_aged(6, CHAT_BODY));
    cr_assert_eq(world.call_count, 1);
    answers(CHAT_BODY);
}

Test(cached, only_if_cached_is_refused_on_a_miss)
{
    struct client *c = client(0, PLAIN);

    c->ask.cache.only_if_cached = true;
    (void)start_found(c, NULL);
    cr_assert_eq(c->failure.err, ERR_ONLY_IF_CACHED);
    cr_assert_eq(world.call_count, 0);
}

Test(cached, only_if_cached_is_refused_where_nothing_is_ever_kept)
{
    struct client *c = client(0, PLAIN);

    world.model->cache.when = CACHE_NEVER;
    c->ask.cache.only_if_cached = true;
    (void)start(c);
    cr_assert_eq(c->failure.err, ERR_ONLY_IF_CACHED);
}

Test(cached, only_if_cached_and_no_cache_contradict_each_other)
{
    struct client *c = client(0, PLAIN);

    c->ask.cache.only_if_cached = c->ask.cache.no_cache = true;
    (void)start(c);
    cr_assert_eq(c->failure.err, ERR_ONLY_IF_CACHED);
}

Test(cached, no_cache_does_not_read_but_keeps)
{
    struct client *c = client(0, PLAIN);

    c->ask.cache.no_cache = true;
    (void)start(c);
    cr_assert_eq(world.lookups, 0);
    answers(CHAT_BODY);
    cr_assert_eq(c->reply.word, WORD_BYPASS);
    cr_assert_eq(world.stores, 1);
}

Test(cached, no_store_neither_reads_nor_keeps)
{
    struct client *c = client(0, PLAIN);

    c->ask.cache.no_store = true;
    (void)start(c);
    cr_assert_eq(world.lookups, 0);
    answers(CHAT_BODY);
    cr_assert_eq(c->reply.word, WORD_BYPASS);
    cr_assert_eq(world.stores, 0);
}

Test(cached, what_is_not_deterministic_is_neither_looked_up_nor_kept)
{
    struct client *c = start(client(0, "{\"model\":\"m\",\"messages\":[]}"));

    cr_assert_eq(world.lookups, 0);
    answers(CHAT_BODY);
    cr_assert_eq(c->reply.word, WORD_BYPASS);
    cr_assert_eq(world.stores, 0);
}

/* ---- stale rather than an error (RFC 5861) ----------------------------------------------- */

static void fail_everywhere(void)
{
    while (world.attempt)
        fails(ERR_UPSTREAM_STATUS, 503);
}

Test(cached, a_stale_answer_serves_whoever_prefers_it_to_an_error)
{
    struct client *c = client(0, PLAIN);

    c->ask.cache.stale_if_error_s = 30;
    (void)start_found(c, entry_aged(70, CHAT_BODY));
    fail_everywhere();
    assert_got(c, CHAT_BODY);
    cr_assert_eq(c->failures, 0);
    cr_assert_eq(c->reply.word, WORD_STALE);
    cr_assert_eq(c->reply.stale_why, STALE_IF_ERROR);
    cr_assert_eq(c->reply.attempts, 3);
    cr_assert_eq(world.record.err, OK);
    cr_assert_eq(world.stores, 0);
}

Test(cached, the_failed_upstreams_headers_do_not_travel_with_a_stale_answer)
{
    struct client *c = client(0, PLAIN);

    world.headers[0].name = "x-should-retry";
    world.headers[0].value = "true";
    c->ask.cache.stale_if_error_s = 30;
    (void)start_found(c, entry_aged(70, CHAT_BODY));
    fail_everywhere();
    cr_assert_str_eq(c->headers, "");
}

Test(cached, who_forbids_stale_answers_is_told_the_error)
{
    struct client *c = client(0, PLAIN);

    c->ask.cache.stale_if_error_s = 0;
    (void)start_found(c, entry_aged(70, CHAT_BODY));
    fail_everywhere();
    cr_assert_eq(c->failure.err, ERR_UPSTREAM_STATUS);
}

Test(cached, what_is_staler_than_stale_if_error_does_not_serve)
{
    struct client *c = client(0, PLAIN);

    c->ask.cache.stale_if_error_s = 5;
    (void)start_found(c, entry_aged(70, CHAT_BODY));
    fail_everywhere();
    cr_assert_eq(c->failure.err, ERR_UPSTREAM_STATUS);
}

Test(cached, a_refusal_of_the_request_itself_is_told_although_a_stale_answer_is_there)
{
    struct client *c = client(0, PLAIN);

    c->ask.cache.stale_if_error_s = 30;
    (void)start_found(c, entry_aged(70, CHAT_BODY));
    fails(ERR_UPSTREAM_REFUSED, 400);
    cr_assert_eq(c->failure.err, ERR_UPSTREAM_REFUSED);
}

Test(cached, a_broken_stream_is_not_mended_with_a_stale_answer)
{
    struct client *c = client(0, STREAM);

    c->ask.cache.stale_if_error_s = 30;
    (void)start_found(c, entry_aged(70, CHAT_BODY));
    says(DELTA_CONTENT, "a");
    fails(ERR_UPSTREAM_TRUNCATED, 200);
    assert_got(c, "a");
    cr_assert_eq(c->failure.err, ERR_UPSTREAM_TRUNCATED);
}

Test(cached, a_stale_answer_without_a_streamed_form_leaves_the_error)
{
    struct client *c = client(0, STREAM);

    c->ask.cache.stale_if_error_s = 30;
    (void)start_found(c, entry_aged(70, "{\"object\":\"list\"}"));
    fail_everywhere();
    cr_assert_eq(c->failure.err, ERR_UPSTREAM_STATUS);
}

/* ---- remembering the bytes ----------------------------------------------------------------- */

static bool is_remembered(const struct client *c)
{
    struct digest raw, key;
    uint64_t facts;

    recall_digest(&c->ask, &raw);
    return memory_alias_get(world.kit.cache.memory, &raw, &key, &facts);
}

Test(cached, a_body_whose_answer_was_kept_is_remembered)
{
    struct client *c = start_missed(0, PLAIN);

    cr_assert_not(is_remembered(c));
    answers(CHAT_BODY);
    cr_assert(is_remembered(c));
}

Test(cached, a_body_that_was_a_hit_is_remembered)
{
    cr_assert(is_remembered(start_found(client(0, PLAIN), entry_aged(5, CHAT_BODY))));
}

Test(cached, a_body_whose_answer_was_not_kept_is_not_remembered)
{
    struct client *c = client(0, PLAIN);

    c->ask.cache.no_store = true;
    (void)start(c);
    answers(CHAT_BODY);
    cr_assert_not(is_remembered(c));
}
