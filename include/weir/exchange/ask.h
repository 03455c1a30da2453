/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/err.h"
#include "weir/base/str.h"
#include "weir/cache/cache.h"
#include "weir/dialect/jsonschema.h"
#include "weir/dialect/request.h"
#include "weir/policy/tenant.h"
#include "weir/route/plan.h"

#include <stdint.h>

/* What goes into an exchange, and what comes out of it. Neither side is HTTP. */

/* The caller's wishes about kept answers (RFC 9111, 5.2.1). */
struct cache_words {
    bool no_cache;
    bool no_store;
    bool only_if_cached;
    int64_t max_age_s;        /* -1: not said */
    int64_t max_stale_s;      /* -1: not said; INT64_MAX: however stale */
    int64_t stale_if_error_s; /* -1: not said (RFC 5861) */
};

/* All strs are lent until the sink's on_end. */
struct ask {
    struct plan *plan; /* lent for the call of start; the exchange takes a reference */
    const struct tenant *tenant; /* NULL: open access */
    struct str scope;            /* the tenant's name or "public" */
    enum endpoint endpoint;
    struct str path_model; /* absent unless the path names it */
    struct str body;
    struct str request_id;
    const char *const
        *headers; /* of the caller, those that may travel upstream; NULL at the end */
    const struct str *segment_headers; /* what it sent of the plan's; NULL: nothing of them */
    struct str key_headers; /* those that alter answers: "name: value\n" lines, sorted */
    struct cache_words cache;
    uint64_t timeout_us;        /* the caller's own deadline; 0: none */
    uint64_t patience_us;       /* how long it waits for an answer to begin; 0: not said */
    enum priority priority;     /* PRIORITY_COUNT: not said */
    struct str idempotency_key; /* absent: none was sent */
    bool is_again;              /* the client says that it has tried before */
    const char *refresh; /* NULL: for a client; else why what is kept is renewed (refresh.h) */
    uint64_t renews_ms;  /* refresh: when the answer to be renewed was made */
    uint64_t began_us;   /* the request's first byte, loop_now_us' clock */
};

/* What an answer is, when it is not what was asked for. */
enum degraded { DEGRADED_NOT, DEGRADED_STALE, DEGRADED_FALLBACK, DEGRADED_HEURISTIC };

/* Why a stale answer was given. */
enum stale_why { STALE_ASKED, STALE_IF_ERROR, STALE_REVALIDATE, STALE_IN_TIME };

enum cache_word { WORD_HIT, WORD_MISS, WORD_STALE, WORD_COALESCED, WORD_BYPASS };

/* What is known of an answer when its first byte goes out; lent for the call. */
struct reply {
    int status;
    bool stream;
    enum cache_word word;
    enum cache_tier tier; /* hits */
    bool stored;
    enum stale_why stale_why;
    enum degraded degraded;
    bool replayed;          /* what an Idempotency-Key was answered with before */
    int64_t ttl_ms, age_ms; /* hits */
    struct str content_type;
    struct str upstream, upstream_model;
    unsigned attempts;
    struct str upstream_request_id;
    struct str headers; /* of the upstream, those that may travel: "name: value\r\n" lines */
    uint64_t queue_us, cache_us, upstream_us, total_us;
    double cost_usd;       /* of all its calls; 0 or below: not known */
    double cost_saved_usd; /* of the call that made a kept answer; 0: not known */
};

/* Why there is no (whole) answer; lent for the call. */
struct failure {
    enum err err;
    const struct fault *fault;                  /* NULL, or what was wrong with the request */
    const struct jsonschema_report *violations; /* NULL, or what does not fit the schema */
    bool told;        /* the stream has carried an error event already */
    struct str model; /* as asked for; may be absent */
    int64_t sequence; /* of the stream's next event, where events are numbered */
    /* of the last upstream that answered with an error status, or inside a 200 */
    int status; /* 0: none did */
    struct str body;
    struct str content_type;
    int64_t retry_after_s; /* -1: not said */
};

/*
 * Where the answer goes: either on_whole, or on_begin and then on_bytes, or neither. What fails
 * is told by on_failure, which returns the status that the client got for it. Then on_end,
 * once, last: nothing that the caller lent is used after it. None of them is called from
 * inside exchange_start.
 */
struct exchange_sink {
    void (*on_whole)(struct exchange_sink *s, const struct reply *r, struct str body);
    void (*on_begin)(struct exchange_sink *s, const struct reply *r);
    void (*on_bytes)(struct exchange_sink *s, struct str bytes);
    int (*on_failure)(struct exchange_sink *s, const struct reply *r,
                      const struct failure *why);
    void (*on_end)(struct exchange_sink *s);
};
