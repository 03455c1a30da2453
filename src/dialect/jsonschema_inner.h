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
    size_t at;                 /* as read, also by `required` */
    bool required;
};

/* Types are bits, 1 << enum scan_type; besides: */
enum { TYPE_INTEGER = 1 << 7 };

/* One schema. What is absent, zero or at its most is no condition. */
struct node {
    struct node *older;                   /* all of them, to be freed */
    size_t at;                            /* where it begins, in the text */
    size_t holders;                       /* nodes that hold it against the same value */
    struct node *next_free;               /* of those that none holds any more */
    bool never;                           /* the schema `false` */
    unsigned types;                       /* 0: any */
    struct str least, most, above, below; /* numbers as they are written */
    struct str step;                      /* multipleOf */
    uint64_t least_length, most_length, least_items, most_items, least_members, most_members;
    bool unique;
    struct pattern *pattern;
    struct str pattern_text;
    struct str constant; /* canonical */
    struct str *values;  /* canonical, as declared, ... */
    struct str *sorted;  /* ... and to be found among many */
    size_t value_count;
    struct property *properties; /* by name, once it is complete */
    size_t property_count;
    size_t property_room;
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
    size_t pattern_count;
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
void jsonschema_put_place(const struct place *at, char *out, size_t size);

/* ---- compiling ---- */

struct compiler {
    struct jsonschema *schema;
    jsonschema_remark_fn *told;
    void *ctx;
    bool faulty;
    struct node **made; /* by the byte where each begins */
    struct map *known;  /* by the pointer that leads there */
    size_t work, most_work;
    struct pending *pending;
    const char *base; /* where places begin: the pointer of a reference, or "" */
};

void jsonschema_fault(struct compiler *c, struct str at, const struct place *place,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
void jsonschema_warn(struct compiler *c, struct str at, const struct place *place,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Counts work, of which each schema may make so much; false: it is too much, and a fault. */
bool jsonschema_charge(struct compiler *c, size_t work);

/* Places that references are likely to name need not be looked for in the text. */
void jsonschema_know(struct compiler *c, struct str pointer, const struct node *n);

/* The node of the schema that `v` is, which is complete when all of the text is. */
const struct node *jsonschema_make(struct compiler *c, const struct scan_member *v,
                                   const struct place *at);
/* n->ref is what the pointer "/$defs/x" leads to, once all else is read; `pointer` ends with a
   NUL and stays as long as the schema. */
void jsonschema_refer(struct compiler *c, struct node *n, struct str pointer,
                      const struct scan_member *v);

/* A member that a schema names; its name may be there already. */
struct property *jsonschema_property_add(struct compiler *c, struct node *n, struct str name);
/* One for each name: what is read later counts, and what is required once is required. */
void jsonschema_property_merge(struct node *n);
void jsonschema_fields_find(struct jsonschema *s);

/* May numbers be held against it: is it above 0, of few digits, with an exponent of sense? */
bool jsonschema_multiple_is_step(struct str text);

int jsonschema_compare(const void *a, const void *b); /* two struct str */

/* Reads one keyword into the node. */
void jsonschema_keywords_read(struct compiler *c, struct node *n, const struct scan_member *v,
                              const struct place *at);
