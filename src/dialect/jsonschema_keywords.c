/* SPDX-License-Identifier: Apache-2.0 */
#include "jsonschema_inner.h"

#include "canonical.h"
#include "number.h"
#include "weir/dialect/pattern.h"

#include <stdlib.h>
#include <string.h>

/*
 * What each keyword puts into a node. A keyword that would change what fits, and that is not
 * known here, is a fault: better no check than one that says yes to what it was to refuse. One
 * that nobody knows, or that only describes, has no effect; the first of these gets a warning,
 * for it may be misspelt.
 */

typedef void read_fn(struct compiler *c, struct node *n, const struct scan_member *v,
                     const struct place *at, size_t to);

/* ---- kinds of values ---- */

static void read_number(struct compiler *c, struct node *n, const struct scan_member *v,
                        const struct place *at, size_t to)
{
    if (v->type != SCAN_NUMBER)
        jsonschema_fault(c, v->value, at, "must be a number");
    else
        *(struct str *)(void *)((char *)n + to) = v->value;
}

static void read_step(struct compiler *c, struct node *n, const struct scan_member *v,
                      const struct place *at, size_t to)
{
    (void)to;
    if (v->type != SCAN_NUMBER || !jsonschema_multiple_is_step(v->value))
        jsonschema_fault(c, v->value, at, "must be a number above 0, of at most 9 digits");
    n->step = v->value;
}

static void read_count(struct compiler *c, struct node *n, const struct scan_member *v,
                       const struct place *at, size_t to)
{
    double value;

    if (v->type != SCAN_NUMBER || !number_is_whole(v->value) ||
        !scan_number(v->value, &value) || value < 0 || value > 1e15)
        jsonschema_fault(c, v->value, at, "must be a whole number of at least 0");
    else
        *(uint64_t *)(void *)((char *)n + to) = (uint64_t)value;
}

static void read_schema(struct compiler *c, struct node *n, const struct scan_member *v,
                        const struct place *at, size_t to)
{
    *(const struct node **)(void *)((char *)n + to) = jsonschema_make(c, v, at);
}

static size_t count_of(struct str list)
{
    struct scan s;
    struct scan_member m;
    size_t n = 0;

    for (scan_start(&s, list); scan_next(&s, &m);)
        n++;
    return n;
}

/* True: a list with members. */
static bool is_list(struct compiler *c, const struct scan_member *v, const struct place *at,
                    const char *of)
{
    if (v->type == SCAN_ARRAY && count_of(v->value) > 0)
        return true;
    jsonschema_fault(c, v->value, at, "must be a list of %s, and not empty", of);
    return false;
}

static void read_schemas(struct compiler *c, struct node *n, const struct scan_member *v,
                         const struct place *at, size_t to)
{
    struct nodes *list = (struct nodes *)(void *)((char *)n + to);
    struct scan s;
    struct scan_member m;

    if (!is_list(c, v, at, "schemas"))
        return;
    list->count = 0;
    list->at = arena_take(&c->schema->arena, count_of(v->value) * sizeof(*list->at));
    for (scan_start(&s, v->value); scan_next(&s, &m);) {
        struct place place = { .up = at, .index = list->count };

        list->at[list->count++] = jsonschema_make(c, &m, &place);
    }
}

/* ---- type ---- */

static const struct {
    const char *word;
    unsigned type;
} types[] = {
    { "null", 1U << SCAN_NULL },     { "boolean", 1U << SCAN_BOOL },
    { "number", 1U << SCAN_NUMBER }, { "integer", TYPE_INTEGER },
    { "string", 1U << SCAN_STRING }, { "array", 1U << SCAN_ARRAY },
    { "object", 1U << SCAN_OBJECT },
};

static void add_type(struct compiler *c, struct node *n, const struct scan_member *v,
                     const struct place *at)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (!scan_text_is(v, str_of(types[i].word)))
            continue;
        n->types |= types[i].type;
        return;
    }
    jsonschema_fault(c, v->value, at,
                     "must be null, boolean, number, integer, string, array or object");
}

static void read_type(struct compiler *c, struct node *n, const struct scan_member *v,
                      const struct place *at, size_t to)
{
    struct scan s;
    struct scan_member m;

    (void)to;
    n->types = 0;
    if (v->type != SCAN_ARRAY) {
        add_type(c, n, v, at);
        return;
    }
    if (is_list(c, v, at, "types"))
        for (scan_start(&s, v->value); scan_next(&s, &m);)
            add_type(c, n, &m, at);
}

/* ---- values ---- */

static struct str canonical(struct compiler *c, struct str value)
{
    struct canonical_finds finds = { 0 };
    struct str out = { 0 };

    /* The arena has no budget, so it cannot fail. */
    if (canonical_of(value, ORDER_SORTED, &c->schema->arena, &out, &finds))
        return (struct str){ 0 };
    return out;
}

