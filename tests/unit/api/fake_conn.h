/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/http/conn.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/*
 * A client connection that writes down what it is told, linked in place of the real one, and
 * requests to put on it. Included once by a test.
 */

struct http_kept {
    struct buf bytes;
};

struct http_conn {
    int answers, begun, ended;
    int status;
    struct buf fields, body;
    struct http_watcher *watcher;
    struct http_kept *kept;
    int kept_out; /* taken and not yet given back */
    bool full;
};

static struct http_conn conn;

void http_conn_keep(struct http_conn *c, struct http_request *r)
{
    c->kept = calloc(1, sizeof(*c->kept));
    buf_put(&c->kept->bytes, r->body);
    r->body = buf_str(&c->kept->bytes);
}

struct http_kept *http_conn_take(struct http_conn *c)
{
    struct http_kept *k = c->kept;

    c->kept = NULL;
    c->kept_out++;
    return k;
}

void http_kept_free(struct http_kept *k)
{
    buf_deinit(&k->bytes);
    free(k);
    conn.kept_out--;
}

void http_conn_watch(struct http_conn *c, struct http_watcher *w)
{
    c->watcher = w;
}

static inline void note_head(struct http_conn *c, int status, struct str fields)
{
    cr_assert_eq(c->answers + c->begun, 0, "a second answer");
    cr_assert(fields.len == 0 || str_ends(fields, STR("\r\n")));
    c->status = status;
    buf_put(&c->fields, fields);
}

void http_conn_answer(struct http_conn *c, const struct http_answer *a)
{
    note_head(c, a->status, a->fields);
    for (size_t i = 0; i < 4; i++)
        buf_put(&c->body, a->body[i]);
    c->answers++;
}

void http_conn_begin(struct http_conn *c, int status, struct str fields)
{
    note_head(c, status, fields);
    c->begun++;
}

void http_conn_write(struct http_conn *c, struct str bytes)
{
    cr_assert_eq(c->begun - c->ended, 1, "bytes outside an answer");
    buf_put(&c->body, bytes);
}

void http_conn_end(struct http_conn *c)
{
    cr_assert_eq(c->begun - c->ended, 1);
    c->ended++;
}

bool http_conn_is_full(const struct http_conn *c)
{
    return c->full;
}

/* The connection is ready for the next request. */
static inline void conn_reset(void)
{
    buf_deinit(&conn.fields);
    buf_deinit(&conn.body);
    cr_assert_eq(conn.kept_out, 0, "bytes of a request were not given back");
    conn = (struct http_conn){ 0 };
}

static inline bool says(const struct buf *b, const char *part)
{
    return b->len > 0 && memmem(b->at, b->len, part, strlen(part)) != NULL;
}

/* ---- requests ------------------------------------------------------------------------ */

static inline struct http_request request(const char *method, const char *target)
{
    static struct http_field fields[HTTP_FIELDS];
    struct str target_text = str_of(target), rest = target_text;
    struct http_request r = {
        .method = strcmp(method, "GET") == 0    ? HTTP_GET
                  : strcmp(method, "HEAD") == 0 ? HTTP_HEAD
                  : strcmp(method, "POST") == 0 ? HTTP_POST
                                                : HTTP_OTHER,
        .method_text = str_of(method),
        .target = target_text,
        .fields = fields,
        .body = STR(""),
    };

    (void)str_split(&rest, '?', &r.path);
    if (r.path.len < target_text.len)
        r.query = rest;
    return r;
}

/* One more header; the requests of a test share their room for them. */
static inline void with(struct http_request *r, const char *name, const char *value)
{
    struct http_field *at = (struct http_field *)(uintptr_t)&r->fields[r->field_count++];

    *at = (struct http_field){ str_of(name), str_of(value) };
}
