/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Asking a pool for leave to call, waiting for it, and giving it back.
 *
 * Who waits has a box: what other threads may touch of its seat, and the letter that brings the
 * answer. A box outlives its seat while the letter is under way; it is freed on its owner's
 * thread, by whoever comes last, the letter or the seat. Its `seat` and its timer are the
 * owner's thread's alone; all else is under the pool's lock, until the letter is out. A permit
 * that is under way to a seat which leaves is given back by the seat.
 *
 * The clock is read under the lock: so no time is older than one that another thread has noted.
 *
 * What always holds when the lock is free: of those who wait nobody could have been answered
 * when the pool was last looked at. What changes it is a call's end or the control thread, who
 * both serve; rests and breakers, which end by time alone, are looked at by whoever asks next,
 * and by those who wait, now and then.
 */

#include "pool_inner.h"

#include "weir/base/clock.h"
#include "weir/base/mem.h"
#include "weir/base/metric.h"
#include "weir/net/loop.h"
#include "weir/net/timer.h"

#include <stdlib.h>

enum {
    COLD_QUEUE = 256, /* who may wait for a pool that starts up, where no queue is configured */
    LEAST_WAIT_US = 1000 * 1000,
    MOST_WAIT_US = 60 * 1000 * 1000,
    LOOK_US = 100 * 1000, /* between two looks of those who wait */
    LATE_PART = 4,        /* one call in so many may be one that nobody waits for */
};

struct permit_box {
    struct letter letter;
    struct permit_seat *seat; /* NULL once it has left */
    struct loop *loop;        /* lent */
    struct pool *pool;        /* one reference */
    struct timer look;
    struct permit_wish wish;
    struct line *line; /* NULL: it does not wait any more */
    struct link link;  /* in its line */
    uint64_t since_us, until_us;
    bool letter_out;
    enum permit_answer answer;
    const char *reason; /* of one that is no permit, for its metric; may be NULL */
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
    if (b->reason)
        count_away(b->loop, b->pool, b->wish.priority, b->reason);
}

/* On the thread of who holds it, since it was chosen under the lock by anybody's. */
static void count_trial(const struct permit *held)
{
    const char *word = breaker_word(BREAKER_HALF_OPEN);

    if (held->trial)
        metric_add(loop_shard(held->loop), METRIC_BREAKER, 1,
                   METRIC_LABEL(pool_name(held->pool), held->endpoint->label, str_of(word)));
}

/* ---- the queue, under the lock ------------------------------------------------------------- */

static void stand_in_line(struct pool *p, struct permit_box *b)
{
    b->line = line_join(&p->lanes[b->wish.priority], b->wish.tenant, &b->link);
    b->wish.tenant = (struct str){ 0 }; /* it was lent */
    p->waiting++;
}

static void step_out(struct pool *p, struct permit_box *b)
{
    if (!b->line)
        return;
    line_leave(steal(&b->line), &b->link);
    p->waiting--;
}

static void on_opened(struct letter *l);

static void answer(struct pool *p, struct permit_box *b, enum permit_answer a,
                   const char *reason)
{
    step_out(p, b);
    b->permit.loop = b->loop;
    b->answer = a;
    b->reason = reason;
    b->letter_out = true;
    loop_send(b->loop, &b->letter, on_opened);
}

/*
 * The first of a line who need not wait; NULL: all must. Those who have tried no endpoint wait
 * for the same, unless the pool starts up: where one must, all must, and the rest of them is not
 * asked about.
 */
static struct permit_box *first_served(struct pool *p, struct line *line, uint64_t now_us,
                                       bool *all_wait)
{
    for (struct link *l = line->boxes.next; l != &line->boxes; l = l->next) {
        struct permit_box *b = container_of(l, struct permit_box, link);

        if (*all_wait && b->wish.tried == 0)
            continue;
        b->answer = choice_make(p, &b->wish, now_us, &b->permit, &b->wait_us);
        if (b->answer != PERMIT_WAITS)
            return b;
        *all_wait = *all_wait || (b->wish.tried == 0 && !p->starting.on);
    }
    return NULL;
}

