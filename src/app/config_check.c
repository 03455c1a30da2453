/* SPDX-License-Identifier: Apache-2.0 */
#include "config_check.h"

#include "schema.h"

#include <stdio.h>
#include <string.h>

/* `later`: inside a setting of a later version, which has been told of as a whole. */
static void check_group(const char *prefix, const struct yaml_node *node, bool later,
                        struct config_report *report);
static void check_row(const struct schema_row *row, const struct yaml_node *node, bool later,
                      struct config_report *report);

static void tell_unknown(const char *prefix, const struct yaml_node *node,
                         struct config_report *report)
{
    AUTO(map_free) struct map *names = map_new();
    const struct schema_row *row = NULL;
    char hint[CONFIG_WORDS];

    while ((row = schema_next(prefix, row)))
        (void)map_put(names, schema_key(row), names);
    config_fault(report, node, "unknown key%s", config_hint(names, node->key, hint));
}

static void tell_choice(const struct schema_row *row, const struct yaml_node *node,
                        struct config_report *report)
{
    AUTO(map_free) struct map *names = map_new();
    struct str words = str_of(row->words), word;
    char hint[CONFIG_WORDS], shown[CONFIG_WORDS], list[CONFIG_WORDS];

    (void)snprintf(list, sizeof(list), "%s", row->words);
    for (char *at = list; (at = strchr(at, '|'));)
        *at = ' ';
    while (str_split(&words, '|', &word))
        (void)map_put(names, word, names);
    config_fault(report, node, "%s is none of: %s%s", config_shown(node, shown), list,
                 config_hint(names, node->text, hint));
}

static void tell_bounds(const struct schema_row *row, const struct yaml_node *node,
                        struct config_report *report)
{
    bool length = row->kind == KIND_TEXT || row->kind == KIND_SECRET;
    const char *verb = length ? "have" : "be", *unit = length ? " characters" : "";

    if (row->least && row->most)
        config_fault(report, node, "must %s %s to %s%s", verb, row->least, row->most, unit);
    else if (row->most)
        config_fault(report, node, "must %s at most %s%s", verb, row->most, unit);
    else
        config_fault(report, node, "must %s at least %s%s", verb, row->least, unit);
}

static void check_text(const struct schema_row *row, const struct yaml_node *node,
                       struct config_report *report)
{
    char shown[CONFIG_WORDS];

    switch (schema_verdict(row, node->text)) {
    case SCHEMA_GOOD: return;
    case SCHEMA_OUT_OF_BOUNDS: tell_bounds(row, node, report); return;
    case SCHEMA_OTHER_KIND: break;
    }
    if (row->kind == KIND_CHOICE)
        tell_choice(row, node, report);
    else if (row->kind == KIND_TEXT || row->kind == KIND_SECRET || row->kind == KIND_PROSE)
        config_fault(report, node, "expected UTF-8 text without control characters");
    else if (row->kind == KIND_URL)
        config_fault(report, node,
                     "expected http(s)://host[:port][/path] without credentials, "
                     "such as %s",
                     schema_kind_example(row));
    else
        config_fault(report, node, "%s is not %s (write it like %s)", config_shown(node, shown),
                     schema_kind_words(row), schema_kind_example(row));
}

/* One value: of the row itself, or a member of its list or mapping. */
static void check_value(const struct schema_row *row, const struct yaml_node *node, bool later,
                        struct config_report *report)
{
    char inside[SCHEMA_PATH];

    if (node->broken)
        return;
    if (yaml_is_null(node))
        config_fault(report, node, "has no value (write one, or leave the key out)");
    else if (row->kind == KIND_GROUP && row->words && node->kind == YAML_LIST)
        check_row(schema_child(schema_inside(row, inside), str_of(row->words)), node, later,
                  report);
    else if (row->kind == KIND_GROUP || (node->kind == YAML_MAP && schema_has_inside(row)))
        check_group(schema_inside(row, inside), node, later, report);
    else if (node->kind != YAML_TEXT)
        config_fault(report, node, "expected %s%s%s, not a %s", schema_kind_words(row),
                     row->kind == KIND_CHOICE ? ": " : " such as ",
                     row->kind == KIND_CHOICE ? row->words : schema_kind_example(row),
                     node->kind == YAML_LIST ? "list" : "mapping");
    else
        check_text(row, node, report);
}

static void check_row(const struct schema_row *row, const struct yaml_node *node, bool later,
                      struct config_report *report)
{
    if (row->change == LATER && !later) {
        config_warn(report, node, "accepted, but has no effect in this version");
        later = true;
    }
    if (row->shape == SHAPE_ONE) {
        check_value(row, node, later, report);
    } else if (schema_is_list(row) && node->kind != YAML_LIST) {
        config_fault(report, node, "expected a list: [...], or lines that begin with -");
    } else if (row->shape == SHAPE_NAMED && node->kind != YAML_MAP) {
        config_fault(report, node, "expected a mapping from names to %s: {some-name: ...}",
                     row->kind == KIND_GROUP ? "settings" : "values");
    } else {
        if (!node->first && !later && row->shape != SHAPE_LIST_OR_NONE)
            config_fault(report, node, "is empty (leave the key out if none is meant)");
        yaml_each(member, node)
        {
            check_value(row, member, later, report);
        }
    }
}

static void tell_missing(const char *prefix, const struct yaml_node *node,
                         struct config_report *report)
{
    const struct schema_row *row = NULL;

    while ((row = schema_next(prefix, row))) {
        struct str key = schema_key(row);

        if (schema_is_required(row) && !yaml_at(node, key))
            config_fault_key(report, node, key.at, "is missing, and has no default");
    }
}

static void check_group(const char *prefix, const struct yaml_node *node, bool later,
                        struct config_report *report)
{
    if (node->kind != YAML_MAP) {
        config_fault(report, node, "expected a mapping of settings, not a %s",
                     node->kind == YAML_LIST ? "list" : "single value");
        return;
    }
    yaml_each(member, node)
    {
        const struct schema_row *row = schema_child(prefix, member->key);

        if (row)
            check_row(row, member, later, report);
        else
            tell_unknown(prefix, member, report);
    }
    tell_missing(prefix, node, report);
}

void config_check(const struct yaml_node *root, struct config_report *report)
{
    check_group("", root, false, report);
}

void config_check_member(const struct schema_row *row, const struct yaml_node *node,
                         struct config_report *report)
{
    check_value(row, node, false, report);
}
