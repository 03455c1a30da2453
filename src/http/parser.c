/* SPDX-License-Identifier: Apache-2.0 */
#include "parser.h"

#include "weir/base/ensure.h"
#include "weir/base/mem.h"
#include "weir/base/own.h"

#include <llhttp.h>
#include <stdlib.h>

enum {
    EXTENSION_BYTES = 4 << 10, /* of one body: nobody uses chunk extensions in earnest */
    FRAMING_PER_BYTE = 8,      /* chunks of one byte cost five more: "1\r\n.\r\n" */
    FRAMING_BYTES = 16 << 10   /* and this is free */
};

enum part { IN_LINE, IN_NAME, IN_VALUE, IN_BODY };

struct parser {
    llhttp_t llhttp;
    parser_body_fn *on_body;
    void *owner;         /* lent */
    const char *feeding; /* the first byte of the call now running */
    size_t fed;          /* bytes of the head before that call */
    enum part part;
    bool is_whole;
    size_t raw_bytes, body_bytes, extension_bytes;
    int status;
    const char *what;
    struct parser_head head;
};

static struct parser *of(llhttp_t *l)
{
    return container_of(l, struct parser, llhttp);
}

static int refuse(struct parser *p, int status, const char *what)
{
    p->status = status;
    p->what = what;
    return HPE_USER;
}

/* A span may come in pieces: the first one sets where it begins, each one where it ends. */
static void extend(struct parser *p, struct parser_span *span, const char *at, size_t len)
{
    size_t from = p->fed + (size_t)(at - p->feeding);

    if (span->len == 0)
        span->from = (uint32_t)from;
    span->len = (uint32_t)(from + len - span->from);
}

static int on_target(llhttp_t *l, const char *at, size_t len)
{
    struct parser *p = of(l);

    extend(p, &p->head.target, at, len);
    if (p->head.target.len > PARSER_TARGET_BYTES)
        return refuse(p, 414, "the request target is longer than 8 KiB");
    return 0;
}

static int on_name(llhttp_t *l, const char *at, size_t len)
{
    struct parser *p = of(l);

    if (p->part == IN_BODY)
        return refuse(p, 400, "trailer fields are not accepted");
    if (p->part != IN_NAME) {
        if (p->head.field_count == PARSER_FIELDS)
            return refuse(p, 431, "more than 128 header fields");
        p->part = IN_NAME;
        p->head.names[p->head.field_count] = (struct parser_span){ 0 };
        p->head.values[p->head.field_count] = (struct parser_span){ 0 };
        p->head.field_count++;
    }
    extend(p, &p->head.names[p->head.field_count - 1], at, len);
    return 0;
}

static int on_name_complete(llhttp_t *l)
{
    of(l)->part = IN_VALUE;
    return 0;
}

static int on_value(llhttp_t *l, const char *at, size_t len)
{
    struct parser *p = of(l);

    extend(p, &p->head.values[p->head.field_count - 1], at, len);
    return 0;
}

static int on_head_complete(llhttp_t *l)
{
    of(l)->part = IN_BODY;
    return 0;
}

static int on_body(llhttp_t *l, const char *at, size_t len)
{
    struct parser *p = of(l);

    p->body_bytes += len;
    p->on_body(p->owner, (struct str){ at, len });
    return 0;
}

static int on_extension(llhttp_t *l, const char *at, size_t len)
{
    struct parser *p = of(l);

    (void)at;
    p->extension_bytes += len;
    if (p->extension_bytes > EXTENSION_BYTES)
        return refuse(p, 413, "chunk extensions beyond 4 KiB");
    return 0;
}

static int on_whole(llhttp_t *l)
{
    of(l)->is_whole = true;
    return HPE_PAUSED;
}

/* clang-format off */
static const llhttp_settings_t settings = {
    .on_url                   = on_target,
    .on_header_field          = on_name,
    .on_header_field_complete = on_name_complete,
    .on_header_value          = on_value,
    .on_headers_complete      = on_head_complete,
    .on_body                  = on_body,
    .on_chunk_extension_name  = on_extension,
    .on_chunk_extension_value = on_extension,
    .on_message_complete      = on_whole,
};
/* clang-format on */

