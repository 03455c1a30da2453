/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answering half of a connection. An answer to a client that has gone unnoticed by its
 * answerer (`is_owed`) is swallowed; its end is still an end.
 */
#include "conn.h"

#include "weir/base/ensure.h"
#include "weir/net/tcp.h"

#include "conn_clock.h"
#include "kept.h"

static void count_written(struct http_conn *c, const struct str *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        c->written_bytes += parts[i].len;
}

static void send_parts(struct http_conn *c, const struct str *parts, size_t count)
{
    uint64_t now_us;

    tcp_write(c->tcp, parts, count);
    count_written(c, parts, count);
    if (tcp_queued(c->tcp) == 0)
        return;
    now_us = loop_now_us(c->server->loop);
    conn_clock_note(c, now_us);
    conn_clock_wind(c, now_us);
}

static void send_head(struct http_conn *c, const struct writer_head *head, struct str fields,
                      const struct str *body, size_t body_count)
{
    char text[WRITER_HEAD_BYTES];
    struct writer_head h = *head;
    struct str parts[8];
    size_t count = 0;

    if (http_conn_closes_after(c))
        h.connection = WRITER_CLOSE;
    else if (c->is_http10)
        h.connection = WRITER_KEEP_ALIVE;
    parts[count++] = writer_head(text, &h, &c->server->date);
    parts[count++] = fields;
    parts[count++] = STR("\r\n");
    for (size_t i = 0; i < body_count && !c->is_head_only; i++)
        parts[count++] = body[i];
    send_parts(c, parts, count);
}

void http_conn_answer(struct http_conn *c, const struct http_answer *a)
{
    enum { PIECES = sizeof(a->body) / sizeof(a->body[0]) };
    struct writer_head head = { .status = a->status, .framing = WRITER_NO_BODY };
    bool has_body = writer_has_body(a->status);

    if (!c->is_owed) {
        ensure(c->state == CONN_WAITING);
        for (size_t i = 0; i < PIECES; i++)
            head.length += a->body[i].len;
        if (has_body)
            head.framing = WRITER_LENGTH;
        send_head(c, &head, a->fields, a->body, has_body ? PIECES : 0);
    }
    http_conn_turn(c);
}

void http_conn_begin(struct http_conn *c, int status, struct str fields)
{
    struct writer_head head = { .status = status, .framing = WRITER_CHUNKED };

    if (c->is_owed)
        return;
    ensure(c->state == CONN_WAITING);
    c->state = CONN_STREAMING;
    c->is_chunked = !c->is_http10;
    if (c->is_http10) {
        head.framing = WRITER_TO_CLOSE;
        c->is_kept_alive = false;
    }
    send_head(c, &head, fields, NULL, 0);
}

void http_conn_write(struct http_conn *c, struct str bytes)
{
    char size[WRITER_CHUNK_BYTES];

    if (c->is_owed)
        return;
    ensure(c->state == CONN_STREAMING);
    if (bytes.len == 0 || c->is_head_only)
        return;
    if (!c->is_chunked) {
        send_parts(c, &bytes, 1);
        return;
    }
    send_parts(c, (struct str[]){ writer_chunk(size, bytes.len), bytes, STR("\r\n") }, 3);
}

void http_conn_end(struct http_conn *c)
{
    if (!c->is_owed) {
        ensure(c->state == CONN_STREAMING);
        if (c->is_chunked && !c->is_head_only)
            send_parts(c, &STR("0\r\n\r\n"), 1);
    }
    http_conn_turn(c);
}

/* ---- what the answerer may ask ---- */

void http_conn_keep(struct http_conn *c, struct http_request *r)
{
    struct room_share share;
    char *body;

    if (c->kept || !c->intake)
        return;
    body = intake_take_body(c->intake, &share);
    c->kept = http_kept_new(r, body, share);
}

struct http_kept *http_conn_take(struct http_conn *c)
{
    return steal(&c->kept);
}

void http_conn_watch(struct http_conn *c, struct http_watcher *w)
{
    c->watcher = w;
}

bool http_conn_is_full(const struct http_conn *c)
{
    return c->tcp && tcp_queued(c->tcp) > c->server->settings.high_bytes;
}
