/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The names that clients ask for, and the routes to those who answer. Upstreams stand by now,
 * so that a route is a pointer to one, or a fault with the nearest name as a hint. What other
 * names get, default_upstream, is a model too: it has no name of its own, and hands on the
 * caller's.
 */

#include "config_build.h"
#include "schema.h"
#include "value.h"

static const char PREFIX[] = "models.<name>";

static struct upstream *find_upstream(struct config_build *b, const struct yaml_node *n)
{
    const struct map *all = b->config->plan->upstreams;
    struct upstream *u;
    char hint[CONFIG_WORDS], shown[CONFIG_WORDS];

    if (!n || n->kind != YAML_TEXT || n->broken || n->text.len == 0)
        return NULL;
    u = map_get(all, n->text);
    if (!u)
        config_fault(b->report, n, "no upstream named %s%s", config_shown(n, shown),
                     config_hint(all, n->text, hint));
    return u;
}

static void add_routes(struct config_build *b, const struct yaml_node *list, struct model *m)
{
    struct arena *arena = &b->config->plan->arena;

    if (!list || list->kind != YAML_LIST)
        return;
    m->routes = arena_take(arena, (list->count + 1) * sizeof(struct route));
    yaml_each(node, list)
    {
        struct route *r = &m->routes[m->route_count];

        r->upstream = find_upstream(b, yaml_at(node, STR("upstream")));
        schema_store("models.<name>.routes[]", node, r, arena);
        r->accept = config_accept(b, yaml_at(node, STR("accept_if")), m);
        if (r->upstream)
            m->route_count++;
    }
}

static void check_limits(struct config_build *b, const struct yaml_node *node,
                         const struct model *m)
{
    const struct yaml_node *within = yaml_at(node, STR("respond_within"));
    const struct yaml_node *cost = yaml_at(node, STR("max_cost"));
    bool priced = false;

    if (within && m->respond_within_us > 0 && m->respond_within_us >= m->deadline_us)
        config_fault(b->report, within, "must be shorter than the model's deadline");
    for (size_t i = 0; i < m->route_count; i++)
        priced = priced || price_is_known(&m->routes[i].price);
    if (cost && !priced)
        config_warn(b->report, cost,
                    "limits nothing, since no route of this model has a price");
}

static void read_model(struct config_build *b, const struct yaml_node *node)
{
    struct plan *plan = b->config->plan;
    struct model *m = ARENA_NEW(&plan->arena, struct model);

    if (node->key.len > 128 || !value_is_text(node->key))
        config_fault(b->report, node, "a name has 1 to 128 characters, no control characters");
    m->name = arena_copy(&plan->arena, node->key);
    schema_store(PREFIX, node, m, &plan->arena);
    m->watch = watchlist_new(m->name);
    config_predictions(b, yaml_at(node, STR("predictions")), m);
    config_schemas(b, yaml_at(node, STR("schema")), m);
    config_segments(b, yaml_at(node, STR("segments")), m);
    watchlist_seal(m->watch);
    add_routes(b, yaml_at(node, STR("routes")), m);
    check_limits(b, node, m);
    plan_describe(plan, m);
    (void)map_put(plan->models, node->key, m);
}

/* One model for all other names: its single route hands the name on as it is. */
static void read_default(struct config_build *b, const struct yaml_node *n)
{
    struct plan *plan = b->config->plan;
    struct upstream *u = find_upstream(b, n);
    struct model *m;

    if (!u)
        return;
    m = ARENA_NEW(&plan->arena, struct model);
    m->name = STR("*");
    m->watch = watchlist_new(m->name);
    schema_store(PREFIX, NULL, m, &plan->arena);
    config_fallbacks(b, NULL, m);
    m->routes = ARENA_NEW(&plan->arena, struct route);
    m->routes[0].upstream = u;
    m->route_count = 1;
    plan_describe(plan, m);
    plan->any = m;
}

void config_models(struct config_build *b)
{
    const struct yaml_node *all = yaml_at(b->root, STR("models"));
    const struct yaml_node *other = yaml_at(b->root, STR("default_upstream"));

    if (!all && !other)
        config_fault_line(
            b->report, 1,
            "models: is missing: which names may clients ask for? "
            "{some-name: {routes: [{upstream: ...}]}}, or default_upstream for all");
    if (all && all->kind == YAML_MAP) {
        yaml_each(node, all)
        {
            read_model(b, node);
        }
        yaml_each(node, all)
        {
            config_fallbacks(b, node, map_get(b->config->plan->models, node->key));
        }
    }
    if (other)
        read_default(b, other);
}
