/* SPDX-License-Identifier: Apache-2.0 */

/* Answers to bodies that were seen before: found without being read, or not found at all. */

#include "weir/exchange/recall.h"
#include "world.h"

static struct recalled found;

TestSuite(recall, .init = world_start, .fini = world_stop, .timeout = 20);

/* What memory would hold after an exchange had kept an answer of this age to this ask. */
static struct client *remembered(const char *body, uint64_t age_s, uint64_t facts)
{
    struct client *c = client(0, body);
    struct entry *e = entry_aged(age_s, CHAT_BODY);
    struct digest raw;

    recall_digest(&c->ask, &raw);
    cr_assert(memory_put(world.kit.cache.memory, e));
    memory_alias(world.kit.cache.memory, &raw, &e->facts.key, facts);
    entry_unref(e);
    return c;
}

static bool finds(struct client *c)
{
    bool is_found = recall_find(&world.kit, &c->ask, &found);

    if (is_found)
        entry_unref(found.entry);
    return is_found;
}

Test(recall, a_body_seen_before_is_answered)
{
    struct client *c = remembered(PLAIN, 5, 0);

    cr_assert(finds(c));
    cr_assert_eq(found.model, world.model);
    cr_assert_eq(found.reply.word, WORD_HIT);
    cr_assert_eq(found.reply.tier, CACHE_MEMORY);
    cr_assert_eq(found.reply.age_ms / 1000, 5);
    cr_assert_eq(found.reply.attempts, 0);
    cr_assert_not(found.stream);
}

Test(recall, what_is_found_knows_whether_a_stream_was_asked_for)
{
    struct request r = { .stream = true, .include_usage = true };

    cr_assert(finds(remembered(STREAM_USAGE, 5, recall_facts(&r))));
    cr_assert(found.stream && found.reply.stream && found.include_usage);
}

Test(recall, facts_differ_for_streams_and_usage)
{
    struct request plain = { 0 }, stream = { .stream = true };
    struct request usage = { .stream = true, .include_usage = true };

    cr_assert_neq(recall_facts(&plain), recall_facts(&stream));
    cr_assert_neq(recall_facts(&stream), recall_facts(&usage));
}

Test(recall, what_is_found_knows_its_segments)
{
    uint8_t segments[SEGMENT_MOST];
    struct request r = { .stream = true };

    for (uint8_t i = 0; i < SEGMENT_MOST; i++)
        segments[i] = (uint8_t)(SEGMENT_FIRST + SEGMENT_VALUES - 1 - i);
    cr_assert(finds(remembered(STREAM_USAGE, 5, recall_facts(&r) | recall_pack(segments))));
    cr_assert_eq(memcmp(found.segments, segments, sizeof(segments)), 0);
    cr_assert(found.stream && !found.include_usage);
}

Test(recall, another_body_is_not_found)
{
    struct client *c = remembered(PLAIN, 5, 0);

    c->ask.body = STR("{\"model\":\"m\",\"temperature\":0,\"messages\":[] }");
    cr_assert_not(finds(c));
}

Test(recall, another_scope_endpoint_path_or_header_is_not_found)
{
    struct client *c = remembered(PLAIN, 5, 0);
    struct ask ask = c->ask;

    c->ask.scope = STR("other");
    cr_assert_not(finds(c));
    c->ask = ask;
    c->ask.endpoint = ENDPOINT_COMPLETIONS;
    cr_assert_not(finds(c));
    c->ask = ask;
    c->ask.path_model = STR("m");
    cr_assert_not(finds(c));
    c->ask = ask;
    c->ask.key_headers = STR("openai-beta: x\n");
    cr_assert_not(finds(c));
    c->ask = ask;
    cr_assert(finds(c));
}

Test(recall, a_reload_makes_all_bodies_unknown)
{
    struct client *c = remembered(PLAIN, 5, 0);

    world.plan->generation++;
    cr_assert_not(finds(c));
}

Test(recall, a_caller_who_does_not_want_the_cache_is_not_answered_from_it)
{
    struct client *c = remembered(PLAIN, 5, 0);

    c->ask.cache.no_cache = true;
    cr_assert_not(finds(c));
    c->ask.cache = (struct cache_words){ .no_store = true, .max_age_s = -1 };
    cr_assert_not(finds(c));
}

Test(recall, a_callers_max_age_counts)
{
    struct client *c = remembered(PLAIN, 5, 0);

    c->ask.cache.max_age_s = 3;
    cr_assert_not(finds(c));
    c->ask.cache.max_age_s = 6;
    cr_assert(finds(c));
}

Test(recall, a_stale_answer_is_found_by_whoever_takes_one)
{
    struct client *c = remembered(PLAIN, 70, 0);

    cr_assert_not(finds(c));
    c->ask.cache.max_stale_s = 30;
    cr_assert(finds(c));
    cr_assert_eq(found.reply.word, WORD_STALE);
}

Test(recall, a_model_that_is_gone_is_not_found)
{
    struct client *c = remembered(PLAIN, 5, 0);
    struct map *all = world.plan->models;

    world.plan->models = map_new();
    cr_assert_not(finds(c));
    map_free(world.plan->models);
    world.plan->models = all;
}

Test(recall, a_tenant_who_may_not_ask_this_model_finds_nothing)
{
    struct client *c = remembered(PLAIN, 5, 0);
    struct tenant *t = tenants_add(world.plan->tenants, STR("acme"));

    tenant_add_model(t, STR("another"));
    c->ask.tenant = t;
    cr_assert_not(finds(c));
}

Test(recall, without_a_memory_nothing_is_found)
{
    struct client *c = remembered(PLAIN, 5, 0);
    struct memory *memory = world.kit.cache.memory;

    world.kit.cache.memory = NULL;
    cr_assert_not(finds(c));
    world.kit.cache.memory = memory;
}

Test(recall, what_was_found_is_accounted_for_once_and_given_back)
{
    struct client *c = remembered(PLAIN, 5, 0);

    cr_assert(recall_find(&world.kit, &c->ask, &found));
    recall_settle(&world.kit, &c->ask, &found);
    cr_assert_null(found.entry);
    cr_assert_eq(world.accounts, 1);
    cr_assert_eq(world.record.word, WORD_HIT);
    cr_assert_eq(world.record.attempts, 0);
    cr_assert_eq(world.record.prompt_tokens, 3);
    cr_assert_eq(world.record.answer.source, WATCH_CACHED);
    cr_assert_not_null(world.record.answer.entry);
    world.accounts = 0;
}

/* ---- by age and wish ---------------------------------------------------------------------- */

Test(recall, whether_an_age_serves_is_told_by_its_freshness_and_the_callers_words)
{
    static const struct {
        uint64_t age_s; /* fresh for 60 s */
        int64_t max_age_s, max_stale_s;
        bool usable;
    } rows[] = {
        { 0, -1, -1, true },   { 59, -1, -1, true }, { 61, -1, -1, false },
        { 0, 0, -1, true },    { 10, 9, -1, false }, { 10, 11, -1, true },
        { 70, -1, 11, true },  { 70, -1, 9, false }, { 70, -1, INT64_MAX, true },
        { 70, 80, -1, false }, { 70, 80, 30, true }, { 70, 50, 30, false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct entry *e = entry_aged(rows[i].age_s, CHAT_BODY);
        struct cache_words words = { .max_age_s = rows[i].max_age_s,
                                     .max_stale_s = rows[i].max_stale_s };

        cr_expect_eq(recall_is_usable(e, &words, clock_wall_ms()), rows[i].usable, "row %zu",
                     i);
        entry_unref(e);
    }
}
