/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Models made of patterns. Each set of rules becomes an upstream of its own, which answers
 * without a call: fallbacks are routes to it, and upstreams of dialect rules borrow its rules.
 * A set may lie in a file beside the configuration, where the same rows hold; faults in it are
 * told with that file's lines.
 */

#include "config_build.h"
#include "config_check.h"
#include "config_fill.h"
#include "schema.h"
#include "value.h"

#include "weir/base/scan.h"

#include <math.h>
#include <string.h>

enum { MOST_FILE = 1 << 20, MOST_KEYWORDS = 256 };

/* Where a set is read from, and who hears of its faults. */
struct source {
    struct config_report *report;
    struct rules *rules;
    bool closed; /* a rule that always fits stands before */
};

static struct str text_of(const struct yaml_node *rule, const char *key)
{
    const struct yaml_node *n = yaml_at(rule, str_of(key));

    return n && n->kind == YAML_TEXT ? n->text : (struct str){ 0 };
}

static size_t read_keywords(struct source *s, const struct yaml_node *list,
                            struct str out[MOST_KEYWORDS])
{
    size_t count = 0;

    if (list && list->count > MOST_KEYWORDS)
        config_fault(s->report, list, "has more than %d keywords", MOST_KEYWORDS);
    yaml_each(word, list)
    {
        if (word->kind == YAML_TEXT && word->text.len > 0 && count < MOST_KEYWORDS)
            out[count++] = word->text;
    }
    return count;
}

static void add_rule(struct source *s, const struct yaml_node *rule)
{
    struct str keywords[MOST_KEYWORDS];
    struct rule_words words = { .match = text_of(rule, "match"),
                                .keywords = keywords,
                                .label = text_of(rule, "label"),
                                .reply = text_of(rule, "reply"),
                                .answer = text_of(rule, "answer"),
                                .score = NAN };
    struct fault why = { 0 };

    words.keyword_count = read_keywords(s, yaml_at(rule, STR("keywords")), keywords);
    (void)value_number(text_of(rule, "score"), &words.score);
    if (words.answer.at && scan_check(words.answer, &why))
        config_fault(s->report, yaml_at(rule, STR("answer")), "is no JSON: %s", why.text);
    if (!yaml_at(rule, STR("label")) && !yaml_at(rule, STR("reply")) &&
        !yaml_at(rule, STR("answer")))
        config_fault(s->report, rule, "says nothing: it needs a label, a reply or an answer");
    if (rules_add(s->rules, &words, &why))
        config_fault_key(s->report, rule, why.param, "%s", why.text);
    if (s->closed)
        config_warn(s->report, rule, "is never reached, since a rule before it always fits");
    s->closed = s->closed || (!yaml_at(rule, STR("match")) && !yaml_at(rule, STR("keywords")));
}

static void add_list(struct source *s, const struct yaml_node *list)
{
    if (!list || list->kind != YAML_LIST)
        return; /* told by the check */
    yaml_each(rule, list)
    {
        if (rule->kind == YAML_MAP)
            add_rule(s, rule);
    }
}

static void set_field(struct source *s, const struct yaml_node *group)
{
    struct str field = text_of(group, "field");

    if (field.at && value_is_pointer(field))
        rules_set_field(s->rules, field);
}

/* What stands in the file: a list of rules, or {list: [...], field: /text}. */
static void add_document(struct source *s, const struct yaml_node *root)
{
    const struct yaml_node *file = yaml_at(root, STR("file"));

    config_check_member(schema_child("", STR("rules")), root, s->report);
    if (file)
        config_fault(s->report, file, "a file of rules leads to no other");
    else if (root->kind == YAML_MAP && !yaml_at(root, STR("list")))
        config_fault_key(s->report, root, "list", "is missing, and has no default");
    set_field(s, root);
    add_list(s, root->kind == YAML_MAP ? yaml_at(root, STR("list")) : root);
}

static void add_file(struct config_build *b, const struct yaml_node *node, struct rules *rules)
{
    struct buf text = { 0 }, faults = { 0 };
    char path[CONFIG_FILL_PATH];
    struct config_report report = { .faults = &faults, .warnings = b->report->warnings };
    struct source source = { .report = &report, .rules = rules };
    struct yaml_node *root = NULL;
    struct arena tree;
    const char *why = "the path is too long";

    arena_init(&tree, 0);
    if (config_fill_beside(b->report->file, node->text, path) &&
        config_fill_file(&text, path, MOST_FILE, &why)) {
        report.file = str_of(path);
        if (yaml_read(&root, &tree, buf_str(&text), &report) == OK)
            add_document(&source, root);
        config_fault_file(b->report, &report);
    } else {
        config_fault(b->report, node, "cannot be read: %s", why);
    }
    arena_deinit(&tree);
    buf_deinit(&text);
    buf_deinit(&faults);
}

static void read_set(struct config_build *b, const struct yaml_node *node, struct rules *rules)
{
    struct source here = { .report = b->report, .rules = rules };
    const struct yaml_node *file = yaml_at(node, STR("file"));
    const struct yaml_node *list = yaml_at(node, STR("list"));

    if (node->kind == YAML_MAP && (file != NULL) == (list != NULL))
        config_fault(b->report, node, "needs either file: or list:");
    if (file && file->kind == YAML_TEXT && !file->broken && file->text.len > 0)
        add_file(b, file, rules);
    add_list(&here, node->kind == YAML_MAP ? list : node);
    set_field(&here, node); /* last: it holds over that of the file */
}

static void read_rules(struct config_build *b, const struct yaml_node *node)
{
    struct plan *plan = b->config->plan;
    struct upstream *u = upstream_new(node->key, dialect_named(STR("rules")));
    struct rules *rules = rules_new(node->key);

    u->rules = rules;
    if (node->key.len == 0 || node->key.len > 128 || !value_is_text(node->key))
        config_fault(b->report, node, "a name has 1 to 128 characters, no control characters");
    if (!map_put(plan->rules, node->key, u)) {
        rules_free(rules);
        upstream_free(u);
        return;
    }
    read_set(b, node, rules);
}

void config_rules(struct config_build *b)
{
    const struct yaml_node *all = yaml_at(b->root, STR("rules"));

    if (!all || all->kind != YAML_MAP)
        return;
    yaml_each(node, all)
    {
        read_rules(b, node);
    }
}
