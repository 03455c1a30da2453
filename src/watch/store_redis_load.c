/* SPDX-License-Identifier: Apache-2.0 */
#include "store_redis.h"

#include "weir/base/log.h"
#include "weir/base/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Filling the book, in three rounds of questions: who judges and what there is; the alarms and
 * baselines that are new to us; the states of histograms. Where there is not room for all of
 * these, it is chosen before the third (store_redis_choose.c). What the book has and Redis should
 * have is written again then (store_redis_mend.c). Who judges asks for a state once,
 * since nobody else changes it then; the others ask anew each time.
 */

/* Whoever has the lease keeps it; it is free when nobody has it. */
static const char lease_text[] = "local by = redis.call('GET', KEYS[1])\n"
                                 "if by and by ~= ARGV[1] then return 0 end\n"
                                 "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
                                 "return 1\n";

enum {
    LEASE,
    HISTOGRAMS,
    PINS,
    BASELINES,
    ALARMS,
    ACKNOWLEDGED,
    SILENCES,
    DELIVERIES,
    CHANGES,
    BEHIND
};

/* ---- states: the third round --------------------------------------------------------------- */

/* Nothing else may judge by a state that cannot be read: it begins anew, and that is told. */
static void begin_anew(struct subject *subject, const char *why)
{
    log_warn("drift_state_refused", F_STR("histogram", subject->member), F_TEXT("why", why));
    subject->unread = false;
}

static void take_state(struct store_redis *s, struct subject *subject,
                       const struct redis_reply *reply)
{
    char id[BASELINE_ID];
    const struct baseline *b;
    uint64_t stamp;
    struct str text;

    if (!reply || redis_reply_type(reply) != REDIS_TEXT) {
        subject->unread = !reply; /* nil: there is none yet */
        return;
    }
    text = redis_reply_text(reply);
    if (!subject_peek(text, id, &stamp)) {
        begin_anew(subject, "it is damaged");
        return;
    }
    b = id[0] ? book_baseline(s->book, id) : NULL;
    if (id[0] && !b)
        begin_anew(subject, "its baseline is gone");
    else if (stamp > subject_stamp_at(s->now.tick + STORE_AHEAD))
        begin_anew(subject, "its ticks had another length");
    else if (stamp <= subject_stamp(subject) && subject->tick > 0)
        subject->unread = false;
    else if (subject_read(subject, text, b))
        subject->unread = subject->unsaved = false;
    else
        begin_anew(subject, "it is damaged");
}

static void on_states(struct redis_op *op, enum err err, const struct redis_reply *reply)
{
    struct store_redis *s = container_of(op, struct store_redis, redis);

    if (err) {
        store_redis_end(s, err);
        return;
    }
    for (size_t i = 0; i < s->batch.count; i++)
        take_state(s, s->asked[i].subject, batch_reply(reply, i));
    store_redis_ask_states(s);
}

void store_redis_ask_states(struct store_redis *s)
{
    batch_reset(&s->batch);
    for (; s->at < s->book->subject_count && s->batch.count < BATCH_MOST / 2; s->at++) {
        struct subject *subject = s->book->subjects[s->at];

        if (!subject->unread)
            continue;
        s->asked[s->batch.count].subject = subject;
        BATCH_ADD(&s->batch, STR("HGET"),
                  BATCH_KEY(&s->batch, s->prefix, STR("drift:"), subject->member),
                  STR("state"));
    }
    if (s->batch.count == 0)
        store_redis_mend(s);
    else
        batch_send(&s->batch, s->link, &s->redis, on_states);
}

/* ---- alarms and baselines: the second round -------------------------------------------------- */

static void ask_wanted(struct store_redis *s);

static void take_alarm(struct book *b, struct str json)
{
    struct alarm *alarm = alarm_read(json);

    if (alarm)
        book_put_alarm(b, alarm);
}

static void take_baseline(struct book *b, struct str json)
{
    struct baseline *baseline = baseline_read(json);

    if (baseline)
        (void)book_add_baseline(b, baseline);
}

