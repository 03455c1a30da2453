/* SPDX-License-Identifier: Apache-2.0 */
#include "jsonschema_inner.h"

#include "weir/base/ensure.h"
#include "weir/base/map.h"
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
 *
 * A caller's schema comes with a request, and others wait meanwhile: what reading costs is
 * counted in bytes, and so is what is made of it. That many are some 10 ms and 5 MB.
 */

enum {
    NODE_WORK = 4096, /* besides its text */
    PLACE_WORK = 4,   /* to find a place in the text: so often all of it */
    CALLER_BYTES = 128 << 10,
    CALLER_WORK = 16 << 20,
    PATTERN_BYTES = 16 << 10, /* what one takes, as a rule */
};
static const size_t OWN_WORK = (size_t)4 << 30;

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

int jsonschema_compare(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

bool jsonschema_charge(struct compiler *c, size_t work)
{
    bool was_fine = c->work <= c->most_work;

    c->work += work;
    if (c->work <= c->most_work)
        return true;
    if (was_fine)
        jsonschema_fault(c, c->schema->text, NULL, "takes too long to be read");
    return false;
}

static struct node *new_node(struct jsonschema *s, size_t at)
{
    struct node *n = ARENA_NEW(&s->arena, struct node);

    n->at = at;
    n->most_length = n->most_items = n->most_members = UINT64_MAX;
    n->older = s->newest;
    s->newest = n;
    return n;
}

const struct node *jsonschema_make(struct compiler *c, const struct scan_member *v,
                                   const struct place *at)
{
    size_t offset = (size_t)(v->value.at - c->schema->text.at);
    struct node **made = &c->made[offset];
    struct scan members;
    struct scan_member m;
    struct node *n;

    if (*made)
        return *made;
    n = *made = new_node(c->schema, offset);
    if (!jsonschema_charge(c, NODE_WORK + v->value.len))
        return n;
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

/* Of two that have the same place the later counts, as with all that reads the text. */
void jsonschema_know(struct compiler *c, struct str pointer, const struct node *n)
{
    const struct node **known = map_get(c->known, pointer);

    if (!known) {
        known = ARENA_NEW(&c->schema->arena, const struct node *);
        (void)map_put(c->known, pointer, known);
    }
    *known = n;
}

static void resolve(struct compiler *c, const struct pending *p)
{
    struct str at = str_cut(c->schema->text, p->at, c->schema->text.len);
    const struct node **known = map_get(c->known, p->pointer);
    struct scan_member m;

    c->base = "";
    if (known)
        p->node->ref = *known;
    if (known || !jsonschema_charge(c, PLACE_WORK * c->schema->text.len))
        return;
    if (!scan_pointer(c->schema->text, p->pointer, &m)) {
        jsonschema_fault(c, at, NULL, "$ref \"#%.*s\" leads nowhere",
                         STR_ARG(str_head(p->pointer, 96)));
        return;
    }
    c->base = p->pointer.len > 0 ? p->pointer.at : ""; /* ends: it is a copy */
    p->node->ref = jsonschema_make(c, &m, NULL);
    jsonschema_know(c, p->pointer, p->node->ref);
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

/* ---- circles ---- */

typedef void node_fn(struct node **list, struct node *n);

/* The schemas that are held against the same value as this one. */
static void each_beside(const struct node *n, node_fn *fn, struct node **list)
{
    const struct nodes *const several[] = { &n->all, &n->any, &n->one };
    const struct node *const single[] = { n->ref, n->not };

    for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++)
        if (single[i])
            fn(list, (struct node *)(uintptr_t)single[i]);
    for (size_t i = 0; i < sizeof(several) / sizeof(several[0]); i++)
        for (size_t j = 0; j < several[i]->count; j++)
            fn(list, (struct node *)(uintptr_t)several[i]->at[j]);
}

static void hold(struct node **list, struct node *n)
{
    (void)list;
    n->holders++;
}

static void put_free(struct node **list, struct node *n)
{
    n->next_free = *list;
    *list = n;
}

static void let_go(struct node **list, struct node *n)
{
    if (--n->holders == 0)
        put_free(list, n);
}

/*
 * A schema that leads back to itself without a step into the value would go on for ever. From
 * what nobody holds one after the other is let go; what is held at the end holds itself.
 */
static void find_circle(struct compiler *c)
{
    struct node *list = NULL;

    for (struct node *n = c->schema->newest; n; n = n->older)
        each_beside(n, hold, NULL);
    for (struct node *n = c->schema->newest; n; n = n->older)
        if (n->holders == 0)
            put_free(&list, n);
    while (list) {
        struct node *n = list;

        list = n->next_free;
        each_beside(n, let_go, &list);
    }
    for (struct node *n = c->schema->newest; n; n = n->older) {
        if (n->holders == 0)
            continue;
        jsonschema_fault(c, str_cut(c->schema->text, n->at, c->schema->text.len), NULL,
                         "a $ref leads back to itself, without a step into the value");
        return;
    }
}

/* ---- the whole ---- */

static void complete(struct compiler *c)
{
    for (struct node *n = c->schema->newest; n; n = n->older)
        jsonschema_property_merge(n);
    if (!c->faulty)
        find_circle(c);
}

static void compile(struct compiler *c)
{
    struct scan_member whole;

    (void)scan_pointer(c->schema->text, STR(""), &whole);
    c->schema->root = jsonschema_make(c, &whole, NULL);
    resolve_all(c);
    complete(c);
    if (!c->faulty)
        jsonschema_fields_find(c->schema);
}

static enum err refuse(struct compiler *c, const char *words)
{
    c->told(c->ctx, &(struct jsonschema_remark){ true, 0, "", words });
    return ERR_CONFIG;
}

static enum err read_text(struct compiler *c, struct str text)
{
    struct fault why = { 0 };

    if (scan_check(text, &why)) {
        char words[sizeof(why.text) + 32];

        (void)snprintf(words, sizeof(words), "is no JSON: %s", why.text);
        return refuse(c, words);
    }
    c->schema->text = arena_copy(&c->schema->arena, text);
    c->made = mem_new((text.len + 1) * sizeof(*c->made));
    c->known = map_new();
    compile(c);
    map_free(c->known);
    free(c->made);
    return c->faulty ? ERR_CONFIG : OK;
}

enum err jsonschema_new(struct jsonschema **out, struct str text, jsonschema_remark_fn *told,
                        void *ctx)
{
    AUTO(jsonschema_free) struct jsonschema *s = MEM_NEW(struct jsonschema);
    struct compiler c = {
        .schema = s, .told = told, .ctx = ctx, .base = "", .most_work = OWN_WORK
    };
    enum err err;

    if (text.len > JSONSCHEMA_BYTES)
        return refuse(&c, "is larger than 1 MiB");
    err = read_text(&c, text);
    if (err)
        return err;
    *out = steal(&s);
    return OK;
}

static void ignore(void *ctx, const struct jsonschema_remark *r)
{
    (void)ctx;
    (void)r;
}

struct jsonschema *jsonschema_of_caller(struct str text)
{
    AUTO(jsonschema_free) struct jsonschema *s = MEM_NEW(struct jsonschema);
    struct compiler c = { .schema = s, .told = ignore, .base = "", .most_work = CALLER_WORK };

    if (text.len > CALLER_BYTES || read_text(&c, text))
        return NULL;
    return steal(&s);
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

size_t jsonschema_size(const struct jsonschema *s)
{
    return sizeof(*s) + s->arena.used + s->pattern_count * PATTERN_BYTES;
}

uint64_t jsonschema_hash(const struct jsonschema *s)
{
    return str_hash(s->text);
}
