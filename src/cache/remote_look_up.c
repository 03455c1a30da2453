/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look-up, with or without a wish for a lease:
 *
 *     wish ──> HMGET and EVALSHA ──> the answer's fields, and what became of the wish
 *                 │ └─ NOSCRIPT ──> EVAL, the same with the script's text
 *                 └─ refused ─────> HMGET, as without a wish; and no wish for a minute, or,
 *                                   where that passes (Redis is full, or busy), for a moment
 *
 * Redis may have carried out what we did not hear of: a wish whose reply is late, or of no more
 * use to who asked, is given back at once, or others would wait for nobody.
 */
#include "lease.h"
#include "record.h"
#include "remote_inner.h"

#include "weir/base/clock.h"
#include "weir/base/log.h"

enum {
    PLAIN_US = 60 * 1000 * 1000,
    MOMENT_US = 500 * 1000,
};

/* ---- the answer ---------------------------------------------------------------------- */

/* NULL, and op->away unless Redis has surely none. */
static struct entry *read_fields(struct remote_op *op, const struct redis_reply *reply)
{
    struct entry *found = NULL;

    if (remote_is_wrong_type(reply))
        return NULL;
    if (redis_reply_type(reply) != REDIS_LIST || redis_reply_count(reply) != RECORD_READ) {
        op->away = true;
        return NULL;
    }
    switch (record_read(reply, &op->asked, op->remote->settings.most_bytes, clock_wall_ms(),
                        &found)) {
    case RECORD_GOOD:
        atomic_store(&found->shared, true);
        atomic_store(&found->verified_us, op->started_us);
        break;
    case RECORD_BAD: remote_delete(op->remote, &op->asked); break;
    case RECORD_NONE: break;
    }
    return found;
}

/* ---- without a wish ------------------------------------------------------------------ */

static void on_fields(struct redis_op *redis, enum err err, const struct redis_reply *reply)
{
    struct remote_op *op = container_of(redis, struct remote_op, redis);
    struct entry *found = NULL;

    op->away = err != OK;
    if (!err)
        found = read_fields(op, reply);
    op->on_done(op, found);
}

static void ask_plainly(struct remote_op *op)
{
    struct str words[2 + RECORD_READ] = { STR("HMGET") };
    struct redis_command command = { words, 2 + RECORD_READ };
    struct buf key = { 0 };

    remote_key(&op->remote->settings, &op->asked, &key);
    words[1] = buf_str(&key);
    record_names(words + 2);
    redis_start(op->remote->link, &op->redis, &command, 1, on_fields);
    buf_deinit(&key);
}

/* ---- with a wish --------------------------------------------------------------------- */

static struct lease_of lease_of(const struct remote_op *op)
{
    return (struct lease_of){ op->remote->link, op->remote->settings.prefix, op->wish.holder,
                              &op->wish.flight };
}

static void give_back(const struct remote_op *op)
{
    struct lease_of lease = lease_of(op);

    if (remote_is_up(op->remote))
        lease_land(&lease, &(struct lease_landing){ .good = false });
}

static void read_lease(struct remote_op *op, int64_t said)
{
    if (said < 0)
        op->lease = LEASE_OURS;
    else if (said > 0)
        op->lease = LEASE_OTHERS;
    op->lease_left_ms = said > 0 ? (uint64_t)said : 0;
}

/* It is no matter of scripts, and the link has logged it: nothing is to be allowed. */
static bool passes(struct str class)
{
    static const char *const passing[] = { "OOM",        "BUSY",    "LOADING", "MASTERDOWN",
                                           "NOREPLICAS", "MISCONF", "READONLY" };

    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
        if (str_eq(class, str_of(passing[i])))
            return true;
    return false;
}

static void note_refusal(struct remote *r, struct str class)
{
    bool for_a_moment = passes(class);

    r->plain_until_us = clock_now_us() + (for_a_moment ? MOMENT_US : PLAIN_US);
    if (for_a_moment || r->scripts_refused)
        return;
    r->scripts_refused = true;
    log_warn("redis_scripts_refused", F_STR("class", str_head(class, REDIS_ERROR_CLASS)));
}

static void ask_with_wish(struct remote_op *op, bool by_text);

/* Nothing has been taken; the answer's fields may have come nevertheless. */
static void go_on_without(struct remote_op *op, struct str class,
                          const struct redis_reply *fields)
{
    if (str_eq(class, STR("NOSCRIPT")) && !op->by_text) {
        op->remote->knows_script = false;
        ask_with_wish(op, true);
        return;
    }
    note_refusal(op->remote, class);
    if (fields)
        op->on_done(op, read_fields(op, fields));
    else
        ask_plainly(op);
}

static void on_replied(struct remote_op *op, const struct redis_reply *reply)
{
    const struct redis_reply *number;
    struct str error, class = { 0 };

    if (redis_reply_type(reply) == REDIS_ERROR) {
        go_on_without(op, str_of(op->redis.refused), NULL);
        return;
    }
    if (redis_reply_count(reply) != 2) {
        op->away = true;
        op->on_done(op, NULL);
        return;
    }
    number = redis_reply_at(reply, 1);
    if (redis_reply_type(number) == REDIS_ERROR) {
        error = redis_reply_text(number);
        (void)str_split(&error, ' ', &class);
        go_on_without(op, class, redis_reply_at(reply, 0));
        return;
    }
    op->remote->knows_script = true;
    op->remote->scripts_refused = false;
    read_lease(op, redis_reply_integer(number));
    op->on_done(op, read_fields(op, redis_reply_at(reply, 0)));
}

static void on_scripted(struct redis_op *redis, enum err err, const struct redis_reply *reply)
{
    struct remote_op *op = container_of(redis, struct remote_op, redis);

    op->away = err != OK;
    if (!err) {
        on_replied(op, reply);
        return;
    }
    give_back(op);
    op->on_done(op, NULL);
}

static void ask_with_wish(struct remote_op *op, bool by_text)
{
    struct lease_of lease = lease_of(op);
    struct buf key = { 0 };
    struct lease_question question = { .lease_ms = op->wish.lease_ms,
                                       .not_before_ms = op->wish.not_before_ms,
                                       .by_text = by_text };

    op->by_text = by_text;
    remote_key(&op->remote->settings, &op->asked, &key);
    question.answer_key = buf_str(&key);
    lease_look_up(&lease, &op->redis, &question, on_scripted);
    buf_deinit(&key);
}

void remote_look_up(struct remote *r, struct remote_op *op, const struct entry_facts *asked,
                    const struct lease_wish *wish, remote_fn *on_done)
{
    remote_begin(op, r, on_done);
    op->asked = *asked;
    if (!wish || clock_now_us() < r->plain_until_us) {
        ask_plainly(op);
        return;
    }
    op->wish = *wish;
    ask_with_wish(op, !r->knows_script);
}
