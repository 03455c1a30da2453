/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "config_report.h"

#include "weir/base/arena.h"
#include "weir/base/buf.h"
#include "weir/base/err.h"
#include "weir/base/str.h"

/*
 * A YAML document as a small tree that remembers its lines. Only the part of YAML that a
 * configuration needs: mappings with text keys, lists and scalars. Anchors, aliases and tags
 * are faults, so a document never means more than what stands there, and a few bytes cannot
 * unfold into millions. A JSON document is read the same way. (Not yaml.h: that name is the
 * library's.)
 */

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    bool quoted;              /* TEXT: '...' or "..."; plain words may mean null */
    bool filled;              /* TEXT: from the environment or a file, so it may be a secret */
    bool broken;              /* TEXT: could not be filled, which has been told */
    unsigned line;            /* from 1; a collection under a key has the key's */
    struct str text;          /* TEXT */
    struct str key;           /* under a MAP */
    size_t index;             /* among its parent's children */
    size_t count;             /* of children */
    struct yaml_node *parent; /* NULL: the root */
    struct yaml_node *first, *last;
    struct yaml_node *next;
};

#define yaml_each(child, of) \
    for (struct yaml_node *child = (of) ? (of)->first : NULL; child; child = child->next)

/*
 * The tree lives in the arena. Faults go to the report; ERR_CONFIG and no tree when the text is
 * no such document at all, a tree without the members at fault when one can go on.
 */
MUST_CHECK enum err yaml_read(struct yaml_node **root, struct arena *arena, struct str text,
                              struct config_report *report);

/* The member of a mapping; NULL if there is none, or `map` is NULL or no mapping. */
struct yaml_node *yaml_at(const struct yaml_node *map, struct str key);
bool yaml_is_null(const struct yaml_node *n);

/* "models.chat.routes[0].upstream"; control characters become '?'. Nothing for the root. */
void yaml_put_path(const struct yaml_node *n, struct buf *out);
