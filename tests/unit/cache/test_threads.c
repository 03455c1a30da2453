/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real loops on real threads, for the thread sanitizer as much as for the checks. Threads
 * meet at barriers, so that what must race does. A program of its own, since Criterion does
 * not start under the thread sanitizer.
 */
#include "weir/cache/flight.h"

#include "weir/base/ensure.h"
#include "weir/base/mem.h"
#include "weir/base/metric.h"
#include "weir/base/own.h"
#include "weir/cache/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4, SEATS = 250, ROUNDS = 1500 };

static const struct digest key = { { 7 } };

struct world {
    struct metrics *metrics;
    struct flights *flights;
    pthread_barrier_t barrier;
    _Atomic int leading;
    _Atomic int led;
    _Atomic int wrong;
};

struct worker {
    struct world *world;
    struct loop *loop;
    pthread_t thread;
    unsigned number;
    unsigned left; /* seats that are not done */
    struct letter stop;
};

struct rider {
    struct flight_seat seat;
    struct deferred turn;
    struct worker *worker;
    unsigned number;
    unsigned heard;
    bool gone;
};

static void set_up(struct world *w, struct worker *workers)
{
    *w = (struct world){ .metrics = metrics_new(), .flights = flights_new() };
    pthread_barrier_init(&w->barrier, NULL, THREADS);
    for (unsigned i = 0; i < THREADS; i++)
        workers[i] = (struct worker){ .world = w,
                                      .number = i,
                                      .loop = loop_new(metrics_shard(w->metrics)) };
}

static void run(struct world *w, struct worker *workers, void *(*body)(void *))
{
    for (unsigned i = 0; i < THREADS; i++)
        ensure(pthread_create(&workers[i].thread, NULL, body, &workers[i]) == 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    for (unsigned i = 0; i < THREADS; i++)
        loop_free(workers[i].loop);
    ensure(w->wrong == 0);
    ensure(metric_read(w->metrics, METRIC_FLIGHTS, NULL) == 0);
    ensure(metric_read(w->metrics, METRIC_FOLLOWERS, NULL) == 0);
    flights_free(w->flights);
    metrics_free(w->metrics);
    pthread_barrier_destroy(&w->barrier);
}

static void on_stop(struct letter *l)
{
    loop_stop(container_of(l, struct worker, stop)->loop);
}

/* Opens every letter that is under way to this worker. */
static void pump(struct worker *me)
{
    loop_send(me->loop, &me->stop, on_stop);
    loop_run(me->loop);
}

/* ---- a thousand who ask at once ---------------------------------------------------------- */

static void done(struct rider *r)
{
    r->gone = true;
    if (--r->worker->left == 0)
        loop_stop(r->worker->loop);
}

static void on_led(struct deferred *d)
{
    struct rider *r = container_of(d, struct rider, turn);
    struct world *w = r->worker->world;

    w->leading--;
    if (r->number % 3 == 0)
        flight_leave(&r->seat);
    else
        flight_land(&r->seat, ERR_UPSTREAM_SILENT, NULL);
    done(r);
}

static void lead(struct rider *r)
{
    struct world *w = r->worker->world;

    if (w->leading++ != 0)
        w->wrong++;
    w->led++;
    loop_defer(r->worker->loop, &r->turn, on_led);
}

static void on_crowd_news(struct flight_seat *s)
{
    struct rider *r = container_of(s, struct rider, seat);

    if (r->gone)
        r->worker->world->wrong++;
    if (s->state == FLIGHT_PROMOTED)
        lead(r);
}

static void *crowd(void *arg)
{
    struct worker *me = arg;
    struct rider *riders = mem_new_array(SEATS, sizeof(*riders));

    me->left = SEATS;
    pthread_barrier_wait(&me->world->barrier);
    for (unsigned i = 0; i < SEATS; i++) {
        struct rider *r = &riders[i];

        r->worker = me;
        r->number = i;
        if (flight_join(me->world->flights, &key, me->loop, &r->seat, on_crowd_news) ==
            FLIGHT_LEADS)
            lead(r);
    }
    for (unsigned i = 1; i < SEATS; i += 10) {
        if (riders[i].gone || riders[i].seat.state != FLIGHT_FOLLOWS)
            continue;
        flight_leave(&riders[i].seat); /* it may have been promoted at this very moment */
        done(&riders[i]);
    }
    loop_run(me->loop);
    pthread_barrier_wait(&me->world->barrier);
    free(riders);
    return NULL;
}

static void a_thousand_joins_have_exactly_one_leader_at_a_time(void)
{
    struct world w;
    struct worker workers[THREADS];

    set_up(&w, workers);
    run(&w, workers, crowd);
    ensure(w.led >= THREADS * SEATS * 9 / 10);
}

/* ---- one lands while the others leave ------------------------------------------------------ */

static void on_race_news(struct flight_seat *s)
{
    struct rider *r = container_of(s, struct rider, seat);

    r->heard++;
    if (r->gone)
        r->worker->world->wrong++;
    if (s->state == FLIGHT_LANDED) {
        entry_unref(s->answer);
        s->answer = NULL;
    }
}

static void land(struct rider *r, unsigned round)
{
    struct entry_facts facts = { .body = STR("{}") };
    struct entry *e = entry_new(&facts);

    if (round % 3 == 0)
        flight_land(&r->seat, OK, e);
    else if (round % 3 == 1)
        flight_land(&r->seat, ERR_UPSTREAM_SILENT, NULL);
    else
        flight_leave(&r->seat);
    entry_unref(e);
}

/* The first worker leads and lands, the second leaves, the others stay for what comes. */
static void *race(void *arg)
{
    struct worker *me = arg;
    struct world *w = me->world;

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct rider *r = MEM_NEW(struct rider);

        r->worker = me;
        if (me->number == 0)
            flight_join(w->flights, &key, me->loop, &r->seat, on_race_news);
        pthread_barrier_wait(&w->barrier);
        if (me->number > 0)
            flight_join(w->flights, &key, me->loop, &r->seat, on_race_news);
        pthread_barrier_wait(&w->barrier);
        if (me->number == 0)
            land(r, round);
        if (me->number == 1)
            flight_leave(&r->seat);
        r->gone = me->number < 2;
        pthread_barrier_wait(&w->barrier);
        pump(me);
        if (me->number > 1 && round % 3 == 0 &&
            (r->heard != 1 || r->seat.state != FLIGHT_LANDED))
            w->wrong++;
        if (me->number > 1 && r->seat.state == FLIGHT_PROMOTED)
            w->led++;
        flight_leave(&r->seat);
        free(r);
        pthread_barrier_wait(&w->barrier);
        pump(me);
    }
    return NULL;
}

