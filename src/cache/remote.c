/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/cache/remote.h"

#include "record.h"
#include "remote_inner.h"
#include "weir/base/clock.h"
#include "weir/base/ensure.h"
#include "weir/base/escape.h"
#include "weir/base/mem.h"
#include "weir/base/metric.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Redis is a stranger whose word is read with care. Three things it may say of an answer:
 * here it is, I have none, and anything else, which counts as if it were away. Only the second
 * makes other gateways' and our own memory forget.
 */

struct remote *remote_new(struct redis *link, const struct remote_settings *s)
{
    struct remote *r = MEM_NEW(struct remote);

    r->link = link;
    r->settings = *s;
    if (s->most_bytes == 0 || s->most_bytes > REMOTE_ENTRY_BYTES)
        r->settings.most_bytes = REMOTE_ENTRY_BYTES;
    return r;
}

void remote_free(struct remote *r)
{
    free(r);
}

bool remote_is_up(const struct remote *r)
{
    return redis_is_up(r->link);
}

static void put_name(struct buf *out, struct str name)
{
    enum err err = escape_add(out, name);

    ensure(!err);
}

void remote_key(const struct remote_settings *s, const struct entry_facts *of, struct buf *out)
{
    char hex[DIGEST_HEX];

    digest_hex(&of->key, hex);
    buf_put(out, s->prefix);
    buf_put(out, STR("v1:answer:"));
    put_name(out, of->scope);
    buf_put(out, STR(":"));
    put_name(out, of->model);
    buf_put(out, STR(":"));
    buf_put_text(out, hex);
}

bool remote_is_wrong_type(const struct redis_reply *reply)
{
    return redis_reply_type(reply) == REDIS_ERROR &&
           str_starts(redis_reply_text(reply), STR("WRONGTYPE"));
}

void remote_begin(struct remote_op *op, struct remote *r, remote_fn *on_done)
{
    op->remote = r;
    op->on_done = on_done;
    op->entry = NULL;
    op->started_us = clock_now_us();
    op->away = false;
    op->lease = LEASE_NONE;
    op->lease_left_ms = 0;
}

static void send_one(struct remote *r, struct redis_op *op, const struct str *words,
                     size_t count, redis_fn *on_done)
{
    struct redis_command command = { words, count };

    redis_start(r->link, op, &command, 1, on_done);
}

/* ---- verify ------------------------------------------------------------------------ */

static bool stands(struct remote_op *op, const struct redis_reply *reply)
{
    uint64_t created_ms;

    if (redis_reply_type(reply) == REDIS_NIL || remote_is_wrong_type(reply))
        return false;
    if (redis_reply_type(reply) != REDIS_TEXT) {
        op->away = true;
        return true;
    }
    return str_to_u64(redis_reply_text(reply), &created_ms) &&
           created_ms == op->entry->facts.created_ms;
}

static void on_verified(struct redis_op *redis, enum err err, const struct redis_reply *reply)
{
    struct remote_op *op = container_of(redis, struct remote_op, redis);
    struct entry *e = NULL;

    op->away = err != OK;
    if (err ? err != ERR_CANCELLED : stands(op, reply))
        e = steal(&op->entry);
    if (e && !op->away)
        atomic_store(&e->verified_us, op->started_us);
    entry_unref(op->entry);
    op->entry = NULL;
    op->on_done(op, e);
}

void remote_verify(struct remote *r, struct remote_op *op, struct entry *e, remote_fn *on_done)
{
    struct buf key = { 0 };

    remote_begin(op, r, on_done);
    op->entry = entry_ref(e);
    remote_key(&r->settings, &e->facts, &key);
    send_one(r, &op->redis, (struct str[]){ STR("HGET"), buf_str(&key), STR("created_ms") }, 3,
             on_verified);
    buf_deinit(&key);
}

void remote_cancel(struct remote_op *op)
{
    redis_cancel(&op->redis);
}

/* ---- store ------------------------------------------------------------------------- */

/* Outlives the remote: it may end when the link is freed. */
struct store {
    struct redis_op redis;
    struct metric_shard *shard; /* lent by the loop */
    struct entry *entry;        /* one reference */
};

static void count_store(struct metric_shard *shard, struct str result)
{
    metric_add(shard, METRIC_STORES, 1, METRIC_LABEL(STR("redis"), result));
}

static bool is_refused(const struct redis_reply *reply)
{
    if (redis_reply_type(reply) != REDIS_LIST)
        return true;
    for (size_t i = 0; i < redis_reply_count(reply); i++)
        if (redis_reply_type(redis_reply_at(reply, i)) == REDIS_ERROR)
            return true;
    return false;
}

static void on_stored(struct redis_op *redis, enum err err, const struct redis_reply *reply)
{
    struct store *s = container_of(redis, struct store, redis);

    if (err) {
        count_store(s->shard, STR("error")); /* it may hold it nevertheless */
    } else if (is_refused(reply)) {
        count_store(s->shard, STR("refused"));
        atomic_store(&s->entry->shared, false);
    } else {
        count_store(s->shard, STR("stored"));
    }
    entry_unref(s->entry);
    free(s);
}

