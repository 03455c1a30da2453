/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who is asked, and what comes of it: the steps of an exchange from its model's routes to an
 * answer, or to the knowledge that there is none.
 *
 *     route ─> queue ─> call        route  the next of the routes that can be asked
 *       ^ ^      │       │          queue  leave to ask: an endpoint with room for it
 *       │ └──────┴───────┤          call   one call, or two that race (upstream/race.h)
 *       └──── pause <────┘          pause  between two rounds, when all of them have failed
 *
 * What fails before the first content goes elsewhere: to another endpoint of the pool, to the
 * next route, and when all have failed, after a pause that doubles, through them once more.
 * What bounds it: the model's max_attempts, the upstream's retry budget, the deadline. Who said
 * "later" is not asked earlier; who may have begun to work is not asked again.
 */

#include "weir/base/clock.h"
#include "weir/base/metric.h"
#include "weir/base/scan.h"
#include "weir/dialect/prefix.h"
#include "weir/dialect/replay.h"
#include "weir/upstream/retry_after.h"

#include "life.h"

#include <stdlib.h>

enum { START_PAUSE_US = 300 * 1000 }; /* between two looks whether an upstream is up by now */

const struct attempt *call_lead(const struct exchange *x)
{
    return x->race.lead;
}

const struct upstream *call_upstream(const struct exchange *x)
{
    return x->race.lead ? x->race.lead->call.upstream : NULL;
}

unsigned call_attempts(const struct exchange *x)
{
    return x->attempts + (x->trail.at == CALL ? race_sent(&x->race) : 0);
}

static const struct route *route_of(const struct exchange *x)
{
    return &x->routes[x->route_at];
}

static struct metric_shard *shard_of(const struct exchange *x)
{
    return loop_shard(x->kit->loop);
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

/* Whatever comes, this route is not asked again by this request. */
static void leave_route(struct exchange *x)
{
    x->over |= bit_of(x->route_at);
    next_route(x);
}

static void refuse(struct exchange *x, enum err err)
{
    if (!x->refusal || x->refusal == ERR_NO_ROUTE)
        x->refusal = err;
}

/* When asking again makes sense: the earliest that any route has told. */
static void note_wait(struct exchange *x, int64_t wait_ms)
{
    if (wait_ms >= 0 && (x->wait_ms < 0 || wait_ms < x->wait_ms))
        x->wait_ms = wait_ms;
}

/* As the request says it; 0: it does not. */
static int64_t most_tokens(const struct request *r)
{
    struct str names[] = { STR("max_completion_tokens"), STR("max_tokens"),
                           STR("max_output_tokens") };
    struct scan_member found[3];
    uint64_t n;

    if (r->endpoint == ENDPOINT_PREDICT)
        return 0;
    scan_find(r->body, names, 3, found);
    for (size_t i = 0; i < 3; i++)
        if (found[i].type == SCAN_NUMBER && str_to_u64(found[i].value, &n) && n < INT32_MAX)
            return (int64_t)n;
    return 0;
}

static bool is_affordable(const struct exchange *x, const struct route *r)
{
    double most_usd = x->model->max_cost_usd;

    if (most_usd <= 0 || !price_is_known(&r->price))
        return true;
    return x->spent_usd +
               price_estimate(&r->price, x->request.body.len, most_tokens(&x->request)) <=
           most_usd;
}

/* Why this route cannot be asked at all; OK: it can. */
static enum err hindrance(const struct exchange *x, const struct route *r)
{
    if (!r->upstream->dialect->paths[x->ask.endpoint])
        return ERR_UNSUPPORTED;
    if (r->upstream->auth_missing)
        return ERR_CONFIG;
    return is_affordable(x, r) ? OK : ERR_TOO_COSTLY;
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
    if (wait_us >= exchange_left_us(x))
        return DEGRADE;
    x->rounds++;
    x->route_at = 0;
    x->tried = 0;
    x->pause_us = wait_us;
    return PAUSE;
}

enum step call_route(struct exchange *x)
{
    enum step next;