/* True: somebody got an answer, and tenants have taken turns. */
static bool serve_one(struct pool *p, struct lane *lane, uint64_t now_us, bool *all_wait)
{
    for (struct link *l = lane->lines.next; l != &lane->lines; l = l->next) {
        struct line *line = container_of(l, struct line, link);
        struct permit_box *b = first_served(p, line, now_us, all_wait);

        if (!b)
            continue;
        link_out(&line->link);
        link_before(&lane->lines, &line->link);
        answer(p, b, b->answer, b->answer == PERMIT_LATER ? "resting" : NULL);
        return true;
    }
    return false;
}

void permit_serve(struct pool *p, uint64_t now_us)
{
    bool all_wait = false;

    p->served_us = now_us;
    for (size_t i = 0; i < PRIORITY_COUNT && p->waiting > 0; i++)
        while (serve_one(p, &p->lanes[i], now_us, &all_wait))
            ;
}

/* How long it takes until as many as wait now, and one more, have had their turn. */
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

/*
 * Whose last one makes way, if anybody's: the longest line of the lowest priority below the wish's,
 * or else of its own, where the newcomer's tenant has two places less. With one less they would
 * only change roles, and whoever has waited would have done so in vain.
 */
static struct line *line_to_displace(struct pool *p, const struct permit_wish *w)
{
    struct lane *own = &p->lanes[w->priority];
    struct line *longest = NULL;

    for (size_t i = PRIORITY_COUNT; i-- > (size_t)w->priority + 1 && !longest;)
        longest = line_longest(&p->lanes[i]);
    if (longest)
        return longest;
    longest = line_longest(own);
    return longest && longest->length > line_length(own, w->tenant) + 1 ? longest : NULL;
}

static bool displace(struct pool *p, const struct permit_wish *w)
{
    struct line *line = line_to_displace(p, w);
    struct permit_box *b;

    if (!line)
        return false;
    b = container_of(line->boxes.prev, struct permit_box, link);
    b->wait_us = wait_of(p);
    answer(p, b, PERMIT_SLOW, "displaced");
    return true;
}

static bool has_room(struct pool *p, const struct permit_wish *w)
{
    unsigned most = p->settings.queue.size;

    if (p->starting.on && most < COLD_QUEUE)
        most = COLD_QUEUE;
    if (p->waiting < most)
        return true;
    return most > 0 && displace(p, w);
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

    timer_disarm(&b->look);
    count_answer(b);
    count_trial(&b->permit);
    s->permit = b->permit;
    s->wait_us = b->wait_us;
    s->box = NULL;
    free_box(b);
    s->on_done(s, a); /* which may free the seat */
}

static void on_opened(struct letter *l)
{
    struct permit_box *b = container_of(l, struct permit_box, letter);

    if (b->seat)
        hand_over(b);
    else
        free_box(b);
}

static void look_again(struct permit_box *b, uint64_t now_us)
{
    uint64_t left_us = b->until_us > now_us ? b->until_us - now_us : 0;

    timer_arm(&b->look, left_us < LOOK_US ? left_us : LOOK_US);
}

/* Of who waits for a start: its time in the queue has not begun, and its last chance may be now. */
static void look_at_start(struct pool *p, struct permit_box *b, uint64_t now_us)
{
    enum permit_answer a;

    if (b->letter_out || !p->starting.on || b->wish.start_by_us == 0)
        return;
    b->until_us = now_us + p->settings.queue.timeout_us;
    if (!p->starting.trying && p->starting.next_us <= now_us)
        permit_serve(p, now_us); /* who came before is not overtaken */
    if (b->letter_out)
        return;
    a = choice_make(p, &b->wish, now_us, &b->permit, &b->wait_us);
    if (a != PERMIT_WAITS)
        answer(p, b, a, a == PERMIT_LATER ? "resting" : NULL);
}

