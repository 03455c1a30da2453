/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/herald.h"

#include "batch.h"
#include "weir/base/clock.h"
#include "weir/base/escape.h"
#include "weir/base/list.h"
#include "weir/base/log.h"
#include "weir/base/mem.h"
#include "weir/base/uuid.h"
#include "weir/net/loop.h"
#include "weir/net/timer.h"
#include "weir/watch/course.h"
#include "weir/watch/ticks.h"

#include <stdlib.h>

/*
 * One command at a time: first all that waits is told, then ticks are heard one by one, in their
 * order. A tick is heard a while after it is settled, when the others have told it, and a while
 * after Redis was away. What is told replaces what this gateway told of that tick before, so
 * telling twice does no harm.
 */

enum { RETURN_MS = 5000 }; /* every link has found Redis again by then */

struct own {
    uint64_t tick;
    struct buf text;
};

struct herald {
    struct loop *loop;
    struct redis *link; /* lent; NULL: there is none */
    struct str prefix;  /* lent */
    struct pace pace;
    char id[UUID_TEXT]; /* of this process, among gateways */
    struct ticks *ticks;
    struct course *course;
    struct timer timer;
    uint64_t settled; /* the last tick that is in the course */
    uint64_t heard;   /* the last that all others have told */
    struct own waiting[HERALD_WAITING];
    size_t waiting_count;
    struct redis_op redis;
    struct batch batch; /* of the command under way */
    bool under_way;
    uint64_t away_ms; /* when Redis was last seen away, wall clock; 0: never */
};

static void on_due(struct timer *t);

struct herald *herald_new(struct loop *loop, struct redis *link, struct str prefix,
                          const struct pace *pace)
{
    struct herald *h = MEM_NEW(struct herald);

    h->loop = loop;
    h->link = link;
    h->prefix = prefix;
    h->pace = *pace;
    h->ticks = ticks_new();
    h->course = course_new();
    uuid_make(h->id);
    timer_init(&h->timer, loop, on_due);
    return h;
}

static void drop_first(struct herald *h)
{
    buf_deinit(&h->waiting[0].text);
    h->waiting_count--;
    for (size_t i = 0; i < h->waiting_count; i++)
        h->waiting[i] = h->waiting[i + 1];
}

void herald_free(struct herald *h)
{
    if (!h)
        return;
    timer_disarm(&h->timer);
    while (h->waiting_count > 0)
        drop_first(h);
    batch_reset(&h->batch);
    course_free(h->course);
    ticks_free(h->ticks);
    free(h);
}

struct ticks *herald_ticks(const struct herald *h)
{
    return h->ticks;
}

const struct course *herald_course(const struct herald *h)
{
    return h->course;
}

const struct pace *herald_pace(const struct herald *h)
{
    return &h->pace;
}

enum { BEHIND = 2 }; /* ticks: who is further behind does not hear, and shows what it has */

uint64_t herald_last(const struct herald *h)
{
    return h->link && h->heard + BEHIND >= h->settled ? h->heard : h->settled;
}

/* ---- a tick becomes a text ---- */

struct writing {
    struct buf *out;
    struct buf series, last; /* the line above the counts */
};

static bool put_series(struct buf *out, const struct tick_histogram *of)
{
    if (escape_add(out, of->model))
        return false;
    buf_put_text(out, ":");
    if (escape_add(out, of->version))
        return false;
    buf_put_text(out, of->segment.len > 0 ? "@" : "");
    buf_put(out, of->segment);
    return true;
}

static void write_count(void *ctx, const struct tick_histogram *of, struct str value,
                        uint64_t count)
{
    struct writing *w = ctx;

    buf_reset(&w->series);
    if (!put_series(&w->series, of))
        return;
    if (!str_eq(buf_str(&w->series), buf_str(&w->last))) {
        buf_put(w->out, buf_str(&w->series));
        buf_put_text(w->out, "\n");
        buf_reset(&w->last);
        buf_put(&w->last, buf_str(&w->series));
    }
    buf_put_text(w->out, " ");
    if (escape_add(w->out, of->prediction))
        return;
    buf_put_text(w->out, "=");
    if (escape_add(w->out, value))
        return;
    buf_put_text(w->out, " ");
    buf_put_u64(w->out, count);
    buf_put_text(w->out, "\n");
}

/* The oldest makes room, but not while it is being told: then the newest is not told at all. */
static void let_wait(struct herald *h, uint64_t tick, struct buf *text)
{
    if (h->waiting_count == HERALD_WAITING && !h->under_way)
        drop_first(h);
    if (h->waiting_count < HERALD_WAITING)
        h->waiting[h->waiting_count++] = (struct own){ tick, *text };
    else
        buf_deinit(text);
    *text = (struct buf){ 0 };
}

