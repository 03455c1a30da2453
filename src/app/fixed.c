/* SPDX-License-Identifier: Apache-2.0 */
#include "fixed.h"

#include "schema.h"

#include "weir/base/log.h"

#include <string.h>

/* Does its place hold a struct str? */
static bool is_text(enum schema_kind kind)
{
    return kind == KIND_TEXT || kind == KIND_SECRET || kind == KIND_ADDRESS;
}

static bool differs_in_places(const struct redis_settings *a, const struct redis_settings *b)
{
    if (a->port != b->port || strcmp(a->host, b->host) != 0)
        return true;
    if (a->sentinel_count != b->sentinel_count || strcmp(a->master, b->master) != 0)
        return true;
    for (unsigned i = 0; i < a->sentinel_count; i++)
        if (a->sentinels[i].port != b->sentinels[i].port ||
            strcmp(a->sentinels[i].host, b->sentinels[i].host) != 0)
            return true;
    return false;
}

/* Where Redis is and who asks: what no row holds, since several make it. */
static bool differs_in_redis(const struct settings *a, const struct settings *b)
{
    return a->redis_on != b->redis_on || differs_in_places(&a->redis, &b->redis) ||
           a->redis.database != b->redis.database ||
           strcmp(a->redis.user, b->redis.user) != 0 ||
           strcmp(a->redis.password, b->redis.password) != 0;
}

static bool differs_in_words(const char *const *a, const char *const *b)
{
    if (!a || !b)
        return a != b;
    while (*a && *b && strcmp(*a, *b) == 0)
        a++, b++;
    return *a || *b;
}

/* Who is told of alarms: lists, which no row holds either. */
static bool differs_in_alerts(const struct alert_settings *a, const struct alert_settings *b)
{
    if (a->alertmanager_count != b->alertmanager_count || a->webhook_count != b->webhook_count)
        return true;
    for (size_t i = 0; i < a->alertmanager_count; i++)
        if (!str_eq(a->alertmanagers[i], b->alertmanagers[i]))
            return true;
    for (size_t i = 0; i < a->webhook_count; i++)
        if (!str_eq(a->webhooks[i].url, b->webhooks[i].url) ||
            !str_eq(a->webhooks[i].key, b->webhooks[i].key))
            return true;
    return differs_in_words(a->exec, b->exec) || !str_eq(a->link, b->link);
}

static bool differs_by_hand(const struct drift_settings *a, const struct drift_settings *b)
{
    if (a->by_hand_count != b->by_hand_count)
        return true;
    for (size_t i = 0; i < a->by_hand_count; i++)
        if (!str_eq(a->by_hand[i], b->by_hand[i]))
            return true;
    return false;
}

static bool differs(const struct schema_row *row, const struct settings *a,
                    const struct settings *b)
{
    const void *one = (const char *)a + row->at, *other = (const char *)b + row->at;

    if (strcmp(row->path, "cache.redis") == 0)
        return differs_in_redis(a, b);
    if (strcmp(row->path, "alerts") == 0)
        return differs_in_alerts(&a->alerts, &b->alerts);
    if (strcmp(row->path, "drift.by_hand") == 0)
        return differs_by_hand(&a->drift, &b->drift);
    if (row->change != AT_START || row->size == 0)
        return false;
    if (is_text(row->kind))
        return !str_eq(*(const struct str *)one, *(const struct str *)other);
    return memcmp(one, other, row->size) != 0;
}

const struct schema_row *fixed_next(const struct settings *now, const struct settings *next,
                                    const struct schema_row *previous)
{
    const struct schema_row *row = previous ? previous + 1 : config_rows();

    while (row->path && !differs(row, now, next))
        row++;
    return row->path ? row : NULL;
}

void fixed_warn(const struct settings *now, const struct settings *next)
{
    const struct schema_row *row = NULL;

    while ((row = fixed_next(now, next, row)))
        log_warn("reload_needs_restart", F_TEXT("setting", row->path));
}
