/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/app/config.h"

#include "schema.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/*
 * The rows as a JSON Schema (draft 2020-12), for editors. It says what a row can say: keys,
 * kinds, forms. Every value may also be a text with ${...} in it, whose meaning only the loader
 * knows; and numbers may stand in quotes, since such a text must.
 */

static json_t *pattern(const char *regex)
{
    return json_pack("{s:s, s:s}", "type", "string", "pattern", regex);
}

static json_t *either(json_t *one, json_t *other)
{
    return json_pack("{s:[o, o, {s:s}]}", "anyOf", one, other, "$ref", "#/$defs/filled");
}

static json_t *put_choice(const struct schema_row *row)
{
    struct str words = str_of(row->words), word;
    json_t *list = json_array();

    while (str_split(&words, '|', &word))
        json_array_append_new(list, json_stringn(word.at, word.len));
    return json_pack("{s:[{s:o}, {s:s}]}", "anyOf", "enum", list, "$ref", "#/$defs/filled");
}

static json_t *put_text(const struct schema_row *row)
{
    json_t *text = json_pack("{s:[s, s, s], s:s}", "type", "string", "number", "boolean",
                             "pattern", "^[^\\u0000-\\u001f\\u007f]*$");

    if (row->least && strcmp(row->least, "0") != 0)
        json_object_set_new(text, "minLength", json_integer(strtol(row->least, NULL, 10)));
    if (row->most)
        json_object_set_new(text, "maxLength", json_integer(strtol(row->most, NULL, 10)));
    return json_pack("{s:[o, {s:s}]}", "anyOf", text, "$ref", "#/$defs/filled");
}

static json_t *put_count(const struct schema_row *row)
{
    json_t *count = json_pack("{s:s, s:i}", "type", "integer", "minimum", 0);

    if (row->least)
        json_object_set_new(count, "minimum", json_integer(strtol(row->least, NULL, 10)));
    if (row->most)
        json_object_set_new(count, "maximum", json_integer(strtol(row->most, NULL, 10)));
    return either(count, pattern(row->kind == KIND_WORKERS ? "^([0-9]+|auto)$"
                                 : row->kind == KIND_LIMIT ? "^([0-9]+|adaptive)$"
                                                           : "^[0-9]+$"));
}

static json_t *put_number(const struct schema_row *row)
{
    json_t *number = json_pack("{s:s}", "type", "number");

    if (row->least)
        json_object_set_new(number, "minimum", json_integer(strtol(row->least, NULL, 10)));
    return number;
}

static json_t *put_leaf(const struct schema_row *row)
{
    switch (row->kind) {
    case KIND_TEXT:
    case KIND_SECRET: return put_text(row);
    case KIND_PROSE: return json_pack("{s:[s, s, s]}", "type", "string", "number", "boolean");
    case KIND_FLAG:
        return either(json_pack("{s:s}", "type", "boolean"), pattern("^(true|false)$"));
    case KIND_COUNT:
    case KIND_WORKERS:
    case KIND_LIMIT: return put_count(row);
    case KIND_NUMBER:
        return either(put_number(row),
                      pattern("^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?$"));
    case KIND_SHARE: return pattern("^(100|[0-9]?[0-9](\\.[0-9]+)?)%$");
    case KIND_SIZE:
        return either(json_pack("{s:i}", "const", 0), pattern("^(0|[0-9]+(B|KiB|MiB|GiB))$"));
    case KIND_MEMORY:
        return either(json_pack("{s:s}", "const", "auto"), pattern("^[0-9]+(B|KiB|MiB|GiB)$"));
    case KIND_DELAY: return either(pattern("^p[5-9][0-9]$"), pattern("^[0-9]+(ms|s|m|h|d)$"));
    case KIND_DURATION:
        return either(json_pack("{s:i}", "const", 0), pattern("^(0|[0-9]+(ms|s|m|h|d))$"));
    case KIND_ADDRESS:
        return either(pattern("^[^:\\s\\[\\]/@]+:[0-9]+$"),
                      pattern("^\\[[^\\s\\[\\]/@]+\\]:[0-9]+$"));
    case KIND_URL:
        return either(pattern("^http://[^\\s/:?@#][^\\s@#]*$"),
                      pattern("^https://[^\\s/:?@#][^\\s@#]*$"));
    case KIND_CHOICE: return put_choice(row);
    case KIND_HEADER: return pattern("^[^\\s\"(),/:;<=>?@\\[\\\\\\]]+$");
    case KIND_POINTER:
        return either(json_pack("{s:s}", "const", ""), pattern("^[/#]([^~]|~[01])*$"));
    case KIND_GROUP: break;
    }
    return json_object();
}

