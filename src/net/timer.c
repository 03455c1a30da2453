/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers of a loop, as a binary heap of pointers into their owners.
 *
 * A request arms and disarms several timers and nearly none of them is ever due, so both
 * touch the heap alone. The libuv timer below is set once a turn, before the loop waits, and
 * only when it would otherwise be late: an alarm for a timer that was disarmed meanwhile
 * goes off for nothing, once.
 *
 * The alarm itself calls nobody: who is due is called behind the sockets. libuv's alarms come
 * before them, and a loop that was held up for longer than a limit (a busy machine, a process
 * that was stopped) would else find everyone late whose bytes have long been waiting for it.
 *
 * A stream moves its limit with every event, always to a later time. So a later time is only
 * noted, and the timer goes to its new place when it comes to the top: once for hundreds of
 * moves, where each would have gone through cold memory from here to the heap's end.
 *
 * What always holds: heap[i]->place == i, key_us <= due_us, the heap is in the order of key_us,
 * and no timer is called before its due time.
 */
#include "weir/net/timer.h"

#include "weir/base/clock.h"
#include "weir/base/ensure.h"
#include "weir/base/mem.h"
#include "weir/base/own.h"

#include "loop_inner.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 64 };

static void put(struct timers *all, size_t place, struct timer *t)
{
    all->heap[place] = t;
    t->place = (uint32_t)place;
}

static void sift_up(struct timers *all, struct timer *t)
{
    size_t place = t->place;

    for (; place > 1 && all->heap[place / 2]->key_us > t->key_us; place /= 2)
        put(all, place, all->heap[place / 2]);
    put(all, place, t);
}

static void sift_down(struct timers *all, struct timer *t)
{
    size_t place = t->place;

    for (;;) {
        size_t child = place * 2;

        if (child < all->count && all->heap[child + 1]->key_us < all->heap[child]->key_us)
            child++;
        if (child > all->count || all->heap[child]->key_us >= t->key_us)
            break;
        put(all, place, all->heap[child]);
        place = child;
    }
    put(all, place, t);
}

static void settle(struct timers *all, struct timer *t)
{
    sift_up(all, t);
    sift_down(all, t);
}

/* The timer that is due first, standing where it should; NULL if none is armed. */
static struct timer *find_first(struct timers *all)
{
    while (all->count > 0 && all->heap[1]->key_us < all->heap[1]->due_us) {
        struct timer *t = all->heap[1];

        t->key_us = t->due_us;
        sift_down(all, t);
    }
    return all->count > 0 ? all->heap[1] : NULL;
}

static void run_due(struct timers *all)
{
    uint64_t now = clock_now_us();
    struct timer *t;

    /*
     * A timer armed from a callback is due after `now`, so that one which arms itself
     * again and again cannot keep the loop from its sockets.
     */
    while ((t = find_first(all)) && t->due_us <= now) {
        timer_disarm(t);
        t->on_due(t);
    }
}

static void on_alarm(uv_timer_t *alarm)
{
    struct timers *all = container_of(alarm, struct timers, alarm);

    all->alarm_us = 0;
    all->rang = true;
}

void timers_run(struct timers *all)
{
    if (!all->rang)
        return;
    all->rang = false;
    run_due(all);
}

void timers_init(struct timers *all, uv_loop_t *uv)
{
    all->capacity = FIRST_CAPACITY;
    all->heap = mem_new_array(all->capacity + 1, sizeof(struct timer *));
    ensure(uv_timer_init(uv, &all->alarm) == 0);
}

void timers_close(struct timers *all)
{
    while (all->count > 0)
        timer_disarm(all->heap[1]);
    free(all->heap);
    all->heap = NULL;
    uv_close((uv_handle_t *)&all->alarm, NULL);
}

void timers_set_alarm(struct timers *all)
{
    const struct timer *next = find_first(all);
    uint64_t due;
    uint64_t now;
    uint64_t wait_us;

    if (!next || all->rang)
        return;
    due = next->due_us;
    if (all->alarm_us != 0 && all->alarm_us <= due)
        return;

    /* libuv counts from a time that it took when this turn began; take it anew. */
    now = clock_now_us();
    wait_us = due > now ? due - now : 0;
    uv_update_time(all->alarm.loop);
    ensure(uv_timer_start(&all->alarm, on_alarm, wait_us < 1000 ? 1 : (wait_us + 999) / 1000,
                          0) == 0);
    all->alarm_us = due;
}

void timer_init(struct timer *t, struct loop *loop, timer_fn *on_due)
{
    *t = (struct timer){ .loop = loop, .on_due = on_due };
}

void timer_arm(struct timer *t, uint64_t after_us)
{
    struct timers *all = &t->loop->timers;

    t->due_us = clock_now_us() + (after_us > 0 ? after_us : 1);
    if (t->place != 0 && t->due_us >= t->key_us)
        return;
    t->key_us = t->due_us;
    if (t->place == 0) {
        if (all->count == all->capacity) {
            all->capacity *= 2;
            all->heap = mem_grow(all->heap, (all->capacity + 1) * sizeof(struct timer *));
        }
        put(all, ++all->count, t);
    }
    settle(all, t);
}

void timer_disarm(struct timer *t)
{
    struct timers *all;
    struct timer *last;

    if (t->place == 0)
        return;

    all = &t->loop->timers;
    ensure(all->heap[t->place] == t);
    last = all->heap[all->count--];
    if (last != t) {
        put(all, t->place, last);
        settle(all, last);
    }
    t->place = 0;
}

bool timer_is_armed(const struct timer *t)
{
    return t->place != 0;
}
