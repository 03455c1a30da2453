/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What an exchange tells its client, through the sink, and those who follow it. Whatever begins
 * an answer goes through here, so `committed`, the status and the time of the first byte are
 * right wherever the answer comes from. A client that has left is told nothing, though those
 * who follow still are.
 */

#include "weir/base/clock.h"
#include "weir/exchange/recall.h"
#include "weir/upstream/retry_after.h"

#include "life.h"

static bool is_calling(const struct exchange *x)
{
    return x->attempt.kit && x->attempt.phase != PHASE_OVER;
}

/* What is being told comes from an upstream now, not from what was kept. */
static bool is_from_call(const struct exchange *x)
{
    return is_calling(x) || keep_is_answered(x);
}

static void put_reply(const struct exchange *x, struct reply *out)
{
    if (x->answer && !keep_is_answered(x)) {
        recall_put_reply(out, x->answer, x->tier, clock_wall_ms());
        out->if_error = x->refusal != OK;
        if (x->word == WORD_COALESCED)
            out->word = WORD_COALESCED;
    } else {
        *out = (struct reply){ .status = 200, .word = x->word, .stored = x->stored };
        if (keep_is_answered(x) && !x->request.stream)
            out->status = x->attempt.status;
        if (x->endpoint) {
            out->upstream = str_of(x->endpoint->upstream->name);
            out->upstream_model = x->attempt.call.upstream_model;
        }
    }
    out->stream = x->request.stream;
    out->attempts = x->attempts + (is_calling(x) && x->attempt.sent_any ? 1 : 0);
    out->headers = x->passed;
    out->upstream_request_id = x->upstream_request_id;
    out->cache_us = x->cache_us;
    out->upstream_us = x->upstream_us;
    if (is_calling(x))
        out->upstream_us += loop_now_us(x->kit->loop) - x->attempt.started_us;
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
        exchange_set_deadline(x);
    x->status = 200;
    x->first_us = loop_now_us(x->kit->loop) - x->ask.began_us;
    if (x->deserted)
        return;
    put_reply(x, &reply);
    x->sink->on_begin(x->sink, &reply);
}

void tell_bytes(struct exchange *x, struct str bytes)
{
    if (!x->committed)
        tell_begin(x);
    if (is_from_call(x) && x->seat.state == FLIGHT_LEADS)
        x->tape_full = !flight_write(&x->seat, bytes);
    if (!x->deserted)
        x->sink->on_bytes(x->sink, bytes);
}

void tell_whole(struct exchange *x, struct str body)
{
    struct reply reply;

    put_reply(x, &reply);
    x->status = reply.status;
    x->first_us = loop_now_us(x->kit->loop) - x->ask.began_us;
    if (!x->deserted)
        x->sink->on_whole(x->sink, &reply, body);
}

void tell_failure(struct exchange *x)
{
    const struct attempt *a = &x->attempt;
    struct failure why = { .err = x->err,
                           .fault = &x->fault,
                           .told = x->told,
                           .model = x->request.model,
                           .sequence = a->kit ? a->tap.sequence + 1 : 0,
                           .retry_after_s = -1 };
    struct reply reply;

    if (a->kit && x->err == x->refusal) {
        why.status = a->status >= 400 ? a->status : a->tap.answer.error_status;
        why.body = a->status >= 400 ? buf_str(&a->body) : str_of(a->tap.answer.error_text);
        why.content_type = a->status >= 400 ? attempt_header(a, "content-type")
                                            : (struct str){ 0 };
        why.retry_after_s = retry_after_s(attempt_header(a, "retry-after"),
                                          attempt_header(a, "retry-after-ms"), clock_wall_ms());
    } else if (x->refused) {
        why.status = x->refused->facts.status;
        why.body = x->refused->facts.body;
        why.content_type = x->refused->facts.content_type;
    }
    put_reply(x, &reply);
    x->status = x->sink->on_failure(x->sink, &reply, &why);
}
