/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/str.h"
#include "weir/watch/pace.h"
#include "weir/watch/watchlist.h"

#include <stdint.h>

/*
 * Counts what models say: METRIC_PREDICTIONS in this process at once, and per minute in Redis,
 * so that replicas add up. One watch per worker; it flushes every few seconds and when told to.
 * Fresh, cached and coalesced answers are counted apart: label `source`, and in Redis the
 * prediction's name carries ";cached" or ";coalesced".
 *
 * Besides what the configuration names, every answer counts under `finish_reason`,
 * `output_tokens`, `refusal` (yes, no) and `input_tokens`, and a fresh one under `latency` and,
 * where a price is known, `cost`; those two are not in METRIC_PREDICTIONS, which has no segments
 * either. In Redis a histogram is a hash
 *     <prefix>v1:histogram:<model>:<version>:<prediction>[@<segment>][;<source>]:<minute>
 * from value to count, `minute` since 1970 and `segment` as segment_text has it. A minute is
 * told within ten seconds of its end, or counts in the one that runs then: from fifteen
 * seconds after its end on it stays as it is, as far as the gateways' clocks agree (pace.h).
 * Which histograms there are says the sorted set
 *     <prefix>v1:histograms
 * of those names from the model to the segment, each with the last minute that had fresh answers.
 *
 * If it is asked to, it counts by which names upstreams have answered, too: fresh answers,
 * under `returned_model` and `system_fingerprint`, in the segment "upstream=<its name>". Their
 * values are an upstream's own words, so there are no metrics of them. Beside these, likewise,
 * how long answers are and how long they took, finer than above: `~output_tokens` and
 * `~latency`, with the numbers of bins as values.
 *
 * Without Redis the same goes to `ticks`, for fresh answers.
 *
 * While Redis is away counts wait, within a bound; what is beyond it is missing in Redis, not
 * in the metrics, and the log says how much that was (watch_dropped).
 */

struct entry;
struct loop;
struct metrics;
struct remote;
struct ticks;
struct watch;

/* How long a minute's hash lives: a week to compare with, and a day to look. The index lives
   for as long as histograms that are folded from them. */
enum {
    WATCH_TTL_S = 8 * 24 * 60 * 60,
    WATCH_SEGMENT_TICKS = 180, /* of a segment; longer than the judge may lag behind */
    WATCH_MEANING_TICKS = 300, /* of what a tick was counted by; longer than ticks are read */
    WATCH_INDEX_TTL_S = 35 * 24 * 60 * 60,
};

/* How requests end, in the words of weir_requests_total. */
/* clang-format off */
#define WATCH_OUTCOME_WORDS(O)                              \
    O(WATCH_OK,                 "ok")                       \
    O(WATCH_CACHE_HIT,          "cache_hit")                \
    O(WATCH_WAS_COALESCED,      "coalesced")                \
    O(WATCH_STALE,              "stale")                    \
    O(WATCH_FALLBACK,           "fallback")                 \
    O(WATCH_REJECTED,           "rejected")                 \
    O(WATCH_CLIENT_CANCEL,      "client_cancel")            \
    O(WATCH_UPSTREAM_ERROR,     "upstream_error")           \
    O(WATCH_UPSTREAM_TRUNCATED, "upstream_truncated")       \
    O(WATCH_TIMEOUT,            "timeout")                  \
    O(WATCH_INTERNAL_ERROR,     "internal_error")
/* clang-format on */

enum watch_outcome {
#define O(name, word) name,
    WATCH_OUTCOME_WORDS(O)
#undef O
        WATCH_OUTCOMES
};

/* What a request came to, whatever its end; all of it lent. */
struct watch_end {
    struct watchlist *list;
    struct str version; /* empty: no upstream was asked */
    const uint8_t *segments;
    enum watch_outcome outcome;
    uint64_t total_us;       /* as its caller saw it */
    double cost_usd;         /* 0 or below: not known */
    uint64_t saved_microusd; /* what the call cost that it was spared */
};

enum watch_source { WATCH_FRESH, WATCH_CACHED, WATCH_COALESCED };

struct watch_answer {
    struct watchlist *list; /* of the model; lent, as is all of this */
    struct str version;     /* upstream model */
    enum watch_source source;
    struct entry *entry; /* NULL: fresh; else the rest, but for the segments, is told by it */
    struct str finish_reason;
    bool refusal;
    int64_t prompt_tokens, completion_tokens; /* -1: not told */
    struct str upstream;                      /* fresh: who answered, */
    struct str returned_model; /* what it calls its model, as answers are read; may be empty */
    struct str fingerprint;    /* and that one's build; likewise */
    uint64_t took_us;          /* fresh: the model's; 0: not known */
    double cost_usd;           /* fresh; 0 or below: not known */
    struct str body;           /* plain form; absent: only the built-in ones are counted */
    struct str request; /* the body that was asked with, checked; absent: nothing of it */
    uint8_t segments[SEGMENT_MOST]; /* as segment_find has them */
};

/* `remote` may be NULL. `prefix` and the rest are lent while the watch lives. */
struct watch *watch_new(struct loop *loop, struct remote *remote, struct str prefix);
void watch_set_ticks(struct watch *w, struct ticks *ticks); /* lent; used without `remote` */
/* For the course of things (herald.h): ends, and the words of fresh answers. Lent. */
void watch_set_course(struct watch *w, struct ticks *ticks);
/* What is called a minute here is a tick of another length; before anything is noted. */
void watch_set_pace(struct watch *w, const struct pace *pace);
/* Names that upstreams give, and fine lengths and times, are counted; else not. */
void watch_set_names(struct watch *w, bool counted);
void watch_free(struct watch *w); /* flushes first */

void watch_note(struct watch *w, const struct watch_answer *a);
void watch_end(struct watch *w, const struct watch_end *e); /* once for each request */
void watch_flush(struct watch *w);

/* Is it a name that no other prediction may have: every model's, or like a schema's field? */
bool watch_is_built_in(struct str prediction);

/*
 * The histograms so far, over all workers of this process: as JSON, or drawn as text.
 *     {"predictions":[{"model":"...","version":"...","prediction":"intent","source":"fresh",
 *                      "count":15,"values":{"refund":12,"other":3}}]}
 * Labels stand from the most to the least, bins in their natural order.
 */
void watch_put_json(struct metrics *m, struct buf *out);
void watch_put_text(struct metrics *m, struct buf *out);
/*
 * About how many different values the configured labels and numbers had, in fresh answers of
 * this process, and of those that share its Redis (census.h): what stays in `other` may be three spellings or three million.
 *     {"distinct":[{"model":"...","prediction":"intent","today":12,"yesterday":11}]}
 */
void watch_put_distinct(const struct watchlist *const *lists, size_t count, struct buf *out);