static json_t *put_group(const char *prefix);
static json_t *put_row(const struct schema_row *row);

/* One value of the row, whatever its shape. */
static json_t *put_value(const struct schema_row *row)
{
    char inside[SCHEMA_PATH];

    schema_inside(row, inside);
    if (row->kind == KIND_GROUP && row->words)
        return json_pack("{s:[o, o]}", "anyOf",
                         put_row(schema_child(inside, str_of(row->words))), put_group(inside));
    if (row->kind == KIND_GROUP)
        return put_group(inside);
    if (!schema_has_inside(row))
        return put_leaf(row);
    return json_pack("{s:[o, o]}", "anyOf", put_leaf(row), put_group(inside));
}

static json_t *put_row(const struct schema_row *row)
{
    json_t *value = put_value(row);

    if (schema_is_list(row))
        value = json_pack("{s:s, s:i, s:o}", "type", "array", "minItems",
                          row->shape == SHAPE_LIST && row->change != LATER, "items", value);
    if (row->shape == SHAPE_NAMED)
        value = json_pack("{s:s, s:i, s:o}", "type", "object", "minProperties",
                          row->change != LATER, "additionalProperties", value);
    if (strcmp(row->path, "tenants") == 0)
        json_object_set_new(value, "propertyNames",
                            json_pack("{s:s, s:{s:s}}", "pattern", "^[A-Za-z0-9._-]{1,64}$",
                                      "not", "const", "public"));
    json_object_set_new(value, "description", json_string(row->help));
    if (row->change == LATER)
        json_object_set_new(value, "$comment",
                            json_string("accepted, but has no effect in this version"));
    else if (row->fallback && !schema_is_required(row))
        json_object_set_new(value, "default", json_string(row->fallback));
    return value;
}

/* Groups that need one of two members: not both, or at least one. */
static void put_alternatives(json_t *group, const char *prefix)
{
    static const struct {
        const char *prefix, *one, *other, *how;
    } needs[] = {
        { "cache.redis", "url", "sentinels", "anyOf" },
        { "upstreams.<name>", "endpoints", "rules", "oneOf" },
        { "upstreams.<name>.health", "preset", "path", "oneOf" },
        { "models.<name>.routes[].accept_if", "pointer", "prediction", "oneOf" },
        { "models.<name>.fallback[]", "model", "rules", "oneOf" },
        { "rules.<name>", "file", "list", "oneOf" },
    };

    for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
        if (strcmp(prefix, needs[i].prefix) == 0)
            json_object_set_new(group, needs[i].how,
                                json_pack("[{s:[s]}, {s:[s]}]", "required", needs[i].one,
                                          "required", needs[i].other));
}

static json_t *put_group(const char *prefix)
{
    json_t *properties = json_object();
    json_t *required = json_array();
    const struct schema_row *row = NULL;
    json_t *group;

    while ((row = schema_next(prefix, row))) {
        json_object_set_new(properties, schema_key(row).at, put_row(row));
        if (schema_is_required(row))
            json_array_append_new(required, json_string(schema_key(row).at));
    }
    group = json_pack("{s:s, s:b, s:o}", "type", "object", "additionalProperties", 0,
                      "properties", properties);
    if (json_array_size(required) > 0)
        json_object_set(group, "required", required);
    json_decref(required);
    put_alternatives(group, prefix);
    return group;
}

void config_put_schema(struct buf *out)
{
    json_t *root = json_pack("{s:s, s:s, s:{s:o}, s:[{s:[s]}, {s:[s]}]}", "$schema",
                             "https://json-schema.org/draft/2020-12/schema", "title",
                             "A configuration of Weir", "$defs", "filled", pattern("\\$\\{"),
                             "anyOf", "required", "models", "required", "default_upstream");
    json_t *group = put_group("");
    char *text;

    json_object_update(root, group);
    text = json_dumps(root, JSON_INDENT(2));
    buf_put_text(out, text);
    buf_put(out, STR("\n"));
    free(text);
    json_decref(group);
    json_decref(root);
}