    for (; x->route_at < x->route_count; next_route(x)) {
        const struct route *r = route_of(x);
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

enum step call_pause(struct exchange *x)
{
    timer_init(&x->pause, x->kit->loop, on_paused);
    timer_arm(&x->pause, x->pause_us);
    return WAIT;
}

void call_stop_pause(struct exchange *x)
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

/* A pool that may be starting up is waited for, when there is nobody else to ask. */
static bool may_await_start(const struct exchange *x, uint64_t wait_us)
{
    uint64_t spent_us = loop_now_us(x->kit->loop) - x->ask.began_us;

    return spent_us < route_of(x)->upstream->cold_start_us &&
           x->route_at + 1 == x->route_count && wait_us < exchange_left_us(x);
}

static enum step turned_away(struct exchange *x, enum err err)
{
    refuse(x, err);
    note_wait(x, (int64_t)(x->permit.wait_us / 1000));
    if (may_await_start(x, x->permit.wait_us)) {
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
        return CALL;
    if (answer == PERMIT_WAITS) {
        x->queued_at_us = loop_now_us(x->kit->loop);
        return WAIT;
    }
    endpoint_unref(steal(&x->again));
    switch (answer) {
    case PERMIT_LATER: return turned_away(x, ERR_RESTING);
    case PERMIT_FULL: return turned_away(x, ERR_QUEUE_FULL);
    case PERMIT_SLOW: return turned_away(x, ERR_QUEUE_SLOW);
    case PERMIT_HELD:
    case PERMIT_WAITS:
    case PERMIT_NONE: break;
    }
    next_route(x);
    return ROUTE;
}

static void on_permit(struct permit_seat *s, enum permit_answer answer)
{
    struct exchange *x = container_of(s, struct exchange, permit);

    exchange_go(x, answered(x, answer));
}

static struct permit_wish wish_of(const struct exchange *x)
{
    struct permit_wish wish = {
        /* On a new connection, it is the same endpoint that is asked. */
        .tried = x->again ? ~endpoint_bit(x->again) : x->tried,
        .priority = x->ask.priority,
        .tenant = x->ask.scope,
    };

    if (route_of(x)->upstream->balance == BALANCE_PREFIX_AFFINITY)
        prefix_of(&x->request, &wish.system_hash, &wish.dialog_hash);
    return wish;
}

enum step call_queue(struct exchange *x)
{
    struct permit_wish wish = wish_of(x);

    return answered(
        x, permit_ask(&x->permit, route_of(x)->upstream->pool, x->kit->loop, &wish, on_permit));
}

void call_stop_queue(struct exchange *x)
{
    permit_leave(&x->permit);
    stop_queueing(x);
    exchange_turn(x);
}

/* ---- call: ask, and pass on what comes ----------------------------------------------------- */

static void on_bytes(struct race *r, struct str bytes)
{
    struct exchange *x = container_of(r, struct exchange, race);

    if (!x->err)
        tell_bytes(x, bytes);
}

/* To this client alone: those who follow are told by their own exchanges. */
static void on_error_event(struct race *r, struct str bytes)
{
    struct exchange *x = container_of(r, struct exchange, race);

    if (x->err || x->deserted)
        return;
    x->sink->on_bytes(x->sink, bytes);
    x->told = true;
}

static void spend(struct exchange *x, const struct attempt *a)
{
    const struct route *r = route_of(x);

    if (!a || !price_is_known(&r->price))
        return;
    x->is_priced = true;
    x->spent_usd += price_of(&r->price, a->tap.answer.prompt_tokens,
                             a->tap.answer.completion_tokens);
}

/* A plain answer to whoever asked for a stream, and the other way round, in the asked form. */
static void deliver(struct exchange *x)
{
    const struct attempt *a = call_lead(x);
    struct buf events = { 0 };

    keep_headers(x);
    if (a->streamed) {
        if (x->race.held.len > 0)
            tell_bytes(x, buf_str(&x->race.held));
        if (!x->committed)
            tell_begin(x);
        if (x->fleet.leads)
            fleet_wrote_all(&x->fleet);
        return;
    }
    if (!x->request.stream)
        return; /* settle shows it, when it is known whether it is kept */
    if (replay_events(x->ask.endpoint, buf_str(&a->body), x->request.include_usage, &events) ==
        OK)
        tell_bytes(x, buf_str(&events));
    else
        x->request.stream = false;
    buf_deinit(&events);
}

/* It was the key's fault, and there are others: the endpoint itself may be asked again at once. */
static bool is_about_key(const struct attempt *a)
{
    return a->call.upstream->auth_count > 1 &&
           (a->status == 401 || a->status == 403 || a->status == 429);
}

/* Of a failed call: what may be done about it. See docs/decisions/failing-over.md. */
struct prospect {
    bool anywhere;   /* somebody else may do better */
    bool here_later; /* this route may, on another endpoint or after a pause */
    bool unsent;     /* the upstream never saw it: asking again costs it nothing */
};

static struct prospect judge(const struct exchange *x, enum err err)
{
    const struct attempt *a = call_lead(x);
    const struct upstream *u = a->call.upstream;
    bool lost = err == ERR_UPSTREAM_SILENT || err == ERR_UPSTREAM_TRUNCATED ||
                err == ERR_UPSTREAM_UNREACHABLE;
    /* What no other endpoint of this upstream would answer better. */
    bool final = a->status == 401 || a->status == 403 || a->status == 404 ||
                 str_eq_nocase(attempt_header(a, "x-should-retry"), STR("false"));

    if (is_about_key(a))
        final = false; /* it has other keys */
    return (struct prospect){
        .anywhere = err_worth_retry(err),
        .here_later = !final && !(lost && a->sent_any && !u->retry_after_send),
        .unsent = !a->sent_any,
    };
}

static struct str cause_of(const struct attempt *a)
{
    if (!a->sent_any)
        return STR("unreachable");
    if (a->status == 429)
        return STR("429");
    return a->status >= 500 ? STR("5xx") : a->status >= 400 ? STR("4xx") : STR("broken");
}

/* It refuses because it is not up yet: that costs no attempt. */
static bool is_starting(const struct exchange *x)
{
    const struct attempt *a = call_lead(x);

    return (!a->sent_any || a->status == 503) && may_await_start(x, START_PAUSE_US);
}

/* Elsewhere in this pool, on the next route, or nowhere. */
static enum step try_elsewhere(struct exchange *x, enum err err)
{
    const struct attempt *a = call_lead(x);
    const struct upstream *u = a->call.upstream;
    struct prospect p = judge(x, err);

    keep_headers(x);
    if (!p.anywhere)
        return exchange_give_up(x, err);
    if (is_starting(x)) {
        x->calls--;
        x->tried = 0;
        x->pause_us = START_PAUSE_US / 2 + (uint64_t)random() % (START_PAUSE_US / 2);
        return PAUSE;
    }
    if (!p.here_later || !u->pool) {
        leave_route(x);
        return ROUTE;
    }
    if (!p.unsent && !pool_may_retry(u->pool)) {
        metric_add(shard_of(x), METRIC_RETRIES_REFUSED, 1, METRIC_LABEL(str_of(u->name)));
        leave_route(x);
        return ROUTE;
    }
    metric_add(shard_of(x), METRIC_RETRIES, 1, METRIC_LABEL(str_of(u->name), cause_of(a)));
    return ROUTE;
}

/* Not good enough: the next route is asked, and this one is remembered in case none is better. */
static enum step escalate(struct exchange *x)
{
    entry_unref(x->unsure);
    x->unsure = keep_entry(x, keep_plain_form(x));
    x->refusal = ERR_NOT_ACCEPTED;
    leave_route(x);
    return ROUTE;
}

static bool is_accepted(struct exchange *x)
{
    const struct route *r = route_of(x);
    bool accepted;

    if (!r->accept)
        return true;
    accepted = accept_holds(r->accept, keep_plain_form(x));
    metric_add(shard_of(x), METRIC_CASCADE, 1,
               METRIC_LABEL(x->model->name, str_of(r->upstream->name),
                            accepted ? STR("accepted") : STR("escalated")));
    return accepted;
}

static enum step called(struct exchange *x, enum err err)
{
    const struct attempt *a = call_lead(x);

    if (x->err)
        return exchange_ended(x);
    if (err == OK && !is_accepted(x))
        return escalate(x);
    if (err == OK) {
        deliver(x);
        return SETTLE;
    }
    if (x->committed)
        return exchange_fail(x, err);
    if (a->fetch.stale && !a->call.fresh && a->endpoint) {
        x->again = endpoint_ref(a->endpoint);
        return QUEUE;
    }
    return try_elsewhere(x, err);
}

/* How long the upstream wants to be left alone; -1: it did not say. */
static int64_t asked_wait_ms(const struct attempt *a)
{
    int64_t wait_s = retry_after_s(attempt_header(a, "retry-after"),
                                   attempt_header(a, "retry-after-ms"), clock_wall_ms());

    return wait_s < 0 ? -1 : wait_s * 1000;
}

static void on_called(struct race *r, enum err err)
{
    struct exchange *x = container_of(r, struct exchange, race);
    const struct attempt *a = call_lead(x);

    x->refusal = err;
    x->upstream_us += r->ended_us - r->started_us;
    x->attempts += r->sent;
    spend(x, a);
    spend(x, race_loser(r));
    if (a->endpoint && !is_about_key(a))
        x->tried |= endpoint_bit(a->endpoint);
    if (err && !is_about_key(a))
        note_wait(x, asked_wait_ms(a));
    exchange_go(x, called(x, err));
}

static const struct race_events race_events = { on_bytes, on_error_event, on_called };

enum step call_ask(struct exchange *x)
{
    const struct route *r = route_of(x);
    struct race_call call = {
        .first = {
            .upstream = r->upstream,
            .permit = x->permit.permit,
            .request = &x->request,
            .upstream_model = r->model.len > 0 ? r->model : x->request.model,
            .model = x->request.model,
            .headers = x->ask.headers,
            .arena = &x->arena,
            .keep = x->may_keep || x->model->prediction_count > 0 || r->accept,
            .fresh = x->again != NULL,
        },
        .wish = wish_of(x),
        .may_hedge = r->upstream->hedge.on && !x->again,
        .wants_usage = x->request.include_usage,
        .hold_all = r->accept != NULL,
    };

    x->permit.permit = (struct permit){ 0 };
    if (!call.first.fresh)
        x->calls++;
    endpoint_unref(steal(&x->again));
    race_deinit(&x->race);
    race_start(&x->race, &x->kit->upstream, &call, &race_events);
    if (x->paused)
        race_pause(&x->race);
    return WAIT;
}

void call_stop_ask(struct exchange *x)
{
    race_cancel(&x->race, x->err ? x->err : ERR_CANCELLED);
}
