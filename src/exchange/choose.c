/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who shall be asked: the steps from a model's routes to leave to call one endpoint of one of
 * them, or to the knowledge that nobody is left.
 *
 *     route ─> queue ─> call        route  the next of the routes that can be asked
 *       ^ ^      │       │          queue  leave to ask: an endpoint with room for it
 *       │ └──────┴───────┤          pause  between two rounds, when all of them have failed
 *       └──── pause <────┘
 *
 * What bounds it: the model's max_attempts, the upstream's retry budget, the deadline, and the
 * money that a request may cost; the second call of a race is bounded as others are. Who said
 * "later" is not asked earlier.
 */

#include "weir/base/clock.h"
#include "weir/base/metric.h"
#include "weir/base/scan.h"
#include "weir/dialect/prefix.h"

#include "deadline.h"
#include "steps.h"

#include <stdlib.h>

const struct route *choose_route_now(const struct exchange *x)
{
    return &x->routes[x->route_at];
}

/* ---- route: who shall answer? ----------------------------------------------------------- */

static void next_route(struct exchange *x)
{
    x->route_at++;
    x->tried = 0;
}

static uint64_t bit_of(size_t route)
{
    return UINT64_C(1) << (route < 63 ? route : 63);
}

void choose_leave_route(struct exchange *x)
{
    x->over |= bit_of(x->route_at);
    next_route(x);
}

static void give_no_second_chance(struct exchange *x)
{
    const struct upstream *u = choose_route_now(x)->upstream;

    metric_add(loop_shard(x->kit->loop), METRIC_RETRIES_REFUSED, 1,
               METRIC_LABEL(str_of(u->name)));
    choose_leave_route(x);
}

/* Where the budget is used up nobody waits for a call that cannot be made. */
void choose_note_failed(struct exchange *x, bool seen, struct str cause)
{
    struct pool *pool = choose_route_now(x)->upstream->pool;
    uint64_t bit = bit_of(x->route_at);

    x->cause = cause;
    x->failed |= bit;
    if (!seen)
        return;
    x->seen |= bit;
    if (x->calls < x->model->max_attempts && !pool_has_retry(pool))
        give_no_second_chance(x);
}

/* That a route could never have answered is told only where none could. */
static void refuse(struct exchange *x, enum err err)
{
    bool weak = x->refusal == ERR_NO_ROUTE || x->refusal == ERR_NO_RULE ||
                x->refusal == ERR_UNSUPPORTED;

    if (!x->refusal || (weak && err != ERR_UNSUPPORTED))
        x->refusal = err;
}

void choose_note_wait(struct exchange *x, int64_t wait_ms)
{
    if (wait_ms >= 0 && (x->wait_ms < 0 || wait_ms < x->wait_ms))
        x->wait_ms = wait_ms;
}

static bool read_count(const struct scan_member *m, int64_t *out)
{
    uint64_t n;

    if (m->type != SCAN_NUMBER || !str_to_u64(m->value, &n) || n == 0 || n >= INT32_MAX)
        return false;
    *out = (int64_t)n;
    return true;
}

/* Of all the answers that the request asks for; 0: the usual. */
static int64_t most_tokens(const struct request *r)
{
    struct str names[] = { STR("n"), STR("max_completion_tokens"), STR("max_tokens"),
                           STR("max_output_tokens") };
    struct scan_member found[4];
    int64_t each = PRICE_TOKENS, answers = 1;

    if (r->endpoint == ENDPOINT_PREDICT)
        return 0;
    scan_find(r->body, names, 4, found);
    (void)read_count(&found[0], &answers);
    for (size_t i = 1; i < 4; i++)
        if (read_count(&found[i], &each))
            break;
    return each * answers;
}

/* So many calls of this route, all of which have still to be paid. */
static bool is_affordable(const struct exchange *x, const struct route *r, unsigned calls)
{
    double most_usd = x->model->max_cost_usd;

    if (most_usd <= 0 || !price_is_known(&r->price))
        return true;
    return x->spent_usd + calls * price_estimate(&r->price, x->request.body.len,
                                                 most_tokens(&x->request)) <=
           most_usd;
}

/* Why this route cannot be asked at all; OK: it can. */
static enum err hindrance(const struct exchange *x, const struct route *r)
{
    if (!r->upstream->dialect->paths[x->ask.endpoint])
        return ERR_UNSUPPORTED;
    if (r->upstream->auth_missing)
        return ERR_CONFIG;
    return is_affordable(x, r, 1) ? OK : ERR_TOO_COSTLY;
}

/* Full jitter (Brooker, "Exponential Backoff And Jitter", 2015), never quite nothing. */
static uint64_t backoff_us(const struct exchange *x, const struct upstream_retry *r)
{
    uint64_t most_us = r->backoff_us << (x->rounds < 16 ? x->rounds : 16);

    if (most_us > r->most_backoff_us)
        most_us = r->most_backoff_us;
    return 1000 + (most_us > 0 ? (uint64_t)random() % most_us : 0);
}

/* All have failed: is it worth going through them once more? */
static enum step next_round(struct exchange *x)
{
    const struct upstream *u = call_upstream(x);
    uint64_t all = x->route_count > 63 ? UINT64_MAX : bit_of(x->route_count) - 1;
    uint64_t wait_us;

    if (!u || !u->pool || x->ask.is_again || (x->over & all) == all ||
        x->calls >= x->model->max_attempts || x->rounds >= x->model->max_attempts)
        return DEGRADE;
    wait_us = backoff_us(x, &u->retry);
    if (x->wait_ms >= 0 && (uint64_t)x->wait_ms * 1000 > u->retry.most_wait_us)
        return DEGRADE;
    if (x->wait_ms > 0)
        wait_us += (uint64_t)x->wait_ms * 1000;
    if (wait_us >= deadline_left_us(x))
        return DEGRADE;
    x->rounds++;
    x->route_at = 0;
    x->tried = 0;
    x->pause_us = wait_us;
    return PAUSE;
}

