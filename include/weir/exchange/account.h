/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/exchange/ask.h"
#include "weir/watch/watch.h"

/*
 * The one place that says what a request came to: one log line, one increment of
 * weir_requests_total, its times and tokens, its predictions. Called once for every request.
 */

/*        name                        word in metrics and logs */
/* clang-format off */
#define OUTCOMES(O)                                   \
    O(OUTCOME_OK,                 "ok")               \
    O(OUTCOME_CACHE_HIT,          "cache_hit")        \
    O(OUTCOME_COALESCED,          "coalesced")        \
    O(OUTCOME_STALE,              "stale")            \
    O(OUTCOME_FALLBACK,           "fallback")         \
    O(OUTCOME_REJECTED,           "rejected")         \
    O(OUTCOME_CLIENT_CANCEL,      "client_cancel")    \
    O(OUTCOME_UPSTREAM_ERROR,     "upstream_error")   \
    O(OUTCOME_UPSTREAM_TRUNCATED, "upstream_truncated") \
    O(OUTCOME_TIMEOUT,            "timeout")          \
    O(OUTCOME_INTERNAL_ERROR,     "internal_error")
/* clang-format on */

enum outcome {
#define O(name, word) name,
    OUTCOMES(O)
#undef O
        OUTCOME_COUNT
};

/* How a request that ended with `err` is called; OK is told from the cache's word. */
enum outcome outcome_of(enum err err, enum cache_word word, enum degraded degraded);

struct record {
    struct str request_id;
    struct str tenant;
    struct str model;          /* of the configuration; absent: none was found */
    struct str upstream;       /* absent: none was called */
    struct str upstream_model; /* as model_version calls it: it becomes a label */
    struct str endpoint;       /* endpoint_word, or another from a closed list */
    enum err err;
    enum cache_word word;
    enum degraded degraded;
    int status; /* what the client got; 0: nothing */
    bool stream;
    unsigned attempts;
    uint64_t total_us, queue_us, cache_us, upstream_us;
    uint64_t within_us;      /* the model's respond_within; 0: it has none */
    double cost_usd;         /* below 0: not known */
    uint64_t saved_microusd; /* of kept and shared answers: what their call cost */
    uint64_t first_us;       /* until the first content; 0: there was none */
    size_t request_bytes;
    const char *why; /* NULL, or a few words more: why it was not kept, what failed */
    struct watch_answer answer; /* of good answers; version absent: nothing to count */
    int64_t prompt_tokens;      /* -1: not told */
    const char *trail;          /* NULL, or the steps of an exchange that failed */
};

void account(struct metric_shard *shard, struct watch *watch, const struct record *r);
