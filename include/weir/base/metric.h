/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/str.h"

#include <stdint.h>

/*
 * What is counted, and how it is told to Prometheus.
 *
 * Every thread counts in a shard of its own, without locks: a cell has one writer, and a
 * scrape adds the shards up. A series is made at its first use; each family holds at most
 * METRIC_SERIES of them, and what comes later is counted under the label value "other".
 * Label values come from the configuration and closed lists only. Of DRIFT_SCORE and DRIFT_ALARM the
 * judge chooses which METRIC_SERIES are told, and others from time to time; so METRIC_EVER may be
 * made.
 *
 * A gauge is the sum of what each shard set or added; one set to METRIC_ABSENT is not told until
 * it is set again, for a thing that is gone is not a thing at zero. REQUEST_SECONDS also keeps the
 * last minute, told as weir_request_latency_seconds{model,quantile}. TOKENS is observed in tokens.
 * What is told in dollars is added in millionths of one, and so is DRIFT_SCORE set.
 */

enum { METRIC_LABELS = 5, METRIC_SERIES = 1000, METRIC_EVER = 16 * METRIC_SERIES };

#define METRIC_ABSENT INT64_MIN

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_LEAST };

/*    name                 type      what Prometheus calls it                     labels  (comma separated) and help */
/* clang-format off */
#define METRICS(M) \
    M(REQUESTS,            COUNTER,   "weir_requests_total",                      "model,upstream,endpoint,outcome", "Requests by how they ended.") \
    M(REQUEST_SECONDS,     HISTOGRAM, "weir_request_duration_seconds",            "model,endpoint",  "From a request's first byte to its answer's last.") \
    M(OVERHEAD_SECONDS,    HISTOGRAM, "weir_overhead_seconds",                    "model",           "Time spent in Weir, without the upstream's.") \
    M(SERVER_SECONDS,      HISTOGRAM, "gen_ai_server_request_duration_seconds",   "gen_ai_request_model,gen_ai_response_model,gen_ai_operation_name", "GenAI request duration, as OpenTelemetry names it.") \
    M(FIRST_TOKEN_SECONDS, HISTOGRAM, "gen_ai_server_time_to_first_token_seconds", "gen_ai_request_model,gen_ai_response_model", "Time to the first content of an answer.") \
    M(PER_TOKEN_SECONDS,   HISTOGRAM, "gen_ai_server_time_per_output_token_seconds", "gen_ai_request_model,gen_ai_response_model", "Time per output token after the first.") \
    M(TOKENS,              HISTOGRAM, "gen_ai_client_token_usage",                "gen_ai_request_model,gen_ai_response_model,gen_ai_token_type", "Tokens per request, as the upstream reports them.") \
    M(IN_FLIGHT,           GAUGE,     "weir_in_flight",                           "",                "Requests being worked on.") \
    M(BACKGROUND,          GAUGE,     "weir_background_in_flight",                "",                "Work under way that no client waits for: late answers and refreshes.") \
    M(CONNECTIONS,         GAUGE,     "weir_connections",                         "",                "Open client connections.") \
    M(CONNECTIONS_REFUSED, COUNTER,   "weir_connections_refused_total",           "reason",          "Connections turned away or cut for their behaviour.") \
    M(MALFORMED,           COUNTER,   "weir_malformed_requests_total",            "",                "Messages that were not HTTP, or over a limit.") \
    M(LOOKUPS,             COUNTER,   "weir_cache_lookups_total",                 "tier,result",     "Cache look-ups.") \
    M(STORES,              COUNTER,   "weir_cache_stores_total",                  "tier,result",     "Answers kept, or why not.") \
    M(CACHE_BYTES,         GAUGE,     "weir_cache_bytes",                         "",                "Bytes held by the memory tier.") \
    M(CACHE_ENTRIES,       GAUGE,     "weir_cache_entries",                       "",                "Answers held by the memory tier.") \
    M(CACHE_EVICTIONS,     COUNTER,   "weir_cache_evictions_total",               "",                "Answers that made room for others.") \
    M(FLIGHTS,             GAUGE,     "weir_flights",                             "",                "Answers being fetched that others may join.") \
    M(FOLLOWERS,           GAUGE,     "weir_flight_followers",                    "",                "Requests waiting for another's answer.") \
    M(ATTEMPTS,            COUNTER,   "weir_upstream_attempts_total",             "upstream,endpoint,result", "Calls to upstreams.") \
    M(UPSTREAM_IN_FLIGHT,  GAUGE,     "weir_upstream_in_flight",                  "upstream,endpoint", "Calls under way.") \
    M(HEALTHY,             GAUGE,     "weir_upstream_healthy",                    "upstream,endpoint", "1 while calls go to this endpoint; where its name stands for several addresses, how many of them.") \
    M(LIMIT,               GAUGE,     "weir_upstream_limit",                      "upstream,endpoint", "Calls at once that an endpoint may have; 0: as many as come.") \
    M(UPSTREAM_KEYS,       GAUGE,     "weir_upstream_keys",                       "upstream,state",  "API keys: usable, resting after a 429, dropped after a 401 or 403.") \
    M(BREAKER,             COUNTER,   "weir_upstream_breaker_total",              "upstream,endpoint,to", "Changes of an endpoint's breaker, by the state it went to.") \
    M(PROBES,              COUNTER,   "weir_upstream_probes_total",               "upstream,endpoint,result", "Health probes.") \
    M(QUEUE_DEPTH,         GAUGE,     "weir_queue_depth",                         "upstream,priority", "Requests waiting for an endpoint.") \
    M(QUEUE_SECONDS,       HISTOGRAM, "weir_queue_seconds",                       "upstream",        "How long requests waited for an endpoint.") \
    M(TURNED_AWAY,         COUNTER,   "weir_queue_rejected_total",                "upstream,priority,reason", "Requests that got no endpoint: full, slow, displaced, resting.") \
    M(RETRIES,             COUNTER,   "weir_retries_total",                       "upstream,cause",  "Calls made again, by what went wrong before.") \
    M(RETRIES_REFUSED,     COUNTER,   "weir_retries_refused_total",               "upstream",        "Calls that were not made again, for the retry budget was used up.") \
    M(HEDGES,              COUNTER,   "weir_hedges_total",                        "upstream,result", "Second calls: won, lost, failed, cancelled with their request; or refused by their share, or for want of room.") \
    M(REFRESHES,           COUNTER,   "weir_cache_refreshes_total",               "model,reason,result", "Answers renewed in the background.") \
    M(FALLBACKS,           COUNTER,   "weir_fallbacks_total",                     "model,kind,reason", "Answers that were not what was asked for: stale, fallback, heuristic.") \
    M(CASCADE,             COUNTER,   "weir_cascade_total",                       "model,upstream,result", "Answers that accept_if took, or sent on to the next route.") \
    M(IN_TIME,             COUNTER,   "weir_respond_within_total",                "model,result",    "Answers of models with respond_within: fresh, stale, heuristic, fallback, late.") \
    M(LATE,                COUNTER,   "weir_late_answers_total",                  "model,result",    "What came of calls whose clients had been sent something else in time: stored, spared, failed, called_off.") \
    M(SHED,                COUNTER,   "weir_shed_total",                          "priority,reason", "Requests turned away because the gateway was at its limit.") \
    M(LEASES,              COUNTER,   "weir_fleet_leases_total",                  "result",          "Questions put to the fleet: ours, others, taken_over, alone.") \
    M(FLEET_WAITING,       GAUGE,     "weir_fleet_waiting",                       "",                "Questions that another gateway is having answered.") \
    M(COST,                COUNTER,   "weir_cost_usd_total",                      "model,upstream",  "What answers cost, in dollars, where prices are configured.") \
    M(COST_SAVED,          COUNTER,   "weir_cost_saved_usd_total",                "model",           "What kept and shared answers did not cost, in dollars.") \
    M(REDIS_UP,            LEAST,     "weir_redis_up",                            "",                "1 while every link to Redis answers.") \
    M(REDIS_OPS,           COUNTER,   "weir_redis_operations_total",              "operation,result", "Redis operations.") \
    M(REDIS_IN_FLIGHT,     GAUGE,     "weir_redis_in_flight",                     "",                "Redis commands waiting for their reply.") \
    M(LOOP_LAG,            HISTOGRAM, "weir_loop_lag_seconds",                    "",                "How late an event loop's timer ran.") \
    M(PREDICTIONS,         COUNTER,   "weir_predictions_total",                   "model,version,prediction,value,source", "What models said, by value.") \
    M(VALIDATION,          COUNTER,   "weir_validation_total",                    "model,side,result", "Requests and answers held against their model's schema: ok, violation, not_json.") \
    M(DRIFT_SCORE,         GAUGE,     "weir_drift_score",                         "model,version,prediction,segment", "The evidence for drift, ln M, over its threshold ln c: an alarm at 1.") \
    M(DRIFT_ALARM,         GAUGE,     "weir_drift_alarm",                         "model,version,prediction,segment", "1 from a drift's detection until it is over.") \
    M(DRIFT_TICKS,         COUNTER,   "weir_drift_ticks_total",                   "",                "Ticks that drift was judged by.") \
    M(MODEL_CHANGES,       COUNTER,   "weir_model_changes_total",                 "model,upstream,what", "What an upstream changed behind a model's name, as noticed by this process.") \
    M(DRIFT_HISTOGRAMS,    GAUGE,     "weir_drift_histograms",                    "",                "Histograms watched for drift.") \
    M(DRIFT_LEFT_OUT,      GAUGE,     "weir_drift_histograms_left_out",           "",                "Histograms that are not watched for drift, for there are too many.") \
    M(ALERTS_SENT,         COUNTER,   "weir_alerts_sent_total",                   "receiver,result", "Alerts sent, by how it went.") \
    M(PARSE_GAVE_UP,       COUNTER,   "weir_tap_gave_up_total",                   "reason",          "Answers passed on that could not be read on the way.") \
    M(RELOADS,             COUNTER,   "weir_reloads_total",                       "result",          "Configuration reloads.") \
    M(TOKENS_SAVED,        COUNTER,   "weir_cache_saved_tokens_total",            "model,gen_ai_token_type", "Tokens that cached answers did not cost.") \
    M(BUILD_INFO,          GAUGE,     "weir_build_info",                          "version",         "Always 1.")
