/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/cache/cache.h"

#include "stage.h"
#include "weir/base/clock.h"
#include "weir/base/own.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static struct stage stage;
static struct memory *memory;
static struct cache cache;

#define HEX "0000000000000000000000000000000000000000000000000000000000000000"
#define KEY "weir:v1:answer:public:chat:" HEX

static void set_up(void)
{
    struct remote_settings settings = { .prefix = STR("weir:") };

    stage_open(&stage, &settings);
    memory = memory_new(8 << 20);
    cache = (struct cache){ stage.loop, memory, stage.remote };
}

static void tear_down(void)
{
    stage_close(&stage);
    memory_free(memory);
}

TestSuite(cache, .init = set_up, .fini = tear_down, .timeout = 20);

static struct entry_facts facts(void)
{
    return (struct entry_facts){
        .scope = STR("public"),
        .model = STR("chat"),
        .upstream = STR("up"),
        .upstream_model = STR("m"),
        .content_type = STR("application/json"),
        .body = STR("{}"),
        .status = 200,
        .created_ms = clock_wall_ms(),
        .fresh_ms = 60000,
        .stale_ms = 60000,
    };
}

/* Puts an answer into both tiers and waits until Redis has it. */
static void store(const struct entry_facts *f)
{
    AUTO(entry_unref) struct entry *e = entry_new(f);

    cr_assert_eq(cache_store(&cache, e), cache.memory || cache.remote);
    stage_do(&stage, "PING");
}

struct hearing {
    struct cache_lookup op;
    struct entry *found;
    enum cache_tier tier;
    unsigned heard;
};

static void on_done(struct cache_lookup *op, struct entry *found, enum cache_tier tier)
{
    struct hearing *h = container_of(op, struct hearing, op);

    h->found = found;
    h->tier = tier;
    h->heard++;
    loop_stop(stage.loop);
}

static enum cache_tier look_up(void)
{
    struct entry_facts asked = facts();
    struct hearing h = { 0 };

    cache_look_up(&cache, &h.op, &asked, NULL, on_done);
    cr_assert_eq(h.heard, 0, "nothing ends inside the call that starts it");
    stage_run(&stage);
    cr_assert_eq(h.heard, 1);
    cr_assert_eq(h.tier == CACHE_NONE, !h.found);
    entry_unref(h.found);
    return h.tier;
}

static bool peek(void)
{
    struct entry_facts asked = facts();
    AUTO(entry_unref) struct entry *e = cache_peek(&cache, &asked.key);

    return e;
}

/* Makes the answer in memory one that Redis was last asked about so long ago. */
static void age(uint64_t us)
{
    struct entry_facts asked = facts();
    AUTO(entry_unref) struct entry *e = memory_get(memory, &asked.key, clock_wall_ms());

    atomic_store(&e->verified_us, clock_now_us() - us);
}

static void forget(void)
{
    struct entry_facts asked = facts();

    memory_drop(memory, &asked.key);
}

static bool in_memory(void)
{
    struct entry_facts asked = facts();
    AUTO(entry_unref) struct entry *e = memory_get(memory, &asked.key, clock_wall_ms());

    return e;
}

static int64_t lookups(struct str tier, struct str result)
{
    return metric_read(stage.metrics, METRIC_LOOKUPS, METRIC_LABEL(tier, result));
}

static int64_t commands(void)
{
    struct buf out = { 0 };
    const char *at;
    int64_t n = 0;

    stage_ask(&stage, &out, "INFO commandstats");
    buf_put(&out, (struct str){ "", 1 }); /* a NUL behind it */
    at = strstr(out.at, "cmdstat_hget:calls=");
    if (at)
        n = strtol(at + strlen("cmdstat_hget:calls="), NULL, 10);
    buf_deinit(&out);
    return n;
}

/* ---- tiers ---- */

Test(cache, misses_in_both_tiers)
{
    cr_assert_eq(look_up(), CACHE_NONE);
    cr_assert_eq(lookups(STR("memory"), STR("miss")), 1);
    cr_assert_eq(lookups(STR("redis"), STR("miss")), 1);
}

