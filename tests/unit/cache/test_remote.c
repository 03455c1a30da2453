/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/cache/remote.h"

#include "stage.h"
#include "weir/base/clock.h"
#include "weir/base/own.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static struct stage stage;

static void set_up(void)
{
    struct remote_settings settings = { .prefix = STR("weir:"),
                                        .store_requests = true,
                                        .most_bytes = 10000 };

    stage_open(&stage, &settings);
}

static void tear_down(void)
{
    stage_close(&stage);
}

TestSuite(remote, .init = set_up, .fini = tear_down, .timeout = 20);

#define HEX "0000000000000000000000000000000000000000000000000000000000000000"
#define KEY "weir:v1:answer:acme:vendor%2Fchat%3Av1:" HEX

static struct entry_facts facts(void)
{
    return (struct entry_facts){
        .endpoint = ENDPOINT_CHAT,
        .scope = STR("acme"),
        .model = STR("vendor/chat:v1"),
        .upstream = STR("up"),
        .upstream_model = STR("real-model"),
        .content_type = STR("application/json"),
        .body = STR("{\"choices\":[\"\\u00e9\"]}"),
        .request = STR("{\"messages\":[]}"),
        .finish_reason = "stop",
        .status = 200,
        .created_ms = clock_wall_ms(),
        .fresh_ms = 60000,
        .stale_ms = 30000,
        .prompt_tokens = 11,
        .completion_tokens = -1,
    };
}

/* ---- what was heard ---- */

struct hearing {
    struct remote_op op;
    struct entry *found;
    unsigned heard;
};

static void on_done(struct remote_op *op, struct entry *found)
{
    struct hearing *h = container_of(op, struct hearing, op);

    h->found = found;
    h->heard++;
    loop_stop(stage.loop);
}

static struct entry *look_up(bool *away)
{
    struct entry_facts asked = facts();
    struct hearing h = { 0 };

    remote_look_up(stage.remote, &h.op, &asked, NULL, on_done);
    cr_assert_eq(h.heard, 0);
    stage_run(&stage);
    cr_assert_eq(h.heard, 1);
    *away = h.op.away;
    return h.found;
}

static bool is_miss(void)
{
    bool away;
    AUTO(entry_unref) struct entry *found = look_up(&away);

    cr_assert_not(away);
    return !found;
}

static bool verify(struct entry *e)
{
    struct hearing h = { 0 };

    remote_verify(stage.remote, &h.op, e, on_done);
    stage_run(&stage);
    cr_assert(!h.found || h.found == e);
    entry_unref(h.found);
    return h.found;
}

static int64_t stores(struct str result)
{
    return metric_read(stage.metrics, METRIC_STORES, METRIC_LABEL(STR("redis"), result));
}

static void expect_text(const char *command, const char *want)
{
    struct buf out = { 0 };

    stage_ask(&stage, &out, command);
    cr_assert(str_eq(buf_str(&out), str_of(want)), "%s: \"%.*s\"", command,
              STR_ARG(buf_str(&out)));
    buf_deinit(&out);
}

/* A look at Redis on the same link comes after the store. */
static struct entry *stored(const struct entry_facts *f)
{
    struct entry *e = entry_new(f);

    remote_store(stage.remote, e, loop_shard(stage.loop));
    stage_do(&stage, "PING");
    return e;
}

static void store(const struct entry_facts *f)
{
    entry_unref(stored(f));
}

/* ---- store and look up ---- */

Test(remote, reads_back_what_was_stored)
{
    struct entry_facts f = facts();
    bool away;
    struct entry *found;

    store(&f);
    found = look_up(&away);
    cr_assert(found);
    cr_assert(str_eq(found->facts.body, f.body));
    cr_assert(str_eq(found->facts.content_type, f.content_type));
    cr_assert(str_eq(found->facts.upstream, f.upstream));
    cr_assert(str_eq(found->facts.upstream_model, f.upstream_model));
    cr_assert(str_eq(found->facts.model, f.model) && str_eq(found->facts.scope, f.scope));
    cr_assert_str_eq(found->facts.finish_reason, "stop");
    cr_assert_eq(found->facts.status, 200);
    cr_assert_eq(found->facts.created_ms, f.created_ms);
    cr_assert_eq(found->facts.fresh_ms, 60000);
    cr_assert_eq(found->facts.stale_ms, 30000);
    cr_assert(found->facts.prompt_tokens == 11 && found->facts.completion_tokens == -1);
    cr_assert(found->shared);
    entry_unref(found);
    cr_assert_eq(stores(STR("stored")), 1);
}

Test(remote, keeps_an_answer_as_one_readable_hash)
{
    struct entry_facts f = facts();

    store(&f);
    expect_text("KEYS *", KEY "\n");
    expect_text("HGET " KEY " status", "200");
    expect_text("HGET " KEY " model", "real-model");
    expect_text("HGET " KEY " fresh_ms", "60000");
    expect_text("HGET " KEY " completion_tokens", "-1");
    expect_text("HGET " KEY " request", "{\"messages\":[]}");
    expect_text("HLEN " KEY, "15");
}

