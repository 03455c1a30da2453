/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The turn of a loop, in libuv's order:
 *
 *     alarms -> before_wait -> the wait -> callbacks of sockets -> after_wait -> closings
 *
 * Timers that are due are called in after_wait: who was waited for may have come meanwhile.
 *
 * Deferred calls run in before_wait and after_wait, so whatever a callback puts off happens
 * before the loop sleeps. One that defers itself for ever does not stop the others: after a
 * few rounds the loop looks at its sockets, without waiting, and comes back.
 *
 * Letters lie on a stack that any thread pushes to with one compare-and-swap; whoever finds
 * it empty rings the bell. The loop takes the whole stack at once and opens the oldest first.
 */
#include "weir/net/loop.h"

#include "weir/base/clock.h"
#include "weir/base/ensure.h"
#include "weir/base/log.h"
#include "weir/base/mem.h"
#include "weir/base/metric.h"

#include "loop_inner.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum {
    ROUNDS = 8,          /* of deferred calls, before sockets are looked at again */
    LAG_US = 100 * 1000, /* how often the lag is measured */
};

struct signal_watch {
    struct link link;
    uv_signal_t uv;
    loop_signal_fn *fn;
    void *owner; /* lent by the caller of loop_on_signal */
};

static void run_deferred(struct loop *loop)
{
    unsigned round;

    for (round = 0; round < ROUNDS && link_is_in(&loop->deferred); round++) {
        struct link turn;
        struct link *l;

        /* Takes the list over: what is deferred from now on waits for the next round. */
        link_init(&turn);
        link_before(&loop->deferred, &turn);
        link_out(&loop->deferred);
        while ((l = list_pop(&turn))) {
            struct deferred *d = container_of(l, struct deferred, link);

            d->run(d);
        }
    }
}

static void open_letters(struct loop *loop)
{
    struct letter *newest = atomic_exchange(&loop->letters, NULL);
    struct letter *oldest = NULL;

    while (newest) {
        struct letter *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct letter *l = oldest;

        oldest = l->next; /* opening it may free it */
        l->open(l);
    }
}

static void on_bell(uv_async_t *bell)
{
    open_letters(container_of(bell, struct loop, bell));
}

static void on_hurry(uv_idle_t *hurry)
{
    (void)hurry; /* being active is all that it is for */
}

static void on_before_wait(uv_prepare_t *before_wait)
{
    struct loop *loop = container_of(before_wait, struct loop, before_wait);

    run_deferred(loop);
    if (link_is_in(&loop->deferred) || loop->timers.rang)
        ensure(uv_idle_start(&loop->hurry, on_hurry) == 0);
    else
        ensure(uv_idle_stop(&loop->hurry) == 0);
    timers_set_alarm(&loop->timers);
    log_flush();
}

static void on_after_wait(uv_check_t *after_wait)
{
    struct loop *loop = container_of(after_wait, struct loop, after_wait);

    timers_run(&loop->timers);
    run_deferred(loop);
}

static void on_lag(struct timer *t)
{
    uint64_t late_us = clock_now_us() - t->due_us;

    metric_observe(t->loop->shard, METRIC_LOOP_LAG, (double)late_us / 1e6, NULL);
    timer_arm(t, LAG_US);
}

static void prepare_process(void)
{
    /* Resolving names blocks a thread each; libuv's four would let slow ones starve the rest. */
    (void)setenv("UV_THREADPOOL_SIZE", "16", 0);
    (void)signal(SIGPIPE, SIG_IGN);
}

struct loop *loop_new(struct metric_shard *shard)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct loop *loop = MEM_NEW(struct loop);

    (void)pthread_once(&once, prepare_process);
    link_init(&loop->deferred);
    link_init(&loop->partings);
    link_init(&loop->signals);
    loop->shard = shard;
    loop->scratch = mem_grow(NULL, LOOP_SCRATCH); /* not zeroed: no memory before a read */

    ensure(uv_loop_init(&loop->uv) == 0);
    ensure(uv_prepare_init(&loop->uv, &loop->before_wait) == 0);
    ensure(uv_prepare_start(&loop->before_wait, on_before_wait) == 0);
    ensure(uv_check_init(&loop->uv, &loop->after_wait) == 0);
    ensure(uv_check_start(&loop->after_wait, on_after_wait) == 0);
    ensure(uv_idle_init(&loop->uv, &loop->hurry) == 0);
    ensure(uv_async_init(&loop->uv, &loop->bell, on_bell) == 0);
    timers_init(&loop->timers, &loop->uv);
    timer_init(&loop->lag, loop, on_lag);
    if (shard)
        timer_arm(&loop->lag, LAG_US);
    return loop;
}

static void on_signal_closed(uv_handle_t *handle)
{
    free(container_of((uv_signal_t *)handle, struct signal_watch, uv));
}

void loop_free(struct loop *loop)
{
    struct link *l;

    if (!loop)
        return;

    open_letters(loop);
    run_deferred(loop);
    while ((l = list_pop(&loop->partings))) {
        struct parting *p = container_of(l, struct parting, link);

        p->run(p);
    }
    while ((l = list_pop(&loop->signals))) {
        struct signal_watch *w = container_of(l, struct signal_watch, link);

        uv_close((uv_handle_t *)&w->uv, on_signal_closed);
    }
    timers_close(&loop->timers);
    uv_close((uv_handle_t *)&loop->before_wait, NULL);
    uv_close((uv_handle_t *)&loop->after_wait, NULL);
    uv_close((uv_handle_t *)&loop->hurry, NULL);
    uv_close((uv_handle_t *)&loop->bell, NULL);
    do {
        (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
        run_deferred(loop);
    } while (uv_loop_alive(&loop->uv));
    ensure(uv_loop_close(&loop->uv) == 0);
    log_flush();
    free(loop->scratch);
    free(loop);
}

void loop_run(struct loop *loop)
{
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

struct metric_shard *loop_shard(const struct loop *loop)
{
    return loop->shard;
}

uint64_t loop_now_us(const struct loop *loop)
{
    (void)loop;
    return clock_now_us();
}

void loop_defer(struct loop *loop, struct deferred *d, deferred_fn *run)
{
    if (!d->link.next)
        link_init(&d->link);
    ensure(!link_is_in(&d->link));
    d->run = run;
    link_before(&loop->deferred, &d->link);
}

bool deferred_cancel(struct deferred *d)
{
    if (!d->link.next || !link_is_in(&d->link))
        return false;
    link_out(&d->link);
    return true;
}

void loop_send(struct loop *loop, struct letter *l, letter_fn *open)
{
    struct letter *newest = atomic_load(&loop->letters);

    l->open = open;
    do {
        l->next = newest;
    } while (!atomic_compare_exchange_weak(&loop->letters, &newest, l));
    if (!newest)
        ensure(uv_async_send(&loop->bell) == 0);
}

static void on_signal(uv_signal_t *uv, int number)
{
    struct signal_watch *w = container_of(uv, struct signal_watch, uv);

    w->fn(w->owner, number);
}

void loop_on_signal(struct loop *loop, int signal, loop_signal_fn *fn, void *owner)
{
    struct signal_watch *w = MEM_NEW(struct signal_watch);

    w->fn = fn;
    w->owner = owner;
    link_before(&loop->signals, &w->link);
    ensure(uv_signal_init(&loop->uv, &w->uv) == 0);
    ensure(uv_signal_start(&w->uv, on_signal, signal) == 0);
}
