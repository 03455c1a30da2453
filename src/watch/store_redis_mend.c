/* SPDX-License-Identifier: Apache-2.0 */
#include "store_redis.h"

#include "weir/base/log.h"

/*
 * What Redis has lost is written again, by everyone who still knows it: Redis may have been
 * emptied, begun anew without its file, or thrown keys out for want of memory. Nothing that is
 * there by now is overwritten, so it does not matter who comes first. What is listed and whose time
 * was over leaves the list; had it been in force, who knows it finds it missing there.
 *
 * A baseline in force is never dropped, and a histogram that is judged has a pin: where these are
 * missing they were lost. Where no pin at all is left, so is everything else, and all that the
 * book has is written; pins last and at once, for a loss is known by them.
 */

enum { MOST_COMMANDS = 3 }; /* for one thing */

/* Fields of a hash that has none of the name; by the commands that a user of Redis has anyway. */
static const char fields_text[] = "for i = 2, #ARGV, 2 do\n"
                                  "  if not redis.call('HGET', KEYS[1], ARGV[i]) then\n"
                                  "    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])\n"
                                  "  end\n"
                                  "end\n"
                                  "redis.call('EXPIRE', KEYS[1], ARGV[1])\n"
                                  "return 1\n";

/* KEYS: the baseline, the index. Somebody may have made it anew in the meantime. */
static const char expired_text[] = "if not redis.call('GET', KEYS[1]) then\n"
                                   "  redis.call('ZREM', KEYS[2], ARGV[1])\n"
                                   "end\n"
                                   "return 1\n";

/* ---- one thing each ------------------------------------------------------------------------ */

static void put_baseline(struct store_redis *s, size_t i)
{
    struct batch *b = &s->batch;
    const struct baseline *baseline = book_baseline(s->book, s->lost[i].at);
    struct str index = BATCH_KEY(b, s->prefix, STR("baseline_ids"));
    struct buf json = { 0 };

    if (!baseline)
        return;
    baseline_put(baseline, &json);
    BATCH_ADD(b, STR("SET"), BATCH_KEY(b, s->prefix, STR("baseline:"), s->lost[i]),
              buf_str(&json), STR("NX"), STR("EX"), batch_u64(b, STORE_BASELINE_S));
    BATCH_ADD(b, STR("ZADD"), index, batch_u64(b, baseline->created_ms), s->lost[i]);
    BATCH_ADD(b, STR("EXPIRE"), index, batch_u64(b, STORE_BASELINE_S));
    buf_deinit(&json);
}

static void take_out_expired(struct store_redis *s, size_t i)
{
    struct batch *b = &s->batch;

    BATCH_ADD(b, STR("EVAL"), str_of(expired_text), STR("2"),
              BATCH_KEY(b, s->prefix, STR("baseline:"), s->expired[i]),
              BATCH_KEY(b, s->prefix, STR("baseline_ids")), s->expired[i]);
}

static void put_in_hash(struct store_redis *s, struct str name, const char *key,
                        const char *text)
{
    struct batch *b = &s->batch;

    BATCH_ADD(b, STR("EVAL"), str_of(fields_text), STR("1"), BATCH_KEY(b, s->prefix, name),
              batch_u64(b, STORE_BASELINE_S), str_of(key), str_of(text));
}

static void put_silence(struct store_redis *s, size_t i)
{
    put_in_hash(s, STR("silences"), s->book->silences[i].id, s->book->silences[i].json);
}

static void put_delivery(struct store_redis *s, size_t i)
{
    put_in_hash(s, STR("deliveries"), s->book->deliveries[i].key, s->book->deliveries[i].json);
}

static void put_alarm(struct store_redis *s, size_t i)
{
    const struct alarm *alarm = s->book->alarms[i];
    struct batch *b = &s->batch;
    struct str id = str_of(alarm->id), index = BATCH_KEY(b, s->prefix, STR("alarms"));
    struct buf json = { 0 };

    alarm_put(alarm, &json);
    BATCH_ADD(b, STR("SET"), BATCH_KEY(b, s->prefix, STR("alarm:"), id), buf_str(&json),
              STR("NX"), STR("EX"), batch_u64(b, STORE_STATE_S));
    BATCH_ADD(b, STR("ZADD"), index, STR("NX"), batch_u64(b, alarm->updated_ms), id);
    BATCH_ADD(b, STR("EXPIRE"), index, batch_u64(b, STORE_STATE_S));
    buf_deinit(&json);
}

