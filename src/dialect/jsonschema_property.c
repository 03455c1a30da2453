/* SPDX-License-Identifier: Apache-2.0 */
#include "jsonschema_inner.h"

#include <stdlib.h>
#include <string.h>

/*
 * The members that a schema names. They are put one behind the other, whatever their names, and
 * sorted once: a schema may have very many.
 */

struct property *jsonschema_property_add(struct compiler *c, struct node *n, struct str name)
{
    struct property *p;

    if (n->property_count == n->property_room) {
        size_t room = n->property_room * 2 + 8;
        struct property *more = arena_take(&c->schema->arena, room * sizeof(*more));

        if (n->property_count > 0)
            memcpy(more, n->properties, n->property_count * sizeof(*more));
        n->properties = more;
        n->property_room = room;
    }
    p = &n->properties[n->property_count];
    *p = (struct property){ .name = name, .at = n->property_count++ };
    return p;
}

static int compare_properties(const void *a, const void *b)
{
    const struct property *one = a, *other = b;
    int order = str_compare(one->name, other->name);

    return order != 0 ? order : (one->at > other->at) - (one->at < other->at);
}

void jsonschema_property_merge(struct node *n)
{
    size_t count = 0;

    if (n->property_count > 1)
        qsort(n->properties, n->property_count, sizeof(*n->properties), compare_properties);
    for (size_t i = 0; i < n->property_count; i++) {
        struct property *p = &n->properties[i], *last = &n->properties[count];

        if (count == 0 || !str_eq(last[-1].name, p->name)) {
            n->properties[count++] = *p;
            continue;
        }
        p->required = p->required || last[-1].required;
        if (!p->schema) {
            p->schema = last[-1].schema;
            p->order = last[-1].order;
        }
        last[-1] = *p;
    }
    n->property_count = count;
}
