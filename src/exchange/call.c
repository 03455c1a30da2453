/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One call, or two that race (upstream/race.h), and what comes of it: an answer, or somebody
 * else to ask. choose.c has said whom.
 *
 * What fails before the first content goes elsewhere: to another endpoint of the pool, to the
 * next route, and when all have failed, after a pause that doubles, through them once more. Who
 * may have begun to work is not asked again.
 */

#include "weir/base/clock.h"
#include "weir/base/metric.h"
#include "weir/dialect/replay.h"
#include "weir/upstream/retry_after.h"
#include "weir/watch/fit.h"

#include "background.h"
#include "keep.h"
#include "steps.h"
#include "tell.h"
#include "valid.h"

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

uint64_t call_upstream_us(const struct exchange *x)
{
    const struct attempt *a = call_lead(x);
    bool calls = x->trail.at == CALL && a && a->phase != PHASE_OVER;

    return x->upstream_us + (calls ? loop_now_us(x->kit->loop) - x->race.started_us : 0);
}

static struct metric_shard *shard_of(const struct exchange *x)
{
    return loop_shard(x->kit->loop);
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

/* To whom this call was made, whatever comes of the request, and whoever it was made for. */
static void pay(struct exchange *x, const struct attempt *a, int64_t asked)
{
    const struct price *price = &choose_route_now(x)->price;
    double usd = price_of(price, asked, a->tap.answer.completion_tokens);

    x->spent_usd += usd;
    metric_add(shard_of(x), METRIC_COST, (int64_t)(usd * 1e6 + 0.5),
               METRIC_LABEL(x->model->name, str_of(a->call.upstream->name)));
}

/*
 * What the call cost, and the one that lost against it: that was called off before it could say
 * what it had read, but it was asked the same.
 */
static void spend(struct exchange *x, const struct attempt *lead, const struct attempt *loser)
{
    int64_t asked = lead->tap.answer.prompt_tokens;

    if (!price_is_known(&choose_route_now(x)->price))
        return;
    x->is_priced = true;
    pay(x, lead, asked);
    if (!loser)
        return;
    if (loser->tap.answer.prompt_tokens >= 0)
        asked = loser->tap.answer.prompt_tokens;
    pay(x, loser, asked);
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

/* It never saw more of its endpoint than a pooled connection that was dead. */
static bool was_stale(const struct attempt *a)
{
    return a->fetch.stale && !a->call.fresh;
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

    return (!a->sent_any || a->status == 503) && choose_may_await_start(x, START_PAUSE_US);
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
        x->calls -= race_other(&x->race) ? 2 : 1;
        x->tried = 0;
        x->pause_us = START_PAUSE_US / 2 + (uint64_t)random() % (START_PAUSE_US / 2);
        return PAUSE;
    }
    if (!p.here_later || !u->pool)
        choose_leave_route(x);
    else
        choose_note_failed(x, !p.unsent, cause_of(a));
    return ROUTE;
}

/* Not good enough: the next route is asked, and this one is remembered in case none is better. */
static enum step escalate(struct exchange *x)
{
    entry_unref(x->unsure);
    x->unsure = keep_entry(x, keep_plain_form(x));
    x->refusal = ERR_NOT_ACCEPTED;
    choose_leave_route(x);
    return ROUTE;
}

static bool is_accepted(struct exchange *x)
{
    const struct route *r = choose_route_now(x);
    bool accepted;

    if (!r->accept)
        return true;
    accepted = accept_holds(r->accept, keep_plain_form(x));
    metric_add(shard_of(x), METRIC_CASCADE, 1,
               METRIC_LABEL(x->model->name, str_of(r->upstream->name),
                            accepted ? STR("accepted") : STR("escalated")));
    return accepted;
}

/* Its upstream is at fault, though the call went well: another route may do better. */
static enum step refuse_answer(struct exchange *x)
{
    x->refusal = ERR_UPSTREAM_INVALID;
    choose_leave_route(x);
    return ROUTE;
}

static enum step called(struct exchange *x, enum err err)
{
    const struct attempt *a = call_lead(x);

    if (x->err)
        return exchange_ended(x);
    if (err == OK && !valid_answer(x))
        return refuse_answer(x);
    if (err == OK && !is_accepted(x))
        return escalate(x);
    if (err == OK) {
        deliver(x);
        return SETTLE;
    }
    if (x->committed)
        return exchange_fail(x, err);
    if (a->endpoint && was_stale(a)) {
        x->again = endpoint_ref(a->endpoint);
        return QUEUE;
    }
    return try_elsewhere(x, err);
}

/* How long the upstream wants to be left alone; -1: it did not say. */
static int64_t asked_wait_ms(const struct attempt *a)
{
    return retry_after_ms(attempt_header(a, "retry-after"), attempt_header(a, "retry-after-ms"),
                          clock_wall_ms());
}

/* Others of its pool come first, unless it was the key's fault, or a dead connection's. */
static void note_tried(struct exchange *x, const struct attempt *a)
{
    if (a && a->endpoint && !is_about_key(a) && !was_stale(a))
        x->tried |= endpoint_bit(a->endpoint);
}

static void on_called(struct race *r, enum err err)
{
    struct exchange *x = container_of(r, struct exchange, race);
    const struct attempt *a = call_lead(x);

    if (err != ERR_NO_RULE || !x->refusal)
        x->refusal = err; /* that no rule stands in for it is not why it failed */
    x->upstream_us += r->ended_us - r->started_us;
    x->attempts += r->sent;
    r->sent = 0; /* they are counted here from now on */
    x->calls += race_other(r) ? 1 : 0;
    spend(x, a, race_loser(r));
    note_tried(x, a);
    if (!r->won)
        note_tried(x, race_other(r)); /* it has failed as well */
    if (err && !is_about_key(a))
        choose_note_wait(x, asked_wait_ms(a));
    exchange_go(x, called(x, err));
}

static const struct race_events race_events = { on_bytes, on_error_event, on_called };

/* Is there something that is read from the answer's plain form? */
static bool is_read(const struct exchange *x)
{
    const struct watchlist *l = x->model->watch;

    return l && (l->prediction_count > 0 || l->schemas[WATCH_ANSWER] ||
                 fit_may_be_asked(x->ask.body));
}

enum step call_ask(struct exchange *x)
{
    const struct route *r = choose_route_now(x);
    struct race_call call = {
        .first = {
            .upstream = r->upstream,
            .permit = x->permit.permit,
            .request = &x->request,
            .upstream_model = r->model.len > 0 ? r->model : x->request.model,
            .model = x->request.model,
            .headers = x->ask.headers,
            .arena = &x->arena,
            .keep = x->may_keep || is_read(x) || r->accept,
            .fresh = x->again != NULL,
        },
        .wish = choose_wish(x),
        .may_hedge = r->upstream->hedge.on && !x->again,
        .wants_usage = x->request.include_usage,
        .hold_all = r->accept != NULL,
    };

    x->permit.permit = (struct permit){ 0 };
    if (!call.first.fresh)
        x->calls++;
    if (call.may_hedge)
        call.no_second = choose_no_second(x);
    endpoint_unref(steal(&x->again));
    race_deinit(&x->race);
    race_start(&x->race, &x->kit->upstream, &call, &race_events);
    if (x->paused)
        race_pause(&x->race);
    background_note_call(x);
    return WAIT;
}

void call_stop_ask(struct exchange *x)
{
    if (x->hung)
        race_lose(&x->race);
    else
        race_cancel(&x->race, x->err ? x->err : ERR_CANCELLED);
}
