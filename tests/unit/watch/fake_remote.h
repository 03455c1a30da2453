/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/watch/watch.h"

#include "weir/base/clock.h"
#include "weir/base/metric.h"
#include "weir/cache/remote.h"
#include "weir/net/loop.h"
#include "weir/watch/ticks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/*
 * The remote tier is a fake here: it writes down, in one line for each call, what it is told.
 */
struct remote {
    bool is_up;
    struct buf told;
    struct buf index; /* what was put on which */
    unsigned calls;
    struct loop *stops; /* a loop that the first call ends */
};

static struct remote remote;
static struct metrics *metrics;
static struct loop *loop;
static struct watch *watch;
static struct watchlist *list;

bool remote_is_up(const struct remote *r)
{
    return r->is_up;
}

void remote_count(struct remote *r, const struct remote_histogram *h,
                  const struct remote_count *counts, size_t n)
{
    r->calls++;
    buf_put_printf(&r->told, "%.*s ttl=%llu", STR_ARG(h->key), (unsigned long long)h->ttl_s);
    if (h->index.len > 0)
        buf_put_printf(&r->index, "%.*s %.*s ttl=%llu\n", STR_ARG(h->index), STR_ARG(h->name),
                       (unsigned long long)h->index_ttl_s);
    for (size_t i = 0; i < n; i++)
        buf_put_printf(&r->told, " %.*s=%llu", STR_ARG(counts[i].field),
                       (unsigned long long)counts[i].by);
    buf_put_text(&r->told, "\n");
    if (r->stops)
        loop_stop(r->stops);
}

static inline void start(void)
{
    metrics = metrics_new();
    loop = loop_new(metrics_shard(metrics));
    remote = (struct remote){ .is_up = true };
    watch = watch_new(loop, &remote, STR("weir:"));
    list = watchlist_new(STR("support-chat"));
}

static inline void stop(void)
{
    watch_free(watch);
    loop_free(loop);
    metrics_free(metrics);
    buf_deinit(&remote.told);
    buf_deinit(&remote.index);
    watchlist_unref(list);
}

static inline struct watch_answer answer_of(enum watch_source source)
{
    return (struct watch_answer){ .list = list,
                                  .version = STR("qwen"),
                                  .source = source,
                                  .finish_reason = STR("stop"),
                                  .prompt_tokens = 100,
                                  .completion_tokens = 10 };
}

static inline void note(enum watch_source source)
{
    struct watch_answer a = answer_of(source);

    watch_note(watch, &a);
}

static inline bool told(const char *text)
{
    buf_put(&remote.told, (struct str){ "", 1 });
    remote.told.len--;
    return strstr(remote.told.at, text) != NULL;
}

static inline bool indexed(const char *text)
{
    buf_put(&remote.index, (struct str){ "", 1 });
    remote.index.len--;
    return strstr(remote.index.at, text) != NULL;
}

static inline int64_t counted(const char *prediction, const char *value, const char *source)
{
    return metric_read(metrics, METRIC_PREDICTIONS,
                       METRIC_LABEL(STR("support-chat"), STR("qwen"), str_of(prediction),
                                    str_of(value), str_of(source)));
}