Test(remote, gives_the_key_a_ttl_of_fresh_and_stale_time)
{
    struct entry_facts f = facts();
    struct buf out = { 0 };
    uint64_t ttl_ms;

    store(&f);
    stage_ask(&stage, &out, "PTTL " KEY);
    cr_assert(str_to_u64(buf_str(&out), &ttl_ms));
    cr_assert(ttl_ms > 80000 && ttl_ms <= 90000);
    buf_deinit(&out);
}

Test(remote, replaces_what_lay_under_the_key_whatever_its_type)
{
    struct entry_facts f = facts();

    stage_do(&stage, "LPUSH " KEY " x");
    store(&f);
    cr_assert_not(is_miss());
}

Test(remote, stores_no_body_above_the_limit)
{
    char *body = calloc(1, 10001);
    struct entry_facts f = facts();
    struct entry *e;

    f.body = (struct str){ body, 10001 };
    e = stored(&f);
    free(body);
    cr_assert_not(e->shared);
    cr_assert_eq(stores(STR("too_large")), 1);
    cr_assert(is_miss());
    entry_unref(e);
}

Test(remote, stores_nothing_that_is_past_its_keeping)
{
    struct entry_facts f = facts();

    f.created_ms -= 90001;
    store(&f);
    cr_assert_eq(stores(STR("expired")), 1);
    expect_text("DBSIZE", "0");
}

Test(remote, knows_when_redis_refused_a_store)
{
    struct entry_facts f = facts();
    struct entry *e;

    stage_do(&stage, "CONFIG SET maxmemory 1");
    e = stored(&f);
    cr_assert_eq(stores(STR("refused")), 1);
    cr_assert_not(e->shared);
    entry_unref(e);
}

Test(remote, drops_its_stores_when_the_link_is_freed)
{
    struct entry_facts f = facts();
    struct entry *e = entry_new(&f);

    remote_store(stage.remote, e, loop_shard(stage.loop));
    entry_unref(e);
    stage.remote = (remote_free(stage.remote), NULL);
}

Test(remote, misses_what_is_not_there)
{
    cr_assert(is_miss());
}

Test(remote, deletes_on_demand)
{
    struct entry_facts f = facts();

    store(&f);
    remote_delete(stage.remote, &f);
    cr_assert(is_miss());
}

/* ---- what a hand, another program or another version may have left ---- */

static void expect_damage(const struct str *words, size_t count, bool deleted)
{
    struct entry_facts f = facts();

    store(&f);
    stage_do_words(&stage, words, count);
    cr_assert(is_miss(), "%.*s", STR_ARG(words[count - 1]));
    expect_text("EXISTS " KEY, deleted ? "0" : "1");
}

Test(remote, misses_a_value_of_another_type_and_leaves_it)
{
    expect_damage((struct str[]){ STR("SET"), STR(KEY), STR("text") }, 3, false);
}

