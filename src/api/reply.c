/* SPDX-License-Identifier: Apache-2.0 */
#include "reply.h"

/* ---- header lines -------------------------------------------------------------------- */

/* clang-format off */
static const char *const cache_words[] = {
    [WORD_HIT] = "hit", [WORD_MISS] = "miss", [WORD_STALE] = "stale",
    [WORD_COALESCED] = "coalesced", [WORD_BYPASS] = "bypass",
};
/* clang-format on */

static void put_line(struct buf *out, const char *name, struct str value)
{
    buf_put_text(out, name);
    buf_put(out, value);
    buf_put(out, STR("\r\n"));
}

/* RFC 9211: whether it is a hit, or why it was forwarded and what became of it. */
static void put_cache_status(struct buf *out, const struct reply *r)
{
    const char *tier = r->tier == CACHE_MEMORY ? "memory" : "redis";

    switch (r->word) {
    case WORD_HIT:
    case WORD_STALE:
        buf_put_printf(out, "Cache-Status: weir; hit; ttl=%lld; detail=%s\r\nAge: %lld\r\n",
                       (long long)(r->ttl_ms / 1000),
                       r->if_error             ? "stale-if-error"
                       : r->word == WORD_STALE ? "stale"
                                               : tier,
                       (long long)(r->age_ms / 1000));
        break;
    case WORD_COALESCED:
        buf_put_text(out, "Cache-Status: weir; fwd=miss; collapsed\r\n");
        break;
    case WORD_MISS:
        buf_put_printf(out, "Cache-Status: weir; fwd=miss%s\r\n", r->stored ? "; stored" : "");
        break;
    case WORD_BYPASS:
        buf_put_printf(out, "Cache-Status: weir; fwd=bypass%s\r\n",
                       r->stored ? "; stored" : "");
        break;
    }
    put_line(out, "x-weir-cache: ", str_of(cache_words[r->word]));
    if (r->word == WORD_STALE)
        buf_put_text(out, "x-weir-degraded: stale\r\n");
}

static void put_reply(struct buf *out, const struct reply *r)
{
    put_cache_status(out, r);
    if (r->upstream.len > 0) {
        put_line(out, "x-weir-upstream: ", r->upstream);
        put_line(out, "x-weir-model: ", r->upstream_model);
    }
    buf_put_printf(out,
                   "x-weir-attempts: %u\r\n"
                   "Server-Timing: queue;dur=0, cache;dur=%.3f, upstream;dur=%.3f, "
                   "total;dur=%.3f\r\n",
                   r->attempts, (double)r->cache_us / 1e3, (double)r->upstream_us / 1e3,
                   (double)r->total_us / 1e3);
    if (r->upstream_request_id.len > 0)
        put_line(out, "x-upstream-request-id: ", r->upstream_request_id);
    buf_put(out, r->headers);
}

static struct buf *start(struct api *a, const char *request_id, struct str content_type)
{
    buf_reset(&a->fields);
    if (content_type.len > 0)
        put_line(&a->fields, "Content-Type: ", content_type);
    put_line(&a->fields, "x-request-id: ", str_of(request_id));
    return &a->fields;
}

/* ---- answering ----------------------------------------------------------------------- */

void reply_answer(struct api *a, struct http_conn *c, const char *request_id,
                  const struct reply *r, struct str body)
{
    struct buf *fields = start(a, request_id, r->content_type);

    put_reply(fields, r);
    http_conn_answer(c, &(struct http_answer){
                            .status = r->status, .fields = buf_str(fields), .body = { body } });
}

/* Boxes between us and the client must neither gather nor keep a stream (field lesson S7). */
void reply_begin(struct api *a, struct http_conn *c, const char *request_id,
                 const struct reply *r)
{
    struct buf *fields = start(a, request_id, STR("text/event-stream"));

    buf_put_text(fields, "Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n");
    put_reply(fields, r);
    http_conn_begin(c, r->status, buf_str(fields));
}

void reply_refuse(struct api *a, struct http_conn *c, const char *request_id,
                  const struct reply *r, const struct problem *p)
{
    struct buf *fields = start(a, request_id, p->content_type);

    if (r)
        put_reply(fields, r);
    buf_put(fields, buf_str(&p->fields));
    http_conn_answer(c, &(struct http_answer){ .status = p->status,
                                               .fields = buf_str(fields),
                                               .body = { buf_str(&p->body) } });
}
