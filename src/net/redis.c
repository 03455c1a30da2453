/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations on their way through the link. Each has a ticket, which lives longer than the
 * operation does: Redis answers in the order of the commands, so the ticket of an operation
 * whose time is up, or that was cancelled, still stands in the line and swallows its reply.
 *
 * A ticket is in `sent` until its last reply, in `live` until its deadline, and has an `op`
 * until that has been told; when none of the three holds it is spare.
 */
#include "redis_inner.h"

#include "weir/base/clock.h"
#include "weir/base/ensure.h"
#include "weir/base/log.h"
#include "weir/base/mem.h"
#include "weir/base/metric.h"

#include "redis_greeting.h"
#include "redis_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CUT_US = 250 * 1000, /* the oldest command may be so old, or five deadlines */
    CUT_DEADLINES = 5,
    MOST_QUEUED = 16 * 1024 * 1024, /* bytes that Redis has not taken yet */
    KEPT_OUT = 64 * 1024,           /* of the memory for commands, from turn to turn */
    TELL_ERROR_US = 60 * 1000 * 1000,
};

struct ticket {
    struct link link; /* sent, or spare */
    struct link live;
    struct link turning;
    struct redis *redis;
    struct redis_op *op; /* lent by its owner; NULL: nobody is to be told any more */
    struct deferred turn;
    enum err ending; /* what the turn will tell; OK: there is no turn to come */
    unsigned replies_left;
    struct str operation; /* for the metric */
    uint64_t started_us;
    bool greeting;
    bool refused; /* one of its commands was answered with an error, which has been told */
};

/* What a command's first word is counted as; a closed list, as it becomes a label. */
static const struct {
    struct str word;
    struct str operation;
} operations[] = {
    { { "GET", 3 }, { "get", 3 } },       { { "HGETALL", 7 }, { "hgetall", 7 } },
    { { "HGET", 4 }, { "hget", 4 } },     { { "HMGET", 5 }, { "hget", 4 } },
    { { "SET", 3 }, { "store", 5 } },     { { "HSET", 4 }, { "store", 5 } },
    { { "HMSET", 5 }, { "store", 5 } },   { { "HINCRBY", 7 }, { "count", 5 } },
    { { "EXISTS", 6 }, { "verify", 6 } }, { { "HEXISTS", 7 }, { "verify", 6 } },
    { { "PTTL", 4 }, { "verify", 6 } },   { { "PING", 4 }, { "ping", 4 } },
};

static struct str name_operation(const struct redis_command *commands, size_t count)
{
    for (size_t c = 0; c < count; c++) {
        struct str word = commands[c].words[0];

        if (str_eq_nocase(word, STR("MULTI")) || str_eq_nocase(word, STR("DEL")))
            continue; /* what it is about comes next */
        for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++) {
            if (str_eq_nocase(word, operations[i].word))
                return operations[i].operation;
        }
        break;
    }
    return STR("other");
}

static void count_end(const struct ticket *t, struct str result)
{
    if (t->redis->loop->shard)
        metric_add(t->redis->loop->shard, METRIC_REDIS_OPS, 1,
                   METRIC_LABEL(t->operation, result));
}

static void count_in_flight(struct redis *r, int by)
{
    r->in_flight = (unsigned)((int)r->in_flight + by);
    if (r->loop->shard)
        metric_add(r->loop->shard, METRIC_REDIS_IN_FLIGHT, by, NULL);
}

/* ---- tickets ---- */

static struct ticket *take_ticket(struct redis *r)
{
    struct link *l = list_pop(&r->spare);
    struct ticket *t = l ? container_of(l, struct ticket, link) : MEM_NEW(struct ticket);

    *t = (struct ticket){ .redis = r };
    link_init(&t->link);
    link_init(&t->live);
    link_init(&t->turning);
    return t;
}

static void settle(struct ticket *t)
{
    if (!link_is_in(&t->link) && !link_is_in(&t->live) && !t->op)
        link_before(&t->redis->spare, &t->link);
}

static void tell(struct ticket *t, enum err err, const struct redis_reply *reply)
{
    struct redis_op *op = t->op;

    if (!op)
        return;
    t->op = NULL;
    op->ticket = NULL;
    op->on_done(op, err, reply);
}

static void run_turn(struct deferred *d)
{
    struct ticket *t = container_of(d, struct ticket, turn);
    enum err ending = t->ending;

    t->ending = OK;
    link_out(&t->turning);
    tell(t, ending, NULL);
    settle(t);
}

static void tell_later(struct ticket *t, enum err err)
{
    t->ending = err;
    link_before(&t->redis->turning, &t->turning);
    loop_defer(t->redis->loop, &t->turn, run_turn);
}

