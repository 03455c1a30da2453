/* SPDX-License-Identifier: Apache-2.0 */
#include "fixed.h"

#include "weir/base/log.h"

#include <string.h>

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

static bool differs_in_redis(const struct settings *a, const struct settings *b)
{
    return a->redis_on != b->redis_on || !str_eq(a->redis_prefix, b->redis_prefix) ||
           differs_in_places(&a->redis, &b->redis) || a->redis.database != b->redis.database ||
           a->redis.timeout_us != b->redis.timeout_us ||
           strcmp(a->redis.user, b->redis.user) != 0 ||
           strcmp(a->redis.password, b->redis.password) != 0;
}

void fixed_warn(const struct settings *now, const struct settings *next)
{
    const struct {
        const char *name;
        bool differs;
    } fixed[] = {
        { "server.listen", !str_eq(now->listen, next->listen) },
        { "server.workers", now->workers != next->workers },
        { "server.max_connections", now->max_connections != next->max_connections },
        { "server.max_in_flight", now->max_in_flight != next->max_in_flight },
        { "server.max_memory", now->max_memory_bytes != next->max_memory_bytes },
        { "server.share_port", now->share_port != next->share_port },
        { "server.drain.delay", now->drain_delay_us != next->drain_delay_us },
        { "server.drain.timeout", now->drain_timeout_us != next->drain_timeout_us },
        { "admin.listen", !str_eq(now->admin_listen, next->admin_listen) },
        { "log.format", now->log_format != next->log_format },
        { "log.level", now->log_level != next->log_level },
        { "cache.memory", now->cache_memory_bytes != next->cache_memory_bytes },
        { "cache.max_entry", now->cache_entry_bytes != next->cache_entry_bytes },
        { "cache.store_requests", now->store_requests != next->store_requests },
        { "cache.coalesce", now->coalesce_alone != next->coalesce_alone },
        { "cache.coalesce_streams", now->coalesce_streams != next->coalesce_streams },
        { "cache.redis", differs_in_redis(now, next) },
    };

    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        if (fixed[i].differs)
            log_warn("reload_needs_restart", F_TEXT("setting", fixed[i].name));
}
