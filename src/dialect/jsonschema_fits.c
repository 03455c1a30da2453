/* SPDX-License-Identifier: Apache-2.0 */
#include "jsonschema_check.h"

#include "canonical.h"
#include "number.h"
#include "weir/base/buf.h"
#include "weir/base/utf8.h"
#include "weir/dialect/pattern.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A text against a schema, from the outside in. Each node reads the value once for each level
 * below it, and schemas that stand side by side read it again, so the bytes that are read are
 * counted, and there is an end to it. What is given up fits under no circumstances, also not
 * where it stands below a `not`.
 *
 * Of a member that stands twice both must fit: readers disagree on which one counts.
 */

enum {
    MOST_WORK = 48 << 20,  /* bytes, some 100 ms */
    MOST_TEXTS = 64 << 20, /* of texts unescaped, values in their canonical form */
    MOST_DEPTH = 256,      /* of schemas in schemas; values are nested less */
    CALLER_WORK = 8 << 20, /* with a caller's schema; some 20 ms */
    STEP_WORK = 32,        /* what a visit costs, besides the reading */
    MOST_PART = 3 << 20,   /* of a part, and so often all of its bytes: */
    PART_READ = 6,
};

/* ---- saying what is wrong ---- */

/* Always false: what is told does not fit. */
bool jsonschema_fits_tell(struct check *c, const struct place *at, const char *format, ...)
{
    struct jsonschema_violation *v;
    va_list args;

    if (!c->report || c->muted > 0 || c->report->count == JSONSCHEMA_TOLD)
        return false;
    v = &c->report->violations[c->report->count++];
    jsonschema_put_place(at, v->pointer, sizeof(v->pointer));
    va_start(args, format);
    (void)vsnprintf(v->words, sizeof(v->words), format, args);
    va_end(args);
    return false;
}

bool jsonschema_fits_give_up(struct check *c, const char *why)
{
    if (!c->gave_up)
        c->gave_up = why;
    return false;
}

/* One fault is found: does anybody want to hear of the next? */
bool jsonschema_fits_goes_on(const struct check *c)
{
    return c->report && c->muted == 0 && !c->gave_up && c->report->count < JSONSCHEMA_TOLD;
}

static bool charge(struct check *c, size_t bytes)
{
    c->work += bytes;
    return c->work <= c->most_work ||
           jsonschema_fits_give_up(c, "it takes too long to be checked");
}

static bool fits(struct check *c, const struct node *n, const struct scan_member *v,
                 const struct place *at);

/* ---- what checks share ---- */

bool jsonschema_fits_canonical(struct check *c, struct str value, struct str *out)
{
    struct canonical_finds finds;

    if (!charge(c, 2 * value.len))
        return false;
    return canonical_of(value, ORDER_SORTED, &c->texts, out, &finds) == OK ||
           jsonschema_fits_give_up(c, "it takes too much memory to be checked");
}

bool jsonschema_fits_bounds(struct check *c, uint64_t count, const struct bounds *b,
                            const struct place *at)
{
    if (count < b->least)
        return jsonschema_fits_tell(c, at, "must have at least %llu %s (%s)",
                                    (unsigned long long)b->least, b->what, b->keyword_least);
    if (count > b->most)
        return jsonschema_fits_tell(c, at, "must have at most %llu %s (%s)",
                                    (unsigned long long)b->most, b->what, b->keyword_most);
    return true;
}

/* ---- arrays ---- */

static bool check_unique(struct check *c, struct str array, size_t count,
                         const struct place *at)
{
    struct str *values = arena_take(&c->texts, count * sizeof(*values));
    struct scan s;
    struct scan_member m;
    size_t n = 0;

    if (!values)
        return jsonschema_fits_give_up(c, "it takes too much memory to be checked");
    for (scan_start(&s, array); n < count && scan_next(&s, &m);)
        if (!jsonschema_fits_canonical(c, m.value, &values[n++]))
            return false;
    qsort(values, n, sizeof(*values), jsonschema_compare);
    for (size_t i = 1; i < n; i++)
        if (str_eq(values[i - 1], values[i]))
            return jsonschema_fits_tell(c, at,
                                        "must not have the same item twice (uniqueItems)");
    return true;
}