Test(cache, finds_in_memory_first)
{
    struct entry_facts f = facts();

    store(&f);
    cr_assert_eq(look_up(), CACHE_MEMORY);
    cr_assert(peek());
    cr_assert_eq(lookups(STR("memory"), STR("hit")), 2);
    cr_assert_eq(
        metric_read(stage.metrics, METRIC_STORES, METRIC_LABEL(STR("memory"), STR("stored"))),
        1);
}

Test(cache, finds_in_redis_and_then_in_memory)
{
    struct entry_facts f = facts();

    store(&f);
    forget();
    cr_assert_not(peek());
    cr_assert_eq(look_up(), CACHE_REDIS);
    cr_assert_eq(look_up(), CACHE_MEMORY);
    cr_assert_eq(lookups(STR("redis"), STR("hit")), 1);
}

Test(cache, works_with_memory_alone)
{
    struct entry_facts f = facts();

    cache.remote = NULL;
    cr_assert_eq(look_up(), CACHE_NONE);
    store(&f);
    age(60 * 1000 * 1000);
    cr_assert_eq(look_up(), CACHE_MEMORY);
}

Test(cache, keeps_nothing_larger_than_it_may)
{
    struct entry_facts f = facts();
    AUTO(entry_unref) struct entry *e = entry_new(&f);

    cache.remote = NULL;
    cache.most_bytes = f.body.len - 1;
    cr_assert_not(cache_store(&cache, e));
    cr_assert_not(in_memory());
    cache.most_bytes = f.body.len;
    cr_assert(cache_store(&cache, e));
    cr_assert(in_memory());
}

Test(cache, works_with_redis_alone)
{
    struct entry_facts f = facts();
    struct digest raw = { { 1 } };
    uint64_t words;

    cache.memory = NULL;
    cr_assert_eq(look_up(), CACHE_NONE);
    store(&f);
    cr_assert_not(peek());
    cr_assert_null(cache_recall(&cache, &raw, &words));
    cr_assert_eq(look_up(), CACHE_REDIS);
}

Test(cache, works_with_no_tier_at_all)
{
    struct entry_facts f = facts();

    cache.memory = NULL;
    cache.remote = NULL;
    store(&f);
    cr_assert_eq(look_up(), CACHE_NONE);
}

Test(cache, recalls_by_the_raw_body)
{
    struct entry_facts f = facts();
    struct digest raw = { { 1 } };
    uint64_t words = 0;
    struct entry *e;

    cr_assert_null(cache_recall(&cache, &raw, &words));
    store(&f);
    memory_alias(memory, &raw, &f.key, 5);
    e = cache_recall(&cache, &raw, &words);
    cr_assert(e);
    cr_assert_eq(words, 5);
    entry_unref(e);
}

/* ---- trust ---- */

Test(cache, serves_an_ageing_answer_and_renews_its_trust_in_the_background)
{
    struct entry_facts f = facts();

    store(&f);
    age(CACHE_TRUST_US * 3 / 4);
    cr_assert(peek());
    stage_do(&stage, "PING");
    age(0);
    cr_assert_eq(commands(), 1);
}

Test(cache, has_one_background_look_for_an_entry_at_a_time)
{
    struct entry_facts f = facts();

    store(&f);
    age(CACHE_TRUST_US * 3 / 4);
    for (int i = 0; i < 10; i++)
        cr_assert(peek());
    stage_do(&stage, "PING");
    cr_assert_eq(commands(), 1);
    age(CACHE_TRUST_US * 3 / 4);
    cr_assert(peek());
    stage_do(&stage, "PING");
    cr_assert_eq(commands(), 2);
}

Test(cache, drops_an_ageing_answer_that_redis_lacks)
{
    struct entry_facts f = facts();

    store(&f);
    stage_do(&stage, "DEL " KEY);
    age(CACHE_TRUST_US * 3 / 4);
    cr_assert(peek());
    stage_do(&stage, "PING");
    cr_assert_not(in_memory());
}

