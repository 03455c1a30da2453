/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What serves when no route does, and when an answer is good enough: the parts of a model that
 * lean on other models, on rules and on predictions. Read when all of those stand.
 */

#include "config_build.h"
#include "value.h"

static const struct fallback only_stale[] = { { .kind = FALLBACK_STALE } };

/* ---- accept_if ---------------------------------------------------------------------------- */

static const struct str *copy_texts(struct arena *arena, const struct yaml_node *list,
                                    size_t *n)
{
    struct str *texts;

    if (!list || list->kind != YAML_LIST)
        return NULL;
    texts = arena_take(arena, (list->count + 1) * sizeof(*texts));
    yaml_each(member, list)
    {
        texts[(*n)++] = arena_copy(arena, member->text);
    }
    return texts;
}

static bool read_bound(const struct yaml_node *node, const char *key, double *out)
{
    const struct yaml_node *n = yaml_at(node, str_of(key));

    return n && n->kind == YAML_TEXT && value_number(n->text, out);
}

static const struct prediction *find_prediction(struct config_build *b, const struct model *m,
                                                const struct yaml_node *name)
{
    AUTO(map_free) struct map *names = map_new();
    char hint[CONFIG_WORDS], shown[CONFIG_WORDS];

    if (name->kind != YAML_TEXT || name->broken)
        return NULL;
    for (size_t i = 0; i < m->watch->prediction_count; i++) {
        const struct prediction *p = &m->watch->predictions[i];

        if (str_eq(p->name, name->text) && p->of_request)
            config_fault(b->report, name,
                         "that prediction is of the request: no answer has it");
        if (str_eq(p->name, name->text))
            return p;
        (void)map_put(names, p->name, names);
    }
    config_fault(b->report, name, "this model has no prediction named %s%s",
                 config_shown(name, shown), config_hint(names, name->text, hint));
    return NULL;
}

/* A word that the prediction never has would make the test pointless. */
static void check_words(struct config_build *b, const struct yaml_node *list,
                        const struct prediction *p)
{
    AUTO(map_free) struct map *names = map_new();
    char hint[CONFIG_WORDS], shown[CONFIG_WORDS];

    for (size_t i = 0; i < p->label_count; i++)
        (void)map_put(names, p->labels[i], names);
    for (size_t i = 0; p->bound_count > 0 && i <= p->bound_count; i++)
        (void)map_put(names, p->bound_words[i], names);
    if (p->kind == PREDICTION_LABEL || p->kind == PREDICTION_TOOL)
        (void)map_put(names, STR("other"), names);
    yaml_each(word, list)
    {
        if (word->kind == YAML_TEXT && !word->broken && !map_get(names, word->text))
            config_fault(b->report, word, "that prediction is never %s%s",
                         config_shown(word, shown), config_hint(names, word->text, hint));
    }
}

static void check_tests(struct config_build *b, const struct yaml_node *node,
                        const struct accept *a)
{
    const struct prediction *p = a->prediction;
    bool bounds = a->has_least || a->has_most;

    if (!yaml_at(node, STR("at_least")) && !yaml_at(node, STR("at_most")) &&
        a->is_count + a->is_not_count == 0)
        config_fault(b->report, node, "tests nothing: give it at_least, at_most, is or is_not");
    if (a->has_least && a->has_most && a->at_least > a->at_most)
        config_fault_key(b->report, node, "at_least", "is above at_most: nothing fits");
    if (p && bounds && p->kind != PREDICTION_NUMBER)
        config_fault(b->report, node,
                     "at_least and at_most are for predictions of the kind number");
    if (p && !bounds) {
        check_words(b, yaml_at(node, STR("is")), p);
        check_words(b, yaml_at(node, STR("is_not")), p);
    }
}

struct accept *config_accept(struct config_build *b, const struct yaml_node *node,
                             const struct model *m)
{
    struct arena *arena = &b->config->plan->arena;
    const struct yaml_node *pointer = yaml_at(node, STR("pointer"));
    const struct yaml_node *prediction = yaml_at(node, STR("prediction"));
    struct accept *a;

    if (!node || node->kind != YAML_MAP)
        return NULL;
    a = ARENA_NEW(arena, struct accept);
    if ((pointer != NULL) == (prediction != NULL))
        config_fault(b->report, node, "needs either pointer: or prediction:");
    if (pointer && pointer->kind == YAML_TEXT)
        a->pointer = arena_copy(arena, pointer->text);
    if (prediction)
        a->prediction = find_prediction(b, m, prediction);
    a->has_least = read_bound(node, "at_least", &a->at_least);
    a->has_most = read_bound(node, "at_most", &a->at_most);
    a->is = copy_texts(arena, yaml_at(node, STR("is")), &a->is_count);
    a->is_not = copy_texts(arena, yaml_at(node, STR("is_not")), &a->is_not_count);
    check_tests(b, node, a);
    return a;
}

/* ---- fallback ------------------------------------------------------------------------------- */

static void add_model(struct config_build *b, const struct yaml_node *name,
                      const struct model *m, struct fallback *f)
{
    const struct map *all = b->config->plan->models;
    const struct model *other = map_get(all, name->text);
    char hint[CONFIG_WORDS], shown[CONFIG_WORDS];

    if (!other)
        config_fault(b->report, name, "no model named %s%s", config_shown(name, shown),
                     config_hint(all, name->text, hint));
    else if (other == m)
        config_fault(b->report, name, "a model cannot stand in for itself");
    else
        *f = (struct fallback){ FALLBACK_MODEL, other->name, other->routes,
                                other->route_count };
}

static void add_rules(struct config_build *b, const struct yaml_node *name, struct fallback *f)
{
    struct plan *plan = b->config->plan;
    struct upstream *u = map_get(plan->rules, name->text);
    struct route *route;
    char hint[CONFIG_WORDS], shown[CONFIG_WORDS];

    if (!u) {
        config_fault(b->report, name, "no rules named %s%s", config_shown(name, shown),
                     config_hint(plan->rules, name->text, hint));
        return;
    }
    route = ARENA_NEW(&plan->arena, struct route);
    route->upstream = u;
    *f = (struct fallback){ FALLBACK_RULES, str_of(u->name), route, 1 };
}

static void add_fallback(struct config_build *b, const struct yaml_node *node,
                         const struct model *m, struct fallback *f)
{
    const struct yaml_node *model = yaml_at(node, STR("model"));
    const struct yaml_node *rules = yaml_at(node, STR("rules"));

    *f = (struct fallback){ .kind = FALLBACK_STALE };
    if (node->kind != YAML_MAP)
        return; /* told by the check */
    if ((model != NULL) == (rules != NULL))
        config_fault(b->report, node, "expected {model: some-model} or {rules: some-rules}");
    if (model && model->kind == YAML_TEXT && !model->broken)
        add_model(b, model, m, f);
    if (rules && rules->kind == YAML_TEXT && !rules->broken)
        add_rules(b, rules, f);
}

void config_fallbacks(struct config_build *b, const struct yaml_node *node, struct model *m)
{
    const struct yaml_node *list = yaml_at(node, STR("fallback"));
    struct fallback *all;

    m->fallbacks = only_stale;
    m->fallback_count = 1;
    if (!list || list->kind != YAML_LIST)
        return;
    all = arena_take(&b->config->plan->arena, (list->count + 1) * sizeof(*all));
    m->fallbacks = all;
    m->fallback_count = 0;
    yaml_each(member, list)
    {
        add_fallback(b, member, m, &all[m->fallback_count++]);
    }
}