static void send_store(struct remote *r, struct store *s, struct str key, int64_t left_ms)
{
    const struct entry_facts *facts = &s->entry->facts;
    bool with_request = r->settings.store_requests && facts->request.len > 0 &&
                        facts->request.len <= r->settings.most_bytes;
    char ttl[RECORD_NUMBER];
    int ttl_len = snprintf(ttl, sizeof(ttl), "%" PRId64, left_ms);
    struct record_words record;
    struct str hset[2 + 2 * RECORD_FIELDS] = { STR("HSET"), key };
    const struct str del[] = { STR("DEL"), key };
    const struct str pexpire[] = { STR("PEXPIRE"), key, { ttl, (size_t)ttl_len } };
    struct redis_command commands[] = {
        { &STR("MULTI"), 1 }, { del, 2 }, { hset, 0 }, { pexpire, 3 }, { &STR("EXEC"), 1 },
    };

    record_write(&record, facts, with_request);
    memcpy(hset + 2, record.words, record.count * sizeof(record.words[0]));
    commands[2].count = 2 + record.count;
    redis_start(r->link, &s->redis, commands, sizeof(commands) / sizeof(commands[0]),
                on_stored);
}

bool remote_store(struct remote *r, struct entry *e, struct metric_shard *shard)
{
    int64_t left_ms = entry_ttl_ms(e, clock_wall_ms()) + (int64_t)e->facts.stale_ms;
    struct buf key = { 0 };
    struct store *s;

    if (e->facts.body.len > r->settings.most_bytes) {
        count_store(shard, STR("too_large"));
        return false;
    }
    if (left_ms <= 0) {
        count_store(shard, STR("expired"));
        return false;
    }
    atomic_store(&e->verified_us, clock_now_us());
    atomic_store(&e->shared, true);
    if (!remote_is_up(r)) {
        count_store(shard, STR("down"));
        return false;
    }
    s = MEM_NEW(struct store);
    s->shard = shard;
    s->entry = entry_ref(e);
    remote_key(&r->settings, &e->facts, &key);
    send_store(r, s, buf_str(&key), left_ms);
    buf_deinit(&key);
    return true;
}

void remote_delete(struct remote *r, const struct entry_facts *of)
{
    struct buf key = { 0 };

    remote_key(&r->settings, of, &key);
    send_one(r, NULL, (struct str[]){ STR("DEL"), buf_str(&key) }, 2, NULL);
    buf_deinit(&key);
}

/* ---- histograms -------------------------------------------------------------------- */

enum { BATCH = 32, COUNT_WORDS = 4, OTHER_COMMANDS = 5 };

/* What goes out in one transaction: a key without a TTL would stay for ever. */
struct batch {
    struct redis_command commands[BATCH + OTHER_COMMANDS];
    size_t count;
    struct str words[BATCH + OTHER_COMMANDS][COUNT_WORDS];
    char numbers[BATCH + OTHER_COMMANDS][RECORD_NUMBER];
};

static void add_words(struct batch *b, const struct str *words, size_t count)
{
    memcpy(b->words[b->count], words, count * sizeof(*words));
    b->commands[b->count] = (struct redis_command){ b->words[b->count], count };
    b->count++;
}

static struct str number(struct batch *b, uint64_t n)
{
    int len = snprintf(b->numbers[b->count], RECORD_NUMBER, "%" PRIu64, n);

    return (struct str){ b->numbers[b->count], (size_t)len };
}

static void add_expire(struct batch *b, struct str key, uint64_t ttl_s)
{
    add_words(b, (struct str[]){ STR("EXPIRE"), key, number(b, ttl_s) }, 3);
}

static void send_counts(struct remote *r, const struct remote_histogram *h,
                        const struct remote_count *counts, size_t n)
{
    struct batch b = { .count = 0 };

    add_words(&b, &STR("MULTI"), 1);
    for (size_t i = 0; i < n; i++)
        add_words(
            &b,
            (struct str[]){ STR("HINCRBY"), h->key, counts[i].field, number(&b, counts[i].by) },
            4);
    add_expire(&b, h->key, h->ttl_s);
    if (h->index.len > 0) {
        add_words(&b, (struct str[]){ STR("ZADD"), h->index, number(&b, h->minute), h->name },
                  4);
        add_expire(&b, h->index, h->index_ttl_s);
    }
    add_words(&b, &STR("EXEC"), 1);
    redis_start(r->link, NULL, b.commands, b.count, NULL);
}

void remote_count(struct remote *r, const struct remote_histogram *h,
                  const struct remote_count *counts, size_t n)
{
    while (n > 0) {
        size_t batch = n < BATCH ? n : BATCH;

        send_counts(r, h, counts, batch);
        counts += batch;
        n -= batch;
    }
}