static void read_enum(struct compiler *c, struct node *n, const struct scan_member *v,
                      const struct place *at, size_t to)
{
    struct scan s;
    struct scan_member m;

    (void)to;
    if (!is_list(c, v, at, "values"))
        return;
    n->value_count = 0;
    n->values = arena_take(&c->schema->arena, count_of(v->value) * sizeof(*n->values));
    for (scan_start(&s, v->value); scan_next(&s, &m);)
        n->values[n->value_count++] = canonical(c, m.value);
    n->sorted = arena_take(&c->schema->arena, n->value_count * sizeof(*n->sorted));
    memcpy(n->sorted, n->values, n->value_count * sizeof(*n->sorted));
    qsort(n->sorted, n->value_count, sizeof(*n->sorted), jsonschema_compare);
}

static void read_const(struct compiler *c, struct node *n, const struct scan_member *v,
                       const struct place *at, size_t to)
{
    (void)at;
    (void)to;
    n->constant = canonical(c, v->value);
}

static void read_unique(struct compiler *c, struct node *n, const struct scan_member *v,
                        const struct place *at, size_t to)
{
    (void)to;
    if (v->type != SCAN_BOOL)
        jsonschema_fault(c, v->value, at, "must be true or false");
    n->unique = scan_true(v->value);
}

static struct str text_of(struct compiler *c, const struct scan_member *v,
                          const struct place *at)
{
    struct str text = { 0 };

    if (v->type == SCAN_STRING)
        text = scan_text(v->value, &c->schema->arena, NULL);
    else
        jsonschema_fault(c, v->value, at, "must be a text");
    return text;
}

enum { PATTERN_WORK = 256 << 10 };

static void read_pattern(struct compiler *c, struct node *n, const struct scan_member *v,
                         const struct place *at, size_t to)
{
    struct str text = text_of(c, v, at);
    struct fault why = { 0 };

    (void)to;
    pattern_free(n->pattern); /* it may stand twice */
    n->pattern = NULL;
    n->pattern_text = text;
    if (!text.at || !jsonschema_charge(c, PATTERN_WORK))
        return;
    c->schema->pattern_count++;
    if (pattern_new_exact(&n->pattern, text, &why))
        jsonschema_fault(c, v->value, at, "is no pattern: %s", why.text);
}

/* ---- members ---- */

static struct str name_of(struct compiler *c, const struct scan_member *m)
{
    return scan_text((struct str){ m->key.at - 1, m->key.len + 2 }, &c->schema->arena, NULL);
}

static void read_properties(struct compiler *c, struct node *n, const struct scan_member *v,
                            const struct place *at, size_t to)
{
    struct scan s;
    struct scan_member m;
    size_t order = 0;

    (void)to;
    if (v->type != SCAN_OBJECT)
        jsonschema_fault(c, v->value, at, "must be an object of schemas");
    for (scan_start(&s, v->value); v->type == SCAN_OBJECT && scan_next(&s, &m);) {
        struct place place = { .up = at };
        struct property *p;
        const struct node *schema;

        place.name = name_of(c, &m);
        schema = jsonschema_make(c, &m, &place);
        p = jsonschema_property_add(c, n, place.name);
        p->schema = schema;
        p->order = order++;
    }
}

static void read_required(struct compiler *c, struct node *n, const struct scan_member *v,
                          const struct place *at, size_t to)
{
    struct scan s;
    struct scan_member m;

    (void)to;
    if (v->type != SCAN_ARRAY)
        jsonschema_fault(c, v->value, at, "must be a list of names");
    for (scan_start(&s, v->value); v->type == SCAN_ARRAY && scan_next(&s, &m);) {
        struct str name = text_of(c, &m, at);

        if (name.at)
            jsonschema_property_add(c, n, name)->required = true;
    }
}

/* Those of the whole are what references name. */
static void know_definition(struct compiler *c, const struct node *n, const struct place *at)
{
    char pointer[JSONSCHEMA_POINTER_BYTES];
    struct str text;

    if (c->base[0] || at->up->up)
        return;
    jsonschema_put_place(at, pointer, sizeof(pointer));
    text = str_of(pointer);
    if (text.len + 8 < sizeof(pointer)) /* else it may be cut */
        jsonschema_know(c, text, n);
}

/* What nobody refers to is read as well, for its faults. */
static void read_definitions(struct compiler *c, struct node *n, const struct scan_member *v,
                             const struct place *at, size_t to)
{
    struct scan s;
    struct scan_member m;

    (void)n;
    (void)to;
    if (v->type != SCAN_OBJECT)
        jsonschema_fault(c, v->value, at, "must be an object of schemas");
    for (scan_start(&s, v->value); v->type == SCAN_OBJECT && scan_next(&s, &m);) {
        struct place place = { .up = at };

        place.name = name_of(c, &m);
        know_definition(c, jsonschema_make(c, &m, &place), &place);
    }
}

static void read_items(struct compiler *c, struct node *n, const struct scan_member *v,
                       const struct place *at, size_t to)
{
    if (v->type == SCAN_ARRAY)
        jsonschema_fault(c, v->value, at,
                         "a list of schemas is called prefixItems in this draft");
    else
        read_schema(c, n, v, at, to);
}

