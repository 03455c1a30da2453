/* SPDX-License-Identifier: Apache-2.0 */
#include "store_redis.h"

#include "meaning.h"

/*
 * Ticks that were not folded yet, each histogram's in their order. Most of the time that is one
 * tick of those histograms that had answers in it. Who takes over after a silence looks back
 * STORE_CATCH_UP ticks.
 */

enum { MOST_ASKED = 4 }; /* about one tick */

void store_redis_read_counts(const struct redis_reply *reply, struct counts *out)
{
    for (size_t i = 0; i + 1 < redis_reply_count(reply); i += 2) {
        uint64_t n;

        if (str_to_u64(redis_reply_text(redis_reply_at(reply, i + 1)), &n))
            counts_add(out, redis_reply_text(redis_reply_at(reply, i)), n);
    }
}

static void ask(struct store_redis *s);

static void read_counts(const struct redis_reply *reply, size_t i, struct counts *out)
{
    const struct redis_reply *one = batch_reply(reply, i);

    if (one && redis_reply_type(one) == REDIS_LIST)
        store_redis_read_counts(one, out);
}

void store_redis_ask_meaning(struct batch *b, struct str prefix, struct str member,
                             uint64_t tick)
{
    BATCH_ADD(b, STR("HGETALL"),
              BATCH_KEY(b, prefix, STR("definition:"), member, STR(":"), batch_u64(b, tick)));
}

bool store_redis_read_meaning(const struct redis_reply *reply, uint32_t *out)
{
    size_t count = reply && redis_reply_type(reply) == REDIS_LIST ? redis_reply_count(reply)
                                                                  : 0;

    *out = 0;
    return count <= 2 &&
           (count == 0 || meaning_read(redis_reply_text(redis_reply_at(reply, 0)), out));
}

/* What the control said: nothing of use where it was counted by another definition. */
static void read_control(const struct redis_reply *reply, size_t i, bool defined,
                         const struct drift_tick *of, struct counts *out)
{
    uint32_t meaning = 0;

    if (defined && (!store_redis_read_meaning(batch_reply(reply, i + 1), &meaning) ||
                    meaning_differs(meaning, of->meaning)))
        return;
    read_counts(reply, i, out);
}

static void tell(struct store_redis *s, const struct redis_reply *reply, size_t i)
{
    const struct asked *asked = &s->asked[i];
    struct counts counts = { 0 }, control = { 0 };
    struct drift_tick tick = { .tick = asked->tick,
                               .counts = &counts,
                               .control = asked->paired ? &control : NULL };

    read_counts(reply, i, &counts);
    if (asked->defined)
        tick.mixed = !store_redis_read_meaning(batch_reply(reply, i + 1), &tick.meaning);
    if (asked->paired)
        read_control(reply, i + 1 + asked->defined, asked->defined, &tick, &control);
    if (counts.size > 0)
        s->feed.each(s->feed.ctx, asked->subject, &tick);
    counts_deinit(&counts);
    counts_deinit(&control);
}

static void on_ticks(struct redis_op *op, enum err err, const struct redis_reply *reply)
{
    struct store_redis *s = container_of(op, struct store_redis, redis);

    if (err) {
        store_redis_end(s, err);
        return;
    }
    for (size_t i = 0; i < s->batch.count; i++)
        if (s->asked[i].subject)
            tell(s, reply, i);
    ask(s);
}

/* Its counts, and what they mean. */
static void ask_member(struct store_redis *s, struct str member, uint64_t tick, bool defined)
{
    BATCH_ADD(&s->batch, STR("HGETALL"),
              BATCH_KEY(&s->batch, s->prefix, STR("histogram:"), member, STR(":"),
                        batch_u64(&s->batch, tick)));
    if (defined) {
        s->asked[s->batch.count] = (struct asked){ .subject = NULL };
        store_redis_ask_meaning(&s->batch, s->prefix, member, tick);
    }
}

/* The control's of the tick stand behind its own. */
static void ask_tick(struct store_redis *s, struct subject *subject, uint64_t tick)
{
    struct buf control = { 0 };
    struct asked *asked = &s->asked[s->batch.count];

    *asked = (struct asked){ .subject = subject, .tick = tick, .defined = !subject->fixed };
    asked->paired = subject_put_control(subject, &control);
    ask_member(s, subject->member, tick, asked->defined);
    if (asked->paired) {
        s->asked[s->batch.count] = (struct asked){ .subject = NULL };
        ask_member(s, buf_str(&control), tick, asked->defined);
    }
    buf_deinit(&control);
}

static uint64_t first_tick(const struct store_redis *s, const struct subject *subject)
{
    uint64_t upto = s->feed.upto;
    uint64_t back = upto > STORE_CATCH_UP ? upto - STORE_CATCH_UP + 1 : 1;

    return subject->tick + 1 > back ? subject->tick + 1 : back;
}

/* Goes on where it stopped: at a tick of a histogram. */
static void ask(struct store_redis *s)
{
    batch_reset(&s->batch);
    while (s->at < s->book->subject_count && s->batch.count + MOST_ASKED <= BATCH_MOST) {
        struct subject *subject = s->book->subjects[s->at];
        uint64_t last = subject->last < s->feed.upto ? subject->last : s->feed.upto;

        if (s->next_tick == 0)
            s->next_tick = first_tick(s, subject);
        if (subject->unread || s->next_tick > last) {
            s->at++;
            s->next_tick = 0;
            continue;
        }
        ask_tick(s, subject, s->next_tick++);
    }
    if (s->batch.count == 0)
        store_redis_end(s, OK);
    else
        batch_send(&s->batch, s->link, &s->redis, on_ticks);
}

static void begin(struct deferred *d)
{
    ask(container_of(d, struct store_redis, turn));
}

void store_redis_feed(struct store *store, struct book *b, const struct store_feed *feed,
                      struct store_op *op)
{
    struct store_redis *s = store_redis_of(store);

    s->op = op;
    s->book = b;
    s->feed = *feed;
    s->at = s->next_tick = 0;
    loop_defer(s->loop, &s->turn, begin);
}
