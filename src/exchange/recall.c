/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/exchange/recall.h"

#include "weir/base/clock.h"
#include "weir/exchange/account.h"

enum { FACT_STREAM = 1, FACT_USAGE = 2 };

uint64_t recall_facts(const struct request *r)
{
    return (r->stream ? FACT_STREAM : 0U) | (r->include_usage ? FACT_USAGE : 0U);
}

/* The plan's generation is part of it, so a reload makes all aliases unknown at once. */
void recall_digest(const struct ask *ask, struct digest *out)
{
    digest_start();
    digest_add_u64(ask->plan->generation);
    digest_add_u64((uint64_t)ask->endpoint);
    digest_add_part(ask->scope);
    digest_add_part(ask->path_model);
    digest_add_part(ask->key_headers);
    digest_add_part(ask->body);
    digest_end(out);
}

bool recall_is_usable(const struct entry *e, const struct cache_words *words, uint64_t wall_ms)
{
    int64_t ttl_ms = entry_ttl_ms(e, wall_ms);
    uint64_t age_s = entry_age_ms(e, wall_ms) / 1000;

    if (words->max_age_s >= 0 && age_s > (uint64_t)words->max_age_s)
        return false;
    if (ttl_ms > 0)
        return true;
    return words->max_stale_s >= 0 && -ttl_ms / 1000 <= words->max_stale_s;
}

void recall_put_reply(struct reply *out, const struct entry *e, enum cache_tier tier,
                      uint64_t wall_ms)
{
    int64_t ttl_ms = entry_ttl_ms(e, wall_ms);

    *out = (struct reply){
        .status = e->facts.status,
        .word = ttl_ms > 0 ? WORD_HIT : WORD_STALE,
        .tier = tier,
        .degraded = ttl_ms > 0 ? DEGRADED_NOT : DEGRADED_STALE,
        .cost_usd = -1,
        .cost_saved_usd = (double)e->facts.cost_microusd / 1e6,
        .ttl_ms = ttl_ms,
        .age_ms = (int64_t)entry_age_ms(e, wall_ms),
        .content_type = e->facts.content_type,
        .upstream = e->facts.upstream,
        .upstream_model = e->facts.upstream_model,
    };
}

bool recall_find(struct exchange_kit *kit, const struct ask *ask, struct recalled *out)
{
    AUTO(entry_unref) struct entry *entry = NULL;
    const struct model *model;
    struct digest raw;
    uint64_t facts;
    uint64_t wall_ms;

    if (!kit->cache.memory || ask->cache.no_cache || ask->cache.no_store)
        return false;
    recall_digest(ask, &raw);
    entry = cache_recall(&kit->cache, &raw, &facts);
    if (!entry)
        return false;
    wall_ms = clock_wall_ms();
    model = plan_model(ask->plan, entry->facts.model);
    if (!model || !tenant_may_ask(ask->tenant, entry->facts.model) ||
        !recall_is_usable(entry, &ask->cache, wall_ms))
        return false;

    out->model = model;
    out->stream = facts & FACT_STREAM;
    out->include_usage = facts & FACT_USAGE;
    recall_put_reply(&out->reply, entry, CACHE_MEMORY, wall_ms);
    out->reply.stream = out->stream;
    out->reply.total_us = loop_now_us(kit->loop) - ask->began_us;
    out->entry = steal(&entry);
    return true;
}

void recall_settle(struct exchange_kit *kit, const struct ask *ask, struct recalled *r)
{
    const struct entry_facts *facts = &r->entry->facts;
    struct record record = {
        .request_id = ask->request_id,
        .tenant = ask->scope,
        .model = r->model->name,
        .upstream = facts->upstream,
        .upstream_model = model_version(r->model, facts->upstream_model),
        .endpoint = endpoint_word(ask->endpoint),
        .word = r->reply.word,
        .status = r->reply.status,
        .stream = r->stream,
        .total_us = loop_now_us(kit->loop) - ask->began_us,
        .within_us = r->model->respond_within_us,
        .cost_usd = -1,
        .saved_microusd = facts->cost_microusd,
        .request_bytes = ask->body.len,
        .prompt_tokens = facts->prompt_tokens,
        .answer = { .model = r->model->name,
                    .version = model_version(r->model, facts->upstream_model),
                    .source = WATCH_CACHED,
                    .finish_reason = str_of(facts->finish_reason),
                    .refusal = facts->refusal,
                    .completion_tokens = facts->completion_tokens,
                    .body = facts->body,
                    .predictions = r->model->predictions,
                    .prediction_count = r->model->prediction_count },
    };

    account(loop_shard(kit->loop), kit->watch, &record);
    entry_unref(r->entry);
    r->entry = NULL;
}
