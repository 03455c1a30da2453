/* SPDX-License-Identifier: Apache-2.0 */
#include "intake.h"

#include "weir/base/buf.h"
#include "weir/base/mem.h"
#include "weir/base/own.h"

#include "parser.h"
#include "prescan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Memory is taken for what has come, not for what was promised, but for a first step. */
enum { FIRST_BODY_BYTES = 1 << 20 };

enum phase { HEAD, BODY };

/* `head` and `body` point at lent bytes or at the buffer beside them. */
struct intake {
    struct prescan prescan;
    struct parser *parser;
    enum phase phase;
    struct str head;
    struct str body;
    struct buf head_buf;
    struct buf body_buf;
    size_t most_body_bytes;
    bool is_body_too_large;
    bool is_out_of_room;
    struct room_share share; /* for body_buf */
    struct rules rules;
    int status;
    const char *what;
    char limit_text[80]; /* what, when it names the limit */
};

static void keep_body(struct intake *in, struct str piece)
{
    if (!room_share_grow(&in->share, in->body_buf.len + piece.len))
        in->is_out_of_room = true;
    else if (buf_add(&in->body_buf, piece) != OK)
        in->is_body_too_large = true;
}

/* One piece may stay where it is; with the second the body needs a place of its own. */
static void on_body(void *owner, struct str piece)
{
    struct intake *in = owner;

    if (in->body.len + piece.len > in->most_body_bytes) {
        in->is_body_too_large = true;
        return;
    }
    if (in->body.len == 0) {
        in->body = piece;
        return;
    }
    if (in->body_buf.len == 0)
        keep_body(in, in->body);
    keep_body(in, piece);
    in->body = buf_str(&in->body_buf);
}

struct intake *intake_new(void)
{
    struct intake *in = MEM_NEW(struct intake);

    in->parser = parser_new(on_body, in);
    return in;
}

void intake_free(struct intake *in)
{
    if (!in)
        return;
    intake_end(in);
    parser_free(in->parser);
    free(in);
}

void intake_begin(struct intake *in, size_t most_body_bytes, struct http_room *room)
{
    prescan_init(&in->prescan);
    parser_begin(in->parser);
    in->phase = HEAD;
    in->head = in->body = (struct str){ "", 0 };
    in->most_body_bytes = most_body_bytes;
    in->is_body_too_large = in->is_out_of_room = false;
    in->share = (struct room_share){ room, 0 };
    in->rules = (struct rules){ 0 };
    in->status = 0;
    in->what = NULL;
}

void intake_end(struct intake *in)
{
    buf_deinit(&in->head_buf);
    buf_deinit(&in->body_buf);
    room_share_end(&in->share);
    in->head = in->body = (struct str){ "", 0 };
}

static enum intake_event refuse(struct intake *in, int status, const char *what)
{
    in->status = status;
    in->what = what;
    return INTAKE_BAD;
}

static enum intake_event refuse_body(struct intake *in)
{
    (void)snprintf(in->limit_text, sizeof(in->limit_text),
                   "the body is larger than the limit of %zu bytes", in->most_body_bytes);
    return refuse(in, 413, in->limit_text);
}

/* The head is bounded by the prescan, so its buffer needs no ceiling. */
static void keep_head(struct intake *in, struct str bytes)
{
    buf_put(&in->head_buf, bytes);
    in->head = buf_str(&in->head_buf);
}

static enum intake_event end_head(struct intake *in, struct str bytes)
{
    struct http_field fields[HTTP_FIELDS];
    struct http_request r;

    if (in->head_buf.len > 0)
        keep_head(in, bytes);
    else
        in->head = bytes;
    in->phase = BODY;

    if (!parser_is_http(in->parser, in->head))
        return refuse(in, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    intake_request(in, fields, &r);
    rules_apply(&in->rules, &r, intake_version(in));
    if (in->rules.status != 0)
        return refuse(in, in->rules.status, in->rules.what);
    return intake_limit(in, in->most_body_bytes) ? INTAKE_HEAD : INTAKE_BAD;
}

/*
 * The parser sees what stands before a byte that the prescan refuses, so that a message with
 * two faults is refused for its first one, however it is cut.
 */
static enum intake_event feed_head(struct intake *in, struct str bytes, size_t *used)
{
    enum prescan_verdict seen = prescan_feed(&in->prescan, bytes, used);
    struct str head = str_cut(bytes, 0, seen == PRESCAN_BAD ? *used - 1 : *used);
    enum parser_event got = parser_feed_head(in->parser, head);