static void on_wanted(struct redis_op *op, enum err err, const struct redis_reply *reply)
{
    struct store_redis *s = container_of(op, struct store_redis, redis);
    size_t first = s->wanted_at - s->batch.count;

    for (size_t i = 0; !err && i < s->batch.count; i++) {
        const struct redis_reply *one = batch_reply(reply, i);

        if (one && redis_reply_type(one) == REDIS_NIL && first + i >= s->wanted_alarms)
            s->expired[s->expired_count++] = s->wanted[first + i];
        if (!one || redis_reply_type(one) != REDIS_TEXT)
            continue;
        if (first + i < s->wanted_alarms)
            take_alarm(s->book, redis_reply_text(one));
        else
            take_baseline(s->book, redis_reply_text(one));
    }
    if (err)
        store_redis_end(s, err);
    else
        ask_wanted(s);
}

static void acknowledge(struct store_redis *s)
{
    for (size_t i = 0; i < s->acknowledged_count; i++)
        store_apply(s->book,
                    &(struct edit){ .kind = EDIT_ACKNOWLEDGE, .key = s->acknowledged[i] });
}

static void ask_wanted(struct store_redis *s)
{
    batch_reset(&s->batch);
    for (; s->wanted_at < s->wanted_count && !batch_is_full(&s->batch); s->wanted_at++) {
        bool alarm = s->wanted_at < s->wanted_alarms;

        BATCH_ADD(&s->batch, STR("GET"),
                  BATCH_KEY(&s->batch, s->prefix, alarm ? STR("alarm:") : STR("baseline:"),
                            s->wanted[s->wanted_at]));
    }
    if (s->batch.count > 0) {
        batch_send(&s->batch, s->link, &s->redis, on_wanted);
        return;
    }
    acknowledge(s);
    if (s->crowded)
        store_redis_choose(s);
    else
        store_redis_ask_states(s);
}

/* ---- what there is: the first round ---------------------------------------------------------- */

static struct str text_at(const struct redis_reply *list, size_t i)
{
    return redis_reply_text(redis_reply_at(list, i));
}

static size_t list_size(const struct redis_reply *reply)
{
    return reply && redis_reply_type(reply) == REDIS_LIST ? redis_reply_count(reply) : 0;
}

static void want(struct store_redis *s, struct str id)
{
    if (id.len == BASELINE_ID - 1)
        s->wanted[s->wanted_count++] = arena_copy(&s->names, id);
}

/* What was folded, and then not written while the lease was ours, somebody else folds anew. */
static void give_up(struct book *b)
{
    for (size_t i = 0; i < b->subject_count; i++)
        if (b->subjects[i]->unsaved)
            subject_forget(b->subjects[i]);
    book_drop_rows(b);
}

static void take_lease(struct store_redis *s, const struct redis_reply *reply)
{
    bool ours = reply && redis_reply_type(reply) == REDIS_INTEGER &&
                redis_reply_integer(reply) == 1;
    bool anew = ours && !s->book->ours;

    if (!reply && !s->refused)
        log_error("drift_refused", F_TEXT("why", "Redis does not let this user run scripts"));
    s->refused = !reply;
    s->book->ours = ours;
    if (!ours)
        give_up(s->book);
    for (size_t i = 0; i < s->book->subject_count; i++)
        if (!ours || anew)
            s->book->subjects[i]->unread = true;
}

/* Where there is not room for all, those that come new are chosen when their pins are known. */
static void take_histograms(struct store_redis *s, const struct redis_reply *reply,
                            const struct redis_reply *behind)
{
    s->crowded = list_size(behind) > 0;
    for (size_t i = 0; i + 1 < list_size(reply) && !s->crowded; i += 2) {
        struct subject *subject = book_subject(s->book, text_at(reply, i));
        uint64_t last;

        if (subject && str_to_u64(text_at(reply, i + 1), &last) && last > subject->last)
            subject->last = last;
    }
    book_forget(s->book, s->now.oldest);
}

struct told_pin {
    struct str member, baseline; /* the reply's */
};

static int by_member(const void *left, const void *right)
{
    const struct told_pin *a = left, *b = right;

    return str_compare(a->member, b->member);
}

/* In their order, so that each goes behind the last. */
static void take_pins(struct store_redis *s, const struct redis_reply *reply)
{
    size_t count = list_size(reply) / 2;
    struct told_pin *pins;

    s->emptied = reply && list_size(reply) == 0 && s->book->pin_count > 0;
    if (!reply || s->emptied)
        return;
    pins = arena_take(&s->names, (count + 1) * sizeof(pins[0]));
    for (size_t i = 0; i < count; i++)
        pins[i] = (struct told_pin){ text_at(reply, 2 * i), text_at(reply, 2 * i + 1) };
    if (count > 1)
        qsort(pins, count, sizeof(pins[0]), by_member);
    book_unpin_all(s->book);
    for (size_t i = 0; i < count; i++) {
        char id[BASELINE_ID];

        (void)snprintf(id, sizeof(id), "%.*s",
                       STR_ARG(str_head(pins[i].baseline, BASELINE_ID - 1)));
        book_pin(s->book, pins[i].member, id);
    }
}

