/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/route/plan.h"

#include "weir/base/buf.h"
#include "weir/base/ensure.h"
#include "weir/base/escape.h"
#include "weir/base/mem.h"
#include "weir/base/utf8.h"
#include "weir/upstream/pool.h"

#include <inttypes.h>
#include <stdlib.h>

struct plan *plan_new(void)
{
    static _Atomic uint64_t generations;
    struct plan *p = MEM_NEW(struct plan);

    atomic_init(&p->refs, 1);
    p->generation = atomic_fetch_add(&generations, 1) + 1;
    p->upstreams = map_new();
    p->models = map_new();
    p->rules = map_new();
    p->tenants = tenants_new();
    arena_init(&p->arena, 0);
    return p;
}

/* The rules are the plan's. An upstream in `upstreams` that answers by rules only borrows. */
static void free_rules(struct upstream *u)
{
    rules_free((struct rules *)(uintptr_t)u->rules);
    upstream_free(u);
}

static struct pool *find_pool(const struct plan *p, struct str name)
{
    const struct upstream *u = p ? map_get(p->upstreams, name) : NULL;

    return u ? u->pool : NULL;
}

static void adopt_segments(struct plan *p, const struct plan *previous)
{
    for (size_t i = 0; i < map_size(p->models); i++) {
        const struct model *m = map_value_at(p->models, i);
        const struct model *old = map_get(previous->models, m->name);

        if (old && m->watch && old->watch)
            watchlist_adopt(m->watch, old->watch);
    }
}

void plan_open(struct plan *p, const struct plan *previous)
{
    if (previous)
        adopt_segments(p, previous);
    for (size_t i = 0; i < map_size(p->upstreams); i++) {
        struct upstream *u = map_value_at(p->upstreams, i);
        struct str name = str_of(u->name);
        struct pool *pool = find_pool(previous, name);

        ensure(!u->pool);
        if (u->rules)
            continue; /* it answers here: nobody is called */
        u->pool = pool ? pool_ref(pool) : pool_new(name);
        pool_configure(u->pool, u);
    }
}

struct plan *plan_ref(struct plan *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void plan_unref(struct plan *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < map_size(p->upstreams); i++)
        upstream_free(map_value_at(p->upstreams, i));
    for (size_t i = 0; i < map_size(p->rules); i++)
        free_rules(map_value_at(p->rules, i));
    for (size_t i = 0; i < map_size(p->models); i++)
        watchlist_unref(((struct model *)map_value_at(p->models, i))->watch);
    if (p->any)
        watchlist_unref(p->any->watch);
    map_free(p->upstreams);
    map_free(p->models);
    map_free(p->rules);
    tenants_free(p->tenants);
    arena_deinit(&p->arena);
    free(p);
}

/*
 * May a name that is not configured be handed on? It goes into headers, into Redis' keys and to
 * the upstream, so it must be a line of text, and no longer than a configured one may be.
 */
static bool may_travel(struct str name)
{
    size_t at = 0;

    while (at < name.len) {
        size_t len = utf8_length(name.at + at, name.len - at);

        if (len == 0 || (unsigned char)name.at[at] < ' ' || name.at[at] == 0x7f)
            return false;
        at += len;
    }
    return name.len > 0 && name.len <= PLAN_MODEL_BYTES;
}

const struct model *plan_model(const struct plan *p, struct str name)
{
    const struct model *m = map_get(p->models, name);

    if (m || !p->any)
        return m;
    return may_travel(name) ? p->any : NULL;
}

struct str model_version(const struct model *m, struct str upstream_model)
{
    for (size_t i = 0; i < m->route_count; i++)
        if (str_eq(m->routes[i].model, upstream_model))
            return upstream_model;
    return m->name;
}

static const struct fallback stale_only = { .kind = FALLBACK_STALE };

/* Escaped, so that no name can be taken for two: the text is part of a cache key. */
void plan_describe(struct plan *p, struct model *m)
{
    struct buf text = { 0 };
    enum err err = OK;

    if (!m->fallbacks) {
        m->fallbacks = &stale_only;
        m->fallback_count = 1;
    }
    for (size_t i = 0; i < m->route_count && !err; i++) {
        const struct route *r = &m->routes[i];

        buf_put_text(&text, i > 0 ? "|" : "");
        err = escape_add(&text, str_of(r->upstream->name));
        buf_put_text(&text, "=");
        if (!err)
            err = escape_add(&text, r->model);
        if (!err && r->accept)
            err = accept_put(r->accept, &text);
        if (r->upstream->rules)
            buf_put_printf(&text, "#%016" PRIx64, rules_mark(r->upstream->rules));
    }
    ensure(!err); /* the buffer has no ceiling */
    m->text = arena_copy(&p->arena, buf_str(&text));
    buf_deinit(&text);
}