enum step choose_route(struct exchange *x)
{
    enum step next;

    for (; x->route_at < x->route_count; next_route(x)) {
        const struct route *r = choose_route_now(x);
        enum err err = hindrance(x, r);

        if (x->calls >= x->model->max_attempts)
            break;
        if (x->over & bit_of(x->route_at))
            continue;
        if (!err)
            return r->upstream->dialect->answer ? CALL : QUEUE;
        refuse(x, err);
        x->over |= bit_of(x->route_at);
    }
    next = next_round(x);
    if (next == PAUSE)
        return PAUSE;
    if (!x->refusal)
        x->refusal = ERR_NO_ROUTE;
    return exchange_give_up(x, x->refusal);
}

/* ---- pause: before all are asked once more ------------------------------------------------- */

static void on_paused(struct timer *t)
{
    struct exchange *x = container_of(t, struct exchange, pause);

    x->wait_ms = -1;
    exchange_go(x, ROUTE);
}

enum step choose_pause(struct exchange *x)
{
    timer_init(&x->pause, x->kit->loop, on_paused);
    timer_arm(&x->pause, x->pause_us);
    return WAIT;
}

void choose_stop_pause(struct exchange *x)
{
    timer_disarm(&x->pause);
    exchange_turn(x);
}

/* ---- queue: leave to ask ------------------------------------------------------------------ */

static void stop_queueing(struct exchange *x)
{
    if (x->queued_at_us > 0)
        x->queue_us += loop_now_us(x->kit->loop) - x->queued_at_us;
    x->queued_at_us = 0;
}

bool choose_may_await_start(const struct exchange *x, uint64_t wait_us)
{
    uint64_t spent_us = loop_now_us(x->kit->loop) - x->ask.began_us;

    return spent_us < choose_route_now(x)->upstream->cold_start_us &&
           x->route_at + 1 == x->route_count && wait_us < deadline_left_us(x);
}

/* Leave is there. A call that is made again is one only now, as is what it takes of the budget. */
static enum step call_again(struct exchange *x)
{
    const struct upstream *u = choose_route_now(x)->upstream;
    uint64_t bit = bit_of(x->route_at);

    if (!(x->failed & bit))
        return CALL;
    if (x->seen & bit && !pool_may_retry(u->pool)) {
        permit_leave(&x->permit);
        endpoint_unref(steal(&x->again));
        give_no_second_chance(x);
        return ROUTE;
    }
    metric_add(loop_shard(x->kit->loop), METRIC_RETRIES, 1,
               METRIC_LABEL(str_of(u->name), x->cause));
    x->failed &= ~bit;
    x->seen &= ~bit;
    return CALL;
}

static enum step turned_away(struct exchange *x, enum err err)
{
    refuse(x, err);
    choose_note_wait(x, (int64_t)((x->permit.wait_us + 999) / 1000));
    if (choose_may_await_start(x, x->permit.wait_us)) {
        x->pause_us = x->permit.wait_us;
        return PAUSE;
    }
    next_route(x);
    return ROUTE;
}

static enum step answered(struct exchange *x, enum permit_answer answer)
{
    stop_queueing(x);
    if (answer == PERMIT_HELD)
        return call_again(x);
    if (answer == PERMIT_WAITS) {
        x->queued_at_us = loop_now_us(x->kit->loop);
        return WAIT;
    }
    endpoint_unref(steal(&x->again));
    switch (answer) {
    case PERMIT_LATER: return turned_away(x, ERR_RESTING);
    case PERMIT_FULL: return turned_away(x, ERR_QUEUE_FULL);
    case PERMIT_SLOW: return turned_away(x, ERR_QUEUE_SLOW);
    case PERMIT_NONE: refuse(x, ERR_NO_ROUTE); break;
    case PERMIT_HELD:
    case PERMIT_WAITS: break;
    }
    next_route(x);
    return ROUTE;
}

static void on_permit(struct permit_seat *s, enum permit_answer answer)
{
    struct exchange *x = container_of(s, struct exchange, permit);

    exchange_go(x, answered(x, answer));
}

const char *choose_no_second(const struct exchange *x)
{
    if (x->calls >= x->model->max_attempts)
        return "refused_attempts";
    return is_affordable(x, choose_route_now(x), 2) ? NULL : "refused_cost";
}

struct permit_wish choose_wish(const struct exchange *x)
{
    struct permit_wish wish = {
        /* On a new connection, it is the same endpoint that is asked. */
        .tried = x->again ? ~endpoint_bit(x->again) : x->tried,
        .priority = x->ask.priority,
        .tenant = x->ask.scope,
        .again = x->rounds > 0,
    };

    if (choose_may_await_start(x, 0))
        wish.start_by_us = clock_now_us() + deadline_left_us(x);
    if (choose_route_now(x)->upstream->balance == BALANCE_PREFIX_AFFINITY)
        prefix_of(&x->request, &wish.system_hash, &wish.dialog_hash);
    return wish;
}

enum step choose_queue(struct exchange *x)
{
    struct permit_wish wish = choose_wish(x);

    return answered(x, permit_ask(&x->permit, choose_route_now(x)->upstream->pool, x->kit->loop,
                                  &wish, on_permit));
}

void choose_stop_queue(struct exchange *x)
{
    permit_leave(&x->permit);
    stop_queueing(x);
    exchange_turn(x);
}
