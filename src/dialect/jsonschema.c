/* SPDX-License-Identifier: Apache-2.0 */
#include "jsonschema_inner.h"

#include "weir/base/ensure.h"
#include "weir/base/mem.h"
#include "weir/base/utf8.h"
#include "weir/dialect/pattern.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * From a schema's text to nodes. The text is copied, and numbers in nodes are spans of it.
 *
 * A node is made once for the place where it stands, so that whoever refers to it, itself
 * perhaps, gets the same one. References wait until all that stands inside the root is read:
 * so recursion is as deep as the text is nested, however long a chain of them may be.
 */

struct pending {
    struct pending *next;
    struct node *node;
    struct str pointer;
    size_t at; /* of the reference, in the text */
};

/* ---- places ---- */

static size_t put_step(const struct place *p, char out[JSONSCHEMA_POINTER_BYTES])
{
    size_t used = 1;

    out[0] = '/';
    if (!p->name.at)
        return used + (size_t)snprintf(out + 1, 24, "%zu", p->index);
    for (size_t i = 0; i < p->name.len && used + 2 < JSONSCHEMA_POINTER_BYTES; i++) {
        char c = p->name.at[i];

        out[used++] = c == '~' || c == '/' ? '~' : c;
        if (c == '~' || c == '/')
            out[used++] = c == '~' ? '0' : '1';
    }
    return used;
}

/* Puts what is above first; where the room ends, the rest is left out. */
static size_t put_steps(const struct place *at, char *out, size_t size)
{
    char step[JSONSCHEMA_POINTER_BYTES];
    size_t used, len;

    if (!at)
        return 0;
    used = put_steps(at->up, out, size);
    len = put_step(at, step);
    if (len > size - 1 - used)
        len = size - 1 - used;
    memcpy(out + used, step, len);
    return used + len;
}

void jsonschema_put_place(const struct place *at, char *out, size_t size)
{
    size_t len = put_steps(at, out, size);
    size_t whole = 0;

    while (whole < len) {
        size_t n = utf8_length(out + whole, len - whole);

        if (n == 0)
            break;
        whole += n;
    }
    out[whole] = '\0';
}

/* ---- remarks ---- */

enum { REMARK_BYTES = 192 };

__attribute__((format(printf, 5, 0))) static void remark(struct compiler *c, bool is_fault,
                                                         struct str at,
                                                         const struct place *place,
                                                         const char *format, va_list args)
{
    char pointer[2 * JSONSCHEMA_POINTER_BYTES], words[REMARK_BYTES];
    struct jsonschema_remark r = { .is_fault = is_fault,
                                   .at = (size_t)(at.at - c->schema->text.at),
                                   .pointer = pointer,
                                   .words = words };
    int len = snprintf(pointer, JSONSCHEMA_POINTER_BYTES, "%s", c->base);
    size_t used = len < JSONSCHEMA_POINTER_BYTES ? (size_t)len : JSONSCHEMA_POINTER_BYTES - 1;

    jsonschema_put_place(place, pointer + used, sizeof(pointer) - used);
    (void)vsnprintf(words, sizeof(words), format, args);
    c->told(c->ctx, &r);
    c->faulty = c->faulty || is_fault;
}

void jsonschema_fault(struct compiler *c, struct str at, const struct place *place,
                      const char *format, ...)
{
    va_list args;

    va_start(args, format);
    remark(c, true, at, place, format, args);
    va_end(args);
}

void jsonschema_warn(struct compiler *c, struct str at, const struct place *place,
                     const char *format, ...)
{
    va_list args;

    va_start(args, format);
    remark(c, false, at, place, format, args);
    va_end(args);
}

/* ---- nodes ---- */

static int compare_properties(const void *a, const void *b)
{
    return str_compare(((const struct property *)a)->name, ((const struct property *)b)->name);
}

static struct node *new_node(struct jsonschema *s)
{
    struct node *n = ARENA_NEW(&s->arena, struct node);

    n->most_length = n->most_items = n->most_members = UINT64_MAX;
    n->older = s->newest;
    s->newest = n;
    return n;
}

const struct node *jsonschema_make(struct compiler *c, const struct scan_member *v,
                                   const struct place *at)
{
    struct node **made = &c->made[v->value.at - c->schema->text.at];
    struct scan members;
    struct scan_member m;
    struct node *n;

    if (*made)
        return *made;
    n = *made = new_node(c->schema);
    if (v->type == SCAN_BOOL) {
        n->never = !scan_true(v->value);
        return n;
    }
    if (v->type != SCAN_OBJECT)
        jsonschema_fault(c, v->value, at, "must be a schema: an object, true or false");
    for (scan_start(&members, v->value); v->type == SCAN_OBJECT && scan_next(&members, &m);) {
        struct place place = { .up = at };

        place.name = scan_text((struct str){ m.key.at - 1, m.key.len + 2 }, &c->schema->arena,
                               NULL);
        jsonschema_keywords_read(c, n, &m, &place);
    }
    return n;
}

/* ---- references ---- */

void jsonschema_refer(struct compiler *c, struct node *n, struct str pointer,
                      const struct scan_member *v)
{
    struct pending *p = ARENA_NEW(&c->schema->arena, struct pending);

    *p = (struct pending){ c->pending, n, pointer, (size_t)(v->value.at - c->schema->text.at) };
    c->pending = p;
}

static void resolve(struct compiler *c, const struct pending *p)
{
    struct str at = str_cut(c->schema->text, p->at, c->schema->text.len);
    struct scan_member m;

    c->base = "";
    if (!scan_pointer(c->schema->text, p->pointer, &m)) {
        jsonschema_fault(c, at, NULL, "$ref \"#%.*s\" leads nowhere",
                         STR_ARG(str_head(p->pointer, 96)));
        return;
    }
    c->base = p->pointer.len > 0 ? p->pointer.at : ""; /* ends: it is a copy */
    p->node->ref = jsonschema_make(c, &m, NULL);
}

