/* SPDX-License-Identifier: Apache-2.0 */
#include "overview.h"

#include "traffic.h"
#include "upstreams.h"
#include "weir/base/clock.h"
#include "weir/base/quantile.h"
#include "weir/base/scan.h"
#include "weir/watch/judge.h"

#include <inttypes.h>

static int64_t read_sum(struct admin *a, enum metric metric)
{
    int64_t value = metric_read(a->metrics, metric, NULL);

    return value == METRIC_ABSENT ? 0 : value;
}

static const char *redis_word(struct admin *a)
{
    if (!a->redis_on)
        return "null";
    return read_sum(a, METRIC_REDIS_UP) > 0 ? "true" : "false";
}

static void put_percentile(struct buf *out, const char *name, const struct quantile *q,
                           double p)
{
    double seconds;

    if (quantile_seen(q, p, &seconds))
        buf_put_printf(out, ",\"%s\":%.3f", name, seconds * 1e3);
    else
        buf_put_printf(out, ",\"%s\":null", name);
}

static void put_model(struct admin *a, const struct traffic *t, struct buf *out)
{
    struct quantile latest = { 0 };

    metrics_latest(a->metrics, t->model, &latest);
    buf_put(out, STR("{\"model\":"));
    scan_put_string(out, t->model);
    buf_put_printf(out,
                   ",\"requests\":%" PRId64 ",\"errors\":%" PRId64 ",\"rejected\":%" PRId64
                   ",\"hits\":%" PRId64 ",\"degraded\":%" PRId64
                   ",\"cost_usd\":%.6f,\"saved_usd\":%.6f",
                   t->requests, t->errors, t->rejected, t->hits, t->degraded,
                   (double)t->cost_microusd / 1e6, (double)t->saved_microusd / 1e6);
    put_percentile(out, "p50_ms", &latest, 0.5);
    put_percentile(out, "p95_ms", &latest, 0.95);
    put_percentile(out, "p99_ms", &latest, 0.99);
    buf_put(out, STR("}"));
}

static void put_models(struct admin *a, struct buf *out)
{
    struct traffic all[TRAFFIC_MODELS];
    size_t count = traffic_read(a->metrics, all);

    buf_put(out, STR("\"models\":["));
    for (size_t i = 0; i < count; i++) {
        buf_put_text(out, i > 0 ? ",\n  " : "\n  ");
        put_model(a, &all[i], out);
    }
    buf_put(out, STR("],\n"));
}

static void put_cache(const struct admin *a, struct buf *out)
{
    struct memory_numbers n = { 0 };

    if (a->memory)
        memory_read(a->memory, &n);
    buf_put_printf(out,
                   "\"cache\":{\"bytes\":%" PRIu64 ",\"entries\":%" PRIu64
                   ",\"evictions\":%" PRIu64 "},\n",
                   (uint64_t)n.bytes, (uint64_t)n.entries, (uint64_t)n.evictions);
}

enum { MOST_CHANGES = 5 };

static void put_changes(const struct admin *a, struct buf *out)
{
    if (!a->judge)
        return;
    buf_put(out, STR("\"changes\":"));
    judge_put_change_list(a->judge, MOST_CHANGES, out);
    buf_put(out, STR(",\n"));
}

void overview_put_json(struct admin *a, struct buf *out)
{
    bool ready = atomic_load_explicit(&a->health->ready, memory_order_relaxed);
    struct buf upstreams = { 0 };
    struct str list;

    upstreams_put_json(a->plan, &upstreams);
    list = str_cut(buf_str(&upstreams), 1, buf_str(&upstreams).len); /* an object's members */
    buf_put_printf(out,
                   "{\"now_ms\":%" PRIu64 ",\"version\":\"" WEIR_VERSION
                   "\",\"ready\":%s,\"in_flight\":%" PRId64 ",\"connections\":%" PRId64
                   ",\"redis_up\":%s,\n",
                   clock_wall_ms(), ready ? "true" : "false", read_sum(a, METRIC_IN_FLIGHT),
                   read_sum(a, METRIC_CONNECTIONS), redis_word(a));
    put_cache(a, out);
    put_models(a, out);
    put_changes(a, out);
    buf_put(out, list);
    buf_deinit(&upstreams);
}