struct parser *parser_new(parser_body_fn *on_piece, void *owner)
{
    struct parser *p = MEM_NEW(struct parser);

    p->on_body = on_piece;
    p->owner = owner;
    parser_begin(p);
    return p;
}

void parser_free(struct parser *p)
{
    free(p);
}

/* A parser starts anew for each message: llhttp_reset() would keep too much. */
void parser_begin(struct parser *p)
{
    llhttp_init(&p->llhttp, HTTP_REQUEST, &settings);
    p->fed = p->raw_bytes = p->body_bytes = p->extension_bytes = 0;
    p->part = IN_LINE;
    p->is_whole = false;
    p->status = 0;
    p->what = NULL;
    p->head.method = NULL;
    p->head.version = 0;
    p->head.target = (struct parser_span){ 0 };
    p->head.field_count = 0;
}

static enum parser_event fail(struct parser *p, llhttp_errno_t errno_)
{
    if (p->status != 0)
        return PARSER_BAD;
    p->status = 400;
    p->what = llhttp_get_error_reason(&p->llhttp);
    if (!p->what || !p->what[0])
        p->what = "the request could not be read";
    if (errno_ == HPE_INVALID_VERSION || errno_ == HPE_PAUSED_H2_UPGRADE) {
        p->status = 505;
        p->what = "only HTTP/1.1 and HTTP/1.0 are spoken here";
    }
    return PARSER_BAD;
}

static llhttp_errno_t execute(struct parser *p, struct str bytes)
{
    p->feeding = bytes.at;
    return llhttp_execute(&p->llhttp, bytes.at, bytes.len);
}

enum parser_event parser_feed_head(struct parser *p, struct str bytes)
{
    llhttp_errno_t got = execute(p, bytes);

    p->fed += bytes.len;
    if (got != HPE_OK && !p->is_whole)
        return fail(p, got);
    if (p->part != IN_BODY)
        return PARSER_MORE;

    p->head.method = llhttp_method_name((llhttp_method_t)llhttp_get_method(&p->llhttp));
    p->head.version = llhttp_get_http_major(&p->llhttp) * 10U +
                      llhttp_get_http_minor(&p->llhttp);
    return PARSER_HEAD;
}

enum parser_event parser_feed_body(struct parser *p, struct str bytes, size_t *used)
{
    llhttp_errno_t got;

    *used = 0;
    if (p->is_whole)
        return PARSER_WHOLE;
    if (bytes.len == 0)
        return PARSER_MORE;

    got = execute(p, bytes);
    if (p->is_whole) {
        *used = (size_t)(llhttp_get_error_pos(&p->llhttp) - bytes.at);
        return PARSER_WHOLE;
    }
    if (got != HPE_OK)
        return fail(p, got);
    *used = bytes.len;
    p->raw_bytes += bytes.len;
    if (p->raw_bytes > FRAMING_BYTES + (FRAMING_PER_BYTE + 1) * p->body_bytes) {
        p->status = 413;
        p->what = "chunked framing out of proportion to the body";
        return PARSER_BAD;
    }
    return PARSER_MORE;
}

const struct parser_head *parser_head(const struct parser *p)
{
    return &p->head;
}

bool parser_is_http(const struct parser *p, struct str head)
{
    size_t behind = (size_t)p->head.target.from + p->head.target.len;

    return str_starts(str_trim(str_cut(head, behind, head.len)), STR("HTTP/"));
}

bool parser_is_whole(const struct parser *p)
{
    return p->is_whole;
}

int parser_status(const struct parser *p)
{
    return p->status;
}

const char *parser_what(const struct parser *p)
{
    return p->what;
}

static void drop(void *owner, struct str piece)
{
    (void)owner;
    (void)piece;
}

static bool takes(struct str head)
{
    struct parser *p = parser_new(drop, NULL);
    bool is_taken = parser_feed_head(p, head) != PARSER_BAD;

    parser_free(p);
    return is_taken;
}

void parser_self_test(void)
{
    /* A CR in an empty value, and one that stands for the head's end. */
    ensure(
        !takes(STR("POST / HTTP/1.1\r\nHost: a\r\nX:\rXTransfer-Encoding: chunked\r\n\r\n")));
    ensure(!takes(STR("GET / HTTP/1.1\r\nHost: a\r\n\rX")));
}
