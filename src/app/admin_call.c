/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_call.h"

#include "value.h"
#include "weir/net/fetch.h"
#include "weir/net/loop.h"
#include "weir/net/timer.h"

#include <string.h>

enum { PATIENCE_US = 30 * 1000 * 1000, MOST_ANSWER = 256 << 20 };

struct asking {
    struct fetch fetch;
    struct timer patience;
    struct loop *loop;
    struct buf *answer;
    enum err err;
};

static void ignore(struct fetch *f)
{
    (void)f;
}

static void on_data(struct fetch *f, struct str bytes)
{
    struct asking *a = container_of(f, struct asking, fetch);

    if (a->answer->len + bytes.len <= MOST_ANSWER)
        buf_put(a->answer, bytes);
}

static void on_done(struct fetch *f, enum err err)
{
    struct asking *a = container_of(f, struct asking, fetch);

    a->err = err;
    loop_stop(a->loop);
}

static void on_late(struct timer *t)
{
    fetch_cancel(&container_of(t, struct asking, patience)->fetch);
}

/* What listens everywhere is asked on this machine; a name other than localhost is for DNS,
   which is not asked here. */
static struct str host_to_ask(struct str host)
{
    if (str_eq(host, STR("0.0.0.0")) || str_eq(host, STR("localhost")))
        return STR("127.0.0.1");
    return str_eq(host, STR("::")) ? STR("::1") : host;
}

static void ask(const struct admin_call *call, const char *url, struct asking *a)
{
    static const struct fetch_events events = {
        .on_connected = ignore, .on_head = ignore, .on_data = on_data, .on_done = on_done
    };
    static const struct fetch_target target = { .connect_timeout_us = 5 * 1000 * 1000,
                                                .idle_s = 1 };
    struct fetcher *fetcher = fetcher_new(a->loop);
    struct buf bearer = { 0 };
    const char *headers[] = { "Content-Type: application/json", NULL, NULL };

    buf_put_printf(&bearer, "Authorization: Bearer %.*s", STR_ARG(call->token));
    buf_put(&bearer, (struct str){ "", 1 });
    if (call->token.len > 0)
        headers[1] = bearer.at;
    timer_init(&a->patience, a->loop, on_late);
    timer_arm(&a->patience, PATIENCE_US);
    fetch_start(fetcher, &a->fetch,
                &(struct fetch_call){ .target = &target,
                                      .method = call->method,
                                      .url = url,
                                      .headers = headers,
                                      .body = &call->body,
                                      .body_parts = call->body.len > 0 ? 1 : 0,
                                      .fresh = true },
                &events);
    loop_run(a->loop);
    timer_disarm(&a->patience);
    fetcher_free(fetcher);
    buf_deinit(&bearer);
}

enum err admin_call(const struct admin_call *call, long *status, struct buf *answer,
                    struct fault *why)
{
    struct asking a = { .loop = loop_new(NULL), .answer = answer };
    struct buf url = { 0 };
    struct str host;
    uint16_t port;

    if (!value_address(call->address, &host, &port)) {
        loop_free(a.loop);
        return fault_set(why, ERR_CONFIG, NULL, "no address: %.*s", STR_ARG(call->address));
    }
    host = host_to_ask(host);
    buf_put_printf(
        &url, memchr(host.at, ':', host.len) ? "http://[%.*s]:%u%.*s" : "http://%.*s:%u%.*s",
        STR_ARG(host), port, STR_ARG(call->path));
    buf_put(&url, (struct str){ "", 1 });
    ask(call, url.at, &a);
    *status = a.fetch.status;
    if (a.err)
        fault_set(why, a.err, NULL, "%.*s does not answer: %s", STR_ARG(call->address),
                  a.fetch.detail[0] ? a.fetch.detail : err_text(a.err));
    buf_deinit(&url);
    loop_free(a.loop);
    return a.err;
}
