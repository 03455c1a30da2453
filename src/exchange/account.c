/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/exchange/account.h"

#include "weir/base/ensure.h"
#include "weir/base/log.h"
#include "weir/base/metric.h"

/* clang-format off */
static const char *const outcome_words[] = {
#define O(name, word) [name] = word,
    OUTCOMES(O)
#undef O
};

static const char *const cache_words[] = {
    [WORD_HIT] = "hit", [WORD_MISS] = "miss", [WORD_STALE] = "stale",
    [WORD_COALESCED] = "coalesced", [WORD_BYPASS] = "bypass",
};

static const enum outcome outcomes[ERR_COUNT] = {
    [OK]                       = OUTCOME_OK,
    [ERR_CANCELLED]            = OUTCOME_CLIENT_CANCEL,
    [ERR_DEADLINE]             = OUTCOME_TIMEOUT,
    [ERR_SHUTDOWN]             = OUTCOME_INTERNAL_ERROR,
    [ERR_MALFORMED]            = OUTCOME_REJECTED,
    [ERR_TOO_LARGE]            = OUTCOME_REJECTED,
    [ERR_UNAUTHENTICATED]      = OUTCOME_REJECTED,
    [ERR_NO_MODEL]             = OUTCOME_REJECTED,
    [ERR_UNSUPPORTED]          = OUTCOME_REJECTED,
    [ERR_INVALID]              = OUTCOME_REJECTED,
    [ERR_ONLY_IF_CACHED]       = OUTCOME_REJECTED,
    [ERR_NO_ROUTE]             = OUTCOME_UPSTREAM_ERROR,
    [ERR_NO_RULE]              = OUTCOME_REJECTED,
    [ERR_RESTING]              = OUTCOME_REJECTED,
    [ERR_QUEUE_FULL]           = OUTCOME_REJECTED,
    [ERR_QUEUE_SLOW]           = OUTCOME_REJECTED,
    [ERR_OVERLOADED]           = OUTCOME_REJECTED,
    [ERR_TOO_COSTLY]           = OUTCOME_REJECTED,
    [ERR_NOT_ACCEPTED]         = OUTCOME_UPSTREAM_ERROR,
    [ERR_CONFIG]               = OUTCOME_INTERNAL_ERROR,
    [ERR_UPSTREAM_UNREACHABLE] = OUTCOME_UPSTREAM_ERROR,
    [ERR_UPSTREAM_TLS]         = OUTCOME_UPSTREAM_ERROR,
    [ERR_UPSTREAM_SILENT]      = OUTCOME_TIMEOUT,
    [ERR_UPSTREAM_STATUS]      = OUTCOME_UPSTREAM_ERROR,
    [ERR_UPSTREAM_REFUSED]     = OUTCOME_UPSTREAM_ERROR,
    [ERR_UPSTREAM_IN_BAND]     = OUTCOME_UPSTREAM_ERROR,
    [ERR_UPSTREAM_EMPTY]       = OUTCOME_UPSTREAM_ERROR,
    [ERR_UPSTREAM_MALFORMED]   = OUTCOME_UPSTREAM_ERROR,
    [ERR_UPSTREAM_INVALID]     = OUTCOME_UPSTREAM_ERROR,
    [ERR_UPSTREAM_TRUNCATED]   = OUTCOME_UPSTREAM_TRUNCATED,
    [ERR_FLIGHT_FAILED]        = OUTCOME_UPSTREAM_ERROR,
    [ERR_LEADER_LOST]          = OUTCOME_INTERNAL_ERROR,
    [ERR_TOO_LONG]             = OUTCOME_INTERNAL_ERROR,
    [ERR_STORE_DOWN]           = OUTCOME_INTERNAL_ERROR,
};
/* clang-format on */

enum outcome outcome_of(enum err err, enum cache_word word, enum degraded degraded)
{
    ensure(err < ERR_COUNT);
    if (err)
        return outcomes[err];
    if (degraded == DEGRADED_FALLBACK || degraded == DEGRADED_HEURISTIC)
        return OUTCOME_FALLBACK;
    switch (word) {
    case WORD_HIT: return OUTCOME_CACHE_HIT;
    case WORD_STALE: return OUTCOME_STALE;
    case WORD_COALESCED: return OUTCOME_COALESCED;
    case WORD_MISS:
    case WORD_BYPASS: break;
    }
    return OUTCOME_OK;
}

static double seconds(uint64_t us)
{
    return (double)us / 1e6;
}

/* What the model did, as OpenTelemetry's GenAI conventions name it: fresh answers alone. */
static void count_model(struct metric_shard *shard, const struct record *r)
{
    const struct str *models = METRIC_LABEL(r->model, r->upstream_model);
    int64_t out = r->answer.completion_tokens;

    metric_observe(shard, METRIC_SERVER_SECONDS, seconds(r->upstream_us),
                   METRIC_LABEL(r->model, r->upstream_model, r->endpoint));
    if (r->prompt_tokens >= 0)
        metric_observe(shard, METRIC_TOKENS, (double)r->prompt_tokens,
                       METRIC_LABEL(r->model, r->upstream_model, STR("input")));
    if (out >= 0)
        metric_observe(shard, METRIC_TOKENS, (double)out,
                       METRIC_LABEL(r->model, r->upstream_model, STR("output")));
    if (!r->stream || r->first_us == 0)
        return;
    metric_observe(shard, METRIC_FIRST_TOKEN_SECONDS, seconds(r->first_us), models);
    if (out > 1 && r->total_us > r->first_us)
        metric_observe(shard, METRIC_PER_TOKEN_SECONDS,
                       seconds(r->total_us - r->first_us) / (double)(out - 1), models);
}