static void resolve_all(struct compiler *c)
{
    while (c->pending) {
        struct pending *p = c->pending;

        c->pending = p->next;
        resolve(c, p);
    }
    c->base = "";
}

/* A schema that is nothing but a reference to itself says nothing. */
static bool leads_back(const struct node *n)
{
    const struct node *slow = n;
    bool move = false;

    for (const struct node *fast = n->ref; fast; fast = fast->ref) {
        if (fast == slow)
            return true;
        if (move)
            slow = slow->ref;
        move = !move;
    }
    return false;
}

/* ---- the whole ---- */

static void complete(struct compiler *c)
{
    for (struct node *n = c->schema->newest; n; n = n->older) {
        if (n->property_count > 1)
            qsort(n->properties, n->property_count, sizeof(*n->properties), compare_properties);
        for (size_t i = 0; i < n->property_count; i++)
            n->required_count += n->properties[i].required;
        if (leads_back(n) && !c->faulty)
            jsonschema_fault(c, c->schema->text, NULL,
                             "a $ref leads back to itself and says nothing");
    }
}

/* What the root's properties are: of what it refers to, if it does no more than that. */
static void find_fields(struct jsonschema *s)
{
    const struct node *n = s->root;

    while (n->property_count == 0 && n->ref)
        n = n->ref;
    for (size_t order = 0; order < JSONSCHEMA_FIELDS; order++)
        for (size_t i = 0; i < n->property_count; i++)
            if (n->properties[i].schema && n->properties[i].order == order)
                s->fields[s->field_count++] = &n->properties[i];
}

static void compile(struct compiler *c)
{
    struct scan_member whole;

    (void)scan_pointer(c->schema->text, STR(""), &whole);
    c->schema->root = jsonschema_make(c, &whole, NULL);
    resolve_all(c);
    complete(c);
    if (!c->faulty)
        find_fields(c->schema);
}

static enum err refuse(struct compiler *c, const char *words)
{
    c->told(c->ctx, &(struct jsonschema_remark){ true, 0, "", words });
    return ERR_CONFIG;
}

enum err jsonschema_new(struct jsonschema **out, struct str text, jsonschema_remark_fn *told,
                        void *ctx)
{
    AUTO(jsonschema_free) struct jsonschema *s = MEM_NEW(struct jsonschema);
    struct compiler c = { .schema = s, .told = told, .ctx = ctx, .base = "" };
    struct fault why = { 0 };

    if (text.len > JSONSCHEMA_BYTES)
        return refuse(&c, "is larger than 1 MiB");
    if (scan_check(text, &why)) {
        char words[sizeof(why.text) + 32];

        (void)snprintf(words, sizeof(words), "is no JSON: %s", why.text);
        return refuse(&c, words);
    }
    s->text = arena_copy(&s->arena, text);
    c.made = mem_new((text.len + 1) * sizeof(*c.made));
    compile(&c);
    free(c.made);
    if (c.faulty)
        return ERR_CONFIG;
    *out = steal(&s);
    return OK;
}

void jsonschema_free(struct jsonschema *s)
{
    if (!s)
        return;
    for (struct node *n = s->newest; n; n = n->older)
        pattern_free(n->pattern);
    arena_deinit(&s->arena);
    free(s);
}

uint64_t jsonschema_hash(const struct jsonschema *s)
{
    return str_hash(s->text);
}

/* ---- fields ---- */

size_t jsonschema_field_count(const struct jsonschema *s)
{
    return s->field_count;
}

struct str jsonschema_field_name(const struct jsonschema *s, size_t i)
{
    ensure(i < s->field_count);
    return s->fields[i]->name;
}

enum { FEW_STEPS = 32 }; /* of schemas that hold schemas, without a value in between */

static bool admits(const struct node *n, const struct scan_member *v, unsigned depth);

static bool any_admits(const struct nodes *list, const struct scan_member *v, unsigned depth)
{
    for (size_t i = 0; i < list->count; i++)
        if (admits(list->at[i], v, depth))
            return true;
    return list->count == 0;
}

static bool all_admit(const struct nodes *list, const struct scan_member *v, unsigned depth)
{
    for (size_t i = 0; i < list->count; i++)
        if (!admits(list->at[i], v, depth))
            return false;
    return true;
}

/* May a value of this type be there, whatever else is asked of it? */
static bool admits(const struct node *n, const struct scan_member *v, unsigned depth)
{
    if (!n || depth == FEW_STEPS)
        return true;
    return !n->never && jsonschema_scalar_type(n, v) && admits(n->ref, v, depth + 1) &&
           all_admit(&n->all, v, depth + 1) && any_admits(&n->any, v, depth + 1) &&
           any_admits(&n->one, v, depth + 1);
}

enum jsonschema_field jsonschema_field_of(const struct jsonschema *s, size_t i, struct str json)
{
    const struct property *p;
    struct scan_member v;

    ensure(i < s->field_count);
    p = s->fields[i];
    if (!scan_get(json, p->name, &v))
        return JSONSCHEMA_FIELD_MISSING;
    if (v.type == SCAN_NULL)
        return JSONSCHEMA_FIELD_NULL;
    if (!admits(p->schema, &v, 0))
        return JSONSCHEMA_FIELD_WRONG_TYPE;
    return jsonschema_fits_node(p->schema, &v) ? JSONSCHEMA_FIELD_OK
                                               : JSONSCHEMA_FIELD_OUT_OF_DOMAIN;
}
