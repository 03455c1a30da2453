/* SPDX-License-Identifier: Apache-2.0 */
#include "assembly.h"

#include "shape.h"
#include "weir/base/mem.h"
#include "weir/base/scan.h"

#include <stdlib.h>
#include <string.h>

/*
 * A tree grows from the chunks: one node for each member of the plain body. How a node takes in
 * the next piece stands in the tables of shape.h.
 */

static const struct shape element_row = { NULL, GROW_OBJECT, NULL, NULL, NULL };

struct node {
    const struct shape *row;
    const struct shape *inside; /* of objects: how their members grow */
    struct buf key;             /* as it stands in the chunks */
    struct buf value;           /* a value; or the inside of a string or array */
    bool is_set;                /* something other than null came */
    uint64_t index;             /* among the elements of its array */
    struct node *kids;
    size_t count;
    size_t capacity;
};

enum {
    KIDS = 4096,      /* of one node: more than any answer has, so that look-ups stay short */
    NODE_BYTES = 256, /* what a node is reckoned to cost */
};

struct tap_assembly {
    struct node root;
    size_t bytes;
    bool failed;
};

struct tap_assembly *assembly_new(enum endpoint endpoint)
{
    static const struct shape chat = { NULL, GROW_OBJECT, shape_chat, NULL, NULL };
    static const struct shape completions = { NULL, GROW_OBJECT, shape_completions, NULL,
                                              NULL };
    static const struct shape message = { NULL, GROW_OBJECT, shape_message, NULL, NULL };
    struct tap_assembly *a = MEM_NEW(struct tap_assembly);

    a->root.row = endpoint == ENDPOINT_CHAT       ? &chat
                  : endpoint == ENDPOINT_MESSAGES ? &message
                                                  : &completions;
    a->root.inside = a->root.row->inside;
    return a;
}

static void drop_node(struct node *n)
{
    for (size_t i = 0; i < n->count; i++)
        drop_node(&n->kids[i]);
    free(n->kids);
    buf_deinit(&n->key);
    buf_deinit(&n->value);
}

void assembly_free(struct tap_assembly *a)
{
    if (!a)
        return;
    drop_node(&a->root);
    free(a);
}

/* ---- growing ---- */

static void fail(struct tap_assembly *a)
{
    a->failed = true;
}

static void add(struct tap_assembly *a, struct node *n, struct str s)
{
    a->bytes += s.len;
    if (a->bytes > ASSEMBLY_BYTES)
        fail(a);
    else
        buf_put(&n->value, s);
}

static struct node *add_kid(struct tap_assembly *a, struct node *n, const struct shape *row)
{
    struct node *kid;

    a->bytes += NODE_BYTES;
    if (n->count == KIDS || a->bytes > ASSEMBLY_BYTES) {
        fail(a);
        return NULL;
    }
    if (n->count == n->capacity) {
        n->capacity = n->capacity * 2 + 4;
        n->kids = mem_grow(n->kids, n->capacity * sizeof(*n->kids));
    }
    kid = &n->kids[n->count++];
    *kid = (struct node){ .row = row, .inside = row->inside };
    return kid;
}

static const struct shape *row_for(const struct shape *rows, struct str key)
{
    while (rows->key && !scan_key_is(key, str_of(rows->key)))
        rows++;
    return rows;
}

static struct node *kid_named(struct tap_assembly *a, struct node *n, struct str key)
{
    const struct shape *row = row_for(n->inside, key);
    struct node *kid;

    for (size_t i = 0; i < n->count; i++) {
        kid = &n->kids[i];
        if (kid->row == row && (row->key || str_eq(buf_str(&kid->key), key)))
            return kid;
    }
    kid = add_kid(a, n, row);
    if (kid)
        buf_put(&kid->key, key);
    return kid;
}

static bool is_empty_value(struct str v)
{
    return str_eq(v, STR("null")) || str_eq(v, STR("\"\"")) || str_eq(v, STR("[]"));
}

static void set_value(struct tap_assembly *a, struct node *n, struct str value)
{
    struct str old = buf_str(&n->value);

    if (n->is_set && (is_empty_value(value) || str_eq(old, value)))
        return;
    if (n->is_set && !is_empty_value(old) &&
        (n->row->how == GROW_ONCE ||
         (scan_type_of(old) == SCAN_ARRAY && scan_type_of(value) == SCAN_ARRAY))) {
        fail(a);
        return;
    }
    buf_reset(&n->value);
    add(a, n, value);
    n->is_set = !str_eq(value, STR("null"));
}

