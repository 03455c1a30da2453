/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Round and round, as the link does:
 *
 *     WAITING -> OPENING -> GREETING -> HEARING
 *        ^          |           |          |
 *        +----------+--- lose --+----------+
 *
 * While it hears, a PING goes out every two seconds, and whatever does not answer it within
 * one more is taken for frozen: silence is what a channel without news sounds like, too.
 *
 * hiredis aborts the process over odd shapes of what subscribers are sent. Here they are read
 * as plain replies, and one that is neither what we asked for nor a message ends the line.
 */
#include "weir/net/redis_news.h"

#include "weir/base/buf.h"
#include "weir/base/clock.h"
#include "weir/base/log.h"
#include "weir/base/mem.h"
#include "weir/net/timer.h"

#include "redis_greeting.h"
#include "redis_inner.h"
#include "redis_wire.h"

#include <stdlib.h>
#include <string.h>

enum {
    AGAIN_US = 500 * 1000,
    AGAIN_SOON_US = 20 * 1000, /* after a line that was well: its connection was cut, no more */
    WELL_US = 1000 * 1000,     /* up for so long */
    BEAT_US = 2 * 1000 * 1000,
    ANSWER_US = 1000 * 1000,
};

enum news_state { WAITING, OPENING, GREETING, HEARING };

struct redis_news {
    struct loop *loop;         /* lent */
    struct resolver *resolver; /* lent */
    struct redis_settings settings;
    struct buf channel;
    const struct redis_news_events *events; /* lent, as the owner is */
    void *owner;

    enum news_state state;
    struct redis_line *line; /* owned; NULL while WAITING */
    struct timer timer;      /* the next round, an answer's limit, or the next PING */
    bool pinged;             /* and not answered yet */
    unsigned replies_left;   /* to the greeting */
    unsigned attempts;
    uint64_t up_since_us;
    bool told_down; /* to the log, since it was up last */
};

static void lose(struct redis_news *n, const char *why)
{
    bool was_up = n->state == HEARING;
    bool was_well = was_up && clock_now_us() - n->up_since_us > WELL_US;

    n->state = WAITING;
    timer_arm(&n->timer, redis_with_jitter(was_well ? AGAIN_SOON_US : AGAIN_US));
    if (!n->told_down)
        log_warn("redis_news_down", F_TEXT("host", redis_line_place(n->line)->host),
                 F_U64("port", redis_line_place(n->line)->port), F_TEXT("why", why));
    redis_line_close(steal(&n->line));
    n->told_down = true;
    if (was_up)
        n->events->on_down(n->owner);
}

/* ---- what is said ---- */

static void say(struct redis_news *n, const struct redis_command *commands, size_t count)
{
    struct buf out = { 0 };

    for (size_t i = 0; i < count; i++)
        redis_wire_put(&out, &commands[i]);
    redis_line_write(n->line, buf_str(&out));
    buf_deinit(&out);
}

static void on_open(void *owner)
{
    struct redis_news *n = owner;
    const struct str words[] = { STR("SUBSCRIBE"), buf_str(&n->channel) };
    const struct redis_command subscribe = { words, 2 };
    struct redis_greeting greeting;

    redis_greeting_make(&greeting, &n->settings, &subscribe);
    n->state = GREETING;
    n->replies_left = (unsigned)greeting.count;
    timer_arm(&n->timer, ANSWER_US);
    say(n, greeting.commands, greeting.count);
}

static void beat(struct redis_news *n)
{
    const struct str words[] = { STR("PING") };
    const struct redis_command ping = { words, 1 };

    n->pinged = true;
    timer_arm(&n->timer, ANSWER_US);
    say(n, &ping, 1);
}

/* ---- what is heard ---- */

/* Does the list begin with these words? */
static bool begins(const struct redis_reply *reply, struct str first, struct str second)
{
    return str_eq(redis_reply_text(redis_reply_at(reply, 0)), first) &&
           str_eq(redis_reply_text(redis_reply_at(reply, 1)), second);
}

static void greeted(struct redis_news *n, const struct redis_reply *reply)
{
    char why[GREETING_WHY];

    n->replies_left--;
    if (!redis_greeting_accepts(&n->settings, reply, n->replies_left, why)) {
        lose(n, why);
        return;
    }
    if (n->replies_left > 0)
        return;
    if (redis_reply_count(reply) != 3 ||
        !begins(reply, STR("subscribe"), buf_str(&n->channel))) {
        lose(n, "it did not subscribe");
        return;
    }
    n->state = HEARING;
    n->pinged = false;
    n->up_since_us = clock_now_us();
    n->told_down = false;
    timer_arm(&n->timer, BEAT_US);
    log_info("redis_news_up", F_TEXT("host", redis_line_place(n->line)->host),
             F_U64("port", redis_line_place(n->line)->port));
    n->events->on_up(n->owner);
}

static void heard(struct redis_news *n, const struct redis_reply *reply)
{
    size_t count = redis_reply_count(reply);

    if (count == 3 && begins(reply, STR("message"), buf_str(&n->channel)) &&
        redis_reply_type(redis_reply_at(reply, 2)) == REDIS_TEXT) {
        n->events->on_message(n->owner, redis_reply_text(redis_reply_at(reply, 2)));
    } else if (count == 2 && n->pinged && begins(reply, STR("pong"), STR(""))) {
        n->pinged = false;
        timer_arm(&n->timer, BEAT_US);
    } else {
        lose(n, "it sent what is no message");
    }
}

static void on_reply(void *owner, const struct redis_reply *reply)
{
    struct redis_news *n = owner;

    if (n->state == GREETING)
        greeted(n, reply);
    else
        heard(n, reply);
}

static void on_lost(void *owner, const char *why)
{
    lose(owner, why);
}

static const struct redis_line_events line_events = { on_open, on_reply, on_lost };

static void on_due(struct timer *t)
{
    struct redis_news *n = container_of(t, struct redis_news, timer);

    if (n->state == WAITING) {
        n->state = OPENING;
        n->line = redis_line_open(n->loop, n->resolver, &n->settings, n->attempts++,
                                  &line_events, n);
    } else if (n->state == HEARING && !n->pinged) {
        beat(n);
    } else {
        lose(n, "it does not answer");
    }
}

/* ---- its life ---- */

struct redis_news *redis_news_new(struct loop *loop, struct resolver *resolver,
                                  const struct redis_settings *s, struct str channel,
                                  const struct redis_news_events *events, void *owner)
{
    struct redis_news *n = MEM_NEW(struct redis_news);

    n->loop = loop;
    n->resolver = resolver;
    n->settings = *s;
    buf_put(&n->channel, channel);
    n->events = events;
    n->owner = owner;
    timer_init(&n->timer, loop, on_due);
    on_due(&n->timer);
    return n;
}

void redis_news_free(struct redis_news *n)
{
    if (!n)
        return;
    timer_disarm(&n->timer);
    redis_line_close(n->line);
    buf_deinit(&n->channel);
    free(n);
}

bool redis_news_is_up(const struct redis_news *n)
{
    return n->state == HEARING;
}
