/* SPDX-License-Identifier: Apache-2.0 */
#include "store_redis.h"

#include "meaning.h"

#include "weir/base/clock.h"
#include "weir/base/digest.h"
#include "weir/base/ensure.h"
#include "weir/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct store_redis *store_redis_of(struct store *s)
{
    return container_of(s, struct store_redis, store);
}

void store_redis_end(struct store_redis *s, enum err err)
{
    struct store_op *op = s->op;

    s->op = NULL;
    op->on_done(op, err);
}

/* ---- what people change -------------------------------------------------------------------- */

/* KEYS: pins, the baseline, the index. Another gateway may have pinned it in the meantime. */
static const char drop_text[] = "for _, id in ipairs(redis.call('HVALS', KEYS[1])) do\n"
                                "  if id == ARGV[1] then return 0 end\n"
                                "end\n"
                                "redis.call('DEL', KEYS[2])\n"
                                "redis.call('ZREM', KEYS[3], ARGV[1])\n"
                                "return 1\n";

/* Outlives the call: several may be under way. */
struct errand {
    struct redis_op redis;
    struct store_op *op;
    bool drops;
    struct batch batch;
};

static bool is_zero(const struct redis_reply *reply)
{
    return redis_reply_type(reply) == REDIS_INTEGER && redis_reply_integer(reply) == 0;
}

static void on_changed(struct redis_op *redis, enum err err, const struct redis_reply *reply)
{
    struct errand *c = container_of(redis, struct errand, redis);

    for (size_t i = 0; !err && i < c->batch.count; i++)
        if (!batch_reply(reply, i))
            err = ERR_STORE_DOWN;
        else if (c->drops && is_zero(batch_reply(reply, i)))
            err = ERR_MALFORMED;
    c->op->on_done(c->op, err);
    batch_reset(&c->batch);
    free(c);
}

static void set_in_hash(struct store_redis *s, struct batch *b, struct str key,
                        const struct edit *e, struct str text)
{
    struct str hash = BATCH_KEY(b, s->prefix, key);

    BATCH_ADD(b, STR("HSET"), hash, e->key, text);
    BATCH_ADD(b, STR("EXPIRE"), hash, batch_u64(b, STORE_BASELINE_S));
}

static void take_out(struct store_redis *s, struct batch *b, struct str key,
                     const struct edit *e)
{
    BATCH_ADD(b, STR("HDEL"), BATCH_KEY(b, s->prefix, key), e->key);
}

/* Those that are over leave with the next that comes. */
static void put_silence(struct store_redis *s, struct batch *b, const struct book *book,
                        const struct edit *e)
{
    uint64_t now_ms = clock_wall_ms();

    set_in_hash(s, b, STR("silences"), e, e->text);
    for (size_t i = 0; i < book->silence_count && !batch_is_full(b); i++)
        if (book->silences[i].until_ms <= now_ms)
            BATCH_ADD(b, STR("HDEL"), BATCH_KEY(b, s->prefix, STR("silences")),
                      str_of(book->silences[i].id));
}

static void put_change(struct store_redis *s, struct batch *b, const struct book *book,
                       const struct edit *e)
{
    struct str index = BATCH_KEY(b, s->prefix, STR("baseline_ids"));
    struct str baseline = BATCH_KEY(b, s->prefix, STR("baseline:"), e->key);

    switch (e->kind) {
    case EDIT_BASELINE:
        BATCH_ADD(b, STR("SET"), baseline, e->text, STR("EX"), batch_u64(b, STORE_BASELINE_S));
        BATCH_ADD(b, STR("ZADD"), index, batch_u64(b, e->at_ms), e->key);
        BATCH_ADD(b, STR("EXPIRE"), index, batch_u64(b, STORE_BASELINE_S));
        break;
    case EDIT_DROP:
        BATCH_ADD(b, STR("EVAL"), str_of(drop_text), STR("3"),
                  BATCH_KEY(b, s->prefix, STR("baselines")), baseline, index, e->key);
        break;
    case EDIT_PIN:
        if (e->text.len > 0)
            set_in_hash(s, b, STR("baselines"), e, e->text);
        else
            take_out(s, b, STR("baselines"), e);
        break;
    case EDIT_ACKNOWLEDGE:
        set_in_hash(s, b, STR("acknowledged"), e, batch_u64(b, clock_wall_ms()));
        break;
    case EDIT_SILENCE: put_silence(s, b, book, e); break;
    case EDIT_UNSILENCE: take_out(s, b, STR("silences"), e); break;
    case EDIT_DELIVERED: take_out(s, b, STR("deliveries"), e); break;
    }
}

static void store_redis_edit(struct store *store, struct book *b, const struct edit *edit,
                             struct store_op *op)
{
    struct store_redis *s = store_redis_of(store);
    struct errand *c = MEM_NEW(struct errand);

    c->op = op;
    c->drops = edit->kind == EDIT_DROP;
    put_change(s, &c->batch, b, edit);
    batch_send(&c->batch, s->link, &c->redis, on_changed);
}

/* ---- the past ------------------------------------------------------------------------------ */

enum { RECENT_HOURS = 2 }; /* within them ticks are surely there */

struct past {
    struct redis_op redis;
    struct store_redis *store;
    struct store_op *op;
    struct store_recall recall;
    uint64_t next; /* tick */
    struct batch batch;
    struct {
        uint64_t tick;
        bool is_hour;
        bool is_meaning; /* of the one before */
    } asked[BATCH_MOST];
};

