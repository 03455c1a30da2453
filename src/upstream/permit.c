/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Asking a pool for leave to call, waiting for it, and giving it back.
 *
 * Who waits has a box: what other threads may touch of its seat, and the letter that brings the
 * answer. A box outlives its seat while the letter is under way; it is freed on its owner's
 * thread, by whoever comes last, the letter or the seat. Its `seat` and its timer are the
 * owner's thread's alone; all else is under the pool's lock. A permit that comes after its seat
 * has left is given back by the letter.
 */

#include "pool_inner.h"

#include "weir/base/clock.h"
#include "weir/base/mem.h"
#include "weir/base/metric.h"
#include "weir/net/loop.h"
#include "weir/net/timer.h"

#include <stdlib.h>
#include <string.h>

enum {
    COLD_QUEUE = 256, /* who may wait for a pool that starts up, where no queue is configured */
    LEAST_WAIT_US = 1000 * 1000,
    MOST_WAIT_US = 60 * 1000 * 1000,
};

/* Those of one tenant, in the order in which they came; it is there while anybody waits. */
struct line {
    struct link link; /* in its lane */
    struct link boxes;
    struct str tenant; /* behind the struct */
};

struct permit_box {
    struct letter letter;
    struct permit_seat *seat; /* NULL once it has left */
    struct loop *loop;        /* lent */
    struct pool *pool;        /* one reference */
    struct timer limit;       /* of its waiting */
    struct permit_wish wish;
    struct line *line; /* NULL: it does not wait any more */
    struct link link;  /* in its line */
    uint64_t since_us;
    bool letter_out;
    enum permit_answer answer;
    struct permit permit;
    uint64_t wait_us;
};

/* ---- metrics ---------------------------------------------------------------------------- */

static struct str priority_word(enum priority p)
{
    static const char *const words[] = {
        [PRIORITY_HIGH] = "high", [PRIORITY_NORMAL] = "normal", [PRIORITY_LOW] = "low"
    };

    return str_of(words[p]);
}

static void count_depth(const struct permit_box *b, int64_t by)
{
    metric_add(loop_shard(b->loop), METRIC_QUEUE_DEPTH, by,
               METRIC_LABEL(pool_name(b->pool), priority_word(b->wish.priority)));
}

static void count_away(struct loop *loop, const struct pool *p, enum priority priority,
                       const char *reason)
{
    metric_add(loop_shard(loop), METRIC_TURNED_AWAY, 1,
               METRIC_LABEL(pool_name(p), priority_word(priority), str_of(reason)));
}

static void count_answer(const struct permit_box *b)
{
    count_depth(b, -1);
    metric_observe(loop_shard(b->loop), METRIC_QUEUE_SECONDS,
                   (double)(clock_now_us() - b->since_us) / 1e6,
                   METRIC_LABEL(pool_name(b->pool)));
    if (b->answer == PERMIT_SLOW)
        count_away(b->loop, b->pool, b->wish.priority, b->wait_us > 0 ? "displaced" : "slow");
    else if (b->answer == PERMIT_LATER)
        count_away(b->loop, b->pool, b->wish.priority, "resting");
}

/* ---- the queue, under the lock ------------------------------------------------------------- */

static struct line *line_of(struct pool *p, const struct permit_wish *w)
{
    struct lane *lane = &p->lanes[w->priority];
    struct line *line;

    for (struct link *l = lane->lines.next; l != &lane->lines; l = l->next) {
        line = container_of(l, struct line, link);
        if (str_eq(line->tenant, w->tenant))
            return line;
    }
    line = mem_new(sizeof(*line) + w->tenant.len + 1);
    line->tenant = (struct str){ (char *)(line + 1), w->tenant.len };
    if (w->tenant.len > 0)
        memcpy(line + 1, w->tenant.at, w->tenant.len);
    link_init(&line->boxes);
    link_before(&lane->lines, &line->link);
    return line;
}

static void stand_in_line(struct pool *p, struct permit_box *b)
{
    b->line = line_of(p, &b->wish);
    b->wish.tenant = (struct str){ 0 }; /* it was lent */
    link_before(&b->line->boxes, &b->link);
    p->waiting++;
}

