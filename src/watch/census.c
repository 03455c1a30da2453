/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/census.h"

#include "batch.h"
#include "weir/base/clock.h"
#include "weir/base/ensure.h"
#include "weir/base/escape.h"
#include "weir/base/list.h"
#include "weir/base/mem.h"
#include "weir/net/timer.h"
#include "weir/watch/variety.h"

#include <stdlib.h>
#include <string.h>

/*
 * A round goes over all predictions, of today and of yesterday, one command at a time: there
 * are few, and nobody waits. What fails is left to the next round.
 */

enum { DAY_MS = 24 * 60 * 60 * 1000, DAYS = 2, KEPT_S = 3 * 24 * 60 * 60 };

/* What is asked about in one step of a round. */
struct question {
    const struct watchlist *list;
    const struct prediction *prediction;
    uint64_t day;
};

struct census {
    struct redis *link; /* lent; NULL: there is none */
    struct str prefix;  /* lent */
    uint64_t every_ms;
    struct timer timer;
    struct watchlist **lists; /* owned, as is a reference to each */
    size_t count;
    size_t next; /* of the round: list, prediction and day as one number */
    struct redis_op redis;
    struct batch batch; /* of the command under way */
    struct question asked;
    bool under_way, stopped;
    bool is_stale; /* what was asked about is no longer watched */
};

static void on_due(struct timer *t);
static void go_on(struct census *c);

struct census *census_new(struct loop *loop, struct redis *link, struct str prefix,
                          uint64_t every_ms)
{
    struct census *c = MEM_NEW(struct census);

    c->link = link;
    c->prefix = prefix;
    c->every_ms = every_ms;
    timer_init(&c->timer, loop, on_due);
    return c;
}

static void drop_lists(struct census *c)
{
    for (size_t i = 0; i < c->count; i++)
        watchlist_unref(c->lists[i]);
    free(c->lists);
    c->lists = NULL;
    c->count = 0;
}

void census_watch(struct census *c, struct watchlist *const *lists, size_t count)
{
    c->is_stale = c->under_way;
    drop_lists(c);
    c->lists = mem_new_array(count + 1, sizeof(*c->lists));
    for (size_t i = 0; i < count; i++)
        c->lists[c->count++] = watchlist_ref(lists[i]);
}

void census_free(struct census *c)
{
    if (!c)
        return;
    timer_disarm(&c->timer);
    drop_lists(c);
    batch_reset(&c->batch);
    free(c);
}

/* ---- one step ---- */

/* The n-th of those that have a variety; false: the round is over. */
static bool find(const struct census *c, size_t n, struct question *q)
{
    size_t wanted = n / DAYS;

    for (size_t i = 0; i < c->count; i++) {
        for (size_t j = 0; j < c->lists[i]->prediction_count; j++) {
            const struct prediction *p = &c->lists[i]->predictions[j];

            if (!p->variety || wanted-- > 0)
                continue;
            *q = (struct question){ c->lists[i], p, clock_wall_ms() / DAY_MS - n % DAYS };
            return true;
        }
    }
    return false;
}

static void put_escaped(struct buf *out, struct str name)
{
    ensure(escape_add(out, name) == OK); /* it has no ceiling */
    buf_put_text(out, ":");
}

/* In the batch's memory. */
static struct str key_of(struct census *c, const struct question *q)
{
    struct buf name = { 0 };
    struct str key;

    put_escaped(&name, q->list->model);
    put_escaped(&name, q->prediction->name);
    buf_put_printf(&name, "%016llx:%llu", (unsigned long long)q->list->id,
                   (unsigned long long)q->day);
    key = BATCH_KEY(&c->batch, c->prefix, STR("distinct:"), buf_str(&name));
    buf_deinit(&name);
    return key;
}

static void end(struct census *c)
{
    c->under_way = false;
    batch_reset(&c->batch);
}

static void on_put(struct redis_op *op, enum err err, const struct redis_reply *reply)
{
    struct census *c = container_of(op, struct census, redis);

    (void)reply;
    end(c);
    if (!err)
        go_on(c);
}

static void put(struct census *c, const struct question *q, const struct distinct *d)
{
    struct str registers = { (const char *)d->registers, sizeof(d->registers) };

    BATCH_ADD(&c->batch, STR("SET"), key_of(c, q), registers, STR("EX"),
              batch_u64(&c->batch, KEPT_S));
    c->under_way = true;
    batch_send(&c->batch, c->link, &c->redis, on_put);
}

/* Anything else than a sketch is as good as none. */
static void read_sketch(const struct redis_reply *reply, struct distinct *out)
{
    struct str text = redis_reply_type(reply) == REDIS_TEXT ? redis_reply_text(reply) : STR("");

    *out = (struct distinct){ { 0 } };
    if (text.len != sizeof(out->registers))
        return;
    for (size_t i = 0; i < text.len; i++)
        if ((uint8_t)text.at[i] > DISTINCT_MOST)
            return;
    memcpy(out->registers, text.at, text.len);
}

static void on_got(struct redis_op *op, enum err err, const struct redis_reply *reply)
{
    struct census *c = container_of(op, struct census, redis);
    const struct redis_reply *got = err ? NULL : batch_reply(reply, 0);
    struct distinct theirs, all;

    if (got)
        read_sketch(got, &theirs);
    end(c);
    if (!got || c->stopped || c->is_stale)
        return;
    c->next++;
    variety_merge(c->asked.prediction->variety, c->asked.day, &theirs, &all);
    if (memcmp(&theirs, &all, sizeof(all)) != 0)
        put(c, &c->asked, &all);
    else
        go_on(c);
}

static void go_on(struct census *c)
{
    if (c->under_way || c->stopped || !redis_is_up(c->link) || !find(c, c->next, &c->asked))
        return;
    BATCH_ADD(&c->batch, STR("GET"), key_of(c, &c->asked));
    c->under_way = true;
    c->is_stale = false;
    batch_send(&c->batch, c->link, &c->redis, on_got);
}

/* ---- living ---- */

static void on_due(struct timer *t)
{
    struct census *c = container_of(t, struct census, timer);

    if (!c->under_way)
        c->next = 0;
    go_on(c);
    timer_arm(t, c->every_ms * 1000);
}

void census_start(struct census *c)
{
    if (c->link)
        timer_arm(&c->timer, c->every_ms * 1000 / 4);
}

void census_stop(struct census *c)
{
    c->stopped = true;
    timer_disarm(&c->timer);
}