static void ask_past(struct past *p);

static void end_past(struct past *p, enum err err)
{
    p->op->on_done(p->op, err);
    batch_reset(&p->batch);
    free(p);
}

/* An hour's row, and behind its counts what they mean. */
static uint32_t read_hour(struct str text, struct counts *out)
{
    size_t mark = text.len;
    uint32_t meaning = 0;

    while (mark > 0 && text.at[mark - 1] != '#')
        mark--;
    if (mark > 1 && meaning_read(str_cut(text, mark, text.len), &meaning))
        text = str_head(text, mark - 2);
    (void)counts_read(out, text);
    return meaning;
}

static void tell_past(struct past *p, const struct redis_reply *reply, size_t i)
{
    const struct redis_reply *one = batch_reply(reply, i);
    bool has_meaning = i + 1 < p->batch.count && p->asked[i + 1].is_meaning;
    struct counts counts = { 0 };
    uint32_t meaning = 0;
    bool mixed = has_meaning && !store_redis_read_meaning(batch_reply(reply, i + 1), &meaning);

    if (one && redis_reply_type(one) == REDIS_LIST)
        store_redis_read_counts(one, &counts);
    else if (one && redis_reply_type(one) == REDIS_TEXT)
        meaning = read_hour(redis_reply_text(one), &counts);
    if (counts.size > 0 && !mixed && !meaning_differs(meaning, p->recall.meaning))
        p->recall.each(p->recall.ctx, p->asked[i].tick, p->asked[i].is_hour, &counts);
    counts_deinit(&counts);
}

static void on_past(struct redis_op *redis, enum err err, const struct redis_reply *reply)
{
    struct past *p = container_of(redis, struct past, redis);

    if (err) {
        end_past(p, err);
        return;
    }
    for (size_t i = 0; i < p->batch.count; i++)
        if (!p->asked[i].is_meaning)
            tell_past(p, reply, i);
    ask_past(p);
}

static bool is_past_hour(const struct past *p)
{
    return p->next % WINDOW_HOUR == 0 && p->next + WINDOW_HOUR - 1 <= p->recall.to &&
           p->next + (RECENT_HOURS + 1) * WINDOW_HOUR <= p->recall.now;
}

static void ask_past_one(struct past *p)
{
    struct batch *b = &p->batch;
    struct str prefix = p->store->prefix;
    uint64_t hour = p->next / WINDOW_HOUR;

    p->asked[b->count].tick = p->next;
    p->asked[b->count].is_hour = is_past_hour(p);
    p->asked[b->count].is_meaning = false;
    if (is_past_hour(p)) {
        BATCH_ADD(b, STR("HGET"),
                  BATCH_KEY(b, prefix, STR("hours:"), p->recall.member, STR(":"),
                            batch_u64(b, hour / SUBJECT_HOURS_A_DAY)),
                  batch_u64(b, hour % SUBJECT_HOURS_A_DAY));
        p->next += WINDOW_HOUR;
    } else {
        BATCH_ADD(b, STR("HGETALL"),
                  BATCH_KEY(b, prefix, STR("histogram:"), p->recall.member, STR(":"),
                            batch_u64(b, p->next)));
        if (p->recall.meaning != 0) {
            p->asked[b->count].is_meaning = true;
            store_redis_ask_meaning(b, prefix, p->recall.member, p->next);
        }
        p->next++;
    }
}

static void ask_past(struct past *p)
{
    batch_reset(&p->batch);
    while (p->next <= p->recall.to && p->batch.count + 2 <= BATCH_MOST)
        ask_past_one(p);
    if (p->batch.count == 0)
        end_past(p, OK);
    else
        batch_send(&p->batch, p->store->link, &p->redis, on_past);
}

void store_redis_recall(struct store *store, const struct store_recall *recall,
                        struct store_op *op)
{
    struct past *p = MEM_NEW(struct past);

    p->store = store_redis_of(store);
    p->op = op;
    p->recall = *recall;
    p->next = recall->from;
    ensure(recall->from <= recall->to);
    ask_past(p);
}

/* ---- leaving ------------------------------------------------------------------------------- */

static const char leave_text[] =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end\n"
    "return 1\n";

static void store_redis_leave(struct store *store)
{
    struct store_redis *s = store_redis_of(store);
    struct batch batch = { .count = 0 };

    BATCH_ADD(&batch, STR("EVAL"), str_of(leave_text), STR("1"),
              BATCH_KEY(&batch, s->prefix, STR("drift:lease")), str_of(s->holder));
    batch_send(&batch, s->link, NULL, NULL);
    batch_reset(&batch);
}

static void store_redis_free(struct store *store)
{
    struct store_redis *s = store_redis_of(store);

    batch_reset(&s->batch);
    arena_deinit(&s->names);
    free(s);
}

struct store *store_redis_new(struct loop *loop, struct redis *link, struct str prefix)
{
    static const struct store_kind kind = {
        store_redis_load,   store_redis_feed,  store_redis_save, store_redis_edit,
        store_redis_recall, store_redis_leave, store_redis_free,
    };
    struct store_redis *s = MEM_NEW(struct store_redis);
    struct digest holder;
    char hex[DIGEST_HEX];

    s->store.kind = &kind;
    s->loop = loop;
    s->link = link;
    s->prefix = prefix;
    digest_random(&holder, sizeof(holder));
    digest_hex(&holder, hex);
    memcpy(s->holder, hex, sizeof(s->holder) - 1);
    return &s->store;
}
