/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a model's answers are counted by: labels, or bins named by their upper bounds. The words
 * are made here, once, so that counting an answer only points at one of them. Their number is
 * bounded, because each becomes a series of a metric and a field of a hash in Redis.
 */

#include "config_build.h"
#include "schema.h"
#include "value.h"
#include "weir/dialect/pattern.h"
#include "weir/watch/watch.h"

enum { MOST_VALUES = 64 }; /* each is a series, and a field of a hash */

static const char PREFIX[] = "models.<name>.predictions[]";

static void check_name(struct config_build *b, const struct yaml_node *list,
                       const struct yaml_node *node)
{
    const struct yaml_node *name = yaml_at(node, STR("name"));

    if (!name || name->kind != YAML_TEXT)
        return;
    if (watch_is_built_in(name->text))
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
                       struct arena *arena, struct prediction *p)
{
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

static void add_bins(struct config_build *b, const struct yaml_node *list, struct arena *arena,
                     struct prediction *p)
{
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

/* ---- what belongs to which kind ---- */

static bool has_labels(const struct prediction *p)
{
    return p->kind == PREDICTION_LABEL || p->kind == PREDICTION_TOOL;
}

static bool has_bins(const struct prediction *p)
{
    return p->kind == PREDICTION_NUMBER || p->kind == PREDICTION_LENGTH;
}

/* Kinds that look for what they read themselves. */
static bool finds_itself(const struct prediction *p)
{
    return p->kind == PREDICTION_TOOL || p->kind == PREDICTION_CONFIDENCE;
}

static void check_kind(struct config_build *b, const struct yaml_node *node,
                       const struct prediction *p)
{
    const struct yaml_node *labels = yaml_at(node, STR("labels"));
    const struct yaml_node *bins = yaml_at(node, STR("bins"));
    const struct yaml_node *match = yaml_at(node, STR("match"));

    if (labels && !has_labels(p))
        config_fault(b->report, labels, "belongs to the kinds label and tool");
    if (!labels && p->kind == PREDICTION_LABEL)
        config_fault_key(b->report, node, "labels", "is missing: which are there? [yes, no]");
    if (bins && !has_bins(p))
        config_fault(b->report, bins, "belongs to the kinds number and length");
    if (match && p->kind != PREDICTION_LABEL)
        config_fault(b->report, match, "belongs to the kind label");
}

static void check_place(struct config_build *b, const struct yaml_node *node,
                        const struct prediction *p)
{
    const struct yaml_node *from = yaml_at(node, STR("from"));
    const struct yaml_node *of = yaml_at(node, STR("of"));

    if (from && finds_itself(p))
        config_fault(b->report, from, "this kind finds its place itself: leave it out");
    if (!from && p->kind == PREDICTION_NUMBER)
        config_fault_key(b->report, node, "from", "is missing: where is it? /score");
    if (p->of_request && finds_itself(p))
        config_fault(b->report, of, "this kind reads answers");
}

static void add_pattern(struct config_build *b, const struct yaml_node *node,
                        struct arena *arena, struct prediction *p)
{
    struct fault why = { 0 };

    if (!node || node->kind != YAML_TEXT || node->broken || p->kind != PREDICTION_LABEL)
        return;
    p->match_text = arena_copy(arena, node->text);
    if (pattern_new(&p->match, node->text, &why))
        config_fault(b->report, node, "%s", why.text);
}

static void read_prediction(struct config_build *b, const struct yaml_node *node,
                            struct arena *arena, struct prediction *p)
{
    const struct schema_row *row = schema_child(PREFIX, STR("kind"));
    const struct yaml_node *kind = yaml_at(node, STR("kind"));
    const struct yaml_node *from = yaml_at(node, STR("from"));
    const struct yaml_node *bins = yaml_at(node, STR("bins"));

    schema_store(PREFIX, node, p, arena);
    if (!from)
        p->from = (struct str){ 0 };
    if (!kind || schema_verdict(row, kind->text) != SCHEMA_GOOD)
        return;
    check_kind(b, node, p);
    check_place(b, node, p);
    if (has_labels(p))
        add_labels(b, yaml_at(node, STR("labels")), arena, p);
    if (has_bins(p) && bins)
        add_bins(b, bins, arena, p);
    add_pattern(b, yaml_at(node, STR("match")), arena, p);
    prediction_complete(p);
}

void config_predictions(struct config_build *b, const struct yaml_node *list, struct model *m)
{
    struct watchlist *watch = m->watch;

    if (!list || list->kind != YAML_LIST)
        return;
    if (list->count > WATCHLIST_PREDICTIONS) {
        config_fault(b->report, list, "has more than %d predictions", WATCHLIST_PREDICTIONS);
        return;
    }
    watch->predictions = arena_take(&watch->arena,
                                    (list->count + 1) * sizeof(*watch->predictions));
    yaml_each(node, list)
    {
        if (node->kind != YAML_MAP)
            continue;
        check_name(b, list, node);
        read_prediction(b, node, &watch->arena, &watch->predictions[watch->prediction_count++]);
    }
}
