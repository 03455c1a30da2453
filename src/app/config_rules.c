/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Models made of patterns. Each set of rules becomes an upstream of its own, which answers
 * without a call: fallbacks are routes to it, and upstreams of dialect rules borrow its rules.
 * A set may lie in a file beside the configuration; a fault in it is told with that file's line.
 */

#include "config_build.h"
#include "config_fill.h"
#include "value.h"

#include "weir/base/scan.h"

#include <math.h>
#include <string.h>

enum { MOST_FILE = 1 << 20, MOST_KEYWORDS = 256, MOST_PATH = 4096 };

static const char *const keys[] = { "match", "keywords", "label", "score", "reply", "answer" };

static struct str text_of(const struct yaml_node *rule, const char *key)
{
    const struct yaml_node *n = yaml_at(rule, str_of(key));

    return n && n->kind == YAML_TEXT ? n->text : (struct str){ 0 };
}

static void check_keys(struct config_report *report, const struct yaml_node *rule)
{
    AUTO(map_free) struct map *names = map_new();
    char hint[CONFIG_WORDS];

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        (void)map_put(names, str_of(keys[i]), names);
    yaml_each(member, rule)
    {
        bool lists = str_eq(member->key, STR("keywords"));

        if (!map_get(names, member->key))
            config_fault(report, member, "unknown key%s",
                         config_hint(names, member->key, hint));
        else if (lists ? member->kind != YAML_LIST : member->kind != YAML_TEXT)
            config_fault(report, member,
                         lists ? "expected a list of words" : "expected a text");
    }
}

static void add_rule(struct config_report *report, const struct yaml_node *rule,
                     struct rules *rules)
{
    const struct yaml_node *list = yaml_at(rule, STR("keywords"));
    struct str keywords[MOST_KEYWORDS], score = text_of(rule, "score");
    struct rule_words words = { .match = text_of(rule, "match"),
                                .keywords = keywords,
                                .label = text_of(rule, "label"),
                                .reply = text_of(rule, "reply"),
                                .answer = text_of(rule, "answer"),
                                .score = NAN };
    struct fault why = { 0 };

    if (rule->kind != YAML_MAP) {
        config_fault(report, rule,
                     "expected a rule: {match: \"refund\", label: refund, reply: \"...\"}");
        return;
    }
    check_keys(report, rule);
    yaml_each(word, list)
    {
        if (word->kind == YAML_TEXT && word->text.len > 0 &&
            words.keyword_count < MOST_KEYWORDS)
            keywords[words.keyword_count++] = word->text;
    }
    if (score.at && !value_number(score, &words.score))
        config_fault(report, yaml_at(rule, STR("score")), "expected a number such as 0.8");
    if (words.answer.at && scan_check(words.answer, &why))
        config_fault(report, yaml_at(rule, STR("answer")), "is no JSON: %s", why.text);
    if (!words.label.at && !words.reply.at && !words.answer.at)
        config_fault(report, rule, "says nothing: it needs a label, a reply or an answer");
    if (rules_add(rules, &words, &why))
        config_fault_key(report, rule, why.param, "%s", why.text);
}

static void add_list(struct config_report *report, const struct yaml_node *list,
                     struct rules *rules)
{
    if (!list || list->kind != YAML_LIST || list->count == 0) {
        config_fault(report, list,
                     "expected a list of rules: [{match: \"refund\", label: refund}]");
        return;
    }
    yaml_each(rule, list)
    {
        add_rule(report, rule, rules);
    }
}

/* Beside the configuration, unless it says a whole path. */
static bool find_file(const struct config_build *b, struct str name, char out[MOST_PATH])
{
    struct str file = b->report->file;
    size_t folder = file.len;

    while (folder > 0 && file.at[folder - 1] != '/')
        folder--;
    if (name.len > 0 && name.at[0] == '/')
        folder = 0;
    if (folder + name.len + 1 > MOST_PATH)
        return false;
    memcpy(out, file.at, folder);
    memcpy(out + folder, name.at, name.len);
    out[folder + name.len] = '\0';
    return true;
}

static void add_file(struct config_build *b, const struct yaml_node *node, struct rules *rules)
{
    struct buf text = { 0 }, faults = { 0 }, warnings = { 0 };
    struct config_report report = { .file = node->text,
                                    .faults = &faults,
                                    .warnings = &warnings };
    struct yaml_node *root = NULL;
    struct arena tree;
    char path[MOST_PATH];
    const char *why = "the path is too long";
    struct str line, rest;

    arena_init(&tree, 0);
    if (find_file(b, node->text, path) && config_fill_file(&text, path, MOST_FILE, &why)) {
        if (yaml_read(&root, &tree, buf_str(&text), &report) == OK)
            add_list(&report, root, rules);
        rest = buf_str(&faults);
        if (report.fault_count > 0 && str_split(&rest, '\n', &line))
            config_fault(b->report, node, "%.*s", STR_ARG(line));
    } else {
        config_fault(b->report, node, "cannot be read: %s", why);
    }
    arena_deinit(&tree);
    buf_deinit(&text);
    buf_deinit(&faults);
    buf_deinit(&warnings);
}

static void read_mapping(struct config_build *b, const struct yaml_node *node,
                         struct rules *rules)
{
    const struct yaml_node *field = yaml_at(node, STR("field"));
    const struct yaml_node *file = yaml_at(node, STR("file"));
    const struct yaml_node *list = yaml_at(node, STR("list"));

    yaml_each(member, node)
    {
        if (member != field && member != file && member != list)
            config_fault(b->report, member, "unknown key (known are field, file and list)");
    }
    if (field && (field->kind != YAML_TEXT || !value_is_pointer(field->text)))
        config_fault(b->report, field, "expected a JSON Pointer such as /text");
    else if (field)
        rules_set_field(rules, field->text);
    if ((file != NULL) == (list != NULL))
        config_fault(b->report, node, "needs either file: or list:");
    else if (list)
        add_list(b->report, list, rules);
    else if (file->kind == YAML_TEXT)
        add_file(b, file, rules);
    else
        config_fault(b->report, file, "expected a file's name");
}

static void read_rules(struct config_build *b, const struct yaml_node *node)
{
    struct plan *plan = b->config->plan;
    struct upstream *u = upstream_new(node->key, dialect_named(STR("rules")));
    struct rules *rules = rules_new();

    u->rules = rules;
    if (node->key.len == 0 || node->key.len > 128 || !value_is_text(node->key))
        config_fault(b->report, node, "a name has 1 to 128 characters, no control characters");
    if (!map_put(plan->rules, node->key, u)) {
        rules_free(rules);
        upstream_free(u);
        return;
    }
    if (node->kind == YAML_MAP)
        read_mapping(b, node, rules);
    else
        add_list(b->report, node, rules);
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