static void put_histogram(struct store_redis *s, size_t i)
{
    const struct subject *subject = s->book->subjects[i];
    struct batch *b = &s->batch;
    struct str index = BATCH_KEY(b, s->prefix, STR("histograms"));

    if (subject->last == 0)
        return;
    BATCH_ADD(b, STR("ZADD"), index, STR("NX"), batch_u64(b, subject->last), subject->member);
    BATCH_ADD(b, STR("EXPIRE"), index, batch_u64(b, STORE_STATE_S));
}

static void put_pins(struct store_redis *s, size_t i)
{
    const struct book *book = s->book;
    struct batch *b = &s->batch;
    size_t count = 5;
    struct str *words = arena_take(&b->words, (count + 2 * book->pin_count) * sizeof(*words));

    (void)i;
    words[0] = STR("EVAL");
    words[1] = str_of(fields_text);
    words[2] = STR("1");
    words[3] = BATCH_KEY(b, s->prefix, STR("baselines"));
    words[4] = batch_u64(b, STORE_BASELINE_S);
    for (size_t k = 0; k < book->pin_count; k++) {
        words[count++] = str_of(book->pins[k].member);
        words[count++] = str_of(book->pins[k].baseline);
    }
    batch_add(b, words, count);
}

/* ---- all of them, one after the other -------------------------------------------------------- */

static size_t count_baselines(const struct store_redis *s)
{
    return s->lost_count;
}

static size_t count_expired(const struct store_redis *s)
{
    return s->book->ours ? s->expired_count : 0;
}

static size_t count_silences(const struct store_redis *s)
{
    return s->emptied ? s->book->silence_count : 0;
}

static size_t count_deliveries(const struct store_redis *s)
{
    return s->emptied ? s->book->delivery_count : 0;
}

static size_t count_alarms(const struct store_redis *s)
{
    return s->emptied ? s->book->alarm_count : 0;
}

static size_t count_histograms(const struct store_redis *s)
{
    return s->emptied ? s->book->subject_count : 0;
}

static size_t count_pins(const struct store_redis *s)
{
    return (s->emptied || s->unpinned) && s->book->pin_count > 0 ? 1 : 0;
}

static const struct part {
    size_t (*count)(const struct store_redis *s);
    void (*put)(struct store_redis *s, size_t i);
} parts[] = {
    { count_baselines, put_baseline }, { count_expired, take_out_expired },
    { count_silences, put_silence },   { count_deliveries, put_delivery },
    { count_alarms, put_alarm },       { count_histograms, put_histogram },
    { count_pins, put_pins },
};

enum { PARTS = sizeof(parts) / sizeof(parts[0]) };

static void write_some(struct store_redis *s);

static void on_written(struct redis_op *op, enum err err, const struct redis_reply *reply)
{
    struct store_redis *s = container_of(op, struct store_redis, redis);

    (void)reply;
    if (err)
        store_redis_end(s, err);
    else
        write_some(s);
}

static void write_some(struct store_redis *s)
{
    batch_reset(&s->batch);
    while (s->part < PARTS && s->batch.count + MOST_COMMANDS <= BATCH_MOST) {
        if (s->at < parts[s->part].count(s)) {
            parts[s->part].put(s, s->at++);
        } else {
            s->part++;
            s->at = 0;
        }
    }
    if (s->batch.count > 0)
        batch_send(&s->batch, s->link, &s->redis, on_written);
    else
        store_redis_end(s, OK);
}

/* What a histogram is judged by is pinned to it. */
static bool pin_judged(struct book *b)
{
    struct buf pin = { 0 };
    bool some = false;

    for (size_t i = 0; i < b->subject_count; i++) {
        const struct subject *subject = b->subjects[i];
        const struct baseline *judged_by = subject_baseline(subject);

        if (!judged_by || book_pinned(b, subject))
            continue;
        buf_reset(&pin);
        book_put_pin(&pin, &subject->of);
        book_pin(b, buf_str(&pin), judged_by->id);
        some = true;
    }
    buf_deinit(&pin);
    return some;
}

void store_redis_mend(struct store_redis *s)
{
    struct book *b = s->book;
    bool lost;

    s->part = s->at = 0;
    s->unpinned = b->ours && pin_judged(b);
    lost = s->emptied || s->unpinned || s->lost_count > 0;
    for (size_t i = 0; lost && b->ours && i < b->subject_count; i++)
        if (b->subjects[i]->tick > 0 && !b->subjects[i]->unread)
            b->subjects[i]->unsaved = true;
    if (lost && !s->mending)
        log_warn("drift_written_again", F_U64("baselines", s->lost_count),
                 F_U64("pins", count_pins(s) > 0 ? b->pin_count : 0),
                 F_TEXT("why", s->emptied ? "Redis has been emptied"
                                          : "Redis has lost what is judged by"));
    s->mending = lost;
    write_some(s);
}
