/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

#include "overview.h"
#include "weir/base/list.h"
#include "weir/base/mem.h"
#include "weir/base/own.h"
#include "weir/net/timer.h"

#include <stdlib.h>

struct feed {
    struct admin *admin;
    struct link listeners;
    unsigned count;
    struct timer timer;
};

struct listener {
    struct http_watcher watcher;
    struct link link;
    struct feed *feed;
    struct http_conn *conn;
};

static void leave(struct listener *l)
{
    link_out(&l->link);
    l->feed->count--;
    free(l);
}

static void on_gone(struct http_watcher *w)
{
    leave(container_of(w, struct listener, watcher));
}

/* The next second writes again. */
static void on_drained(struct http_watcher *w)
{
    (void)w;
}

/* Events are one line of data each, so the JSON goes without its line breaks. */
static void put_event(struct feed *f, struct buf *out)
{
    struct buf json = { 0 };
    struct str rest, line;

    overview_put_json(f->admin, &json);
    rest = buf_str(&json);
    buf_put(out, STR("event: overview\ndata: "));
    while (str_split(&rest, '\n', &line))
        buf_put(out, line);
    buf_put(out, STR("\n\n"));
    buf_deinit(&json);
}

static void on_due(struct timer *t)
{
    struct feed *f = container_of(t, struct feed, timer);
    struct buf event = { 0 };

    if (f->count == 0)
        return;
    put_event(f, &event);
    for (struct link *at = f->listeners.next; at != &f->listeners; at = at->next) {
        struct listener *l = container_of(at, struct listener, link);

        if (!http_conn_is_full(l->conn))
            http_conn_write(l->conn, buf_str(&event));
    }
    buf_deinit(&event);
    timer_arm(t, FEED_EVERY_US);
}

struct feed *feed_new(struct loop *loop, struct admin *admin)
{
    struct feed *f = MEM_NEW(struct feed);

    f->admin = admin;
    link_init(&f->listeners);
    timer_init(&f->timer, loop, on_due);
    return f;
}

void feed_free(struct feed *f)
{
    timer_disarm(&f->timer);
    free(f);
}

static void begin(struct http_conn *c)
{
    http_conn_begin(c, 200,
                    STR("Content-Type: text/event-stream\r\nCache-Control: no-store\r\n"));
}

void feed_answer_head(struct http_conn *c)
{
    begin(c);
    http_conn_end(c);
}

bool feed_join(struct feed *f, struct http_conn *c)
{
    struct listener *l;
    struct buf event = { 0 };

    if (f->count == FEED_LISTENERS)
        return false;
    l = MEM_NEW(struct listener);
    *l = (struct listener){ .watcher = { on_gone, on_drained }, .feed = f, .conn = c };
    link_before(&f->listeners, &l->link);
    f->count++;
    begin(c);
    http_conn_watch(c, &l->watcher);
    put_event(f, &event);
    http_conn_write(c, buf_str(&event));
    buf_deinit(&event);
    if (!timer_is_armed(&f->timer))
        timer_arm(&f->timer, FEED_EVERY_US);
    return true;
}