    if (got == PARSER_BAD)
        return refuse(in, parser_status(in->parser), parser_what(in->parser));
    if (seen == PRESCAN_BAD)
        return refuse(in, 400, in->prescan.what);
    if (seen == PRESCAN_TOO_LONG)
        return refuse(in, 431, "the header is longer than 64 KiB");
    if ((seen == PRESCAN_END) != (got == PARSER_HEAD))
        return refuse(in, 400, "a head whose end is not clear");
    if (got == PARSER_HEAD)
        return end_head(in, head);
    keep_head(in, head);
    return INTAKE_MORE;
}

/* What was lent will be gone: the head and a body's first piece move into our buffers. */
void intake_keep(struct intake *in)
{
    if (in->head_buf.len == 0)
        keep_head(in, in->head);
    if (in->body.len > 0 && in->body_buf.len == 0) {
        size_t whole = in->rules.content_length;
        char *room;

        if (whole > in->body.len && whole <= FIRST_BODY_BYTES &&
            buf_room(&in->body_buf, whole, &room) != OK)
            in->is_body_too_large = true;
        keep_body(in, in->body);
        in->body = buf_str(&in->body_buf);
    }
}

static enum intake_event feed_body(struct intake *in, struct str bytes, size_t *used)
{
    enum parser_event got = parser_feed_body(in->parser, bytes, used);

    if (in->is_body_too_large)
        return refuse_body(in);
    if (in->is_out_of_room)
        return refuse(in, 503,
                      "the gateway is reading as many large requests as it has memory for");
    if (got == PARSER_BAD)
        return refuse(in, parser_status(in->parser), parser_what(in->parser));
    if (got == PARSER_WHOLE)
        return INTAKE_WHOLE;
    intake_keep(in);
    return INTAKE_MORE;
}

enum intake_event intake_feed(struct intake *in, struct str bytes, size_t *used)
{
    return in->phase == HEAD ? feed_head(in, bytes, used) : feed_body(in, bytes, used);
}

bool intake_limit(struct intake *in, size_t most_body_bytes)
{
    in->most_body_bytes = most_body_bytes;
    if (in->rules.content_length <= most_body_bytes)
        return true;
    (void)refuse_body(in);
    return false;
}

bool intake_has_head(const struct intake *in)
{
    return in->phase == BODY;
}

bool intake_is_whole(const struct intake *in)
{
    return parser_is_whole(in->parser);
}

static struct str slice(const struct intake *in, struct parser_span span)
{
    return (struct str){ in->head.at + span.from, span.len };
}

static enum http_method method_of(struct str text)
{
    if (str_eq(text, STR("POST")))
        return HTTP_POST;
    if (str_eq(text, STR("GET")))
        return HTTP_GET;
    if (str_eq(text, STR("HEAD")))
        return HTTP_HEAD;
    return HTTP_OTHER;
}

void intake_request(const struct intake *in, struct http_field *fields, struct http_request *r)
{
    const struct parser_head *head = parser_head(in->parser);
    const char *mark;

    *r = (struct http_request){ .method_text = str_of(head->method),
                                .target = slice(in, head->target),
                                .fields = fields,
                                .field_count = head->field_count,
                                .body = in->body };
    r->method = method_of(r->method_text);
    r->path = r->target;
    mark = memchr(r->target.at, '?', r->target.len);
    if (mark) {
        size_t at = (size_t)(mark - r->target.at);

        r->path = str_cut(r->target, 0, at);
        r->query = str_cut(r->target, at + 1, r->target.len);
    }
    for (size_t i = 0; i < head->field_count; i++) {
        fields[i].name = slice(in, head->names[i]);
        fields[i].value = str_trim(slice(in, head->values[i]));
    }
}

const struct rules *intake_rules(const struct intake *in)
{
    return &in->rules;
}

unsigned intake_version(const struct intake *in)
{
    return parser_head(in->parser)->version;
}

char *intake_take_body(struct intake *in, struct room_share *share)
{
    *share = in->share;
    in->share.bytes = 0;
    return in->body_buf.len > 0 ? steal(&in->body_buf.at) : NULL;
}

int intake_status(const struct intake *in)
{
    return in->status;
}

const char *intake_what(const struct intake *in)
{
    return in->what;
}
