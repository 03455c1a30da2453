/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a model's answers are counted by: labels, or bins named by their upper bounds. The words
 * are made here, once, so that counting an answer only points at one of them. Their number is
 * bounded, because each becomes a series of a metric and a field of a hash in Redis.
 */

#include "config_build.h"
#include "schema.h"
#include "value.h"

enum { MOST_VALUES = PREDICTION_VALUES - 2 }; /* other words of a prediction need room */

static const char PREFIX[] = "models.<name>.predictions[]";

static bool is_reserved(struct str name)
{
    return str_eq(name, STR("finish_reason")) || str_eq(name, STR("output_tokens")) ||
           str_eq(name, STR("refusal"));
}

static void check_name(struct config_build *b, const struct yaml_node *list,
                       const struct yaml_node *node)
{
    const struct yaml_node *name = yaml_at(node, STR("name"));

    if (!name || name->kind != YAML_TEXT)
        return;
    if (is_reserved(name->text))
        config_fault(b->report, name, "this prediction is always there: take another name");
    for (const struct yaml_node *other = list->first; other != node; other = other->next) {
        const struct yaml_node *taken = yaml_at(other, STR("name"));

        if (taken && str_eq(taken->text, name->text)) {
            config_fault(b->report, name, "the name is taken (line %u)", taken->line);
            return;
        }
    }
}

static bool has_values(struct config_build *b, const struct yaml_node *list, const char *what)
{
    if (!list || list->kind != YAML_LIST)
        return false;
    if (list->count > MOST_VALUES) {
        config_fault(b->report, list, "has more than %d %s", MOST_VALUES, what);
        return false;
    }
    return true;
}

static void add_labels(struct config_build *b, const struct yaml_node *list,
                       struct prediction *p)
{
    struct arena *arena = &b->config->plan->arena;
    struct str *labels;

    if (!has_values(b, list, "labels"))
        return;
    labels = arena_take(arena, (list->count + 1) * sizeof(*labels));
    yaml_each(member, list)
    {
        for (size_t i = 0; i < p->label_count; i++) {
            if (str_eq(labels[i], member->text)) {
                config_fault(b->report, member, "the label stands here twice");
                break;
            }
        }
        labels[p->label_count++] = arena_copy(arena, member->text);
    }
    p->labels = labels;
}

static void add_bins(struct config_build *b, const struct yaml_node *list, struct prediction *p)
{
    struct arena *arena = &b->config->plan->arena;
    struct str *words;
    double *bounds;

    if (!has_values(b, list, "bins"))
        return;
    bounds = arena_take(arena, (list->count + 1) * sizeof(*bounds));
    words = arena_take(arena, (list->count + 1) * sizeof(*words));
    yaml_each(member, list)
    {
        size_t i = p->bound_count;

        if (member->kind != YAML_TEXT || !value_number(member->text, &bounds[i]))
            continue;
        if (i > 0 && !(bounds[i] > bounds[i - 1]))
            config_fault(b->report, member, "bins must rise: each above the one before it");
        words[i] = arena_printf(arena, "le_%.*s", STR_ARG(member->text));
        words[i + 1] = arena_printf(arena, "gt_%.*s", STR_ARG(member->text));
        p->bound_count++;
    }
    p->bounds = bounds;
    p->bound_words = words;
}

/* A length without bins has those of output_tokens. */
static void add_usual_bins(struct config_build *b, struct prediction *p)
{
    static const double bounds[] = { 1, 4, 16, 64, 256, 1024, 4096, 16384, 65536 };
    enum { COUNT = sizeof(bounds) / sizeof(*bounds) };
    struct arena *arena = &b->config->plan->arena;
    struct str *words = arena_take(arena, (COUNT + 1) * sizeof(*words));

    for (size_t i = 0; i < COUNT; i++)
        words[i] = arena_printf(arena, "le_%u", (unsigned)bounds[i]);
    words[COUNT] = arena_printf(arena, "gt_%u", (unsigned)bounds[COUNT - 1]);
    p->bounds = bounds;
    p->bound_words = words;
    p->bound_count = COUNT;
}

static void read_prediction(struct config_build *b, const struct yaml_node *node,
                            struct prediction *p)
{
    const struct schema_row *row = schema_child(PREFIX, STR("kind"));
    const struct yaml_node *kind = yaml_at(node, STR("kind"));
    const struct yaml_node *labels = yaml_at(node, STR("labels"));
    const struct yaml_node *bins = yaml_at(node, STR("bins"));

    schema_store(PREFIX, node, p, &b->config->plan->arena);
    if (!kind || schema_verdict(row, kind->text) != SCHEMA_GOOD)
        return;
    if (p->kind == PREDICTION_LABEL) {
        if (!labels)
            config_fault_key(b->report, node, "labels",
                             "is missing: which are there? [yes, no]");
        if (bins)
            config_fault(b->report, bins, "belongs to the kinds number and length");
        add_labels(b, labels, p);
        return;
    }
    if (labels)
        config_fault(b->report, labels, "belongs to the kind label");
    if (bins)
        add_bins(b, bins, p);
    else if (p->kind == PREDICTION_LENGTH)
        add_usual_bins(b, p);
    else
        config_fault_key(b->report, node, "bins", "is missing: which bounds? [0.5, 0.9]");
}

void config_predictions(struct config_build *b, const struct yaml_node *list, struct model *m)
{
    struct arena *arena = &b->config->plan->arena;

    if (!list || list->kind != YAML_LIST)
        return;
    m->predictions = arena_take(arena, (list->count + 1) * sizeof(*m->predictions));
    yaml_each(node, list)
    {
        if (node->kind != YAML_MAP)
            continue;
        check_name(b, list, node);
        read_prediction(b, node, &m->predictions[m->prediction_count++]);
    }
}