static void count_saved(struct metric_shard *shard, const struct record *r)
{
    if (r->prompt_tokens > 0)
        metric_add(shard, METRIC_TOKENS_SAVED, r->prompt_tokens,
                   METRIC_LABEL(r->model, STR("input")));
    if (r->answer.completion_tokens > 0)
        metric_add(shard, METRIC_TOKENS_SAVED, r->answer.completion_tokens,
                   METRIC_LABEL(r->model, STR("output")));
    if (r->saved_microusd > 0)
        metric_add(shard, METRIC_COST_SAVED, (int64_t)r->saved_microusd,
                   METRIC_LABEL(r->model));
}

/* clang-format off */
static const char *const degraded_words[] = {
    [DEGRADED_NOT] = "fresh", [DEGRADED_STALE] = "stale",
    [DEGRADED_FALLBACK] = "fallback", [DEGRADED_HEURISTIC] = "heuristic",
};
/* clang-format on */

static void count_in_time(struct metric_shard *shard, const struct record *r)
{
    bool late = r->total_us > r->within_us || r->err;

    metric_add(
        shard, METRIC_IN_TIME, 1,
        METRIC_LABEL(r->model, late ? STR("late") : str_of(degraded_words[r->degraded])));
}

_Static_assert((int)OUTCOME_COUNT == (int)WATCH_OUTCOMES &&
                   (int)OUTCOME_REJECTED == (int)WATCH_REJECTED &&
                   (int)OUTCOME_CLIENT_CANCEL == (int)WATCH_CLIENT_CANCEL,
               "ends have one order");

static void tell_watch(struct watch *watch, const struct record *r, enum outcome outcome,
                       bool is_kept)
{
    if (!watch)
        return;
    if (r->err == OK && r->answer.version.len > 0)
        watch_note(watch, &r->answer);
    if (r->answer.list)
        watch_end(watch,
                  &(struct watch_end){ .list = r->answer.list,
                                       .version = r->upstream_model,
                                       .segments = r->answer.segments,
                                       .outcome = (enum watch_outcome)outcome,
                                       .total_us = r->total_us,
                                       .cost_usd = r->cost_usd,
                                       .saved_microusd = is_kept ? r->saved_microusd : 0 });
}

static void write_line(const struct record *r, const char *outcome)
{
    log_info("exchange_end", F_STR("request_id", r->request_id), F_STR("tenant", r->tenant),
             F_STR("endpoint", r->endpoint), F_STR("model", r->model),
             F_STR("upstream", r->upstream), F_STR("upstream_model", r->upstream_model),
             F_TEXT("outcome", outcome), F_I64("status", r->status),
             F_TEXT("err", r->err ? err_name(r->err) : NULL),
             F_TEXT("cache", cache_words[r->word]), F_BOOL("stream", r->stream),
             F_TEXT("degraded", r->degraded ? degraded_words[r->degraded] : NULL),
             F_U64("attempts", r->attempts), F_MS("total_ms", r->total_us),
             F_MS("queue_ms", r->queue_us), F_MS("upstream_ms", r->upstream_us),
             F_MS("cache_ms", r->cache_us), F_MS("first_ms", r->first_us),
             F_U64("request_bytes", r->request_bytes), F_I64("prompt_tokens", r->prompt_tokens),
             F_I64("completion_tokens", r->answer.completion_tokens), F_TEXT("why", r->why),
             F_TEXT("trail", r->trail));
}

void account(struct metric_shard *shard, struct watch *watch, const struct record *r)
{
    enum outcome end = outcome_of(r->err, r->word, r->degraded);
    const char *outcome = outcome_words[end];
    bool is_kept = r->word == WORD_HIT || r->word == WORD_STALE || r->word == WORD_COALESCED;
    uint64_t away_us = r->upstream_us + r->queue_us;
    uint64_t own_us = r->total_us > away_us ? r->total_us - away_us : 0;

    metric_observe(shard, METRIC_REQUEST_SECONDS, seconds(r->total_us),
                   METRIC_LABEL(r->model, r->endpoint));
    metric_observe(shard, METRIC_OVERHEAD_SECONDS, seconds(own_us), METRIC_LABEL(r->model));
    if (is_kept)
        count_saved(shard, r);
    else if (r->attempts > 0)
        count_model(shard, r);
    tell_watch(watch, r, end, is_kept);
    if (r->within_us > 0 && r->err != ERR_CANCELLED)
        count_in_time(shard, r);
    /* Last: who sees the request counted finds all the rest of it. */
    metric_add(shard, METRIC_REQUESTS, 1,
               METRIC_LABEL(r->model, r->upstream, r->endpoint, str_of(outcome)));
    write_line(r, outcome);
}
