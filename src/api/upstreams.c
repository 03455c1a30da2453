/* SPDX-License-Identifier: Apache-2.0 */
#include "upstreams.h"

#include "weir/base/scan.h"
#include "weir/upstream/pool.h"

/* ---- gauges -------------------------------------------------------------------------- */

struct family {
    struct metric_shard *shard;
    enum metric metric;
};

static void clear_series(void *ctx, const struct str *labels, int64_t value)
{
    const struct family *f = ctx;

    if (value != METRIC_ABSENT)
        metric_set(f->shard, f->metric, METRIC_ABSENT, labels);
}

static void clear(struct metrics *m, struct metric_shard *shard, enum metric metric)
{
    struct family family = { shard, metric };

    metrics_each(m, metric, clear_series, &family);
}

static void measure_endpoints(struct metric_shard *shard, struct pool *pool)
{
    struct pool_numbers all[POOL_ENDPOINTS];
    size_t count = pool_read(pool, all);

    for (size_t i = 0; i < count; i++) {
        const struct str labels[] = { pool_name(pool), all[i].label };

        metric_add(shard, METRIC_HEALTHY, all[i].healthy ? 1 : 0, labels);
        metric_add(shard, METRIC_LIMIT, all[i].limit, labels);
        endpoint_unref(all[i].endpoint);
    }
}

static void measure_keys(struct metric_shard *shard, struct pool *pool)
{
    struct str name = pool_name(pool);
    struct pool_keys keys = { 0 };

    pool_read_keys(pool, &keys);
    metric_add(shard, METRIC_UPSTREAM_KEYS, keys.usable, METRIC_LABEL(name, STR("usable")));
    metric_add(shard, METRIC_UPSTREAM_KEYS, keys.resting, METRIC_LABEL(name, STR("resting")));
    metric_add(shard, METRIC_UPSTREAM_KEYS, keys.dropped, METRIC_LABEL(name, STR("dropped")));
}

void upstreams_measure(struct metrics *m, struct metric_shard *shard, const struct plan *plan)
{
    clear(m, shard, METRIC_HEALTHY);
    clear(m, shard, METRIC_LIMIT);
    clear(m, shard, METRIC_UPSTREAM_KEYS);
    for (size_t i = 0; i < map_size(plan->upstreams); i++) {
        const struct upstream *u = map_value_at(plan->upstreams, i);

        if (!u->pool)
            continue;
        measure_endpoints(shard, u->pool);
        if (u->auth_count > 0)
            measure_keys(shard, u->pool);
    }
}

/* ---- the page ------------------------------------------------------------------------ */

static struct str balance_word(enum balance balance)
{
    switch (balance) {
    case BALANCE_LEAST_OUTSTANDING: return STR("least_outstanding");
    case BALANCE_ROUND_ROBIN: return STR("round_robin");
    case BALANCE_P2C_EWMA: return STR("p2c_ewma");
    case BALANCE_PREFIX_AFFINITY: return STR("prefix_affinity");
    }
    return STR("");
}

static void put_text(struct buf *out, const char *name, const char *value)
{
    buf_put_printf(out, "\"%s\":", name);
    if (value)
        scan_put_string(out, str_of(value));
    else
        buf_put_text(out, "null");
    buf_put_text(out, ",");
}

static void put_endpoint(struct buf *out, const struct pool_numbers *n)
{
    buf_put_text(out, "{");
    put_text(out, "url", n->endpoint->url);
    put_text(out, "address", n->endpoint->address);
    put_text(out, "state", n->state);
    buf_put_printf(out,
                   "\"healthy\":%s,\"in_flight\":%u,\"limit\":%u,\"faults\":%u,\"rest_ms\":",
                   n->healthy ? "true" : "false", n->in_flight, n->limit, n->faults);
    buf_put_u64(out, (n->rest_us + 999) / 1000);
    if (n->latency_s > 0)
        buf_put_printf(out, ",\"latency_ms\":%.3f}", n->latency_s * 1e3);
    else
        buf_put_text(out, ",\"latency_ms\":null}");
}

static void put_pool(struct buf *out, struct pool *pool)
{
    struct pool_numbers all[POOL_ENDPOINTS];
    struct pool_keys keys = { 0 };
    size_t count = pool_read(pool, all);

    pool_read_keys(pool, &keys);
    buf_put_printf(out,
                   ",\"waiting\":%u,\"keys\":{\"usable\":%u,\"resting\":%u,\"dropped\":%u},"
                   "\"endpoints\":[",
                   pool_waiting(pool), keys.usable, keys.resting, keys.dropped);
    for (size_t i = 0; i < count; i++) {
        buf_put_text(out, i > 0 ? ",\n  " : "\n  ");
        put_endpoint(out, &all[i]);
        endpoint_unref(all[i].endpoint);
    }
    buf_put_text(out, "]");
}

void upstreams_put_json(const struct plan *plan, struct buf *out)
{
    bool first = true;

    buf_put_text(out, "{\"upstreams\":[");
    for (size_t i = 0; i < map_size(plan->upstreams); i++) {
        const struct upstream *u = map_value_at(plan->upstreams, i);

        if (!u->pool)
            continue; /* rules: nobody is called */
        buf_put_text(out, first ? "\n{\"name\":" : ",\n{\"name\":");
        first = false;
        scan_put_string(out, str_of(u->name));
        buf_put_text(out, ",\"balance\":");
        scan_put_string(out, balance_word(u->balance));
        put_pool(out, u->pool);
        buf_put_text(out, "}");
    }
    buf_put_text(out, "]}\n");
}