Test(cache, does_not_serve_a_doubted_answer_unasked)
{
    struct entry_facts f = facts();
    struct digest raw = { { 1 } };
    uint64_t words;

    store(&f);
    memory_alias(memory, &raw, &f.key, 0);
    age(CACHE_TRUST_US);
    cr_assert_not(peek());
    cr_assert_null(cache_recall(&cache, &raw, &words));
    cr_assert_eq(look_up(), CACHE_MEMORY);
    cr_assert(peek(), "the look-up has renewed the trust");
}

Test(cache, misses_a_doubted_answer_that_was_deleted)
{
    struct entry_facts f = facts();

    store(&f);
    stage_do(&stage, "DEL " KEY);
    age(CACHE_TRUST_US);
    cr_assert_eq(look_up(), CACHE_NONE);
    cr_assert_not(in_memory());
}

Test(cache, takes_the_answer_that_has_replaced_a_doubted_one)
{
    struct entry_facts f = facts();

    store(&f);
    f.created_ms -= 5;
    stage_do(&stage, "HINCRBY " KEY " created_ms -5");
    age(CACHE_TRUST_US);
    cr_assert_eq(look_up(), CACHE_REDIS);
    cr_assert_eq(look_up(), CACHE_MEMORY);
}

Test(cache, honours_a_del_within_a_second_however_often_it_is_asked)
{
    struct entry_facts f = facts();
    uint64_t deleted_us;

    store(&f);
    cr_assert(peek());
    stage_do(&stage, "DEL " KEY);
    deleted_us = clock_now_us();
    while (peek() || look_up() != CACHE_NONE)
        stage_run_for(&stage, 2000);
    cr_assert_lt(clock_now_us() - deleted_us, 1000 * 1000);
}

Test(cache, does_not_doubt_what_redis_has_refused)
{
    struct entry_facts f = facts();

    stage_do(&stage, "CONFIG SET maxmemory 1");
    store(&f);
    age(CACHE_TRUST_US * 10);
    cr_assert(peek());
}

Test(cache, serves_from_memory_while_redis_is_away)
{
    struct entry_facts f = facts();

    store(&f);
    kill(stage.server, SIGKILL);
    while (remote_is_up(stage.remote))
        stage_run_for(&stage, 2000);
    age(CACHE_TRUST_US * 10);
    cr_assert(peek());
    cr_assert_eq(look_up(), CACHE_MEMORY);
}

Test(cache, doubts_what_was_stored_while_redis_was_away)
{
    struct entry_facts f = facts();
    AUTO(entry_unref) struct entry *e = entry_new(&f);

    kill(stage.server, SIGKILL);
    while (remote_is_up(stage.remote))
        stage_run_for(&stage, 2000);
    cr_assert(cache_store(&cache, e));
    cr_assert(peek());
    cr_assert(atomic_load(&e->shared), "Redis will be asked about it");
}

Test(cache, serves_a_doubted_answer_when_redis_keeps_silent)
{
    struct entry_facts f = facts();

    store(&f);
    kill(stage.server, SIGSTOP);
    age(CACHE_TRUST_US);
    cr_assert_eq(look_up(), CACHE_MEMORY);
    cr_assert(in_memory());
}

/* ---- past freshness ---- */

static struct entry_facts stale_facts(void)
{
    struct entry_facts f = facts();

    f.created_ms -= 61000;
    return f;
}

Test(cache, does_not_peek_at_what_is_no_longer_fresh)
{
    struct entry_facts f = stale_facts();

    store(&f);
    cr_assert_not(peek());
    cr_assert(in_memory());
}

Test(cache, prefers_a_fresher_answer_in_redis_to_a_stale_one_in_memory)
{
    struct entry_facts f = stale_facts();
    struct entry_facts asked = facts();
    struct hearing h = { 0 };

    store(&f);
    stage_do(&stage, "HINCRBY " KEY " created_ms 50000");
    cache_look_up(&cache, &h.op, &asked, NULL, on_done);
    stage_run(&stage);
    cr_assert_eq(h.tier, CACHE_REDIS);
    cr_assert_gt(entry_ttl_ms(h.found, clock_wall_ms()), 0);
    entry_unref(h.found);
}