static void step_out(struct pool *p, struct permit_box *b)
{
    struct line *line = b->line;

    if (!line)
        return;
    link_out(&b->link);
    b->line = NULL;
    p->waiting--;
    if (link_is_in(&line->boxes))
        return;
    link_out(&line->link);
    free(line);
}

static void on_opened(struct letter *l);

static void answer(struct pool *p, struct permit_box *b, enum permit_answer a, uint64_t wait_us)
{
    step_out(p, b);
    b->permit.loop = b->loop;
    b->answer = a;
    b->wait_us = wait_us;
    b->letter_out = true;
    loop_send(b->loop, &b->letter, on_opened);
}

/* True: somebody got an answer, and tenants have taken turns. */
static bool serve_one(struct pool *p, struct lane *lane, uint64_t now_us)
{
    for (struct link *l = lane->lines.next; l != &lane->lines; l = l->next) {
        struct line *line = container_of(l, struct line, link);
        struct permit_box *b = container_of(line->boxes.next, struct permit_box, link);
        uint64_t wait_us = 0;
        enum permit_answer a = choice_make(p, &b->wish, now_us, &b->permit, &wait_us);

        if (a == PERMIT_WAITS)
            continue;
        link_out(&line->link);
        link_before(&lane->lines, &line->link);
        answer(p, b, a, wait_us);
        return true;
    }
    return false;
}

void permit_serve(struct pool *p, uint64_t now_us)
{
    for (size_t i = 0; i < PRIORITY_COUNT; i++)
        while (serve_one(p, &p->lanes[i], now_us))
            ;
}

static struct permit_box *first_in(struct lane *lane)
{
    struct line *line;

    if (!link_is_in(&lane->lines))
        return NULL;
    line = container_of(lane->lines.next, struct line, link);
    return container_of(line->boxes.next, struct permit_box, link);
}

void permit_send_away(struct pool *p, uint64_t wait_us)
{
    struct permit_box *b;

    for (size_t i = 0; i < PRIORITY_COUNT; i++)
        while ((b = first_in(&p->lanes[i])))
            answer(p, b, PERMIT_LATER, wait_us);
}

/* How long it takes until as many as wait now have had their turn. */
static uint64_t wait_of(const struct pool *p)
{
    unsigned slots = 0;
    double wait_us;

    for (size_t i = 0; i < p->member_count; i++)
        slots += member_limit(p, p->members[i]);
    wait_us = slots > 0 ? (double)(p->waiting + 1) / slots * p->hold_s * 1e6 : 0;
    return wait_us < LEAST_WAIT_US  ? LEAST_WAIT_US
           : wait_us > MOST_WAIT_US ? MOST_WAIT_US
                                    : (uint64_t)wait_us;
}

/* Of the lowest priority below `than`, who came last: it has waited the least. */
static bool displace(struct pool *p, enum priority than)
{
    for (size_t i = PRIORITY_COUNT; i-- > (size_t)than + 1;) {
        struct lane *lane = &p->lanes[i];
        struct line *line;

        if (!link_is_in(&lane->lines))
            continue;
        line = container_of(lane->lines.prev, struct line, link);
        answer(p, container_of(line->boxes.prev, struct permit_box, link), PERMIT_SLOW,
               wait_of(p));
        return true;
    }
    return false;
}

static bool has_room(struct pool *p, const struct permit_wish *w)
{
    unsigned most = p->settings.queue.size;

    if (p->starting.on && most < COLD_QUEUE)
        most = COLD_QUEUE;
    if (p->waiting < most)
        return true;
    return most > 0 && displace(p, w->priority);
}

/* ---- the owner's side ------------------------------------------------------------------------ */

static void free_box(struct permit_box *b)
{
    pool_unref(b->pool);
    free(b);
}

static void hand_over(struct permit_box *b)
{
    struct permit_seat *s = b->seat;
    enum permit_answer a = b->answer;

    timer_disarm(&b->limit);
    count_answer(b);
    s->permit = b->permit;
    s->wait_us = b->wait_us;
    s->box = NULL;
    free_box(b);
    s->on_done(s, a); /* which may free the seat */
}

