/* SPDX-License-Identifier: Apache-2.0 */
#include "noticing.h"

#include "alerts.h"

#include "weir/base/mem.h"
#include "weir/net/redis.h"
#include "weir/route/plan.h"
#include "weir/watch/census.h"
#include "weir/watch/herald.h"
#include "weir/watch/store.h"
#include "weir/watch/ticks.h"

#include <stdlib.h>

enum { PATIENCE_US = 1000 * 1000 };

static struct store *open_store(struct noticing *n, const struct noticing_kit *kit)
{
    const struct settings *s = kit->settings;
    struct redis_settings redis = s->redis;

    if (!s->redis_on) {
        n->ticks = ticks_new();
        return store_file_new(kit->post.loop, n->ticks, s->drift.state_file);
    }
    if (redis.timeout_us < PATIENCE_US)
        redis.timeout_us = PATIENCE_US;
    n->link = redis_new(kit->post.loop, kit->post.resolver, &redis);
    return store_redis_new(kit->post.loop, n->link, s->redis_prefix);
}

void noticing_open(struct noticing *n, const struct noticing_kit *kit)
{
    const struct drift_settings *s = &kit->settings->drift;
    struct judge_settings settings = {
        .tick_ms = s->tick_ms,
        .probability = s->probability,
        .per_ms = s->per_ms,
        .min_n = s->min_n,
        .baseline_ticks = s->baseline_ticks,
        .tolerance = s->tolerance,
        .alpha = s->alpha,
        .hour_of_week = s->hour_of_week,
        .changes = s->changes,
        .automatic = !s->manual,
        .by_hand = s->by_hand,
        .by_hand_count = s->by_hand_count,
    };

    n->pace = pace_of(s->tick_ms);
    n->judge = judge_new(kit->post.loop, open_store(n, kit), &settings, kit->metrics,
                         kit->shard);
    n->herald = herald_new(kit->post.loop, n->link, kit->settings->redis_prefix, &n->pace);
    n->census = census_new(kit->post.loop, n->link, kit->settings->redis_prefix, s->tick_ms);
    n->alerts = alerts_new(&(struct alerts_kit){ .post = kit->post,
                                                 .judge = n->judge,
                                                 .shard = kit->shard,
                                                 .settings = &kit->settings->alerts,
                                                 .tick_ms = s->tick_ms });
}

/* Under what its answers are counted: model_version() gives no other. */
static void put_versions(const struct model *m, struct str *out)
{
    out[0] = m->name;
    for (size_t i = 0; i < m->route_count; i++)
        out[i + 1] = m->routes[i].model;
}

static void watch_models(struct noticing *n, const struct model *const *models, size_t count)
{
    struct watchlist **lists = mem_new_array(count + 1, sizeof(struct watchlist *));
    struct judge_model *judged = mem_new_array(count + 1, sizeof(*judged));
    struct arena versions;

    arena_init(&versions, 0);
    for (size_t i = 0; i < count; i++) {
        struct str *out = arena_take(&versions, (models[i]->route_count + 1) * sizeof(*out));

        put_versions(models[i], out);
        lists[i] = models[i]->watch;
        judged[i] = (struct judge_model){ lists[i], out, models[i]->route_count + 1 };
    }
    census_watch(n->census, lists, count);
    judge_watch(n->judge, judged, count);
    arena_deinit(&versions);
    free(lists);
    free(judged);
}

void noticing_set_plan(struct noticing *n, const struct plan *plan)
{
    size_t count = map_size(plan->models), watched = 0;
    const struct model **models = mem_new_array(count + 1, sizeof(struct model *));

    for (size_t i = 0; i < count; i++) {
        const struct model *m = map_value_at(plan->models, i);

        if (m->watch)
            models[watched++] = m;
    }
    if (plan->any && plan->any->watch)
        models[watched++] = plan->any;
    watch_models(n, models, watched);
    free(models);
}

void noticing_start(struct noticing *n, struct str admin)
{
    judge_start(n->judge);
    herald_start(n->herald);
    census_start(n->census);
    alerts_start(n->alerts, admin);
}

void noticing_stop(struct noticing *n)
{
    alerts_stop(n->alerts);
    judge_stop(n->judge);
    herald_stop(n->herald);
    census_stop(n->census);
}

void noticing_kill(struct noticing *n)
{
    if (n->alerts)
        alerts_kill(n->alerts);
}

bool noticing_is_idle(const struct noticing *n)
{
    return alerts_are_idle(n->alerts) && judge_is_idle(n->judge);
}

void noticing_close(struct noticing *n)
{
    alerts_free(n->alerts);
    if (n->link)
        redis_free(n->link); /* ends what is under way */
    judge_free(n->judge);
    herald_free(n->herald);
    census_free(n->census);
    ticks_free(n->ticks);
    *n = (struct noticing){ .judge = NULL };
}
