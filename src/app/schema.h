/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/base/map.h"
#include "weir/base/str.h"

#include "yaml_tree.h"

#include <stddef.h>

/*
 * Every setting as a row. The check of a document, the values in the program, the example, the
 * help, the documentation and the JSON Schema are all made from these rows, so they agree.
 *
 * A path has one segment a level; `<name>` stands for a name that the user chooses, `[]` for
 * the members of a list. Rows stand in the order in which people read them, children behind
 * their parent.
 */

enum schema_kind {
    KIND_GROUP,  /* a mapping of settings: its rows follow */
    KIND_TEXT,   /* least and most: its length */
    KIND_PROSE,  /* a text that may have several lines */
    KIND_SECRET, /* a text that no message shows */
    KIND_FLAG,
    KIND_COUNT,
    KIND_WORKERS, /* a count, or auto (0) */
    KIND_NUMBER,  /* stored as a double */
    KIND_SHARE,   /* "5%", stored as a double from 0 to 1 */
    KIND_LIMIT,   /* a count, or adaptive (0) */
    KIND_SIZE,
    KIND_MEMORY, /* a size, or auto (0) */
    KIND_DURATION,
    KIND_DELAY, /* a duration, or a percentile: "p95" */
    KIND_ADDRESS,
    KIND_URL,
    KIND_CHOICE, /* stored as its place in `words` */
    KIND_HEADER,
    KIND_POINTER,
};

enum schema_shape {
    SHAPE_ONE,
    SHAPE_LIST,
    SHAPE_LIST_OR_NONE, /* a list that may be empty, which is not to leave it out */
    SHAPE_NAMED,        /* a mapping from names to such values */
};

/* When a change of the file takes effect. */
enum schema_change { AT_START, ON_RELOAD, LATER };

struct schema_row {
    const char *path;
    enum schema_kind kind;
    enum schema_shape shape;
    size_t at;         /* where the value goes in its record; see schema_store() */
    size_t size;       /* 0: nowhere, config_*.c makes something of it */
    const char *least; /* NULL: no bound of our own */
    const char *most;
    const char *fallback; /* the default as text, SCHEMA_REQUIRED, or NULL: none */
    /* CHOICE: "a|b|c"; DURATION: "ms" when stored in ms, not us; GROUP: the member that a bare
       list stands for */
    const char *words;
    enum schema_change change;
    const char *example; /* for config/weir.yaml; NULL: the default; "#...": commented out */
    const char *help;
};

enum { SCHEMA_PATH = 96 }; /* bytes of the longest path, with its NUL */

#define SCHEMA_REQUIRED "(required)"

/* config_rows.c: ends with a row without a path. */
const struct schema_row *config_rows(void);

/* The row of `key` below `prefix` ("", "server", "models.<name>.routes[]"); NULL: unknown. */
const struct schema_row *schema_child(const char *prefix, struct str key);
/* The rows right below `prefix`: NULL `previous` starts, NULL ends. */
const struct schema_row *schema_next(const char *prefix, const struct schema_row *previous);
struct str schema_key(const struct schema_row *row); /* the last segment of its path */

/* What the children of the row's members are below: "models" gives "models.<name>". */
const char *schema_inside(const struct schema_row *row, char out[SCHEMA_PATH]);
bool schema_has_inside(const struct schema_row *row);

bool schema_is_required(const struct schema_row *row);
bool schema_is_list(const struct schema_row *row);
const char *schema_kind_words(const struct schema_row *row);   /* "a duration" */
const char *schema_kind_example(const struct schema_row *row); /* "250ms, 5s, 2m, 1h or 7d" */

enum schema_verdict { SCHEMA_GOOD, SCHEMA_OTHER_KIND, SCHEMA_OUT_OF_BOUNDS };

/* Is the text a value of the row? */
enum schema_verdict schema_verdict(const struct schema_row *row, struct str text);

/*
 * Reads every row below `prefix` that has a place into the record at `base`, from the group
 * `from` (NULL: all defaults). Texts are copied into the arena. Values at fault, told of by the
 * check, are left as the defaults.
 */
void schema_store(const char *prefix, const struct yaml_node *from, void *base,
                  struct arena *arena);