static void want_alarms(struct store_redis *s, const struct redis_reply *reply)
{
    for (size_t i = 0; i + 1 < list_size(reply); i += 2) {
        char id[ALARM_ID];
        const struct alarm *known;
        uint64_t updated_ms;

        (void)snprintf(id, sizeof(id), "%.*s",
                       STR_ARG(str_head(text_at(reply, i), ALARM_ID - 1)));
        known = book_alarm(s->book, id);
        if (!known || !str_to_u64(text_at(reply, i + 1), &updated_ms) ||
            known->updated_ms < updated_ms)
            want(s, text_at(reply, i));
    }
    s->wanted_alarms = s->wanted_count;
}

static bool lists(const struct redis_reply *reply, const char *id)
{
    size_t i = 0;

    while (i < list_size(reply) && !str_eq(text_at(reply, i), str_of(id)))
        i++;
    return i < list_size(reply);
}

/* Somebody has dropped some; but what is in force is not dropped, and was lost. */
static void drop_baselines(struct store_redis *s, const struct redis_reply *reply)
{
    s->lost = arena_take(&s->names, s->book->baseline_count * sizeof(s->lost[0]));
    for (size_t i = s->book->baseline_count; i > 0; i--) {
        char id[BASELINE_ID];

        (void)snprintf(id, sizeof(id), "%s", s->book->baselines[i - 1]->id);
        if (lists(reply, id))
            continue;
        if (s->emptied || book_is_in_force(s->book, id))
            s->lost[s->lost_count++] = arena_copy(&s->names, str_of(id));
        else
            book_drop_baseline(s->book, id);
    }
}

static void want_baselines(struct store_redis *s, const struct redis_reply *reply)
{
    for (size_t i = 0; i < list_size(reply); i++) {
        char id[BASELINE_ID];

        (void)snprintf(id, sizeof(id), "%.*s",
                       STR_ARG(str_head(text_at(reply, i), BASELINE_ID - 1)));
        if (!book_baseline(s->book, id))
            want(s, text_at(reply, i));
    }
    if (reply && s->book->baseline_count > list_size(reply))
        drop_baselines(s, reply);
}

static void take_silences(struct store_redis *s, const struct redis_reply *reply)
{
    if (!reply || (s->emptied && list_size(reply) == 0))
        return;
    book_unsilence_all(s->book);
    for (size_t i = 0; i + 1 < list_size(reply); i += 2) {
        struct scan_member until;
        uint64_t until_ms;

        if (scan_check(text_at(reply, i + 1), NULL) == OK &&
            scan_get(text_at(reply, i + 1), STR("until_ms"), &until) &&
            scan_u64(until.value, &until_ms))
            book_silence(s->book, text_at(reply, i), text_at(reply, i + 1), until_ms);
    }
}

static void take_deliveries(struct store_redis *s, const struct redis_reply *reply)
{
    if (!reply || (s->emptied && list_size(reply) == 0))
        return;
    book_deliver_none(s->book);
    for (size_t i = 0; i + 1 < list_size(reply); i += 2)
        book_deliver(s->book, text_at(reply, i), text_at(reply, i + 1));
}

static void take_changes(struct store_redis *s, const struct redis_reply *reply)
{
    if (!reply)
        return;
    book_forget_changes(s->book);
    for (size_t i = 0; i < list_size(reply); i++) {
        struct change *c = change_read(text_at(reply, i));

        if (c)
            book_put_change(s->book, c);
    }
}

/* Kept until the alarms that they are about have been read. */
static void keep_acknowledged(struct store_redis *s, const struct redis_reply *reply)
{
    size_t count = list_size(reply) / 2;

    s->acknowledged = arena_take(&s->names, (count + 1) * sizeof(s->acknowledged[0]));
    s->acknowledged_count = count;
    for (size_t i = 0; i < count; i++)
        s->acknowledged[i] = arena_copy(&s->names, text_at(reply, 2 * i));
}

