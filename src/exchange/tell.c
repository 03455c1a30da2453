/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What an exchange tells its client, through the sink, and those who follow it. Whatever begins
 * an answer goes through here, so `committed`, the status and the time of the first byte are
 * right wherever the answer comes from. A client that has left is told nothing, though those
 * who follow still are.
 */

#include "tell.h"

#include "weir/base/clock.h"
#include "weir/exchange/recall.h"

#include "deadline.h"
#include "keep.h"
#include "steps.h"

static bool is_calling(const struct exchange *x)
{
    return x->trail.at == CALL && call_lead(x) && call_lead(x)->phase != PHASE_OVER;
}

/* What is being told comes from an upstream now, not from what was kept. */
static bool is_from_call(const struct exchange *x)
{
    return is_calling(x) || keep_is_answered(x);
}

/* Those who follow hear of what is made for all: not of a replay, nor of another model's words. */
static bool is_shared(const struct exchange *x)
{
    return (is_from_call(x) || x->trail.at == AWAIT) && !x->degraded;
}

static void put_reply(const struct exchange *x, struct reply *out)
{
    const struct attempt *a = call_lead(x);

    if (x->answer && !keep_is_answered(x)) {
        recall_put_reply(out, x->answer, x->tier, clock_wall_ms());
        if (x->word != WORD_HIT)
            out->word = x->word;
        if (x->word == WORD_MISS || x->word == WORD_BYPASS)
            out->cost_saved_usd = 0; /* its call was this one's own */
        out->replayed = x->idempotent && x->word == WORD_HIT;
    } else {
        *out = (struct reply){ .status = 200, .word = x->word, .stored = x->stored };
        if (keep_is_answered(x) && !x->request.stream)
            out->status = a->status;
        if (a) {
            out->upstream = str_of(a->call.upstream->name);
            out->upstream_model = a->call.upstream_model;
        }
    }
    out->degraded = x->degraded;
    out->stale_why = x->stale_why;
    out->cost_usd = x->is_priced ? x->spent_usd : -1;
    out->stream = x->request.stream;
    out->attempts = call_attempts(x);
    out->queue_us = x->queue_us;
    out->headers = x->passed;
    out->upstream_request_id = x->upstream_request_id;
    out->cache_us = x->cache_us;
    out->upstream_us = call_upstream_us(x);
    out->total_us = loop_now_us(x->kit->loop) - x->ask.began_us;
    if (!out->content_type.at)
        out->content_type = STR("application/json");
}

void tell_begin(struct exchange *x)
{
    struct reply reply;

    if (is_from_call(x))
        keep_headers(x);
    x->committed = true;
    if (x->ask.patience_us > 0)
        deadline_set(x);
    x->status = 200;
    x->first_us = loop_now_us(x->kit->loop) - x->ask.began_us;
    degrade_count(x);
    if (x->deserted)
        return;
    put_reply(x, &reply);
    x->sink->on_begin(x->sink, &reply);
}

void tell_bytes(struct exchange *x, struct str bytes)
{
    if (!x->committed)
        tell_begin(x);
    if (is_shared(x) && x->seat.state == FLIGHT_LEADS)
        (void)flight_write(&x->seat, bytes);
    if (is_shared(x) && x->fleet.leads)
        fleet_write(&x->fleet, bytes);
    if (!x->deserted)
        x->sink->on_bytes(x->sink, bytes);
}

void tell_whole(struct exchange *x, struct str body)
{
    struct reply reply;

    put_reply(x, &reply);
    x->status = reply.status;
    x->first_us = loop_now_us(x->kit->loop) - x->ask.began_us;
    degrade_count(x);
    if (!x->deserted)
        x->sink->on_whole(x->sink, &reply, body);
}

static int64_t seconds_of(int64_t ms)
{
    return ms < 0 ? -1 : (ms + 999) / 1000;
}

/* Did the last call bring this error, rather than a queue or a limit of ours? */
static bool is_of_upstream(enum err err)
{
    return err >= ERR_UPSTREAM_UNREACHABLE && err <= ERR_UPSTREAM_TRUNCATED;
}

static bool is_invalid(enum err err)
{
    return err == ERR_INVALID || err == ERR_UPSTREAM_INVALID;
}

void tell_failure(struct exchange *x)
{
    const struct attempt *a = call_lead(x);
    struct failure why = { .err = x->err,
                           .fault = &x->fault,
                           .violations = is_invalid(x->err) ? x->violations : NULL,
                           .told = x->told,
                           .model = x->request.model,
                           .sequence = a ? a->tap.sequence + 1 : 0,
                           .retry_after_s = seconds_of(x->wait_ms) };
    struct reply reply;

    if (!x->committed)
        degrade_unmark(x);
    if (x->err == ERR_NO_RULE)
        (void)fault_set(&x->fault, x->err, NULL, "No rule of rules.%s fits what was asked.",
                        rules_name(call_upstream(x)->rules));
    if (a && x->err == x->refusal && is_of_upstream(x->err)) {
        why.status = a->status >= 400 ? a->status : a->tap.answer.error_status;
        why.body = a->status >= 400 ? buf_str(&a->body) : str_of(a->tap.answer.error_text);
        why.content_type = a->status >= 400 ? attempt_header(a, "content-type")
                                            : (struct str){ 0 };
    } else if (x->refused && is_of_upstream(x->err) && !is_invalid(x->err)) {
        why.status = x->refused->facts.status;
        why.body = x->refused->facts.body;
        why.content_type = x->refused->facts.content_type;
    }
    put_reply(x, &reply);
    x->status = x->sink->on_failure(x->sink, &reply, &why);
}