static void settle(struct herald *h, uint64_t tick)
{
    struct buf text = { 0 };
    struct writing w = { .out = &text };
    struct str own;
    uint64_t lost;

    ticks_take(h->ticks, tick, write_count, &w);
    lost = ticks_lost(h->ticks);
    if (lost > 0)
        log_warn("course_dropped", F_U64("counts", lost));
    own = buf_str(&text);
    course_set(h->course, tick, &own, own.len > 0 ? 1 : 0);
    if (h->link && own.len > 0)
        let_wait(h, tick, &text);
    buf_deinit(&text);
    buf_deinit(&w.series);
    buf_deinit(&w.last);
    h->settled = tick;
}

/* ---- with the others ---- */

static void go_on(struct herald *h);

static struct str key_of(struct herald *h, uint64_t tick)
{
    return BATCH_KEY(&h->batch, h->prefix, STR("course:"), batch_u64(&h->batch, tick));
}

static void end(struct herald *h)
{
    h->under_way = false;
    batch_reset(&h->batch);
}

static void on_told(struct redis_op *op, enum err err, const struct redis_reply *reply)
{
    struct herald *h = container_of(op, struct herald, redis);
    bool good = !err && batch_reply(reply, 0);

    end(h);
    if (!good)
        return;
    drop_first(h);
    go_on(h);
}

static void put_own(struct herald *h, const struct own *own)
{
    struct str key = key_of(h, own->tick);
    uint64_t kept_s = HERALD_KEPT * h->pace.tick_ms / 1000 + 1;

    BATCH_ADD(&h->batch, STR("HSET"), key, str_of(h->id), buf_str(&own->text));
    BATCH_ADD(&h->batch, STR("EXPIRE"), key, batch_u64(&h->batch, kept_s));
}

static void tell(struct herald *h)
{
    put_own(h, &h->waiting[0]);
    h->under_way = true;
    batch_send(&h->batch, h->link, &h->redis, on_told);
}

/* Who is not among them keeps what is its own. */
static void take_in(struct herald *h, uint64_t tick, const struct redis_reply *all)
{
    size_t count = redis_reply_count(all) / 2;
    struct str *texts = mem_new_array(count + 1, sizeof(*texts));
    bool has_own = !course_has(h->course, tick);

    for (size_t i = 0; i < count; i++) {
        texts[i] = redis_reply_text(redis_reply_at(all, 2 * i + 1));
        has_own = has_own ||
                  str_eq(redis_reply_text(redis_reply_at(all, 2 * i)), str_of(h->id));
    }
    if (has_own && count > 0)
        course_set(h->course, tick, texts, count);
    free(texts);
}

static void on_heard(struct redis_op *op, enum err err, const struct redis_reply *reply)
{
    struct herald *h = container_of(op, struct herald, redis);
    const struct redis_reply *all = err ? NULL : batch_reply(reply, 0);

    if (all && redis_reply_type(all) == REDIS_LIST)
        take_in(h, ++h->heard, all);
    end(h);
    if (all)
        go_on(h);
}

static void hear(struct herald *h)
{
    BATCH_ADD(&h->batch, STR("HGETALL"), key_of(h, h->heard + 1));
    h->under_way = true;
    batch_send(&h->batch, h->link, &h->redis, on_heard);
}

/* By then each gateway has settled it and told it. */
static uint64_t last_told(const struct herald *h)
{
    uint64_t told = pace_closed(&h->pace, clock_wall_ms() - h->pace.flush_ms);

    return told < h->settled ? told : h->settled;
}

/* When Redis returns all others have something to tell, and are first given the time for it. */
static bool may_hear(const struct herald *h)
{
    return clock_wall_ms() > h->away_ms + RETURN_MS && h->heard < last_told(h);
}

static void go_on(struct herald *h)
{
    if (!h->link || h->under_way)
        return;
    if (!redis_is_up(h->link))
        h->away_ms = clock_wall_ms();
    else if (h->waiting_count > 0)
        tell(h);
    else if (may_hear(h))
        hear(h);
}

/* ---- living ---- */

static void on_due(struct timer *t)
{
    struct herald *h = container_of(t, struct herald, timer);
    uint64_t closed = pace_closed(&h->pace, clock_wall_ms());

    if (closed > h->settled + COURSE_TICKS)
        h->settled = closed - COURSE_TICKS; /* the machine has slept */
    while (h->settled < closed)
        settle(h, h->settled + 1);
    go_on(h);
    timer_arm(t, h->pace.flush_ms * 1000 / 2);
}

void herald_start(struct herald *h)
{
    h->settled = pace_closed(&h->pace, clock_wall_ms());
    h->heard = h->settled > HERALD_KEPT ? h->settled - HERALD_KEPT : 0;
    on_due(&h->timer);
}

void herald_stop(struct herald *h)
{
    uint64_t now = pace_tick(&h->pace, clock_wall_ms());

    timer_disarm(&h->timer);
    while (h->settled < now)
        settle(h, h->settled + 1);
    if (!h->link || h->under_way)
        return;
    for (size_t i = 0; i < h->waiting_count && h->batch.count + 2 <= BATCH_MOST; i++)
        put_own(h, &h->waiting[i]);
    if (h->batch.count > 0)
        batch_send(&h->batch, h->link, NULL, NULL);
    batch_reset(&h->batch);
}
