/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How long an exchange may take. Two clocks run beside its steps, from when its request began:
 *
 *     deadline   the model's, or the caller's where that is shorter; what the caller's client
 *                waits for counts until a stream begins. Then the exchange is called off.
 *     in time    respond_within: then the best that is there is sent, and the work goes on for
 *                the cache.
 */

#include "steps.h"

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
    uint64_t limit_us = shorter(x->model->deadline_us, x->ask.timeout_us);

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

/* First a little early, for what can still serve; then, if nothing can, when it is over. */
static void on_deadline(struct timer *t)
{
    struct exchange *x = container_of(t, struct exchange, deadline);
    uint64_t left_us = x->committed ? 0 : deadline_left_us(x);

    if (left_us > 0 && !degrade_has_something(x))
        timer_arm(t, left_us);
    else
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
