/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What an exchange came to, as one record: the row of the log, the metrics, the prediction. It
 * is read off an exchange that is over and writes nothing to it. An answer is either the last
 * call's own (keep_is_answered) or an entry that was kept, found or shared; each fact is taken
 * from the one that the client got.
 */

#include "weir/exchange/account.h"

#include "life.h"

#include <stdio.h>

static void put_answer(const struct exchange *x, struct watch_answer *out)
{
    const struct answer *a = &x->attempt.tap.answer;

    *out = (struct watch_answer){ .model = x->model->name,
                                  .source = WATCH_FRESH,
                                  .completion_tokens = -1,
                                  .predictions = x->model->predictions,
                                  .prediction_count = x->model->prediction_count };
    if (keep_is_answered(x)) {
        out->version = model_version(x->model, x->attempt.call.upstream_model);
        out->finish_reason = str_of(a->finish_reason);
        out->refusal = a->refusal;
        out->completion_tokens = a->completion_tokens;
        out->body = keep_plain_form(x);
    } else if (x->answer) {
        const struct entry_facts *facts = &x->answer->facts;

        out->version = model_version(x->model, facts->upstream_model);
        out->source = x->word == WORD_COALESCED ? WATCH_COALESCED : WATCH_CACHED;
        out->finish_reason = str_of(facts->finish_reason);
        out->refusal = facts->refusal;
        out->completion_tokens = facts->completion_tokens;
        out->body = facts->body;
    }
}

/* Who answered; where nobody did, who was asked last. */
static void put_who(const struct exchange *x, struct record *out)
{
    if (x->answer && !keep_is_answered(x)) {
        out->upstream = x->answer->facts.upstream;
        out->upstream_model = x->answer->facts.upstream_model;
    } else if (x->endpoint) {
        out->upstream = str_of(x->endpoint->upstream->name);
        out->upstream_model = x->attempt.call.upstream_model;
    }
    if (x->model && out->upstream.at)
        out->upstream_model = model_version(x->model, out->upstream_model);
}

/* Why it failed, or why a good answer was not kept; NULL where the error's name says it all. */
static const char *why_of(const struct exchange *x, char *text, size_t size)
{
    const struct attempt *a = &x->attempt;

    if (x->fault.text[0])
        return x->fault.text;
    if (x->err == OK || !a->kit)
        return x->why_not;
    if (a->status != 0 && (a->status < 200 || a->status > 299)) {
        (void)snprintf(text, size, "the upstream answered %d", a->status);
        return text;
    }
    return a->fetch.detail[0] ? a->fetch.detail : a->tap.answer.why_not;
}

void books_close(const struct exchange *x, const char *trail)
{
    char why[64];
    struct record record = {
        .request_id = x->ask.request_id,
        .tenant = x->ask.scope,
        .model = x->model ? x->model->name : (struct str){ 0 },
        .answer = { .completion_tokens = -1 },
        .endpoint = endpoint_word(x->ask.endpoint),
        .err = x->deserted && !x->err ? ERR_CANCELLED : x->err,
        .word = x->word,
        .status = x->status,
        .stream = x->request.stream,
        .attempts = x->attempts,
        .total_us = loop_now_us(x->kit->loop) - x->ask.began_us,
        .cache_us = x->cache_us,
        .upstream_us = x->upstream_us,
        .first_us = x->first_us,
        .request_bytes = x->ask.body.len,
        .trail = trail,
        .prompt_tokens = keep_is_answered(x) ? x->attempt.tap.answer.prompt_tokens
                         : x->answer         ? x->answer->facts.prompt_tokens
                                             : -1,
        .why = why_of(x, why, sizeof(why)),
    };

    if (x->model)
        put_answer(x, &record.answer);
    put_who(x, &record);
    account(loop_shard(x->kit->loop), x->kit->watch, &record);
}