static void add_text(struct tap_assembly *a, struct node *n, struct str value)
{
    if (scan_type_of(value) == SCAN_STRING) {
        n->is_set = true;
        add(a, n, str_cut(value, 1, value.len - 1));
    } else if (scan_type_of(value) != SCAN_NULL) {
        fail(a);
    }
}

/* Also whole at once, as servers without the patience for pieces send it. */
static void add_json(struct tap_assembly *a, struct node *n, struct str value)
{
    struct buf text = { 0 };

    if (scan_type_of(value) == SCAN_STRING) {
        add_text(a, n, value);
        return;
    }
    n->is_set = true;
    if (str_eq(value, STR("{}")))
        return; /* its place, to be filled */
    scan_put_string(&text, value);
    add_text(a, n, buf_str(&text));
    buf_deinit(&text);
}

static void add_list(struct tap_assembly *a, struct node *n, struct str value)
{
    struct scan s;
    struct scan_member m;

    if (scan_type_of(value) == SCAN_NULL)
        return;
    if (scan_type_of(value) != SCAN_ARRAY) {
        fail(a);
        return;
    }
    n->is_set = true;
    scan_start(&s, value);
    while (scan_next(&s, &m)) {
        if (n->value.len > 0)
            add(a, n, STR(","));
        add(a, n, m.value);
    }
}

static void grow(struct tap_assembly *a, struct node *n, struct str value);

static void add_members(struct tap_assembly *a, struct node *n, struct str value)
{
    struct scan s;
    struct scan_member m;

    if (scan_type_of(value) == SCAN_NULL)
        return;
    if (scan_type_of(value) != SCAN_OBJECT) {
        fail(a);
        return;
    }
    n->is_set = true;
    scan_start(&s, value);
    while (!a->failed && scan_next(&s, &m)) {
        struct node *kid = kid_named(a, n, m.key);

        if (kid)
            grow(a, kid, m.value);
    }
}

/* Servers that leave out the index send whole elements, each with an id, or have only one. */
static bool index_of(const struct node *n, struct str element, uint64_t *index)
{
    struct scan_member m;

    if (scan_get(element, STR("index"), &m))
        return scan_u64(m.value, index);
    if (scan_get(element, STR("id"), &m) && m.type == SCAN_STRING && m.value.len > 2)
        *index = n->count == 0 ? 0 : n->kids[n->count - 1].index + 1;
    else
        *index = n->count == 0 ? 0 : n->kids[n->count - 1].index;
    return true;
}

static void add_elements(struct tap_assembly *a, struct node *n, struct str value)
{
    struct scan s;
    struct scan_member m;

    scan_start(&s, value);
    if (s.object || (scan_type_of(value) != SCAN_ARRAY && scan_type_of(value) != SCAN_NULL))
        fail(a);
    while (!a->failed && scan_next(&s, &m)) {
        struct node *kid = NULL;
        uint64_t index;

        if (m.type != SCAN_OBJECT || !index_of(n, m.value, &index)) {
            fail(a);
            return;
        }
        for (size_t i = 0; i < n->count && !kid; i++)
            kid = n->kids[i].index == index ? &n->kids[i] : NULL;
        if (!kid)
            kid = add_kid(a, n, &element_row);
        if (!kid)
            return;
        kid->index = index;
        kid->inside = n->inside;
        add_members(a, kid, m.value);
    }
}

static void grow(struct tap_assembly *a, struct node *n, struct str value)
{
    switch (n->row->how) {
    case GROW_LAST:
    case GROW_ONCE:
    case GROW_NAME: set_value(a, n, value); break;
    case GROW_TEXT: add_text(a, n, value); break;
    case GROW_JSON: add_json(a, n, value); break;
    case GROW_LIST: add_list(a, n, value); break;
    case GROW_OBJECT: add_members(a, n, value); break;
    case GROW_INDEX: add_elements(a, n, value); break;
    case GROW_DROP: break;
    }
}

bool assembly_add(struct tap_assembly *a, struct str chunk)
{
    if (!a->failed)
        grow(a, &a->root, chunk);
    return !a->failed;
}