static bool check_items(struct check *c, const struct node *n, const struct scan_member *v,
                        const struct place *at, size_t *count)
{
    struct scan s;
    struct scan_member m;
    bool fine = true;

    for (scan_start(&s, v->value); scan_next(&s, &m); ++*count) {
        const struct node *item = *count < n->first.count ? n->first.at[*count] : n->items;
        struct place place = { .up = at, .index = *count };

        if (!item || fits(c, item, &m, &place))
            continue;
        fine = false;
        if (!jsonschema_fits_goes_on(c))
            break;
    }
    return fine;
}

static bool check_array(struct check *c, const struct node *n, const struct scan_member *v,
                        const struct place *at)
{
    const struct bounds bounds = { n->least_items, n->most_items, "items", "minItems",
                                   "maxItems" };
    size_t count = 0;
    bool fine;

    if (v->type != SCAN_ARRAY)
        return true;
    fine = check_items(c, n, v, at, &count);
    if (!fine && !jsonschema_fits_goes_on(c))
        return false;
    fine = jsonschema_fits_bounds(c, count, &bounds, at) && fine;
    if (n->unique && count > 1)
        fine = check_unique(c, v->value, count, at) && fine;
    return fine;
}

/* ---- objects ---- */

static int compare_name(const void *name, const void *property)
{
    return str_compare(*(const struct str *)name, ((const struct property *)property)->name);
}

static const struct property *find_property(const struct node *n, struct str name)
{
    if (n->property_count == 0)
        return NULL;
    return bsearch(&name, n->properties, n->property_count, sizeof(*n->properties),
                   compare_name);
}

static bool check_member(struct check *c, const struct node *n, const struct scan_member *m,
                         const struct property *p, const struct place *at)
{
    const struct node *schema = p && p->schema ? p->schema : n->rest;

    if (!schema)
        return true;
    if (schema->never && schema == n->rest)
        return jsonschema_fits_tell(c, at, "is not allowed (additionalProperties)");
    return fits(c, schema, m, at);
}

static bool check_required(struct check *c, const struct node *n, const bool *seen,
                           const struct place *at)
{
    bool fine = true;

    for (size_t i = 0; i < n->property_count && (fine || jsonschema_fits_goes_on(c)); i++)
        if (n->properties[i].required && !seen[i])
            fine = jsonschema_fits_tell(c, at, "must have a member \"%.*s\" (required)",
                                        STR_ARG(str_head(n->properties[i].name, 96)));
    return fine;
}

/* Marks in `seen` which of the properties are there. */
static bool check_members(struct check *c, const struct node *n, const struct scan_member *v,
                          const struct place *at, bool *seen)
{
    const struct bounds bounds = { n->least_members, n->most_members, "members",
                                   "minProperties", "maxProperties" };
    struct scan s;
    struct scan_member m;
    size_t count = 0;
    bool fine = true;

    for (scan_start(&s, v->value); scan_next(&s, &m); count++) {
        struct str name = scan_text((struct str){ m.key.at - 1, m.key.len + 2 }, &c->texts,
                                    NULL);
        const struct property *p = find_property(n, name);
        struct place place = { .up = at, .name = name };

        if (!name.at)
            return jsonschema_fits_give_up(c, "it takes too much memory to be checked");
        if (p)
            seen[p - n->properties] = true;
        if (!check_member(c, n, &m, p, &place))
            fine = false;
        if (!fine && !jsonschema_fits_goes_on(c))
            return false;
    }
    return jsonschema_fits_bounds(c, count, &bounds, at) && fine;
}

static bool check_object(struct check *c, const struct node *n, const struct scan_member *v,
                         const struct place *at)
{
    enum { FEW = 64 };
    bool few[FEW] = { false };
    bool *seen = few;
    bool fine;

    if (v->type != SCAN_OBJECT)
        return true;
    if (!charge(c, n->property_count))
        return false;
    if (n->property_count > FEW)
        seen = arena_take(&c->texts, n->property_count * sizeof(*seen));
    if (!seen)
        return jsonschema_fits_give_up(c, "it takes too much memory to be checked");
    fine = check_members(c, n, v, at, seen);
    if (!fine && !jsonschema_fits_goes_on(c))
        return false;
    return check_required(c, n, seen, at) && fine;
}

/* ---- schemas together ---- */