/* ---- deadlines ---- */

static uint64_t cut_us(const struct redis *r)
{
    uint64_t five = CUT_DEADLINES * r->settings.timeout_us;

    return five > CUT_US ? five : CUT_US;
}

static void set_deadline(struct redis *r)
{
    uint64_t now = clock_now_us();
    uint64_t due;

    if (!link_is_in(&r->sent))
        return;
    due = container_of(r->sent.next, struct ticket, link)->started_us + cut_us(r);
    if (link_is_in(&r->live)) {
        uint64_t first = container_of(r->live.next, struct ticket, live)->started_us;

        if (first + r->settings.timeout_us < due)
            due = first + r->settings.timeout_us;
    }
    /* One that is too early is left alone, so that it is not moved with each operation. */
    if (!timer_is_armed(&r->deadline) || r->deadline.due_us > due)
        timer_arm(&r->deadline, due > now ? due - now : 0);
}

static void on_deadline(struct timer *timer)
{
    struct redis *r = container_of(timer, struct redis, deadline);
    uint64_t now = clock_now_us();

    while (link_is_in(&r->live)) {
        struct ticket *t = container_of(r->live.next, struct ticket, live);

        if (t->started_us + r->settings.timeout_us > now)
            break;
        link_out(&t->live);
        r->failures++;
        count_end(t, STR("timeout"));
        if (t->ending == OK)
            tell(t, ERR_STORE_DOWN, NULL);
    }
    if (r->failures >= REDIS_FAILURES) {
        redis_link_lose(r, "it answers too late");
        return;
    }
    if (link_is_in(&r->sent) &&
        container_of(r->sent.next, struct ticket, link)->started_us + cut_us(r) <= now) {
        redis_link_lose(r, "it has stopped answering");
        return;
    }
    set_deadline(r);
}

/* ---- replies ---- */

static void read_class(char class[REDIS_ERROR_CLASS], struct str text)
{
    size_t length = 0;

    while (length < text.len && length < REDIS_ERROR_CLASS - 1 && text.at[length] >= 'A' &&
           text.at[length] <= 'Z') {
        class[length] = text.at[length];
        length++;
    }
    class[length] = '\0';
}

static void note_error(struct redis *r, const char *class)
{
    uint64_t now = clock_now_us();

    if (str_eq(str_of(class), str_of(r->error_class)) && now - r->error_told_us < TELL_ERROR_US)
        return;
    (void)snprintf(r->error_class, sizeof(r->error_class), "%s", class);
    r->error_told_us = now;
    log_warn("redis_error", F_TEXT("class", class));
}

/* The error that a reply is or, as that of an EXEC, has in it; else NULL. */
static const struct redis_reply *error_in(const struct redis_reply *reply)
{
    if (redis_reply_type(reply) == REDIS_ERROR)
        return reply;
    for (size_t i = 0; i < redis_reply_count(reply); i++)
        if (redis_reply_type(redis_reply_at(reply, i)) == REDIS_ERROR)
            return redis_reply_at(reply, i);
    return NULL;
}

/* What a server refuses with that is a replica, or is not yet what it shall be. */
static bool is_of_no_master(struct str error)
{
    return str_starts(error, STR("READONLY")) || str_starts(error, STR("LOADING")) ||
           str_starts(error, STR("MASTERDOWN"));
}

/* The first of an operation's: what is refused inside a transaction is why its EXEC is, too. */
static void note_refusal(struct ticket *t, const struct redis_reply *reply)
{
    const struct redis_reply *error = error_in(reply);
    char class[REDIS_ERROR_CLASS];

    if (error && !t->refused) {
        read_class(class, redis_reply_text(error));
        note_error(t->redis, class);
        if (t->op)
            memcpy(t->op->refused, class, sizeof(class));
    }
    if (error && t->redis->settings.sentinel_count > 0)
        t->redis->deposed |= is_of_no_master(redis_reply_text(error));
    t->refused = t->refused || error;
}

static void end_greeting(struct redis *r, const struct redis_reply *reply, unsigned left)
{
    char why[GREETING_WHY];

    if (!redis_greeting_accepts(&r->settings, reply, left, why))
        redis_link_lose(r, why);
    else if (left == 0)
        redis_link_greeted(r);
}

static void end_operation(struct ticket *t, const struct redis_reply *reply)
{
    note_refusal(t, reply);
    if (link_is_in(&t->live)) { /* or it came too late, and has been counted */
        link_out(&t->live);
        t->redis->failures = 0;
        count_end(t, t->refused ? STR("error") : STR("ok"));
        if (t->ending == OK)
            tell(t, OK, reply);
    }
    settle(t);
}

