/* SPDX-License-Identifier: Apache-2.0 */
#include "store_redis.h"

#include "weir/base/ensure.h"

/*
 * A histogram's state goes to Redis with the alarms, changes and closed hours that came of it,
 * in one script: neither is there without the other, so whoever takes over after a crash finds
 * either the tick unjudged, or its alarm raised. A state that is not later than what Redis has
 * is not taken; then somebody else judged in the meantime, and has written the same rows.
 */

/*
 * KEYS: state, the tick that was folded last, baseline, alarms, deliveries, changes, one for
 * each alarm, one for each hour. A stamp far ahead is of a time when ticks were shorter, and is
 * no stamp.
 */
static const char save_text[] =
    "local have = redis.call('HGET', KEYS[1], 'stamp')\n"
    "if have and tonumber(have) >= tonumber(ARGV[1])\n"
    "   and tonumber(have) < tonumber(ARGV[5]) then return 0 end\n"
    "redis.call('HSET', KEYS[1], 'stamp', ARGV[1], 'state', ARGV[2])\n"
    "redis.call('EXPIRE', KEYS[1], ARGV[3])\n"
    "redis.call('EXPIRE', KEYS[2], ARGV[6])\n"
    "redis.call('EXPIRE', KEYS[3], ARGV[4])\n"
    "local alarms, changes, a = tonumber(ARGV[7]), tonumber(ARGV[8]), 10\n"
    "for i = 1, alarms do\n"
    "  redis.call('SET', KEYS[6 + i], ARGV[a + 3], 'EX', ARGV[3])\n"
    "  redis.call('ZADD', KEYS[4], ARGV[a + 1], ARGV[a])\n"
    "  redis.call('EXPIRE', KEYS[4], ARGV[3])\n"
    "  redis.call('HSET', KEYS[5], ARGV[a + 2], ARGV[a + 3])\n"
    "  redis.call('EXPIRE', KEYS[5], ARGV[3])\n"
    "  a = a + 4\n"
    "end\n"
    "for i = 1, changes do\n"
    "  redis.call('ZADD', KEYS[6], ARGV[a + 1], ARGV[a + 3])\n"
    "  for _, old in ipairs(redis.call('ZRANGE', KEYS[6], 0, -ARGV[9] - 1)) do\n"
    "    redis.call('ZREM', KEYS[6], old)\n"
    "  end\n"
    "  redis.call('EXPIRE', KEYS[6], ARGV[3])\n"
    "  redis.call('HSET', KEYS[5], ARGV[a + 2], ARGV[a + 3])\n"
    "  redis.call('EXPIRE', KEYS[5], ARGV[3])\n"
    "  a = a + 4\n"
    "end\n"
    "for i = 7 + alarms, #KEYS do\n"
    "  redis.call('HSET', KEYS[i], ARGV[a], ARGV[a + 1])\n"
    "  redis.call('EXPIRE', KEYS[i], ARGV[3])\n"
    "  a = a + 2\n"
    "end\n"
    "return 1\n";

enum {
    AT_ONCE = 16,     /* states in one round, of some kilobytes each */
    MOST_WORDS = 512, /* of one script's call: some rows come of a long catching up */
    FIXED_WORDS = 20
};

struct call {
    struct str words[MOST_WORDS];
    size_t count;
};

static void add(struct call *c, struct str word)
{
    c->words[c->count++] = word;
}

static bool is_of(const struct row *row, const struct subject *subject, enum row_kind kind)
{
    return row->subject == subject && row->kind == kind;
}

static struct str hours_key(struct store_redis *s, const struct subject *subject, uint64_t hour)
{
    return BATCH_KEY(&s->batch, s->prefix, STR("hours:"), subject->member, STR(":"),
                     batch_u64(&s->batch, hour / SUBJECT_HOURS_A_DAY));
}

static void add_keys(struct store_redis *s, struct call *c, const struct subject *subject)
{
    const struct baseline *b = subject_baseline(subject);
    struct batch *batch = &s->batch;
    struct str state = BATCH_KEY(batch, s->prefix, STR("drift:"), subject->member);

    add(c, state);
    add(c, BATCH_KEY(batch, s->prefix, STR("histogram:"), subject->member, STR(":"),
                     batch_u64(batch, subject->tick)));
    add(c, b ? BATCH_KEY(batch, s->prefix, STR("baseline:"), str_of(b->id)) : state);
    add(c, BATCH_KEY(batch, s->prefix, STR("alarms")));
    add(c, BATCH_KEY(batch, s->prefix, STR("deliveries")));
    add(c, BATCH_KEY(batch, s->prefix, STR("changes")));
    for (size_t i = 0; i < s->book->row_count; i++)
        if (is_of(&s->book->rows[i], subject, ROW_ALARM))
            add(c, BATCH_KEY(batch, s->prefix, STR("alarm:"), s->book->rows[i].id));
    for (size_t i = 0; i < s->book->row_count; i++)
        if (is_of(&s->book->rows[i], subject, ROW_HOUR))
            add(c, hours_key(s, subject, s->book->rows[i].at_ms));
}