static void on_head(struct redis_op *op, enum err err, const struct redis_reply *reply)
{
    struct store_redis *s = container_of(op, struct store_redis, redis);
    const struct redis_reply *alarms, *baselines;

    if (!err && redis_reply_type(reply) != REDIS_LIST)
        err = ERR_STORE_DOWN;
    if (err) {
        store_redis_end(s, err);
        return;
    }
    alarms = batch_reply(reply, ALARMS);
    baselines = batch_reply(reply, BASELINES);
    take_lease(s, batch_reply(reply, LEASE));
    take_histograms(s, batch_reply(reply, HISTOGRAMS), batch_reply(reply, BEHIND));
    take_pins(s, batch_reply(reply, PINS));
    keep_acknowledged(s, batch_reply(reply, ACKNOWLEDGED));
    take_silences(s, batch_reply(reply, SILENCES));
    take_deliveries(s, batch_reply(reply, DELIVERIES));
    take_changes(s, batch_reply(reply, CHANGES));
    s->wanted = arena_take(&s->names, (list_size(alarms) + list_size(baselines) + 1) *
                                          sizeof(s->wanted[0]));
    s->expired = arena_take(&s->names, (list_size(baselines) + 1) * sizeof(s->expired[0]));
    want_alarms(s, alarms);
    want_baselines(s, baselines);
    ask_wanted(s);
}

void store_redis_load(struct store *store, struct book *b, const struct store_now *now,
                      struct store_op *op)
{
    struct store_redis *s = store_redis_of(store);
    struct batch *batch = &s->batch;
    struct str most, pins, baselines;

    s->op = op;
    s->book = b;
    s->now = *now;
    s->at = s->wanted_at = s->wanted_count = s->wanted_alarms = s->lost_count = 0;
    s->expired_count = 0;
    s->emptied = false;
    arena_deinit(&s->names);
    batch_reset(batch);
    most = batch_u64(batch, BOOK_ALARMS - 1);
    pins = BATCH_KEY(batch, s->prefix, STR("baselines"));
    baselines = BATCH_KEY(batch, s->prefix, STR("baseline_ids"));
    BATCH_ADD(batch, STR("EVAL"), str_of(lease_text), STR("1"),
              BATCH_KEY(batch, s->prefix, STR("drift:lease")), str_of(s->holder),
              batch_u64(batch, now->lease_ms));
    BATCH_ADD(batch, STR("ZREVRANGE"), BATCH_KEY(batch, s->prefix, STR("histograms")), STR("0"),
              batch_u64(batch, BOOK_SUBJECTS - 1), STR("WITHSCORES"));
    BATCH_ADD(batch, STR("HGETALL"), pins);
    BATCH_ADD(batch, STR("ZRANGE"), baselines, STR("0"), STR("-1"));
    BATCH_ADD(batch, STR("ZREVRANGE"), BATCH_KEY(batch, s->prefix, STR("alarms")), STR("0"),
              most, STR("WITHSCORES"));
    BATCH_ADD(batch, STR("HGETALL"), BATCH_KEY(batch, s->prefix, STR("acknowledged")));
    BATCH_ADD(batch, STR("HGETALL"), BATCH_KEY(batch, s->prefix, STR("silences")));
    BATCH_ADD(batch, STR("HGETALL"), BATCH_KEY(batch, s->prefix, STR("deliveries")));
    BATCH_ADD(batch, STR("ZREVRANGE"), BATCH_KEY(batch, s->prefix, STR("changes")), STR("0"),
              batch_u64(batch, BOOK_CHANGES - 1));
    BATCH_ADD(batch, STR("ZREVRANGE"), BATCH_KEY(batch, s->prefix, STR("histograms")),
              batch_u64(batch, BOOK_SUBJECTS), batch_u64(batch, BOOK_SUBJECTS));
    BATCH_ADD(batch, STR("ZREMRANGEBYSCORE"), BATCH_KEY(batch, s->prefix, STR("histograms")),
              STR("0"), batch_u64(batch, now->oldest));
    BATCH_ADD(batch, STR("ZREMRANGEBYSCORE"), BATCH_KEY(batch, s->prefix, STR("histograms")),
              batch_u64(batch, now->tick + STORE_AHEAD), STR("+inf"));
    BATCH_ADD(batch, STR("EXPIRE"), pins, batch_u64(batch, STORE_BASELINE_S));
    BATCH_ADD(batch, STR("EXPIRE"), baselines, batch_u64(batch, STORE_BASELINE_S));
    batch_send(batch, s->link, &s->redis, on_head);
}
