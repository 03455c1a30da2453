/* SPDX-License-Identifier: Apache-2.0 */

/*
 *     idle ─> resolving ─> fetching ─> idle
 *
 * Names are resolved only where the endpoint is neither an address nor pinned to one. The time
 * limit is over the whole; whatever ends a probe early notes why and cancels, and the end comes
 * with the transport's or the resolver's own.
 */
#include "probe.h"

#include "weir/base/buf.h"
#include "weir/base/ensure.h"
#include "weir/base/mem.h"

#include <stdlib.h>

/* "http://host:port" and the path: where the model's API is mounted does not count. */
static char *make_url(const struct upstream_endpoint *e, const char *path)
{
    size_t origin = (size_t)(e->label.at - e->url) + e->label.len;
    struct buf url = { 0 };

    buf_put(&url, (struct str){ e->url, origin });
    buf_put_text(&url, path[0] == '/' ? "" : "/");
    buf_put_text(&url, path);
    buf_put(&url, STR("\0"));
    return url.at; /* the buf's memory is ours now */
}

static enum probe_result judge(const struct probe *p, enum err err)
{
    if (p->cancelled)
        return PROBE_CANCELLED;
    if (p->late)
        return PROBE_TIMEOUT;
    if (p->fetch.status != 0 && (p->fetch.status < 200 || p->fetch.status > 299))
        return PROBE_STATUS;
    if (err == OK || p->enough)
        return PROBE_OK;
    return err == ERR_UPSTREAM_UNREACHABLE || err == ERR_UPSTREAM_TLS ? PROBE_UNREACHABLE
                                                                      : PROBE_BROKEN;
}

static void finish(struct probe *p, enum err err)
{
    timer_disarm(&p->limit);
    p->phase = PROBE_IDLE;
    p->on_done(p, judge(p, err));
}

static void call_off(struct probe *p)
{
    if (p->phase == PROBE_RESOLVING)
        resolve_cancel(&p->resolve);
    else if (p->phase == PROBE_FETCHING)
        fetch_cancel(&p->fetch);
}

static void on_limit(struct timer *t)
{
    struct probe *p = container_of(t, struct probe, limit);

    p->late = true;
    call_off(p);
}

/* ---- the answer ---- */

static void on_connected(struct fetch *f)
{
    (void)f;
}

static void on_head(struct fetch *f)
{
    (void)f; /* its status is read at the end */
}

static void on_data(struct fetch *f, struct str bytes)
{
    struct probe *p = container_of(f, struct probe, fetch);

    p->body_bytes += bytes.len;
    if (p->body_bytes > PROBE_BODY_BYTES && !p->enough) {
        p->enough = true;
        fetch_cancel(f);
    }
}

static void on_fetched(struct fetch *f, enum err err)
{
    finish(container_of(f, struct probe, fetch), err);
}

static const struct fetch_events fetch_events = {
    .on_connected = on_connected,
    .on_head = on_head,
    .on_data = on_data,
    .on_done = on_fetched,
};

/* ---- the question ---- */

static void fetch_it(struct probe *p, const char *addresses)
{
    const char *headers[] = { "Accept-Encoding: identity", "Connection: close", p->auth, NULL };
    struct fetch_call call = {
        .target = &p->target,
        .method = "GET",
        .url = p->url,
        .addresses = addresses,
        .headers = headers,
        .fresh = true,
    };

    p->phase = PROBE_FETCHING;
    fetch_start(p->kit->fetcher, &p->fetch, &call, &fetch_events);
}

static void on_resolved(struct resolve *op, enum err err, const char *addresses)
{
    struct probe *p = container_of(op, struct probe, resolve);

    if (err || p->late || p->cancelled)
        finish(p, ERR_UPSTREAM_UNREACHABLE);
    else
        fetch_it(p, addresses);
}

void probe_start(struct probe *p)
{
    const struct upstream_endpoint *e = p->endpoint;

    ensure(p->phase == PROBE_IDLE);
    p->enough = p->late = p->cancelled = false;
    p->body_bytes = 0;
    p->fetch = (struct fetch){ 0 };
    timer_arm(&p->limit, p->timeout_us);
    if (e->address || e->numeric) {
        fetch_it(p, e->address);
    } else {
        p->phase = PROBE_RESOLVING;
        resolve_start(p->kit->resolver, &p->resolve, e->host, on_resolved);
    }
}

void probe_cancel(struct probe *p)
{
    p->cancelled = true;
    call_off(p);
}

bool probe_is_under_way(const struct probe *p)
{
    return p->phase != PROBE_IDLE;
}

/* ---- making and freeing ---- */

void probe_init(struct probe *p, const struct attempt_kit *kit, const struct upstream *u,
                struct upstream_endpoint *e, probe_fn *on_done)
{
    *p = (struct probe){
        .kit = kit,
        .endpoint = endpoint_ref(e),
        .on_done = on_done,
        .url = make_url(e, u->health.path),
        .auth = u->auth_count > 0 ? mem_copy_text(u->auth[0]) : NULL,
        .ca_file = u->target.ca_file ? mem_copy_text(u->target.ca_file) : NULL,
        .target = u->target,
        .timeout_us = u->health.timeout_us,
    };
    p->target.ca_file = p->ca_file;
    p->target.connect_timeout_us = u->health.timeout_us;
    timer_init(&p->limit, kit->loop, on_limit);
}

void probe_deinit(struct probe *p)
{
    ensure(p->phase == PROBE_IDLE);
    endpoint_unref(p->endpoint);
    free(p->url);
    free(p->auth);
    free(p->ca_file);
    *p = (struct probe){ 0 };
}

struct str probe_word(enum probe_result result)
{
    switch (result) {
    case PROBE_OK: return STR("ok");
    case PROBE_STATUS: return STR("status");
    case PROBE_TIMEOUT: return STR("timeout");
    case PROBE_UNREACHABLE: return STR("unreachable");
    case PROBE_BROKEN: return STR("broken");
    case PROBE_CANCELLED: return STR("cancelled");
    }
    unreachable("a probe's result");
}