/* ---- names of schemas ---- */

static void read_ref(struct compiler *c, struct node *n, const struct scan_member *v,
                     const struct place *at, size_t to)
{
    struct str text = text_of(c, v, at);

    (void)to;
    if (!text.at)
        return;
    if (text.len == 0 || text.at[0] != '#' || (text.len > 1 && text.at[1] != '/') ||
        memchr(text.at, '%', text.len))
        jsonschema_fault(c, v->value, at,
                         "only places in this file can be referred to, like #/$defs/name");
    else
        jsonschema_refer(c, n, arena_copy(&c->schema->arena, str_cut(text, 1, text.len)), v);
}

static void read_draft(struct compiler *c, struct node *n, const struct scan_member *v,
                       const struct place *at, size_t to)
{
    (void)n;
    (void)to;
    if (!scan_text_is(v, STR("https://json-schema.org/draft/2020-12/schema")))
        jsonschema_warn(c, v->value, at, "is read as draft 2020-12");
}

static void read_id(struct compiler *c, struct node *n, const struct scan_member *v,
                    const struct place *at, size_t to)
{
    (void)n;
    (void)to;
    if (at->up)
        jsonschema_fault(c, v->value, at, "only the whole schema may have an $id");
}

static void read_unchecked(struct compiler *c, struct node *n, const struct scan_member *v,
                           const struct place *at, size_t to)
{
    (void)n;
    (void)to;
    jsonschema_warn(c, v->value, at, "is not checked: use pattern");
}

/* ---- the table ---- */

#define TO(member) offsetof(struct node, member)

/* clang-format off */
static const struct keyword {
    const char *name;
    read_fn *read;
    size_t to;
} keywords[] = {
    { "type",                 read_type,       0 },
    { "enum",                 read_enum,       0 },
    { "const",                read_const,      0 },
    { "minimum",              read_number,     TO(least) },
    { "maximum",              read_number,     TO(most) },
    { "exclusiveMinimum",     read_number,     TO(above) },
    { "exclusiveMaximum",     read_number,     TO(below) },
    { "multipleOf",           read_step,       0 },
    { "minLength",            read_count,      TO(least_length) },
    { "maxLength",            read_count,      TO(most_length) },
    { "minItems",             read_count,      TO(least_items) },
    { "maxItems",             read_count,      TO(most_items) },
    { "minProperties",        read_count,      TO(least_members) },
    { "maxProperties",        read_count,      TO(most_members) },
    { "uniqueItems",          read_unique,     0 },
    { "pattern",              read_pattern,    0 },
    { "properties",           read_properties, 0 },
    { "required",             read_required,   0 },
    { "additionalProperties", read_schema,     TO(rest) },
    { "prefixItems",          read_schemas,    TO(first) },
    { "items",                read_items,      TO(items) },
    { "allOf",                read_schemas,    TO(all) },
    { "anyOf",                read_schemas,    TO(any) },
    { "oneOf",                read_schemas,    TO(one) },
    { "not",                  read_schema,     TO(not) },
    { "$ref",                 read_ref,        0 },
    { "$defs",                read_definitions, 0 },
    { "definitions",          read_definitions, 0 },
    { "$schema",              read_draft,      0 },
    { "$id",                  read_id,         0 },
    { "format",               read_unchecked,  0 },
};

static const char *const unsupported[] = {
    "patternProperties", "propertyNames", "dependentSchemas", "dependentRequired", "dependencies",
    "if", "then", "else", "contains", "minContains", "maxContains", "additionalItems",
    "unevaluatedItems", "unevaluatedProperties", "$dynamicRef", "$dynamicAnchor",
    "$recursiveRef", "$recursiveAnchor", "nullable",
};
/* clang-format on */

static const char *const annotations[] = {
    "title",           "description",      "default",       "deprecated", "examples",
    "readOnly",        "writeOnly",        "$comment",      "$anchor",    "$vocabulary",
    "contentEncoding", "contentMediaType", "contentSchema", "example",    "discriminator",
};

static bool is_among(const char *const *names, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(name, str_of(names[i])))
            return true;
    return false;
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct keyword *find(struct str name)
{
    for (size_t i = 0; i < COUNT(keywords); i++)
        if (str_eq(name, str_of(keywords[i].name)))
            return &keywords[i];
    return NULL;
}

void jsonschema_keywords_read(struct compiler *c, struct node *n, const struct scan_member *v,
                              const struct place *at)
{
    const struct keyword *k = find(at->name);

    if (k)
        k->read(c, n, v, at, k->to);
    else if (is_among(unsupported, COUNT(unsupported), at->name))
        jsonschema_fault(c, v->value, at,
                         "this keyword is not supported, and would change what fits");
    else if (!is_among(annotations, COUNT(annotations), at->name))
        jsonschema_warn(c, v->value, at, "is no keyword that is known, and has no effect");
}
