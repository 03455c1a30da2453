/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     idle ─> resolving ─> sending ─> idle
 *
 * The time limit is over the whole; whatever ends a post early notes why and cancels, and the
 * end comes with the transport's or the resolver's own.
 */
#include "post.h"

#include "weir/base/clock.h"
#include "weir/base/ensure.h"
#include "weir/upstream/retry_after.h"

#include <stdio.h>
#include <stdlib.h>

enum { LIMIT_US = 10 * 1000 * 1000 };

/* ---- the end ------------------------------------------------------------------------------- */

static bool is_taken(struct post *p, enum err err)
{
    bool answered = p->phase == POST_SENDING && p->fetch.status != 0;

    if (p->cancelled)
        (void)snprintf(p->why, sizeof(p->why), "cancelled");
    else if (p->late)
        (void)snprintf(p->why, sizeof(p->why), "timeout");
    else if (answered && (p->fetch.status < 200 || p->fetch.status > 299))
        (void)snprintf(p->why, sizeof(p->why), "status %ld", p->fetch.status);
    else if (err == OK || (answered && p->enough))
        return true;
    else if (p->phase == POST_RESOLVING)
        (void)snprintf(p->why, sizeof(p->why), "its name has no address");
    else
        (void)snprintf(p->why, sizeof(p->why), "%s",
                       p->fetch.detail[0] ? p->fetch.detail : err_text(err));
    return false;
}

static void finish(struct post *p, enum err err)
{
    bool taken = is_taken(p, err);

    timer_disarm(&p->limit);
    p->phase = POST_IDLE;
    p->on_done(p, taken);
}

static void call_off(struct post *p)
{
    if (p->phase == POST_RESOLVING)
        resolve_cancel(&p->resolve);
    else if (p->phase == POST_SENDING)
        fetch_cancel(&p->fetch);
}

static void on_limit(struct timer *t)
{
    struct post *p = container_of(t, struct post, limit);

    p->late = true;
    call_off(p);
}

/* ---- the answer ---------------------------------------------------------------------------- */

static void on_connected(struct fetch *f)
{
    (void)f;
}

static void on_head(struct fetch *f)
{
    struct post *p = container_of(f, struct post, fetch);

    p->alone_ms = retry_after_ms(fetch_header(f, "Retry-After"), (struct str){ 0 },
                                 clock_wall_ms());
}

static void on_data(struct fetch *f, struct str bytes)
{
    struct post *p = container_of(f, struct post, fetch);

    p->answer_bytes += bytes.len;
    if (p->answer_bytes > POST_ANSWER_BYTES && !p->enough) {
        p->enough = true;
        fetch_cancel(f);
    }
}

static void on_fetched(struct fetch *f, enum err err)
{
    finish(container_of(f, struct post, fetch), err);
}

static const struct fetch_events events = {
    .on_connected = on_connected,
    .on_head = on_head,
    .on_data = on_data,
    .on_done = on_fetched,
};

/* ---- the question -------------------------------------------------------------------------- */

static void send_it(struct post *p, const char *addresses)
{
    struct fetch_call call = {
        .target = &p->target,
        .method = "POST",
        .url = p->url,
        .addresses = addresses,
        .headers = p->headers,
        .body = &p->body,
        .body_parts = 1,
        .fresh = true,
    };

    p->phase = POST_SENDING;
    fetch_start(p->kit->fetcher, &p->fetch, &call, &events);
}

static void on_resolved(struct resolve *op, enum err err, const char *addresses)
{
    struct post *p = container_of(op, struct post, resolve);

    if (err || p->late || p->cancelled)
        finish(p, ERR_UPSTREAM_UNREACHABLE);
    else
        send_it(p, addresses);
}

void post_start(struct post *p, const char *const *headers, struct str body)
{
    ensure(p->phase == POST_IDLE);
    p->enough = p->late = p->cancelled = false;
    p->answer_bytes = 0;
    p->alone_ms = -1;
    p->headers = headers;
    p->body = body;
    p->fetch = (struct fetch){ 0 };
    timer_arm(&p->limit, LIMIT_US);
    if (resolve_is_numeric(p->host)) {
        send_it(p, NULL);
    } else {
        p->phase = POST_RESOLVING;
        resolve_start(p->kit->resolver, &p->resolve, p->host, on_resolved);
    }
}

void post_cancel(struct post *p)
{
    p->cancelled = true;
    call_off(p);
}

bool post_is_under_way(const struct post *p)
{
    return p->phase != POST_IDLE;
}

/* ---- making and freeing -------------------------------------------------------------------- */

/* "host:port" or "[::1]:port" of "http://host:port/path?query". */
static struct str where_of(struct str url)
{
    size_t from = 0, to;

    while (from < url.len && !str_starts(str_cut(url, from, url.len), STR("://")))
        from++;
    from += 3;
    for (to = from; to < url.len && url.at[to] != '/' && url.at[to] != '?'; to++)
        continue;
    return str_cut(url, from, to);
}

static struct str host_of(struct str where)
{
    size_t to = 0;
    bool bracketed = str_starts(where, STR("["));

    while (to < where.len && where.at[to] != (bracketed ? ']' : ':'))
        to++;
    return str_head(where, bracketed ? to + 1 : to);
}

void post_init(struct post *p, const struct post_kit *kit, struct str url, const char *tail,
               post_fn *on_done)
{
    struct buf text = { 0 };

    while (tail[0] && str_ends(url, STR("/")))
        url.len--;
    buf_put(&text, url);
    buf_put_text(&text, tail);
    buf_put(&text, STR("\0"));
    *p = (struct post){
        .kit = kit,
        .on_done = on_done,
        .url = text.at, /* the buf's memory is ours now */
        .target = { .connect_timeout_us = LIMIT_US, .idle_s = 1 },
    };
    p->where = where_of(str_of(p->url));
    p->host = host_of(p->where);
    timer_init(&p->limit, kit->loop, on_limit);
}

void post_deinit(struct post *p)
{
    ensure(p->phase == POST_IDLE);
    free(p->url);
    *p = (struct post){ 0 };
}