bool redis_take_reply(struct redis *r, const struct redis_reply *reply)
{
    struct ticket *t;
    bool greeting;
    unsigned left;

    if (!link_is_in(&r->sent))
        return false;
    t = container_of(r->sent.next, struct ticket, link);
    greeting = t->greeting;
    count_in_flight(r, -1);
    left = --t->replies_left;
    if (left == 0) {
        link_out(&t->link);
        end_operation(t, reply);
    } else if (!greeting) {
        note_refusal(t, reply);
    }
    if (greeting)
        end_greeting(r, reply, left);
    else if (r->deposed)
        redis_link_lose(r, "it is not the master");
    return true;
}

void redis_give_up_all(struct redis *r)
{
    struct link *l;

    timer_disarm(&r->deadline);
    (void)deferred_cancel(&r->flush);
    buf_deinit(&r->out);
    r->failures = 0;
    r->deposed = false;
    count_in_flight(r, -(int)r->in_flight);
    while ((l = list_pop(&r->sent))) {
        struct ticket *t = container_of(l, struct ticket, link);

        if (link_is_in(&t->live))
            count_end(t, STR("down"));
        link_out(&t->live);
        if (t->ending == OK)
            tell(t, ERR_STORE_DOWN, NULL);
        settle(t);
    }
}

void redis_dispose(struct redis *r)
{
    struct link *l;

    while (link_is_in(&r->turning)) {
        struct ticket *t = container_of(r->turning.next, struct ticket, turning);

        (void)deferred_cancel(&t->turn);
        run_turn(&t->turn);
    }
    while ((l = list_pop(&r->spare)))
        free(container_of(l, struct ticket, link));
}

/* ---- starting ---- */

static void run_flush(struct deferred *d)
{
    struct redis *r = container_of(d, struct redis, flush);
    struct str bytes = buf_str(&r->out);

    redis_line_write(r->line, bytes);
    if (r->out.capacity > KEPT_OUT)
        buf_deinit(&r->out);
    else
        buf_reset(&r->out);
}

static void submit(struct ticket *t, const struct redis_command *commands, size_t count)
{
    struct redis *r = t->redis;

    if (r->out.len == 0)
        loop_defer(r->loop, &r->flush, run_flush);
    for (size_t i = 0; i < count; i++)
        redis_wire_put(&r->out, &commands[i]);
    t->replies_left = (unsigned)count;
    t->started_us = clock_now_us();
    link_before(&r->sent, &t->link);
    link_before(&r->live, &t->live);
    count_in_flight(r, (int)count);
    set_deadline(r);
}

static bool has_room(const struct redis *r, size_t count)
{
    return r->state == REDIS_UP && r->in_flight + count <= r->settings.most_in_flight &&
           redis_line_queued(r->line) + r->out.len < MOST_QUEUED;
}

void redis_start(struct redis *r, struct redis_op *op, const struct redis_command *commands,
                 size_t count, redis_fn *on_done)
{
    struct ticket *t = take_ticket(r);

    ensure(count > 0);
    t->operation = name_operation(commands, count);
    t->op = op;
    if (op)
        *op = (struct redis_op){ .on_done = on_done, .ticket = t };
    if (has_room(r, count)) {
        submit(t, commands, count);
        return;
    }
    count_end(t, STR("down"));
    if (op)
        tell_later(t, ERR_STORE_DOWN);
    else
        settle(t);
}

void redis_cancel(struct redis_op *op)
{
    struct ticket *t = op->ticket;

    if (!t || t->ending == ERR_CANCELLED)
        return;
    (void)deferred_cancel(&t->turn);
    link_out(&t->turning);
    tell_later(t, ERR_CANCELLED);
}

void redis_greet(struct redis *r)
{
    const struct str ping[] = { STR("PING") };
    const struct redis_command last = { ping, 1 };
    struct redis_greeting greeting;
    struct ticket *t = take_ticket(r);

    redis_greeting_make(&greeting, &r->settings, &last);
    t->greeting = true;
    t->operation = STR("ping");
    submit(t, greeting.commands, greeting.count);
}

/* ---- the link itself ---- */

struct redis *redis_new(struct loop *loop, struct resolver *resolver,
                        const struct redis_settings *s)
{
    struct redis *r = MEM_NEW(struct redis);

    r->loop = loop;
    r->resolver = resolver;
    r->settings = *s;
    link_init(&r->sent);
    link_init(&r->live);
    link_init(&r->turning);
    link_init(&r->spare);
    timer_init(&r->deadline, loop, on_deadline);
    redis_link_open(r);
    return r;
}

bool redis_is_up(const struct redis *r)
{
    return r->state == REDIS_UP;
}

void redis_free(struct redis *r)
{
    if (r)
        redis_link_close(r);
}
