/* SPDX-License-Identifier: Apache-2.0 */
#include "jsonschema_check.h"

#include "weir/base/ensure.h"

/*
 * The first of the root's properties, whose rates are watched. That a value is of a wrong type
 * is a guess where schemas are many and hold each other: so far is looked, and no further.
 */

/* What the root's properties are: of what it refers to, if it does no more than that. */
void jsonschema_fields_find(struct jsonschema *s)
{
    const struct node *n = s->root;

    while (n->property_count == 0 && n->ref)
        n = n->ref;
    for (size_t order = 0; order < JSONSCHEMA_FIELDS; order++)
        for (size_t i = 0; i < n->property_count; i++)
            if (n->properties[i].schema && n->properties[i].order == order)
                s->fields[s->field_count++] = &n->properties[i];
}

size_t jsonschema_field_count(const struct jsonschema *s)
{
    return s->field_count;
}

struct str jsonschema_field_name(const struct jsonschema *s, size_t i)
{
    ensure(i < s->field_count);
    return s->fields[i]->name;
}

enum { FEW_STEPS = 1000 }; /* of schemas that hold schemas, without a value in between */

static bool admits(const struct node *n, const struct scan_member *v, unsigned *steps);

static bool any_admits(const struct nodes *list, const struct scan_member *v, unsigned *steps)
{
    for (size_t i = 0; i < list->count; i++)
        if (admits(list->at[i], v, steps))
            return true;
    return list->count == 0;
}

static bool all_admit(const struct nodes *list, const struct scan_member *v, unsigned *steps)
{
    for (size_t i = 0; i < list->count; i++)
        if (!admits(list->at[i], v, steps))
            return false;
    return true;
}

/* May a value of this type be there, whatever else is asked of it? */
static bool admits(const struct node *n, const struct scan_member *v, unsigned *steps)
{
    if (!n || *steps == FEW_STEPS)
        return true;
    ++*steps;
    return !n->never && jsonschema_scalar_type(n, v) && admits(n->ref, v, steps) &&
           all_admit(&n->all, v, steps) && any_admits(&n->any, v, steps) &&
           any_admits(&n->one, v, steps);
}

enum jsonschema_field jsonschema_field_of(const struct jsonschema *s, size_t i, struct str json)
{
    const struct property *p;
    struct scan_member v;
    unsigned steps = 0;

    ensure(i < s->field_count);
    p = s->fields[i];
    if (!scan_get(json, p->name, &v))
        return JSONSCHEMA_FIELD_MISSING;
    if (v.type == SCAN_NULL)
        return JSONSCHEMA_FIELD_NULL;
    if (!admits(p->schema, &v, &steps))
        return JSONSCHEMA_FIELD_WRONG_TYPE;
    return jsonschema_fits_node(p->schema, &v) ? JSONSCHEMA_FIELD_OK
                                               : JSONSCHEMA_FIELD_OUT_OF_DOMAIN;
}