/* Alarms, or changes. */
static void add_told(struct store_redis *s, struct call *c, const struct subject *subject,
                     enum row_kind kind)
{
    struct batch *batch = &s->batch;

    for (size_t i = 0; i < s->book->row_count; i++) {
        const struct row *row = &s->book->rows[i];
        struct str word = str_of(book_row_word(row));

        if (!is_of(row, subject, kind))
            continue;
        add(c, row->id);
        add(c, batch_u64(batch, row->at_ms));
        add(c, arena_join(&batch->words, (struct str[]){ row->id, STR(":"), word }, 3));
        add(c, row->text);
    }
}

static void add_rows(struct store_redis *s, struct call *c, const struct subject *subject)
{
    struct batch *batch = &s->batch;

    add_told(s, c, subject, ROW_ALARM);
    add_told(s, c, subject, ROW_CHANGE);
    for (size_t i = 0; i < s->book->row_count; i++) {
        const struct row *row = &s->book->rows[i];

        if (!is_of(row, subject, ROW_HOUR))
            continue;
        add(c, batch_u64(batch, row->at_ms % SUBJECT_HOURS_A_DAY));
        add(c, row->text);
    }
}

/* How many of its rows are of each kind; returns how many words all of them take. */
static size_t count_rows(const struct book *b, const struct subject *subject,
                         size_t counts[ROW_HOUR + 1])
{
    for (size_t i = 0; i < b->row_count; i++)
        if (b->rows[i].subject == subject)
            counts[b->rows[i].kind]++;
    return 5 * counts[ROW_ALARM] + 4 * counts[ROW_CHANGE] + 3 * counts[ROW_HOUR];
}

static void ask_one(struct store_redis *s, struct subject *subject)
{
    struct call c = { .count = 0 };
    struct batch *batch = &s->batch;
    struct buf text = { 0 };
    size_t counts[ROW_HOUR + 1] = { 0 }, keys;
    size_t words = count_rows(s->book, subject, counts);

    ensure(words + FIXED_WORDS < MOST_WORDS);
    subject_put(subject, &text);
    add(&c, STR("EVAL"));
    add(&c, str_of(save_text));
    add(&c, STR("")); /* how many keys: known when they stand */
    add_keys(s, &c, subject);
    keys = c.count - 3;
    c.words[2] = batch_u64(batch, keys);
    add(&c, batch_u64(batch, subject_stamp(subject)));
    add(&c, buf_str(&text));
    add(&c, batch_u64(batch, STORE_STATE_S));
    add(&c, batch_u64(batch, STORE_BASELINE_S));
    add(&c, batch_u64(batch, subject_stamp_at(s->now.tick + STORE_AHEAD)));
    add(&c, batch_u64(batch, s->now.keep_s));
    add(&c, batch_u64(batch, counts[ROW_ALARM]));
    add(&c, batch_u64(batch, counts[ROW_CHANGE]));
    add(&c, batch_u64(batch, BOOK_CHANGES));
    add_rows(s, &c, subject);
    s->asked[batch->count].subject = subject;
    batch_add(batch, c.words, c.count);
    buf_deinit(&text);
}

static void ask(struct store_redis *s);

static void on_saved(struct redis_op *op, enum err err, const struct redis_reply *reply)
{
    struct store_redis *s = container_of(op, struct store_redis, redis);

    for (size_t i = 0; !err && i < s->batch.count; i++) {
        const struct redis_reply *one = batch_reply(reply, i);
        struct subject *subject = s->asked[i].subject;

        if (!one || redis_reply_type(one) != REDIS_INTEGER) {
            err = ERR_STORE_DOWN;
            break;
        }
        subject->unsaved = false;
        subject->unread = redis_reply_integer(one) == 0;
    }
    if (err)
        store_redis_end(s, err);
    else
        ask(s);
}

static void ask(struct store_redis *s)
{
    batch_reset(&s->batch);
    for (; s->at < s->book->subject_count && s->batch.count < AT_ONCE; s->at++)
        if (s->book->subjects[s->at]->unsaved)
            ask_one(s, s->book->subjects[s->at]);
    if (s->batch.count > 0) {
        batch_send(&s->batch, s->link, &s->redis, on_saved);
        return;
    }
    book_rows_written(s->book);
    store_redis_end(s, OK);
}

static void begin(struct deferred *d)
{
    ask(container_of(d, struct store_redis, turn));
}

void store_redis_save(struct store *store, struct book *b, struct store_op *op)
{
    struct store_redis *s = store_redis_of(store);

    s->op = op;
    s->book = b;
    s->at = 0;
    loop_defer(s->loop, &s->turn, begin);
}