Test(remote, misses_and_deletes_what_lacks_a_promised_field)
{
    static const char *const names[] = { "body",     "status",        "content_type",
                                         "model",    "upstream",      "created_ms",
                                         "fresh_ms", "prompt_tokens", "completion_tokens" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        expect_damage((struct str[]){ STR("HDEL"), STR(KEY), str_of(names[i]) }, 3, true);
}

Test(remote, misses_and_deletes_what_is_damaged)
{
    /* clang-format off */
    static const char *const damage[][2] = {
        { "body", "" }, { "body", "{\"choices\":[" }, { "body", "\xff" }, { "body", "{} x" },
        { "status", "banana" }, { "status", "500" }, { "status", "-200" }, { "status", "65736" },
        { "created_ms", "-9e99" }, { "created_ms", "0" }, { "created_ms", "4000000000000000" },
        { "fresh_ms", "99999999999999999999999" }, { "fresh_ms", "18446744073709551615" },
        { "stale_ms", "1e3" }, { "prompt_tokens", "-2" }, { "completion_tokens", "x" },
        { "refusal", "2" }, { "finish_reason", "01234567890123456789012345678901" },
        { "content_type", "text/plain\r\nx: y" }, { "upstream", "a\x7f" }, { "model", "a\n" },
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++)
        expect_damage(
            (struct str[]){ STR("HSET"), STR(KEY), str_of(damage[i][0]), str_of(damage[i][1]) },
            4, true);
}

Test(remote, misses_a_body_above_its_limit_and_leaves_it_to_who_takes_more)
{
    struct buf body = { 0 };
    struct entry_facts f = facts();

    store(&f);
    buf_put_printf(&body, "\"%9999s\"", "");
    stage_do_words(&stage, (struct str[]){ STR("HSET"), STR(KEY), STR("body"), buf_str(&body) },
                   4);
    cr_assert(is_miss());
    expect_text("EXISTS " KEY, "1");
    buf_deinit(&body);
}

Test(remote, misses_a_hash_of_another_program_and_leaves_it)
{
    stage_do(&stage, "HSET " KEY " odd 1");
    cr_assert(is_miss());
    expect_text("EXISTS " KEY, "1");
}

Test(remote, reads_an_answer_with_the_promised_fields_alone)
{
    struct entry_facts f = facts();
    bool away;
    struct entry *found;

    store(&f);
    stage_do(&stage, "HDEL " KEY " stale_ms finish_reason refusal cost_microusd request");
    found = look_up(&away);
    cr_assert(found);
    cr_assert_eq(found->facts.stale_ms, 0);
    entry_unref(found);
}

Test(remote, misses_an_answer_past_its_keeping)
{
    struct entry_facts f = facts();

    store(&f);
    stage_do(&stage, "HSET " KEY " created_ms 1000");
    cr_assert(is_miss());
}

/* ---- verify ---- */

Test(remote, verifies_an_answer_that_stands)
{
    struct entry_facts f = facts();
    struct entry *e = stored(&f);
    uint64_t before_us = clock_now_us();

    cr_assert(verify(e));
    cr_assert_geq(e->verified_us, before_us);
    entry_unref(e);
}

Test(remote, denies_an_answer_that_was_deleted_or_replaced)
{
    struct entry_facts f = facts();
    struct entry *e = stored(&f);

    stage_do(&stage, "HSET " KEY " created_ms 5");
    cr_assert_not(verify(e));
    stage_do(&stage, "DEL " KEY);
    cr_assert_not(verify(e));
    stage_do(&stage, "SET " KEY " text");
    cr_assert_not(verify(e));
    entry_unref(e);
}

Test(remote, lets_stand_what_cannot_be_checked)
{
    struct entry_facts f = facts();
    struct entry *e = stored(&f);
    uint64_t verified_us = e->verified_us;

    kill(stage.server, SIGSTOP);
    cr_assert(verify(e));
    cr_assert_eq(e->verified_us, verified_us);
    entry_unref(e);
}

Test(remote, tells_a_silent_redis_from_a_miss)
{
    bool away = false;

    kill(stage.server, SIGSTOP);
    cr_assert_null(look_up(&away));
    cr_assert(away);
}

Test(remote, ends_a_cancelled_look_up_once_and_later)
{
    struct entry_facts f = facts();
    struct hearing h = { 0 };

    store(&f);
    remote_look_up(stage.remote, &h.op, &f, NULL, on_done);
    remote_cancel(&h.op);
    cr_assert_eq(h.heard, 0);
    stage_run(&stage);
    cr_assert_eq(h.heard, 1);
    cr_assert_null(h.found);
    cr_assert(h.op.away);
    stage_do(&stage, "PING");
    cr_assert_eq(h.heard, 1);
}

Test(remote, ends_a_cancelled_verification_with_nothing)
{
    struct entry_facts f = facts();
    struct entry *e = stored(&f);
    struct hearing h = { 0 };

    remote_verify(stage.remote, &h.op, e, on_done);
    remote_cancel(&h.op);
    stage_run(&stage);
    cr_assert_null(h.found);
    cr_assert(h.op.away);
    entry_unref(e);
}

/* ---- histograms ---- */

Test(remote, adds_counts_and_gives_them_a_ttl)
{
    struct remote_histogram h = { .key = STR("weir:v1:histogram:x"), .ttl_s = 600 };
    struct remote_count counts[40];
    char names[40][8];
    struct buf out = { 0 };
    uint64_t ttl_s;

    for (size_t i = 0; i < 40; i++) {
        int len = snprintf(names[i], sizeof(names[i]), "f%zu", i);

        counts[i] = (struct remote_count){ { names[i], (size_t)len }, i + 1 };
    }
    remote_count(stage.remote, &h, counts, 40);
    remote_count(stage.remote, &h, counts, 1);
    expect_text("HLEN weir:v1:histogram:x", "40");
    expect_text("HGET weir:v1:histogram:x f0", "2");
    expect_text("HGET weir:v1:histogram:x f39", "40");
    stage_ask(&stage, &out, "TTL weir:v1:histogram:x");
    cr_assert(str_to_u64(buf_str(&out), &ttl_s) && ttl_s > 590 && ttl_s <= 600);
    buf_deinit(&out);
}

Test(remote, puts_a_histogram_on_the_index_with_its_last_minute)
{
    struct remote_histogram h = { .key = STR("weir:v1:histogram:x"),
                                  .ttl_s = 600,
                                  .index = STR("weir:v1:histograms"),
                                  .name = STR("m:v:p@plan=pro"),
                                  .minute = 41,
                                  .index_ttl_s = 6000 };
    struct remote_count count = { STR("yes"), 1 };
    struct buf out = { 0 };
    uint64_t ttl_s;

    remote_count(stage.remote, &h, &count, 1);
    h.minute = 42;
    remote_count(stage.remote, &h, &count, 1);
    expect_text("HGET weir:v1:histogram:x yes", "2");
    expect_text("ZCARD weir:v1:histograms", "1");
    expect_text("ZSCORE weir:v1:histograms m:v:p@plan=pro", "42");
    stage_ask(&stage, &out, "TTL weir:v1:histograms");
    cr_assert(str_to_u64(buf_str(&out), &ttl_s) && ttl_s > 5990 && ttl_s <= 6000);
    buf_deinit(&out);
}
