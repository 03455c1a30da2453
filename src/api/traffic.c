/* SPDX-License-Identifier: Apache-2.0 */
#include "traffic.h"

#include <stddef.h>

/* Which sum an outcome adds to, beside all requests. An outcome without a row went well. */
static const struct {
    const char *outcome;
    size_t sum;
} sums[] = {
    { "upstream_error", offsetof(struct traffic, errors) },
    { "upstream_truncated", offsetof(struct traffic, errors) },
    { "timeout", offsetof(struct traffic, errors) },
    { "internal_error", offsetof(struct traffic, errors) },
    { "rejected", offsetof(struct traffic, rejected) },
    { "client_cancel", offsetof(struct traffic, rejected) },
    { "cache_hit", offsetof(struct traffic, hits) },
    { "coalesced", offsetof(struct traffic, hits) },
    { "stale", offsetof(struct traffic, degraded) },
    { "fallback", offsetof(struct traffic, degraded) },
};

enum { SUMS = sizeof(sums) / sizeof(sums[0]) };

struct gathering {
    struct traffic *all;
    size_t count;
};

static struct traffic *find(struct gathering *g, struct str model)
{
    for (size_t i = 0; i < g->count; i++)
        if (str_eq(g->all[i].model, model))
            return &g->all[i];
    if (g->count == TRAFFIC_MODELS || model.len == 0)
        return NULL;
    g->all[g->count] = (struct traffic){ .model = model };
    return &g->all[g->count++];
}

static void add_outcome(void *ctx, const struct str *labels, int64_t value)
{
    struct traffic *t = find(ctx, labels[0]);

    if (!t)
        return;
    t->requests += value;
    for (size_t i = 0; i < SUMS; i++)
        if (str_eq(labels[3], str_of(sums[i].outcome)))
            *(int64_t *)((char *)t + sums[i].sum) += value;
}

static void add_cost(void *ctx, const struct str *labels, int64_t value)
{
    struct traffic *t = find(ctx, labels[0]);

    if (t)
        t->cost_microusd += value;
}

static void add_saved(void *ctx, const struct str *labels, int64_t value)
{
    struct traffic *t = find(ctx, labels[0]);

    if (t)
        t->saved_microusd += value;
}

size_t traffic_read(struct metrics *m, struct traffic all[TRAFFIC_MODELS])
{
    struct gathering g = { .all = all };

    metrics_each(m, METRIC_REQUESTS, add_outcome, &g);
    metrics_each(m, METRIC_COST, add_cost, &g);
    metrics_each(m, METRIC_COST_SAVED, add_saved, &g);
    return g.count;
}
