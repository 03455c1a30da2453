/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How long an exchange may take. Two clocks run beside its steps, from when its request began:
 *
 *     deadline   the model's, or the caller's where that is shorter; what the caller's client
 *                waits for counts until a stream begins. Then the exchange is called off. What
 *                goes on when its client waits no more has the model's.
 *     in time    respond_within: then the best that is there is sent, and the work goes on for
 *                the cache.
 */

#include "deadline.h"

#include "weir/base/metric.h"

#include "books.h"
#include "keep.h"
#include "steps.h"
#include "tell.h"

/*
 * What can still serve is sent a little before its time is up, so that it is there in time: a
 * tenth of the time, and no more than this.
 */
enum { MARGIN_PART = 10, MARGIN_MOST_US = 25 * 1000 };

static uint64_t shorter(uint64_t limit_us, uint64_t wish_us)
{
    return wish_us > 0 && wish_us < limit_us ? wish_us : limit_us;
}

static uint64_t margin(uint64_t limit_us)
{
    return shorter(limit_us / MARGIN_PART, MARGIN_MOST_US);
}

static uint64_t limit_of(const struct exchange *x)
{
    uint64_t limit_us = x->model->deadline_us;

    if (x->deserted)
        return limit_us;
    limit_us = shorter(limit_us, x->ask.timeout_us);
    return x->committed ? limit_us : shorter(limit_us, x->ask.patience_us);
}

uint64_t deadline_left_us(const struct exchange *x)
{
    uint64_t spent_us = loop_now_us(x->kit->loop) - x->ask.began_us;
    uint64_t limit_us = limit_of(x);

    return limit_us > spent_us ? limit_us - spent_us : 0;
}

void deadline_set(struct exchange *x)
{
    uint64_t left_us = deadline_left_us(x);
    uint64_t early_us = x->committed ? 0 : margin(limit_of(x));

    timer_arm(&x->deadline, left_us > early_us ? left_us - early_us
                            : left_us > 0      ? left_us
                                               : 1);
}

/* It is the caller's own time that is over, not the model's, and it may ask again with its key. */
static bool may_part(const struct exchange *x)
{
    if (x->err || x->committed || limit_of(x) >= x->model->deadline_us)
        return false;
    return x->trail.at == CALL && call_lead(x)->phase != PHASE_LINGER && keep_is_for_key(x);
}

/* The client is told so and booked, and the call goes on for the key. */
static bool part(struct exchange *x)
{
    char trail[TRAIL_TEXT];

    if (!may_part(x))
        return false;
    x->err = ERR_DEADLINE;
    tell_failure(x);
    exchange_put_trail(x, trail, sizeof(trail));
    books_close(x, trail);
    metric_add(loop_shard(x->kit->loop), METRIC_IN_FLIGHT, -1, NULL);
    x->err = OK;
    x->deserted = true;
    deadline_set(x);
    exchange_desert(x);
    return true;
}

/* First a little early, for what can still serve; then, if nothing can, when it is over. */
static void on_deadline(struct timer *t)
{
    struct exchange *x = container_of(t, struct exchange, deadline);
    uint64_t left_us = deadline_left_us(x);
    bool can_serve = !x->committed && degrade_has_something(x);

    if (left_us > 0 && !can_serve)
        timer_arm(t, left_us);
    else if (can_serve || !part(x))
        exchange_call_off(x, ERR_DEADLINE);
}

static void on_in_time(struct timer *t)
{
    struct exchange *x = container_of(t, struct exchange, in_time);

    if (x->err || x->committed || x->deserted || !degrade_in_time(x))
        return;
    if (x->request.stream)
        exchange_call_off(x, ERR_CANCELLED); /* a stream ends when its exchange does */
    else
        exchange_desert(x);
}

void deadline_init(struct exchange *x)
{
    timer_init(&x->deadline, x->kit->loop, on_deadline);
    timer_init(&x->in_time, x->kit->loop, on_in_time);
}

void deadline_watch(struct exchange *x)
{
    uint64_t limit_us = x->model->respond_within_us;
    uint64_t spent_us = loop_now_us(x->kit->loop) - x->ask.began_us;

    deadline_set(x);
    if (limit_us == 0 || x->deserted)
        return;
    limit_us -= margin(limit_us);
    timer_arm(&x->in_time, limit_us > spent_us ? limit_us - spent_us : 1);
}

void deadline_stop(struct exchange *x)
{
    timer_disarm(&x->deadline);
    timer_disarm(&x->in_time);
}