Test(cache, gives_a_stale_answer_when_redis_is_silent)
{
    struct entry_facts f = stale_facts();

    store(&f);
    kill(stage.server, SIGSTOP);
    cr_assert_eq(look_up(), CACHE_MEMORY);
    cr_assert_eq(lookups(STR("redis"), STR("error")), 1);
}

Test(cache, gives_no_stale_answer_that_was_deleted)
{
    struct entry_facts f = stale_facts();

    store(&f);
    stage_do(&stage, "DEL " KEY);
    cr_assert_eq(look_up(), CACHE_NONE);
    cr_assert_not(in_memory());
}

/* ---- wishes ---- */

static struct lease_wish wish(uint64_t not_before_ms)
{
    return (struct lease_wish){ .holder = STR("we"),
                                .lease_ms = 3000,
                                .not_before_ms = not_before_ms };
}

static enum lease wish_for(uint64_t not_before_ms, enum cache_tier expected)
{
    struct entry_facts asked = facts();
    struct lease_wish w = wish(not_before_ms);
    struct hearing h = { 0 };

    cache_look_up(&cache, &h.op, &asked, &w, on_done);
    stage_run(&stage);
    cr_assert_eq(h.tier, expected);
    entry_unref(h.found);
    return h.op.lease;
}

Test(cache, a_miss_takes_the_lease_that_was_wished)
{
    cr_assert_eq(wish_for(0, CACHE_NONE), LEASE_OURS);
    cr_assert_eq(wish_for(0, CACHE_NONE), LEASE_OTHERS);
}

Test(cache, a_fresh_answer_in_memory_takes_no_lease)
{
    struct entry_facts f = facts();

    store(&f);
    cr_assert_eq(wish_for(0, CACHE_MEMORY), LEASE_NONE);
    stage_do(&stage, "DEL " KEY);
    cr_assert_eq(wish_for(0, CACHE_MEMORY), LEASE_NONE);
}

Test(cache, an_answer_in_memory_older_than_wished_takes_the_lease)
{
    struct entry_facts f = facts();

    store(&f);
    cr_assert_eq(wish_for(f.created_ms + 1, CACHE_REDIS), LEASE_OURS);
}

Test(cache, a_stale_answer_in_memory_takes_the_lease)
{
    struct entry_facts f = stale_facts();

    store(&f);
    cr_assert_eq(wish_for(0, CACHE_REDIS), LEASE_OURS);
}

Test(cache, a_doubted_answer_that_was_deleted_takes_the_lease)
{
    struct entry_facts f = facts();

    store(&f);
    stage_do(&stage, "DEL " KEY);
    age(CACHE_TRUST_US);
    cr_assert_eq(wish_for(0, CACHE_NONE), LEASE_OURS);
}

Test(cache, memory_alone_leases_nothing)
{
    cache.remote = NULL;
    cr_assert_eq(wish_for(0, CACHE_NONE), LEASE_NONE);
}

/* ---- cancelling ---- */

static void cancel(void)
{
    struct entry_facts asked = facts();
    struct hearing h = { 0 };

    cache_look_up(&cache, &h.op, &asked, NULL, on_done);
    cache_lookup_cancel(&h.op);
    cache_lookup_cancel(&h.op);
    cr_assert_eq(h.heard, 0);
    stage_run(&stage);
    cr_assert_eq(h.heard, 1);
    cr_assert_null(h.found);
    stage_do(&stage, "PING");
    cr_assert_eq(h.heard, 1);
}

Test(cache, a_cancelled_look_up_ends_once_with_nothing)
{
    struct entry_facts f = facts();

    store(&f);
    cancel();
    age(CACHE_TRUST_US);
    cancel();
    cr_assert(in_memory(), "a cancelled verification denies nothing");
    forget();
    cancel();
}

Test(cache, a_background_look_may_outlive_the_worker)
{
    struct entry_facts f = facts();

    store(&f);
    age(CACHE_TRUST_US * 3 / 4);
    cr_assert(peek());
}