static void a_landing_may_meet_those_who_leave(void)
{
    struct world w;
    struct worker workers[THREADS];

    set_up(&w, workers);
    run(&w, workers, race);
    ensure(w.led >= ROUNDS / 3); /* a failure always leaves somebody promoted */
}

/* ---- a stream read while it is written ------------------------------------------------------ */

enum { WORDS = 4000 };

static void on_stream_news(struct flight_seat *s)
{
    struct rider *r = container_of(s, struct rider, seat);
    struct buf out = { 0 };

    while (flight_read(s, &out, 100) > 0)
        continue;
    r->heard += (unsigned)out.len;
    buf_deinit(&out);
    if (s->state != FLIGHT_LANDED)
        return;
    if (s->err != OK || r->heard != WORDS * 5)
        r->worker->world->wrong++;
    flight_leave(s);
    loop_stop(r->worker->loop);
}

static void *stream(void *arg)
{
    struct worker *me = arg;
    struct world *w = me->world;
    struct rider r = { .worker = me };

    if (me->number == 0)
        flight_join(w->flights, &key, me->loop, &r.seat, on_stream_news);
    pthread_barrier_wait(&w->barrier);
    if (me->number > 0) {
        flight_join(w->flights, &key, me->loop, &r.seat, on_stream_news);
        flight_wants_log(&r.seat, true);
    }
    pthread_barrier_wait(&w->barrier);
    if (me->number > 0) {
        loop_run(me->loop);
        return NULL;
    }
    for (unsigned i = 0; i < WORDS; i++)
        if (!flight_write(&r.seat, STR("word ")))
            w->wrong++;
    flight_land(&r.seat, OK, NULL);
    return NULL;
}

static void every_reader_gets_the_whole_stream(void)
{
    struct world w;
    struct worker workers[THREADS];

    set_up(&w, workers);
    run(&w, workers, stream);
}

/* ---- memory, shared ------------------------------------------------------------------------- */

enum { KEYS = 97, BUDGET_BYTES = 128 * 1024 };

static void put(struct memory *m, const struct digest *of, size_t size)
{
    static const char bytes[5000];
    struct entry_facts facts = { .key = *of, .body = { bytes, size }, .fresh_ms = 1000 };
    AUTO(entry_unref) struct entry *e = entry_new(&facts);

    memory_put(m, e);
}

static void *hammer(void *arg)
{
    struct memory *m = arg;

    for (uint64_t n = 0; n < 20000; n++) {
        uint64_t number = n % KEYS;
        struct digest of;
        struct digest found;
        uint64_t facts;

        digest_of(&of, (struct str){ (const char *)&number, sizeof(number) });
        if (n % 5 == 0)
            put(m, &of, n % 5000 + 1);
        if (n % 71 == 0)
            memory_drop(m, &of);
        entry_unref(memory_get(m, &of, 0));
        memory_alias(m, &of, &of, number);
        if (memory_alias_get(m, &of, &found, &facts))
            ensure(facts == number);
    }
    return NULL;
}

static void memory_is_shared_by_threads(void)
{
    struct memory *m = memory_new(BUDGET_BYTES);
    struct memory_numbers numbers;
    pthread_t threads[THREADS];

    for (unsigned i = 0; i < THREADS; i++)
        ensure(pthread_create(&threads[i], NULL, hammer, m) == 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    memory_read(m, &numbers);
    ensure(numbers.bytes > 0 && numbers.bytes <= BUDGET_BYTES);
    memory_free(m);
}

/* ---- all of them ------------------------------------------------------------------------------ */

#define RUN(test) (puts(#test), test())

int main(void)
{
    RUN(a_thousand_joins_have_exactly_one_leader_at_a_time);
    RUN(a_landing_may_meet_those_who_leave);
    RUN(every_reader_gets_the_whole_stream);
    RUN(memory_is_shared_by_threads);
    return 0;
}