static void on_opened(struct letter *l)
{
    struct permit_box *b = container_of(l, struct permit_box, letter);

    if (b->seat) {
        hand_over(b);
        return;
    }
    permit_give_back(&b->permit, &(struct permit_report){ .retry_after_ms = -1 });
    free_box(b);
}

static void on_limit(struct timer *t)
{
    struct permit_box *b = container_of(t, struct permit_box, limit);
    bool letter_out;

    pthread_mutex_lock(&b->pool->lock);
    letter_out = b->letter_out;
    step_out(b->pool, b);
    pthread_mutex_unlock(&b->pool->lock);
    if (letter_out)
        return; /* the answer is under way */
    b->answer = PERMIT_SLOW;
    hand_over(b);
}

static struct permit_box *box_new(struct permit_seat *s, struct pool *p, struct loop *loop,
                                  const struct permit_wish *wish)
{
    struct permit_box *b = MEM_NEW(struct permit_box);

    b->seat = s;
    b->loop = loop;
    b->pool = pool_ref(p);
    b->wish = *wish;
    b->since_us = clock_now_us();
    timer_init(&b->limit, loop, on_limit);
    link_init(&b->link);
    s->box = b;
    return b;
}

/* Under the lock. */
static enum permit_answer wait(struct permit_seat *s, struct pool *p, struct loop *loop,
                               const struct permit_wish *wish)
{
    if (wish->never_waits)
        return PERMIT_FULL;
    if (!has_room(p, wish)) {
        s->wait_us = wait_of(p);
        return PERMIT_FULL;
    }
    stand_in_line(p, box_new(s, p, loop, wish));
    return PERMIT_WAITS;
}

enum permit_answer permit_ask(struct permit_seat *s, struct pool *p, struct loop *loop,
                              const struct permit_wish *wish, permit_fn *on_done)
{
    uint64_t now_us = clock_now_us();
    enum permit_answer a;

    *s = (struct permit_seat){ .on_done = on_done };
    pthread_mutex_lock(&p->lock);
    a = choice_make(p, wish, now_us, &s->permit, &s->wait_us);
    if (a == PERMIT_WAITS)
        a = wait(s, p, loop, wish);
    pthread_mutex_unlock(&p->lock);
    s->permit.loop = loop;
    if (a == PERMIT_WAITS) {
        s->box->permit.loop = loop;
        count_depth(s->box, 1);
        timer_arm(&s->box->limit, p->settings.queue.timeout_us);
    } else if (a == PERMIT_FULL && !wish->never_waits) {
        count_away(loop, p, wish->priority, "full");
    } else if (a == PERMIT_LATER && !wish->never_waits) {
        count_away(loop, p, wish->priority, "resting");
    }
    return a;
}

void permit_leave(struct permit_seat *s)
{
    struct permit_box *b = s->box;
    bool letter_out;

    if (!b) {
        permit_give_back(&s->permit, &(struct permit_report){ .retry_after_ms = -1 });
        return;
    }
    pthread_mutex_lock(&b->pool->lock);
    step_out(b->pool, b);
    letter_out = b->letter_out;
    pthread_mutex_unlock(&b->pool->lock);
    timer_disarm(&b->limit);
    count_depth(b, -1);
    b->seat = NULL;
    s->box = NULL;
    if (!letter_out)
        free_box(b);
}

void permit_give_back(struct permit *permit, const struct permit_report *r)
{
    struct permit mine = *permit;
    struct pool *p = mine.pool;
    uint64_t now_us;

    *permit = (struct permit){ 0 };
    if (!p)
        return;
    now_us = clock_now_us();
    pthread_mutex_lock(&p->lock);
    member_of(mine.endpoint)->in_flight--;
    lesson_learn(p, &mine, r, now_us, mine.loop);
    permit_serve(p, now_us);
    pthread_mutex_unlock(&p->lock);
    endpoint_unref(mine.endpoint);
    pool_unref(p);
}
