/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The header lines of an answer, and answering with them: docs/operations.md shows what they
 * look like to a caller. They are written from one `struct reply`, whichever way the answer
 * goes: whole, as a stream, or refused. All are gathered in the api's one buffer, since a
 * connection copies what it is given and a loop answers one request at a time.
 */

#include "reply.h"

/* ---- header lines -------------------------------------------------------------------- */

/* clang-format off */
static const char *const cache_words[] = {
    [WORD_HIT] = "hit", [WORD_MISS] = "miss", [WORD_STALE] = "stale",
    [WORD_COALESCED] = "coalesced", [WORD_BYPASS] = "bypass",
};
/* clang-format on */

/* clang-format off */
static const char *const degraded_words[] = {
    [DEGRADED_NOT] = "", [DEGRADED_STALE] = "stale",
    [DEGRADED_FALLBACK] = "fallback", [DEGRADED_HEURISTIC] = "heuristic",
};
/* clang-format on */

static void put_line(struct buf *out, const char *name, struct str value)
{
    buf_put_text(out, name);
    buf_put(out, value);
    buf_put(out, STR("\r\n"));
}

/* Rounded down, so that what is stale by a moment already shows it: -1. */
static void put_seconds(struct buf *out, int64_t ms)
{
    if (ms < 0)
        buf_put(out, STR("-"));
    buf_put_u64(out, ms < 0 ? ((uint64_t)-ms + 999) / 1000 : (uint64_t)ms / 1000);
}

static const char *detail_of(const struct reply *r)
{
    /* clang-format off */
    static const char *const stale_words[] = {
        [STALE_ASKED] = "stale", [STALE_IF_ERROR] = "stale-if-error",
        [STALE_REVALIDATE] = "stale-while-revalidate", [STALE_IN_TIME] = "stale-in-time",
    };
    /* clang-format on */

    if (r->word == WORD_STALE)
        return stale_words[r->stale_why];
    return r->tier == CACHE_MEMORY ? "memory" : "redis";
}

static void put_hit(struct buf *out, const struct reply *r)
{
    buf_put(out, STR("Cache-Status: weir; hit; ttl="));
    put_seconds(out, r->ttl_ms);
    buf_put(out, STR("; detail="));
    buf_put_text(out, detail_of(r));
    buf_put(out, STR("\r\nAge: "));
    put_seconds(out, r->age_ms);
    buf_put(out, STR("\r\n"));
}

/* RFC 9211: whether it is a hit, or why it was forwarded and what became of it. */
static void put_cache_status(struct buf *out, const struct reply *r)
{
    switch (r->word) {
    case WORD_HIT:
    case WORD_STALE: put_hit(out, r); break;
    case WORD_COALESCED:
        buf_put(out, STR("Cache-Status: weir; fwd=miss; collapsed\r\n"));
        break;
    case WORD_MISS:
        put_line(out, "Cache-Status: weir; fwd=miss", r->stored ? STR("; stored") : STR(""));
        break;
    case WORD_BYPASS:
        put_line(out, "Cache-Status: weir; fwd=bypass", r->stored ? STR("; stored") : STR(""));
        break;
    }
    put_line(out, "x-weir-cache: ", str_of(cache_words[r->word]));
    if (r->degraded)
        put_line(out, "x-weir-degraded: ", str_of(degraded_words[r->degraded]));
    if (r->replayed)
        buf_put(out, STR("Idempotent-Replayed: true\r\n"));
}

static void put_timing(struct buf *out, const struct reply *r)
{
    buf_put(out, STR("Server-Timing: queue;dur="));
    buf_put_ms(out, r->queue_us);
    buf_put(out, STR(", cache;dur="));
    buf_put_ms(out, r->cache_us);
    buf_put(out, STR(", upstream;dur="));
    buf_put_ms(out, r->upstream_us);
    buf_put(out, STR(", total;dur="));
    buf_put_ms(out, r->total_us);
    buf_put(out, STR("\r\n"));
}

static void put_reply(struct buf *out, const struct reply *r)
{
    put_cache_status(out, r);
    if (r->upstream.len > 0) {
        put_line(out, "x-weir-upstream: ", r->upstream);
        put_line(out, "x-weir-model: ", r->upstream_model);
    }
    buf_put(out, STR("x-weir-attempts: "));
    buf_put_u64(out, r->attempts);
    buf_put(out, STR("\r\n"));
    put_timing(out, r);
    if (r->cost_usd > 0)
        buf_put_printf(out, "x-weir-cost-usd: %.6f\r\n", r->cost_usd);
    if (r->cost_saved_usd > 0)
        buf_put_printf(out, "x-weir-cost-saved-usd: %.6f\r\n", r->cost_saved_usd);
    if (r->upstream_request_id.len > 0)
        put_line(out, "x-upstream-request-id: ", r->upstream_request_id);
    buf_put(out, r->headers);
}

void reply_put_ids(struct buf *out, struct reply_to to)
{
    put_line(out, "x-request-id: ", str_of(to.request_id));
    if (to.caller == CALLER_ANTHROPIC)
        put_line(out, "request-id: ", str_of(to.request_id));
}

static struct buf *start(struct api *a, struct reply_to to, struct str content_type)
{
    buf_reset(&a->fields);
    if (content_type.len > 0)
        put_line(&a->fields, "Content-Type: ", content_type);
    reply_put_ids(&a->fields, to);
    return &a->fields;
}

/* ---- answering ----------------------------------------------------------------------- */

void reply_answer(struct api *a, struct http_conn *c, struct reply_to to, const struct reply *r,
                  struct str body)
{
    struct buf *fields = start(a, to, r->content_type);

    put_reply(fields, r);
    http_conn_answer(c, &(struct http_answer){
                            .status = r->status, .fields = buf_str(fields), .body = { body } });
}

/* Boxes between us and the client must neither gather nor keep a stream. */
void reply_begin(struct api *a, struct http_conn *c, struct reply_to to, const struct reply *r)
{
    struct buf *fields = start(a, to, STR("text/event-stream"));

    buf_put_text(fields, "Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n");
    put_reply(fields, r);
    http_conn_begin(c, r->status, buf_str(fields));
}

void reply_refuse(struct api *a, struct http_conn *c, struct reply_to to, const struct reply *r,
                  struct problem *p)
{
    struct buf *fields = start(a, to, p->content_type);

    if (r)
        put_reply(fields, r);
    problem_sign(p, str_of(to.request_id));
    buf_put(fields, buf_str(&p->fields));
    http_conn_answer(c, &(struct http_answer){ .status = p->status,
                                               .fields = buf_str(fields),
                                               .body = { buf_str(&p->body) } });
}
