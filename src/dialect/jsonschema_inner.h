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
void jsonschema_put_place(const struct place *at, char *out, size_t size);

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

void jsonschema_fault(struct compiler *c, struct str at, const struct place *place,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
void jsonschema_warn(struct compiler *c, struct str at, const struct place *place,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The node of the schema that `v` is, which is complete when all of the text is. */
const struct node *jsonschema_make(struct compiler *c, const struct scan_member *v,
                                   const struct place *at);
/* n->ref is what the pointer "/$defs/x" leads to, once all else is read; `pointer` ends with a
   NUL and stays as long as the schema. */
void jsonschema_refer(struct compiler *c, struct node *n, struct str pointer,
                      const struct scan_member *v);

/* Reads one keyword into the node. */
void jsonschema_keywords_read(struct compiler *c, struct node *n, const struct scan_member *v,
                              const struct place *at);

/* ---- holding against ---- */

struct pattern_effort;

struct check {
    struct arena texts;
    struct pattern_effort *effort; /* made when a pattern is met */
    size_t work;
    unsigned depth;
    unsigned muted;      /* inside schemas of which not all must fit */
    const char *gave_up; /* why */
    struct jsonschema_report *report;
};

/* Always false, so that it can be returned: what is told does not fit. */
bool jsonschema_fits_tell(struct check *c, const struct place *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool jsonschema_fits_give_up(struct check *c, const char *why); /* likewise */
bool jsonschema_fits_goes_on(const struct check *c);
bool jsonschema_fits_canonical(struct check *c, struct str value, struct str *out);

struct bounds {
    uint64_t least, most;
    const char *what; /* "characters" */
    const char *keyword_least, *keyword_most;
};

bool jsonschema_fits_bounds(struct check *c, uint64_t count, const struct bounds *b,
                            const struct place *at);

/* All that is asked of the value, but for what is inside it. */
bool jsonschema_scalar(struct check *c, const struct node *n, const struct scan_member *v,
                       const struct place *at);
bool jsonschema_scalar_type(const struct node *n, const struct scan_member *v);
bool jsonschema_fits_node(const struct node *n, const struct scan_member *v);
