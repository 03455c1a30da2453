/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/exchange/recall.h"

#include "weir/base/clock.h"
#include "weir/exchange/account.h"

#include <string.h>

enum { FACT_STREAM = 1, FACT_USAGE = 2 };

uint64_t recall_facts(const struct request *r)
{
    return (r->stream ? FACT_STREAM : 0U) | (r->include_usage ? FACT_USAGE : 0U);
}

/* A place is below 128, so eight of them leave a byte for the facts. */
enum { FACT_BITS = 8, PLACE_BITS = 7 };

uint64_t recall_pack(const uint8_t segments[SEGMENT_MOST])
{
    uint64_t packed = 0;

    _Static_assert(FACT_BITS + PLACE_BITS * SEGMENT_MOST <= 64, "they fit");
    _Static_assert(SEGMENT_FIRST + SEGMENT_VALUES <= 1 << PLACE_BITS, "a place fits");
    for (unsigned i = 0; i < SEGMENT_MOST; i++)
        packed |= (uint64_t)segments[i] << (FACT_BITS + PLACE_BITS * i);
    return packed;
}

static void unpack(uint64_t facts, uint8_t segments[SEGMENT_MOST])
{
    for (unsigned i = 0; i < SEGMENT_MOST; i++)
        segments[i] = facts >> (FACT_BITS + PLACE_BITS * i) & ((1U << PLACE_BITS) - 1);
}

void recall_put_segments(const struct model *m, const struct ask *ask, struct str body,
                         uint8_t segments[SEGMENT_MOST])
{
    struct segment_source source = { ask->scope, ask->segment_headers, body };

    if (m->watch && m->watch->segment_count > 0)
        segment_find(m->watch->segments, m->watch->segment_count, &source, segments);
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
    unpack(facts, out->segments);
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
        .answer = { .list = r->model->watch,
                    .version = model_version(r->model, facts->upstream_model),
                    .source = WATCH_CACHED,
                    .entry = r->entry,
                    .finish_reason = str_of(facts->finish_reason),
                    .refusal = facts->refusal,
                    .prompt_tokens = facts->prompt_tokens,
                    .completion_tokens = facts->completion_tokens,
                    .cost_usd = -1,
                    .body = facts->body,
                    .request = ask->body },
    };

    memcpy(record.answer.segments, r->segments, sizeof(r->segments));
    recall_put_segments(r->model, ask, (struct str){ 0 }, record.answer.segments);
    account(loop_shard(kit->loop), kit->watch, &record);
    entry_unref(r->entry);
    r->entry = NULL;
}
