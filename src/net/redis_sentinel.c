/* SPDX-License-Identifier: Apache-2.0 */
#include "redis_sentinel.h"

#include "weir/base/buf.h"
#include "weir/base/mem.h"
#include "weir/net/timer.h"

#include "redis_line.h"
#include "redis_wire.h"

#include <stdlib.h>
#include <string.h>

enum { ANSWER_US = 500 * 1000 }; /* to connect and to answer, for each sentinel */

struct redis_sentinel {
    struct loop *loop; /* lent, as all these are */
    struct resolver *resolver;
    const struct redis_settings *settings;
    redis_sentinel_fn *on_told;
    void *owner;
    struct redis_settings asked; /* leads a line to one sentinel */
    struct redis_line *line;
    struct timer limit;
    unsigned nth;
    unsigned tries;
};

static void tell(struct redis_sentinel *s, const struct redis_place *master)
{
    timer_disarm(&s->limit);
    redis_line_close(steal(&s->line));
    s->on_told(s->owner, master);
}

static void ask_next(struct redis_sentinel *s);

static void give_up_one(struct redis_sentinel *s)
{
    redis_line_close(steal(&s->line));
    if (s->tries < s->settings->sentinel_count)
        ask_next(s);
    else
        tell(s, NULL);
}

static void on_open(void *owner)
{
    struct redis_sentinel *s = owner;
    const struct str words[] = { STR("SENTINEL"), STR("get-master-addr-by-name"),
                                 str_of(s->settings->master) };
    const struct redis_command question = { words, 3 };
    struct buf out = { 0 };

    redis_wire_put(&out, &question);
    redis_line_write(s->line, buf_str(&out));
    buf_deinit(&out);
}

/* A list of host and port; nil when it watches no master of that name. */
static bool read_place(const struct redis_reply *reply, struct redis_place *out)
{
    struct str host;
    uint64_t port = 0;

    if (redis_reply_count(reply) != 2)
        return false;
    host = redis_reply_text(redis_reply_at(reply, 0));
    if (host.len == 0 || host.len >= sizeof(out->host) || memchr(host.at, '\0', host.len))
        return false;
    if (!str_to_u64(redis_reply_text(redis_reply_at(reply, 1)), &port) || port == 0 ||
        port > UINT16_MAX)
        return false;
    memcpy(out->host, host.at, host.len);
    out->host[host.len] = '\0';
    out->port = (uint16_t)port;
    return true;
}

static void on_reply(void *owner, const struct redis_reply *reply)
{
    struct redis_sentinel *s = owner;
    struct redis_place master = { 0 };

    if (read_place(reply, &master))
        tell(s, &master);
    else
        give_up_one(s);
}

static void on_lost(void *owner, const char *why)
{
    (void)why;
    give_up_one(owner);
}

static void on_limit(struct timer *t)
{
    give_up_one(container_of(t, struct redis_sentinel, limit));
}

static const struct redis_line_events events = { on_open, on_reply, on_lost };

static void ask_next(struct redis_sentinel *s)
{
    unsigned which = (s->nth + s->tries++) % s->settings->sentinel_count;
    const struct redis_place *place = &s->settings->sentinels[which];

    memcpy(s->asked.host, place->host, sizeof(s->asked.host));
    s->asked.port = place->port;
    timer_arm(&s->limit, ANSWER_US);
    s->line = redis_line_open(s->loop, s->resolver, &s->asked, s->nth, &events, s);
}

struct redis_sentinel *redis_sentinel_ask(struct loop *loop, struct resolver *resolver,
                                          const struct redis_settings *settings, unsigned nth,
                                          redis_sentinel_fn *on_told, void *owner)
{
    struct redis_sentinel *s = MEM_NEW(struct redis_sentinel);

    s->loop = loop;
    s->resolver = resolver;
    s->settings = settings;
    s->on_told = on_told;
    s->owner = owner;
    s->nth = nth;
    timer_init(&s->limit, loop, on_limit);
    ask_next(s);
    return s;
}

void redis_sentinel_free(struct redis_sentinel *s)
{
    if (!s)
        return;
    timer_disarm(&s->limit);
    redis_line_close(s->line);
    free(s);
}
