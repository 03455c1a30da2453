/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What an exchange came to, as one record: the row of the log, the metrics, the prediction. It
 * is read off an exchange that is over and writes nothing to it. An answer is either the last
 * call's own (keep_is_answered) or an entry that was kept, found or shared; each fact is taken
 * from the one that the client got.
 */

#include "books.h"

#include "weir/base/log.h"
#include "weir/base/metric.h"
#include "weir/exchange/account.h"
#include "weir/exchange/recall.h"

#include "keep.h"
#include "steps.h"

#include <stdio.h>

static void put_answer(const struct exchange *x, struct watch_answer *out)
{
    const struct attempt *call = call_lead(x);

    *out = (struct watch_answer){ .source = WATCH_FRESH,
                                  .prompt_tokens = -1,
                                  .completion_tokens = -1,
                                  .request = x->ask.body,
                                  .list = x->model->watch,
                                  .cost_usd = -1 };
    recall_put_segments(x->model, &x->ask, x->ask.body, out->segments);
    if (x->degraded == DEGRADED_FALLBACK || x->degraded == DEGRADED_HEURISTIC)
        return; /* not this model's words */
    if (x->ask.endpoint == ENDPOINT_TOKENS)
        return; /* no words at all */
    if (keep_is_answered(x)) {
        const struct answer *a = &call->tap.answer;

        out->version = model_version(x->model, call->call.upstream_model);
        out->finish_reason = str_of(a->finish_reason);
        out->refusal = a->refusal;
        out->prompt_tokens = a->prompt_tokens;
        out->completion_tokens = a->completion_tokens;
        out->upstream = str_of(call->call.upstream->name);
        out->returned_model = str_of(a->model);
        out->fingerprint = str_of(a->fingerprint);
        out->took_us = call->ended_us - call->started_us;
        out->cost_usd = x->is_priced ? x->spent_usd : -1;
        out->body = keep_plain_form(x);
    } else if (x->answer) {
        const struct entry_facts *facts = &x->answer->facts;

        out->version = model_version(x->model, facts->upstream_model);
        out->source = x->word == WORD_COALESCED ? WATCH_COALESCED : WATCH_CACHED;
        out->finish_reason = str_of(facts->finish_reason);
        out->refusal = facts->refusal;
        out->prompt_tokens = facts->prompt_tokens;
        out->completion_tokens = facts->completion_tokens;
        out->body = facts->body;
        out->entry = x->answer;
    }
}

/* Who answered; where nobody did, who was asked last. */
static void put_who(const struct exchange *x, struct record *out)
{
    const struct attempt *call = call_lead(x);

    if (x->answer && !keep_is_answered(x)) {
        out->upstream = x->answer->facts.upstream;
        out->upstream_model = x->answer->facts.upstream_model;
    } else if (call) {
        out->upstream = str_of(call->call.upstream->name);
        out->upstream_model = call->call.upstream_model;
    }
    if (x->model && out->upstream.at)
        out->upstream_model = model_version(x->model, out->upstream_model);
}

enum { WHY_BYTES = JSONSCHEMA_POINTER_BYTES + JSONSCHEMA_WORDS_BYTES + sizeof(": ") };

/* Why it failed, or why a good answer was not kept; NULL where the error's name says it all. */
static const char *why_of(const struct exchange *x, char *text, size_t size)
{
    const struct attempt *a = call_lead(x);

    if (x->fault.text[0])
        return x->fault.text;
    if ((x->err == ERR_INVALID || x->err == ERR_UPSTREAM_INVALID) && x->violations) {
        const struct jsonschema_violation *v = &x->violations->violations[0];

        (void)snprintf(text, size, "%s: %s", v->pointer, v->words);
        return text;
    }
    if (x->err == OK || !a)
        return x->why_not;
    if (a->status != 0 && (a->status < 200 || a->status > 299)) {
        (void)snprintf(text, size, "the upstream answered %d", a->status);
        return text;
    }
    return a->fetch.detail[0] ? a->fetch.detail : a->tap.answer.why_not;
}

static int64_t prompt_tokens_of(const struct exchange *x)
{
    if (keep_is_answered(x))
        return call_lead(x)->tap.answer.prompt_tokens;
    return x->answer ? x->answer->facts.prompt_tokens : -1;
}

static void close_client(const struct exchange *x, const char *trail)
{
    char why[WHY_BYTES];
    struct record record = {
        .request_id = x->ask.request_id,
        .tenant = x->ask.scope,
        .model = x->model ? x->model->name : (struct str){ 0 },
        .answer = { .prompt_tokens = -1, .completion_tokens = -1 },
        .endpoint = endpoint_word(x->ask.endpoint),
        .err = x->deserted && !x->err ? ERR_CANCELLED : x->err,
        .word = x->word,
        .degraded = x->degraded,
        .status = x->status,
        .stream = x->request.stream,
        .attempts = call_attempts(x),
        .total_us = loop_now_us(x->kit->loop) - x->ask.began_us,
        .within_us = x->model ? x->model->respond_within_us : 0,
        .queue_us = x->queue_us,
        .cache_us = x->cache_us,
        .upstream_us = call_upstream_us(x),
        .first_us = x->first_us,
        .request_bytes = x->ask.body.len,
        .cost_usd = x->is_priced ? x->spent_usd : -1,
        .saved_microusd = x->answer ? x->answer->facts.cost_microusd : 0,
        .trail = trail,
        .prompt_tokens = prompt_tokens_of(x),
        .why = why_of(x, why, sizeof(why)),
    };

    if (x->model)
        put_answer(x, &record.answer);
    put_who(x, &record);
    account(loop_shard(x->kit->loop), x->kit->watch, &record);
}

/* What came of work that nobody waited for. */
static const char *result_of(const struct exchange *x)
{
    if (x->err)
        return x->err == ERR_CANCELLED ? "called_off" : "failed";
    return x->stored ? "stored" : "spared";
}

/* What was renewed, or why it was not, has no client to be counted with. */
static void close_refresh(const struct exchange *x)
{
    const char *result = result_of(x);
    char why[WHY_BYTES];

    metric_add(loop_shard(x->kit->loop), METRIC_REFRESHES, 1,
               METRIC_LABEL(x->model ? x->model->name : STR(""), str_of(x->ask.refresh),
                            str_of(result)));
    log_info("refresh_end", F_STR("request_id", x->ask.request_id),
             F_STR("model", x->request.model), F_TEXT("reason", x->ask.refresh),
             F_TEXT("result", result), F_U64("attempts", call_attempts(x)),
             F_TEXT("err", x->err ? err_name(x->err) : NULL),
             F_TEXT("why", why_of(x, why, sizeof(why))));
}

/* Its client had something else in time, or did not wait, and was booked with that. */
static void close_late(const struct exchange *x)
{
    const char *result = result_of(x);
    char why[64];

    metric_add(loop_shard(x->kit->loop), METRIC_LATE, 1,
               METRIC_LABEL(x->model->name, str_of(result)));
    log_info("late_end", F_STR("request_id", x->ask.request_id),
             F_STR("model", x->request.model), F_TEXT("result", result),
             F_U64("attempts", call_attempts(x)),
             F_MS("total_ms", loop_now_us(x->kit->loop) - x->ask.began_us),
             F_TEXT("err", x->err ? err_name(x->err) : NULL),
             F_TEXT("why", why_of(x, why, sizeof(why))));
}

void books_close(struct exchange *x, const char *trail)
{
    if (x->ask.refresh)
        close_refresh(x);
    else if (!x->booked)
        close_client(x, trail);
    else if (x->late)
        close_late(x);
    x->booked = true;
}
