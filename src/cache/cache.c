/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/cache/cache.h"

#include "weir/base/clock.h"
#include "weir/base/mem.h"
#include "weir/base/metric.h"

#include <stdlib.h>

static void count(const struct cache *c, struct str tier, struct str result)
{
    metric_add(loop_shard(c->loop), METRIC_LOOKUPS, 1, METRIC_LABEL(tier, result));
}

/* ---- trust ------------------------------------------------------------------------- */

enum trust {
    TRUSTED,
    AGEING,  /* good for now, but it is time to look */
    DOUBTED, /* must not be served before Redis has been asked */
};

static enum trust trust_in(const struct cache *c, struct entry *e)
{
    uint64_t verified_us = atomic_load_explicit(&e->verified_us, memory_order_relaxed);
    uint64_t now_us;

    if (!c->remote || !atomic_load_explicit(&e->shared, memory_order_relaxed) ||
        !remote_is_up(c->remote))
        return TRUSTED;
    now_us = clock_now_us();
    if (now_us >= verified_us + CACHE_TRUST_US)
        return DOUBTED;
    return now_us >= verified_us + CACHE_TRUST_US / 2 ? AGEING : TRUSTED;
}

/* A look in the background; nobody waits for it, so it may outlive the worker's cache. */
struct verification {
    struct remote_op op;
    struct memory *memory; /* lent, as the cache's: it outlives all links */
    struct entry *entry;   /* one reference */
};

static void on_renewed(struct remote_op *op, struct entry *found)
{
    struct verification *v = container_of(op, struct verification, op);

    if (!found && !op->away)
        memory_drop_entry(v->memory, v->entry);
    entry_unref(found);
    atomic_store(&v->entry->verifying, false);
    entry_unref(v->entry);
    free(v);
}

static void renew(struct cache *c, struct entry *e)
{
    struct verification *v;

    if (atomic_exchange(&e->verifying, true))
        return;
    v = MEM_NEW(struct verification);
    v->memory = c->memory;
    v->entry = entry_ref(e);
    remote_verify(c->remote, &v->op, e, on_renewed);
}

/* May `e`, found in memory, be served as it is? */
static bool is_good(struct cache *c, struct entry *e, uint64_t wall_ms)
{
    enum trust trust;

    if (entry_ttl_ms(e, wall_ms) <= 0)
        return false;
    trust = trust_in(c, e);
    if (trust == AGEING)
        renew(c, e);
    return trust != DOUBTED;
}

/* ---- the quick ways ---------------------------------------------------------------- */

struct entry *cache_peek(struct cache *c, const struct digest *key)
{
    AUTO(entry_unref) struct entry *e = NULL;
    uint64_t wall_ms = clock_wall_ms();

    if (c->memory)
        e = memory_get(c->memory, key, wall_ms);
    if (!e || !is_good(c, e, wall_ms))
        return NULL;
    count(c, STR("memory"), STR("hit"));
    return steal(&e);
}

struct entry *cache_recall(struct cache *c, const struct digest *raw, uint64_t *facts)
{
    struct digest key;

    if (!c->memory || !memory_alias_get(c->memory, raw, &key, facts))
        return NULL;
    return cache_peek(c, &key);
}

/* ---- look up ----------------------------------------------------------------------- */

static void finish(struct cache_lookup *op, struct entry *found, enum cache_tier tier)
{
    entry_unref(op->held);
    op->held = NULL;
    if (op->cancelled) {
        entry_unref(found);
        found = NULL;
    }
    op->on_done(op, found, found ? tier : CACHE_NONE);
}

static void finish_with_held(struct cache_lookup *op)
{
    finish(op, steal(&op->held), CACHE_MEMORY);
}

/* Neither tier is to be asked any more: the end comes in a turn of its own. */
static void on_turn(struct deferred *turn)
{
    finish_with_held(container_of(turn, struct cache_lookup, turn));
}

static void on_found(struct remote_op *remote, struct entry *found)
{
    struct cache_lookup *op = container_of(remote, struct cache_lookup, remote);
    struct cache *c = op->cache;
    bool held_stands = op->held && (remote->away || !atomic_load(&op->held->shared));

    op->waiting_remote = false;
    if (op->cancelled) {
        finish(op, found, CACHE_NONE);
        return;
    }
    op->lease = remote->lease;
    op->lease_left_ms = remote->lease_left_ms;
    count(c, STR("redis"), found ? STR("hit") : remote->away ? STR("error") : STR("miss"));
    if (!found && held_stands) {
        finish_with_held(op);
        return;
    }
    if (op->held)
        memory_drop_entry(c->memory, op->held);
    if (found && c->memory)
        memory_put(c->memory, found);
    finish(op, found, CACHE_REDIS);
}

static void ask_remote(struct cache_lookup *op)
{
    op->waiting_remote = true;
    remote_look_up(op->cache->remote, &op->remote, &op->asked, op->has_wish ? &op->wish : NULL,
                   on_found);
}

static void on_verified(struct remote_op *remote, struct entry *found)
{
    struct cache_lookup *op = container_of(remote, struct cache_lookup, remote);

    op->waiting_remote = false;
    if (op->cancelled || found) {
        finish(op, found, CACHE_MEMORY);
        return;
    }
    memory_drop_entry(op->cache->memory, op->held);
    entry_unref(op->held);
    op->held = NULL;
    ask_remote(op);
}

void cache_look_up(struct cache *c, struct cache_lookup *op, const struct entry_facts *asked,
                   const struct lease_wish *wish, cache_lookup_fn *on_done)
{
    uint64_t wall_ms = clock_wall_ms();
    bool fresh;

    *op = (struct cache_lookup){ .on_done = on_done, .cache = c, .asked = *asked };
    if (wish) {
        op->has_wish = true;
        op->wish = *wish;
    }
    if (c->memory)
        op->held = memory_get(c->memory, &asked->key, wall_ms);
    fresh = op->held && entry_ttl_ms(op->held, wall_ms) > 0 &&
            (!wish || op->held->facts.created_ms >= wish->not_before_ms);
    if (c->memory)
        count(c, STR("memory"), fresh ? STR("hit") : STR("miss"));

    if (!c->remote || (fresh && is_good(c, op->held, wall_ms))) {
        loop_defer(c->loop, &op->turn, on_turn);
    } else if (fresh) {
        op->waiting_remote = true;
        remote_verify(c->remote, &op->remote, op->held, on_verified);
    } else {
        ask_remote(op);
    }
}

void cache_lookup_cancel(struct cache_lookup *op)
{
    if (op->cancelled)
        return;
    op->cancelled = true;
    if (op->waiting_remote)
        remote_cancel(&op->remote);
}

/* ---- store ------------------------------------------------------------------------- */

static bool store_in_memory(struct cache *c, struct entry *e)
{
    bool fits = (c->most_bytes == 0 || e->facts.body.len <= c->most_bytes) &&
                memory_put(c->memory, e);

    metric_add(loop_shard(c->loop), METRIC_STORES, 1,
               METRIC_LABEL(STR("memory"), fits ? STR("stored") : STR("too_large")));
    return fits;
}

bool cache_store(struct cache *c, struct entry *e)
{
    /* Redis first: it marks the entry, which others see as soon as memory has it. */
    bool sent = c->remote && remote_store(c->remote, e, loop_shard(c->loop));

    return (c->memory && store_in_memory(c, e)) || sent;
}
