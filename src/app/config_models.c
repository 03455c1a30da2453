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
        if (r->upstream)
            m->route_count++;
    }
}

static void read_model(struct config_build *b, const struct yaml_node *node)
{
    struct plan *plan = b->config->plan;
    struct model *m = ARENA_NEW(&plan->arena, struct model);

    if (node->key.len > 128 || !value_is_text(node->key))
        config_fault(b->report, node, "a name has 1 to 128 characters, no control characters");
    m->name = arena_copy(&plan->arena, node->key);
    schema_store(PREFIX, node, m, &plan->arena);
    add_routes(b, yaml_at(node, STR("routes")), m);
    config_predictions(b, yaml_at(node, STR("predictions")), m);
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
    schema_store(PREFIX, NULL, m, &plan->arena);
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
    }
    if (other)
        read_default(b, other);
}
