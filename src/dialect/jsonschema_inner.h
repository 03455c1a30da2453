/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/base/scan.h"
#include "weir/dialect/jsonschema.h"

/*
 * A schema from inside. jsonschema.c makes nodes of it, jsonschema_keywords.c says what each
 * keyword puts into one, jsonschema_fits.c holds texts against them.
 */

struct pattern;
struct node;

struct nodes {
    const struct node **at;
    size_t count;
};

struct property {
    struct str name;
    const struct node *schema; /* NULL: it is only required */
    size_t order;              /* as declared */
    bool required;
};

/* Types are bits, 1 << enum scan_type; besides: */
enum { TYPE_INTEGER = 1 << 7 };

/* One schema. What is absent, zero or at its most is no condition. */
struct node {
    struct node *older;                   /* all of them, to be freed */
    bool never;                           /* the schema `false` */
    unsigned types;                       /* 0: any */
    struct str least, most, above, below; /* numbers as they are written */
    uint64_t least_length, most_length, least_items, most_items, least_members, most_members;
    bool unique;
    struct pattern *pattern;
    struct str pattern_text;
    struct str constant; /* canonical */
    struct str *values;  /* canonical */
    size_t value_count;
    struct property *properties; /* by name, once it is complete */
    size_t property_count;
    size_t property_room;
    size_t required_count;
    const struct node *rest;  /* additionalProperties */
    struct nodes first;       /* prefixItems */
    const struct node *items; /* those behind `first` */
    struct nodes all, any, one;
    const struct node * not ;
    const struct node *ref;
};

struct jsonschema {
    struct str text;
    struct arena arena;
    struct node *newest;
    const struct node *root;
    size_t field_count;
    const struct property *fields[JSONSCHEMA_FIELDS];
};

/* ---- places: a JSON Pointer, from its end ---- */

struct place {
    const struct place *up; /* NULL: right below the whole */
    struct str name;        /* unescaped; absent: an element */
    size_t index;
};

/* Cut at a whole character where it does not fit. NULL: the whole. */
void place_put(const struct place *at, char *out, size_t size);

/* ---- compiling ---- */

struct compiler {
    struct jsonschema *schema;
    jsonschema_remark_fn *told;
    void *ctx;
    bool faulty;
    struct node **made; /* by the byte where each begins */
    struct pending *pending;
    const char *base; /* where places begin: the pointer of a reference, or "" */
};

void compiler_fault(struct compiler *c, struct str at, const struct place *place,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));
void compiler_warn(struct compiler *c, struct str at, const struct place *place,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The node of the schema that `v` is, which is complete when all of the text is. */
const struct node *compiler_schema(struct compiler *c, const struct scan_member *v,
                                   const struct place *at);
/* n->ref is what the pointer "/$defs/x" leads to, once all else is read; `pointer` ends with a
   NUL and stays as long as the schema. */
void compiler_refer(struct compiler *c, struct node *n, struct str pointer,
                    const struct scan_member *v);

/* Reads one keyword into the node. */
void keyword_read(struct compiler *c, struct node *n, const struct scan_member *v,
                  const struct place *at);

/* ---- holding against ---- */

const struct property *node_property(const struct node *n, struct str name);
bool node_has_type(const struct node *n, const struct scan_member *v);
bool node_fits(const struct node *n, const struct scan_member *v);
