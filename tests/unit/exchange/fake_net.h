/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/list.h"
#include "weir/base/metric.h"
#include "weir/net/loop.h"
#include "weir/net/timer.h"

#include <criterion/criterion.h>

/*
 * A loop without a machine behind it, linked in place of the real one: time stands still until
 * a test lets it pass, and what was put off runs when a test says so. Included once by a test.
 */

enum { FAKE_TIMERS = 64 };

struct loop {
    struct metrics *metrics;
    struct metric_shard *shard;
    uint64_t now_us;
    struct link deferred;
    struct letter *letters;
    struct timer *timers[FAKE_TIMERS];
};

static struct loop fake_loop;

static inline struct loop *fake_loop_start(void)
{
    fake_loop = (struct loop){ .now_us = 1000000, .metrics = metrics_new() };
    fake_loop.shard = metrics_shard(fake_loop.metrics);
    link_init(&fake_loop.deferred);
    return &fake_loop;
}

static inline void fake_loop_stop(void)
{
    metrics_free(fake_loop.metrics);
}

struct metric_shard *loop_shard(const struct loop *loop)
{
    return loop->shard;
}

uint64_t loop_now_us(const struct loop *loop)
{
    return loop->now_us;
}

void loop_defer(struct loop *loop, struct deferred *d, deferred_fn *run)
{
    cr_assert(!d->link.next || !link_is_in(&d->link), "deferred twice");
    d->run = run;
    link_before(&loop->deferred, &d->link);
}

bool deferred_cancel(struct deferred *d)
{
    bool waited = d->link.next && link_is_in(&d->link);

    if (waited)
        link_out(&d->link);
    return waited;
}

void loop_send(struct loop *loop, struct letter *l, letter_fn *open)
{
    struct letter **last = &loop->letters;

    while (*last)
        last = &(*last)->next;
    l->open = open;
    l->next = NULL;
    *last = l;
}

void timer_init(struct timer *t, struct loop *loop, timer_fn *on_due)
{
    *t = (struct timer){ .loop = loop, .on_due = on_due };
}

void timer_disarm(struct timer *t)
{
    if (t->place > 0)
        fake_loop.timers[t->place - 1] = NULL;
    t->place = 0;
}

void timer_arm(struct timer *t, uint64_t after_us)
{
    size_t i = 0;

    timer_disarm(t);
    while (i < FAKE_TIMERS && fake_loop.timers[i])
        i++;
    cr_assert_lt(i, FAKE_TIMERS);
    fake_loop.timers[i] = t;
    t->place = (uint32_t)i + 1;
    t->due_us = fake_loop.now_us + after_us;
}

bool timer_is_armed(const struct timer *t)
{
    return t->place > 0;
}

/* Runs what waits, and what that makes wait, until nothing does. */
static inline void turn(void)
{
    for (;;) {
        struct link *l = list_pop(&fake_loop.deferred);
        struct letter *letter = fake_loop.letters;

        if (l) {
            struct deferred *d = container_of(l, struct deferred, link);

            d->run(d);
        } else if (letter) {
            fake_loop.letters = letter->next;
            letter->open(letter);
        } else {
            return;
        }
    }
}

static inline struct timer *next_due(uint64_t until_us)
{
    struct timer *next = NULL;

    for (size_t i = 0; i < FAKE_TIMERS; i++) {
        struct timer *t = fake_loop.timers[i];

        if (t && t->due_us <= until_us && (!next || t->due_us < next->due_us))
            next = t;
    }
    return next;
}

/* Lets time pass; timers run at their moment, in their order. */
static inline void pass_ms(uint64_t ms)
{
    uint64_t until_us = fake_loop.now_us + ms * 1000;
    struct timer *t;

    turn();
    while ((t = next_due(until_us))) {
        fake_loop.now_us = t->due_us;
        timer_disarm(t);
        t->on_due(t);
        turn();
    }
    fake_loop.now_us = until_us;
}