/* clang-format on */

enum metric {
#define M(name, type, text, labels, help) METRIC_##name,
    METRICS(M)
#undef M
        METRIC_COUNT
};

struct metrics;      /* all shards of the process */
struct metric_shard; /* one thread's */

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);

/* Owned by `m`. Used by one thread only. */
struct metric_shard *metrics_shard(struct metrics *m);

/* `labels` holds one value for each label of the family, in its order; NULL where it has none. */
void metric_add(struct metric_shard *s, enum metric m, int64_t by, const struct str *labels);
void metric_set(struct metric_shard *s, enum metric m, int64_t to, const struct str *labels);
void metric_observe(struct metric_shard *s, enum metric m, double value,
                    const struct str *labels);

/*
 * For who counts the same again and again: a series as this shard's thread counts it, found
 * once. It stays until metrics_free.
 */
struct metric_cell;
struct metric_cell *metric_cell(struct metric_shard *s, enum metric m,
                                const struct str *labels);
void metric_cell_add(struct metric_cell *c, int64_t by);

#define METRIC_LABEL(...) ((const struct str[]){ __VA_ARGS__ })

/* The sum over all shards of one series, or METRIC_ABSENT; for tests and admin pages. */
int64_t metric_read(struct metrics *m, enum metric which, const struct str *labels);

/* Calls `fn` with each series of a family and its sum; the labels stay until metrics_free. */
typedef void metrics_each_fn(void *ctx, const struct str *labels, int64_t value);
void metrics_each(struct metrics *m, enum metric which, metrics_each_fn *fn, void *ctx);

/* Adds a model's latencies of the last minute, over all its endpoints, to `into`. */
struct quantile;
void metrics_latest(struct metrics *m, struct str model, struct quantile *into);

/* Everything in Prometheus' text format 0.0.4, or OpenMetrics 1.0. From any thread. */
void metrics_render(struct metrics *m, struct buf *out, bool openmetrics);
