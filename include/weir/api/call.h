/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/exchange/ask.h"
#include "weir/http/request.h"

/*
 * A request's headers, read in one pass: who asks, under which id, with which wishes. The
 * strs are lent from the request. Reading allocates nothing unless a header alters answers.
 */

enum { CALL_ID_BYTES = 129, CALL_ALTERING = 8, CALL_IDEMPOTENCY_BYTES = 512 };

struct call {
    char request_id[CALL_ID_BYTES]; /* the caller's if it is sane, else a UUIDv7 */
    struct str key;                 /* the caller's credential; absent */
    struct cache_words cache;
    uint64_t patience_us;                             /* an SDK's; 0: not said */
    uint64_t timeout_us;                              /* 0: not said */
    enum priority priority;                           /* PRIORITY_COUNT: not said */
    struct str idempotency_key;                       /* absent: none */
    bool is_again;                                    /* an SDK's own retry */
    const struct http_field *altering[CALL_ALTERING]; /* headers that are part of a cache key */
    size_t altering_count;
    struct str segments[PLAN_SEGMENT_HEADERS]; /* of the plan's segment_headers; absent */
};

void call_read(struct call *c, const struct http_request *r, const struct plan *plan);

/* The lines that may travel upstream, as "Name: value" and NULL at the end, in the arena. */
const char *const *call_headers(const struct http_request *r, struct arena *arena);
/* The altering headers as part of a key; empty for most. */
struct str call_key_headers(const struct call *c, struct arena *arena);

/* A path's name with its percent escapes undone; the absent str when they are none. */
struct str call_unescape(struct str s, struct arena *arena);

struct str call_priority_word(enum priority p); /* "normal" when it was not said */

/* Reads a Cache-Control value; what it does not know it passes over. */
void call_read_cache_words(struct cache_words *out, struct str value);

/* "5s", "250ms", "2m" or, without a unit, seconds. False when it is neither. */
bool call_duration(struct str text, uint64_t *us);