/* ---- writing ---- */

struct writing {
    struct buf *out;
    struct str model;
    bool failed;
};

static void put_node(struct writing *w, const struct node *n);

static void put_key(const struct writing *w, struct str key, bool *any)
{
    buf_put_text(w->out, *any ? ",\"" : "\"");
    buf_put(w->out, key);
    buf_put_text(w->out, "\":");
    *any = true;
}

static const struct node *kid_of(const struct node *n, const struct shape *row)
{
    for (size_t i = 0; i < n->count; i++) {
        if (n->kids[i].row == row && row->how != GROW_DROP)
            return &n->kids[i];
    }
    return NULL;
}

static bool is_shown(const struct node *n)
{
    return n &&
           !(n->row->how == GROW_INDEX && n->count == 0 && n->row->inside == shape_tool_call);
}

static void put_members(struct writing *w, const struct node *n)
{
    const struct shape *row;
    bool any = false;

    buf_put_text(w->out, "{");
    for (row = n->inside; row->key; row++) {
        const struct node *kid = kid_of(n, row);

        if (!is_shown(kid) && !row->absent)
            continue;
        put_key(w, str_of(row->as ? row->as : row->key), &any);
        if (kid)
            put_node(w, kid);
        else
            buf_put_text(w->out, row->absent);
    }
    for (size_t i = 0; i < n->count; i++) {
        if (n->kids[i].row != row)
            continue;
        put_key(w, buf_str(&n->kids[i].key), &any);
        put_node(w, &n->kids[i]);
    }
    buf_put_text(w->out, "}");
}

static int compare_indexes(const void *a, const void *b)
{
    const struct node *one = *(const struct node *const *)a;
    const struct node *other = *(const struct node *const *)b;

    return (one->index > other->index) - (one->index < other->index);
}

static void put_elements(struct writing *w, const struct node *n)
{
    const struct node *sorted[KIDS];

    for (size_t i = 0; i < n->count; i++)
        sorted[i] = &n->kids[i];
    qsort(sorted, n->count, sizeof(sorted[0]), compare_indexes);
    buf_put_text(w->out, "[");
    for (size_t i = 0; i < n->count; i++) {
        buf_put_text(w->out, i > 0 ? "," : "");
        put_members(w, sorted[i]);
    }
    buf_put_text(w->out, "]");
}

/* What a model wrote as its arguments need not be JSON; then no plain body can say it. */
static void put_json(struct writing *w, const struct node *n)
{
    struct arena arena = { 0 };
    struct buf quoted = { 0 };
    struct scan_member whole;
    struct str text = STR("{}");
    bool lossy = false;

    if (n->value.len > 0) {
        buf_put_text(&quoted, "\"");
        buf_put(&quoted, buf_str(&n->value));
        buf_put_text(&quoted, "\"");
        text = scan_text(buf_str(&quoted), &arena, &lossy);
    }
    if (lossy || scan_check(text, NULL) != OK || !scan_pointer(text, STR(""), &whole))
        w->failed = true;
    else
        buf_put(w->out, whole.value);
    buf_deinit(&quoted);
    arena_deinit(&arena);
}

static void put_node(struct writing *w, const struct node *n)
{
    if (n->row->how == GROW_INDEX) {
        put_elements(w, n);
    } else if (n->row->how == GROW_NAME) {
        scan_put_string(w->out, w->model);
    } else if (!n->is_set) {
        buf_put_text(w->out, "null");
    } else if (n->row->how == GROW_JSON) {
        put_json(w, n);
    } else if (n->row->how == GROW_OBJECT) {
        put_members(w, n);
    } else if (n->row->how == GROW_TEXT) {
        buf_put_text(w->out, "\"");
        buf_put(w->out, buf_str(&n->value));
        buf_put_text(w->out, "\"");
    } else if (n->row->how == GROW_LIST) {
        buf_put_text(w->out, "[");
        buf_put(w->out, buf_str(&n->value));
        buf_put_text(w->out, "]");
    } else {
        buf_put(w->out, buf_str(&n->value));
    }
}

bool assembly_put(const struct tap_assembly *a, struct str model, struct buf *out)
{
    struct writing w = { out, model, false };

    if (a->failed || a->root.count == 0)
        return false;
    put_node(&w, &a->root);
    return !w.failed;
}
