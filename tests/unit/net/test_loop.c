/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/net/loop.h"

#include "weir/base/clock.h"
#include "weir/base/metric.h"
#include "weir/net/timer.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

static struct loop *loop;
static unsigned runs;

static void start(void)
{
    loop = loop_new(NULL);
    runs = 0;
}

static void stop(void)
{
    loop_free(loop);
}

TestSuite(loop, .init = start, .fini = stop, .timeout = 20);

static void count_and_stop(struct deferred *d)
{
    (void)d;
    runs++;
    loop_stop(loop);
}

static void count_defer(struct deferred *d)
{
    (void)d;
    runs++;
}

Test(loop, a_deferred_call_does_not_run_inside_loop_defer)
{
    struct deferred d = { 0 };

    loop_defer(loop, &d, count_defer);
    cr_assert_eq(runs, 0);
    cr_assert(deferred_cancel(&d));
}

Test(loop, a_deferred_call_runs_before_the_loop_waits)
{
    struct deferred d = { 0 };

    loop_defer(loop, &d, count_and_stop);
    loop_run(loop);
    cr_assert_eq(runs, 1);
}

Test(loop, a_cancelled_deferred_call_never_runs)
{
    struct deferred a = { 0 };
    struct deferred b = { 0 };

    loop_defer(loop, &a, count_defer);
    loop_defer(loop, &b, count_and_stop);
    cr_assert(deferred_cancel(&a));
    cr_assert_not(deferred_cancel(&a));
    loop_run(loop);
    cr_assert_eq(runs, 1);
}

static void defer_again(struct deferred *d)
{
    runs++;
    loop_defer(loop, d, defer_again);
}

static void stop_on_timer(struct timer *t)
{
    loop_stop(t->loop);
}

Test(loop, a_call_that_defers_itself_for_ever_does_not_stop_timers)
{
    struct deferred d = { 0 };
    struct timer t;

    timer_init(&t, loop, stop_on_timer);
    timer_arm(&t, 20 * 1000);
    loop_defer(loop, &d, defer_again);
    loop_run(loop);
    cr_assert_gt(runs, 1);
    cr_assert(deferred_cancel(&d));
}

enum { LETTERS = 20000, THREADS = 4 };

struct numbered {
    struct letter letter;
    unsigned sender;
    unsigned number;
};

static unsigned next_number[THREADS];
static unsigned opened;
static bool in_order = true;

static void on_letter(struct letter *l)
{
    struct numbered *n = (struct numbered *)l;

    in_order = in_order && n->number == next_number[n->sender]++;
    free(n);
    if (++opened == LETTERS * THREADS)
        loop_stop(loop);
}

static void *write_letters(void *arg)
{
    unsigned sender = *(unsigned *)arg;

    for (unsigned i = 0; i < LETTERS; i++) {
        struct numbered *n = calloc(1, sizeof(*n));

        n->sender = sender;
        n->number = i;
        loop_send(loop, &n->letter, on_letter);
    }
    return NULL;
}

Test(loop, letters_of_every_thread_are_all_opened_in_the_order_of_their_sender)
{
    pthread_t threads[THREADS];
    unsigned names[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        names[i] = i;
        pthread_create(&threads[i], NULL, write_letters, &names[i]);
    }
    loop_run(loop);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(opened, LETTERS * THREADS);
    cr_assert(in_order);
}

static void on_stop_letter(struct letter *l)
{
    (void)l;
    loop_stop(loop);
}

Test(loop, a_letter_sent_before_the_loop_runs_is_opened)
{
    struct letter l;

    loop_send(loop, &l, on_stop_letter);
    loop_run(loop);
}

static void on_signal(void *owner, int number)
{
    *(int *)owner = number;
    loop_stop(loop);
}

static void raise_signal(struct timer *t)
{
    (void)t;
    raise(SIGUSR1);
}

Test(loop, a_signal_is_told_with_its_number)
{
    int seen = 0;
    struct timer t;

    loop_on_signal(loop, SIGUSR1, on_signal, &seen);
    timer_init(&t, loop, raise_signal);
    timer_arm(&t, 1000);
    loop_run(loop);
    cr_assert_eq(seen, SIGUSR1);
}

Test(loop_lag, is_measured, .timeout = 20)
{
    struct metrics *all = metrics_new();
    struct buf text = { 0 };
    struct timer t;

    loop = loop_new(metrics_shard(all));
    timer_init(&t, loop, stop_on_timer);
    timer_arm(&t, 350 * 1000);
    loop_run(loop);
    loop_free(loop);
    metrics_render(all, &text, false);
    buf_put(&text, STR("\0"));
    cr_assert_not_null(strstr(text.at, "weir_loop_lag_seconds_count"));
    buf_deinit(&text);
    metrics_free(all);
}
