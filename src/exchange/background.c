/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Work that nobody waits for: its client has its answer, or has left, or never was. It goes on for
 * whoever asks next, and must not stand in the way of those who do wait. So it is bounded: a worker
 * has so many places for it (background_most), and an endpoint gives it a quarter of its own.
 * Beyond that the oldest is called off, if it has had its time; else who came last.
 *
 * An answer behind a respond_within has had its time when it has taken RACE_PATIENCE times as long
 * as its client waited, so that who is only slow still lands in the cache. Called off then, it has
 * lost a race against what was sent instead, and its pool is told: so an endpoint that hangs is
 * found out, though no client waits long enough to see it.
 */

#include "background.h"

#include "weir/base/log.h"
#include "weir/base/metric.h"

#include "steps.h"

/* Somebody has joined its question since. */
static bool is_followed(const struct exchange *x)
{
    return x->seat.state == FLIGHT_LEADS && flight_has_followers(&x->seat);
}

static const struct attempt *call_of(const struct exchange *x)
{
    return x->trail.at == CALL ? call_lead(x) : NULL;
}

/* 0: it is owed none, and what it takes is no measure of its upstream. */
static uint64_t time_of(const struct exchange *x)
{
    const struct attempt *a = call_of(x);
    uint64_t time_us = x->booked ? RACE_PATIENCE * x->model->respond_within_us : 0;

    return a && a->call.permit.doubted ? RACE_PATIENCE * time_us : time_us;
}

static bool has_had_its_time(const struct exchange *x)
{
    return loop_now_us(x->kit->loop) - x->ask.began_us >= time_of(x);
}

static void count(struct exchange *x, int by)
{
    x->kit->background_count += (unsigned)by;
    metric_add(loop_shard(x->kit->loop), METRIC_BACKGROUND, by, NULL);
}

static void call_off(struct exchange *x)
{
    x->hung = time_of(x) > 0 && has_had_its_time(x);
    background_leave(x);
    if (x->hung || !others_may_follow(x))
        exchange_call_off(x, ERR_CANCELLED);
}

/* For `x`, at the endpoint of its call or, where that is not NULL, anywhere. */
static void make_room(struct exchange *x, const struct upstream_endpoint *at)
{
    struct exchange_kit *kit = x->kit;
    struct link *next;

    for (struct link *l = kit->background.next; l != &kit->background; l = next) {
        struct exchange *y = container_of(l, struct exchange, background);
        bool is_there = !at || (call_of(y) && call_of(y)->endpoint == at);

        next = l->next;
        if (is_followed(y)) {
            background_leave(y);
            if (!at && kit->background_count <= kit->background_most)
                return;
        } else if (y == x || (is_there && has_had_its_time(y))) {
            call_off(y);
            return;
        }
    }
}

void background_enter(struct exchange *x)
{
    struct exchange_kit *kit = x->kit;

    if (link_is_in(&x->background))
        return;
    x->late = true;
    link_before(&kit->background, &x->background);
    count(x, 1);
    if (kit->background_count > kit->background_most)
        make_room(x, NULL);
    background_note_call(x);
}

void background_leave(struct exchange *x)
{
    if (!link_is_in(&x->background))
        return;
    link_out(&x->background);
    count(x, -1);
}

void background_note_call(struct exchange *x)
{
    if (link_is_in(&x->background) && call_of(x) && !race_go_late(&x->race))
        make_room(x, call_of(x)->endpoint);
}

void exchange_quit_background(struct exchange_kit *kit)
{
    struct link *next;

    kit->background_most = 0;
    for (struct link *l = kit->background.next; l != &kit->background; l = next) {
        struct exchange *x = container_of(l, struct exchange, background);

        next = l->next;
        background_leave(x);
        if (!is_followed(x) && !others_may_follow(x))
            exchange_call_off(x, ERR_CANCELLED);
    }
}