static void on_look(struct timer *t)
{
    struct permit_box *b = container_of(t, struct permit_box, look);
    struct pool *p = b->pool;
    uint64_t now_us;
    bool over;

    pthread_mutex_lock(&p->lock);
    now_us = clock_now_us();
    if (now_us - p->served_us > LOOK_US / 2)
        permit_serve(p, now_us);
    look_at_start(p, b, now_us);
    over = !b->letter_out && now_us >= b->until_us;
    if (over) {
        b->wait_us = wait_of(p);
        step_out(p, b);
    }
    pthread_mutex_unlock(&p->lock);
    if (!over) {
        look_again(b, now_us); /* in vain, if the answer is under way */
        return;
    }
    b->answer = PERMIT_SLOW;
    b->reason = "slow";
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
    b->until_us = b->since_us + p->settings.queue.timeout_us;
    timer_init(&b->look, loop, on_look);
    link_init(&b->link);
    s->box = b;
    return b;
}

/* Under the lock. */
static enum permit_answer queue_up(struct permit_seat *s, struct pool *p, struct loop *loop,
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
    uint64_t now_us;
    enum permit_answer a;

    *s = (struct permit_seat){ .on_done = on_done };
    pthread_mutex_lock(&p->lock);
    now_us = clock_now_us();
    permit_serve(p, now_us); /* who came before is not overtaken */
    a = choice_make(p, wish, now_us, &s->permit, &s->wait_us);
    if (a == PERMIT_WAITS)
        a = queue_up(s, p, loop, wish);
    pthread_mutex_unlock(&p->lock);
    s->permit.loop = loop;
    count_trial(&s->permit);
    if (a == PERMIT_WAITS) {
        count_depth(s->box, 1);
        look_again(s->box, now_us);
    } else if (a == PERMIT_FULL && !wish->never_waits) {
        count_away(loop, p, wish->priority, "full");
    } else if (a == PERMIT_LATER && !wish->never_waits) {
        count_away(loop, p, wish->priority, "resting");
    }
    return a;
}

void permit_leave(struct permit_seat *s)
{
    static const struct permit_report unused = { .retry_after_ms = -1 };
    struct permit_box *b = s->box;
    bool letter_out;

    if (!b) {
        permit_give_back(&s->permit, &unused);
        return;
    }
    pthread_mutex_lock(&b->pool->lock);
    step_out(b->pool, b);
    letter_out = b->letter_out;
    pthread_mutex_unlock(&b->pool->lock);
    timer_disarm(&b->look);
    count_depth(b, -1);
    b->seat = NULL;
    s->box = NULL;
    if (letter_out)
        permit_give_back(&b->permit, &unused);
    else
        free_box(b);
}

bool permit_go_late(struct permit *permit)
{
    struct pool *p = permit->pool;
    struct member *m;
    unsigned limit;
    bool fits;

    if (!p || permit->late)
        return true;
    m = member_of(permit->endpoint);
    permit->late = true;
    pthread_mutex_lock(&p->lock);
    limit = member_limit(p, m);
    fits = limit == 0 || m->late == 0 || m->late < limit / LATE_PART;
    m->late++;
    pthread_mutex_unlock(&p->lock);
    return fits;
}

void permit_give_back(struct permit *permit, const struct permit_report *r)
{
    struct permit mine = *permit;
    struct pool *p = mine.pool;
    uint64_t now_us;

    *permit = (struct permit){ 0 };
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    now_us = clock_now_us();
    member_of(mine.endpoint)->in_flight--;
    member_of(mine.endpoint)->late -= mine.late;
    lesson_learn(p, &mine, r, now_us, mine.loop);
    permit_serve(p, now_us);
    pthread_mutex_unlock(&p->lock);
    endpoint_unref(mine.endpoint);
    pool_unref(p);
}