static bool check_all(struct check *c, const struct node *n, const struct scan_member *v,
                      const struct place *at)
{
    bool fine = true;

    for (size_t i = 0; i < n->all.count && (fine || jsonschema_fits_goes_on(c)); i++)
        fine = fits(c, n->all.at[i], v, at) && fine;
    return fine;
}

/* How many of them fit; more than `most` are not counted. */
static size_t count_fitting(struct check *c, const struct nodes *list, size_t most,
                            const struct scan_member *v, const struct place *at)
{
    size_t count = 0;

    c->muted++;
    for (size_t i = 0; i < list->count && count < most && !c->gave_up; i++)
        count += fits(c, list->at[i], v, at);
    c->muted--;
    return count;
}

static bool check_some(struct check *c, const struct node *n, const struct scan_member *v,
                       const struct place *at)
{
    const struct nodes not = { (const struct node **)(uintptr_t)&n->not, 1 };
    bool fine = true;

    if (n->any.count > 0 && count_fitting(c, &n->any, 1, v, at) == 0)
        fine = jsonschema_fits_tell(c, at, "must fit one of %zu schemas (anyOf)", n->any.count);
    if (n->one.count > 0 && count_fitting(c, &n->one, 2, v, at) != 1)
        fine = jsonschema_fits_tell(c, at, "must fit exactly one of %zu schemas (oneOf)",
                                    n->one.count);
    if (n->not &&count_fitting(c, &not, 1, v, at) > 0)
        fine = jsonschema_fits_tell(c, at, "must not fit a schema that it fits (not)");
    return fine;
}

static bool check_ref(struct check *c, const struct node *n, const struct scan_member *v,
                      const struct place *at)
{
    return !n->ref || fits(c, n->ref, v, at);
}

/* ---- one schema ---- */

typedef bool check_fn(struct check *c, const struct node *n, const struct scan_member *v,
                      const struct place *at);

static check_fn *const checks[] = { jsonschema_scalar, check_array, check_object,
                                    check_ref,         check_all,   check_some };

static bool fits(struct check *c, const struct node *n, const struct scan_member *v,
                 const struct place *at)
{
    bool fine = true;

    if (c->gave_up || !charge(c, STEP_WORK + v->value.len))
        return false;
    if (n->never)
        return jsonschema_fits_tell(c, at, "is not allowed");
    if (c->depth == MOST_DEPTH)
        return jsonschema_fits_give_up(c, "it is nested too deeply to be checked");
    c->depth++;
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        if (!checks[i](c, n, v, at))
            fine = false;
        if (!fine && !jsonschema_fits_goes_on(c))
            break;
    }
    c->depth--;
    return fine;
}

static enum jsonschema_verdict check(const struct node *n, const struct scan_member *v,
                                     size_t most_work, struct jsonschema_report *report)
{
    struct check c = { .report = report, .most_work = most_work };
    bool fine;

    arena_init(&c.texts, MOST_TEXTS);
    if (report)
        report->count = 0;
    fine = v->value.len <= JSONSCHEMA_MOST
               ? fits(&c, n, v, NULL)
               : jsonschema_fits_give_up(&c, "it is too large to be checked");
    arena_deinit(&c.texts);
    pattern_effort_free(c.effort);
    if (!c.gave_up)
        return fine ? JSONSCHEMA_FITS : JSONSCHEMA_VIOLATED;
    if (report && report->count == JSONSCHEMA_TOLD)
        report->count--;
    (void)jsonschema_fits_tell(&c, NULL, "%s", c.gave_up);
    return JSONSCHEMA_UNSURE;
}

bool jsonschema_fits_node(const struct node *n, const struct scan_member *v)
{
    return check(n, v, MOST_PART + PART_READ * v->value.len, NULL) == JSONSCHEMA_FITS;
}

bool jsonschema_fits(const struct jsonschema *s, struct str json,
                     struct jsonschema_report *report)
{
    struct scan_member whole;

    if (!scan_pointer(json, STR(""), &whole))
        return false;
    return check(s->root, &whole, MOST_WORK, report) == JSONSCHEMA_FITS;
}

enum jsonschema_verdict jsonschema_judge(const struct jsonschema *s, struct str json)
{
    struct scan_member whole;

    if (!scan_pointer(json, STR(""), &whole))
        return JSONSCHEMA_UNSURE;
    return check(s->root, &whole, CALLER_WORK, NULL);
}
