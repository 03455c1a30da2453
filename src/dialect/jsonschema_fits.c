/* SPDX-License-Identifier: Apache-2.0 */
#include "jsonschema_inner.h"

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
    STEP_WORK = 32,        /* what a visit costs, besides the reading */
};

struct check {
    struct arena texts;
    struct pattern_effort *effort; /* made when a pattern is met */
    size_t work;
    unsigned depth;
    unsigned muted;      /* inside schemas of which not all must fit */
    const char *gave_up; /* why */
    struct jsonschema_report *report;
};

/* ---- saying what is wrong ---- */

static bool tell(struct check *c, const struct place *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Always false: what is told does not fit. */
static bool tell(struct check *c, const struct place *at, const char *format, ...)
{
    struct jsonschema_violation *v;
    va_list args;

    if (!c->report || c->muted > 0 || c->report->count == JSONSCHEMA_TOLD)
        return false;
    v = &c->report->violations[c->report->count++];
    place_put(at, v->pointer, sizeof(v->pointer));
    va_start(args, format);
    (void)vsnprintf(v->words, sizeof(v->words), format, args);
    va_end(args);
    return false;
}

static bool give_up(struct check *c, const char *why)
{
    if (!c->gave_up)
        c->gave_up = why;
    return false;
}

/* One fault is found: does anybody want to hear of the next? */
static bool goes_on(const struct check *c)
{
    return c->report && c->muted == 0 && !c->gave_up && c->report->count < JSONSCHEMA_TOLD;
}

static bool charge(struct check *c, size_t bytes)
{
    c->work += bytes;
    return c->work <= MOST_WORK || give_up(c, "it takes too long to be checked");
}

static bool fits(struct check *c, const struct node *n, const struct scan_member *v,
                 const struct place *at);

/* ---- types ---- */

bool node_has_type(const struct node *n, const struct scan_member *v)
{
    if (n->types == 0 || n->types & 1U << v->type)
        return true;
    return n->types & TYPE_INTEGER && v->type == SCAN_NUMBER && number_is_whole(v->value);
}

static const struct {
    unsigned type;
    const char *words;
} type_words[] = {
    { 1U << SCAN_OBJECT, "an object" }, { 1U << SCAN_ARRAY, "an array" },
    { 1U << SCAN_STRING, "a string" },  { 1U << SCAN_NUMBER, "a number" },
    { TYPE_INTEGER, "an integer" },     { 1U << SCAN_BOOL, "a boolean" },
    { 1U << SCAN_NULL, "null" },
};

static bool check_type(struct check *c, const struct node *n, const struct scan_member *v,
                       const struct place *at)
{
    char words[96] = "";
    size_t used = 0;

    if (node_has_type(n, v))
        return true;
    for (size_t i = 0; i < sizeof(type_words) / sizeof(type_words[0]); i++)
        if (n->types & type_words[i].type)
            used += (size_t)snprintf(words + used, sizeof(words) - used, "%s%s",
                                     used > 0 ? " or " : "", type_words[i].words);
    return tell(c, at, "must be %s (type)", words);
}

/* ---- values ---- */

static bool canonical(struct check *c, struct str value, struct str *out)
{
    struct canonical_finds finds;

    return canonical_of(value, ORDER_SORTED, &c->texts, out, &finds) == OK ||
           give_up(c, "it takes too much memory to be checked");
}

static bool tell_values(struct check *c, const struct node *n, const struct place *at)
{
    enum { SHOWN = 96 };
    char words[SHOWN + 8];
    size_t used = 0;

    for (size_t i = 0; i < n->value_count; i++) {
        struct str value = n->values[i];

        if (used + value.len + 2 > SHOWN) {
            used += (size_t)snprintf(words + used, sizeof(words) - used, "%s...",
                                     used > 0 ? ", " : "");
            break;
        }
        used += (size_t)snprintf(words + used, sizeof(words) - used, "%s%.*s",
                                 used > 0 ? ", " : "", STR_ARG(value));
    }
    return tell(c, at, "must be one of %.*s (enum)", (int)used, words);
}

static bool is_among(const struct node *n, struct str value)
{
    for (size_t i = 0; i < n->value_count; i++)
        if (str_eq(n->values[i], value))
            return true;
    return false;
}

static bool check_values(struct check *c, const struct node *n, const struct scan_member *v,
                         const struct place *at)
{
    struct str value;
    bool fine = true;

    if (n->value_count == 0 && !n->constant.at)
        return true;
    if (!canonical(c, v->value, &value))
        return false;
    if (n->value_count > 0 && !is_among(n, value))
        fine = tell_values(c, n, at);
    if (n->constant.at && !str_eq(n->constant, value))
        fine = tell(c, at, "must be %.*s%s (const)", STR_ARG(str_head(n->constant, 96)),
                    n->constant.len > 96 ? "..." : "");
    return fine;
}

/* ---- numbers ---- */

static bool check_number(struct check *c, const struct node *n, const struct scan_member *v,
                         const struct place *at)
{
    bool fine = true;

    if (v->type != SCAN_NUMBER)
        return true;
    if (n->least.at && number_compare(v->value, n->least) < 0)
        fine = tell(c, at, "must be at least %.*s (minimum)", STR_ARG(n->least));
    if (n->most.at && number_compare(v->value, n->most) > 0)
        fine = tell(c, at, "must be at most %.*s (maximum)", STR_ARG(n->most));
    if (n->above.at && number_compare(v->value, n->above) <= 0)
        fine = tell(c, at, "must be above %.*s (exclusiveMinimum)", STR_ARG(n->above));
    if (n->below.at && number_compare(v->value, n->below) >= 0)
        fine = tell(c, at, "must be below %.*s (exclusiveMaximum)", STR_ARG(n->below));
    return fine;
}

/* ---- how many ---- */

struct bounds {
    uint64_t least, most;
    const char *what; /* "characters" */
    const char *keyword_least, *keyword_most;
};

static bool check_bounds(struct check *c, uint64_t count, const struct bounds *b,
                         const struct place *at)
{
    if (count < b->least)
        return tell(c, at, "must have at least %llu %s (%s)", (unsigned long long)b->least,
                    b->what, b->keyword_least);
    if (count > b->most)
        return tell(c, at, "must have at most %llu %s (%s)", (unsigned long long)b->most,
                    b->what, b->keyword_most);
    return true;
}

/* ---- strings ---- */

static bool check_pattern(struct check *c, const struct node *n, struct str text,
                          const struct place *at)
{
    if (!n->pattern)
        return true;
    if (!c->effort)
        c->effort = pattern_effort_new();
    switch (pattern_find(n->pattern, text, c->effort)) {
    case PATTERN_FOUND: return true;
    case PATTERN_COSTLY: return give_up(c, "a pattern takes too long on it");
    case PATTERN_ABSENT: break;
    }
    return tell(c, at, "must match %.*s%s (pattern)", STR_ARG(str_head(n->pattern_text, 96)),
                n->pattern_text.len > 96 ? "..." : "");
}

static bool check_string(struct check *c, const struct node *n, const struct scan_member *v,
                         const struct place *at)
{
    const struct bounds bounds = { n->least_length, n->most_length, "characters", "minLength",
                                   "maxLength" };
    struct str text;
    bool fine;

    if (v->type != SCAN_STRING ||
        (!n->pattern && n->least_length == 0 && n->most_length == UINT64_MAX))
        return true;
    text = scan_text(v->value, &c->texts, NULL);
    if (!text.at)
        return give_up(c, "it takes too much memory to be checked");
    fine = check_bounds(c, utf8_count(text), &bounds, at);
    return check_pattern(c, n, text, at) && fine;
}

/* ---- arrays ---- */

static int compare_strs(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static bool check_unique(struct check *c, struct str array, size_t count,
                         const struct place *at)
{
    struct str *values = arena_take(&c->texts, count * sizeof(*values));
    struct scan s;
    struct scan_member m;
    size_t n = 0;

    if (!values)
        return give_up(c, "it takes too much memory to be checked");
    for (scan_start(&s, array); n < count && scan_next(&s, &m);)
        if (!canonical(c, m.value, &values[n++]))
            return false;
    qsort(values, n, sizeof(*values), compare_strs);
    for (size_t i = 1; i < n; i++)
        if (str_eq(values[i - 1], values[i]))
            return tell(c, at, "must not have the same item twice (uniqueItems)");
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
        if (!goes_on(c))
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
    if (!fine && !goes_on(c))
        return false;
    fine = check_bounds(c, count, &bounds, at) && fine;
    if (n->unique && count > 1)
        fine = check_unique(c, v->value, count, at) && fine;
    return fine;
}

/* ---- objects ---- */

static int compare_name(const void *name, const void *property)
{
    return str_compare(*(const struct str *)name, ((const struct property *)property)->name);
}

const struct property *node_property(const struct node *n, struct str name)
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
        return tell(c, at, "is not allowed (additionalProperties)");
    return fits(c, schema, m, at);
}

static bool check_required(struct check *c, const struct node *n, const bool *seen,
                           const struct place *at)
{
    bool fine = true;

    for (size_t i = 0; i < n->property_count && (fine || goes_on(c)); i++)
        if (n->properties[i].required && !seen[i])
            fine = tell(c, at, "must have a member \"%.*s\" (required)",
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
        const struct property *p = node_property(n, name);
        struct place place = { .up = at, .name = name };

        if (!name.at)
            return give_up(c, "it takes too much memory to be checked");
        if (p)
            seen[p - n->properties] = true;
        if (!check_member(c, n, &m, p, &place))
            fine = false;
        if (!fine && !goes_on(c))
            return false;
    }
    return check_bounds(c, count, &bounds, at) && fine;
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
        return give_up(c, "it takes too much memory to be checked");
    fine = check_members(c, n, v, at, seen);
    if (!fine && !goes_on(c))
        return false;
    return check_required(c, n, seen, at) && fine;
}

/* ---- schemas together ---- */

static bool check_all(struct check *c, const struct node *n, const struct scan_member *v,
                      const struct place *at)
{
    bool fine = true;

    for (size_t i = 0; i < n->all.count && (fine || goes_on(c)); i++)
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
        fine = tell(c, at, "must fit one of %zu schemas (anyOf)", n->any.count);
    if (n->one.count > 0 && count_fitting(c, &n->one, 2, v, at) != 1)
        fine = tell(c, at, "must fit exactly one of %zu schemas (oneOf)", n->one.count);
    if (n->not &&count_fitting(c, &not, 1, v, at) > 0)
        fine = tell(c, at, "must not fit a schema that it fits (not)");
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

static check_fn *const checks[] = { check_type,   check_values, check_number,
                                    check_string, check_array,  check_object,
                                    check_ref,    check_all,    check_some };

static bool fits(struct check *c, const struct node *n, const struct scan_member *v,
                 const struct place *at)
{
    bool fine = true;

    if (c->gave_up || !charge(c, STEP_WORK + v->value.len))
        return false;
    if (n->never)
        return tell(c, at, "is not allowed");
    if (c->depth == MOST_DEPTH)
        return give_up(c, "it is nested too deeply to be checked");
    c->depth++;
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        if (!checks[i](c, n, v, at))
            fine = false;
        if (!fine && !goes_on(c))
            break;
    }
    c->depth--;
    return fine;
}

static bool check(const struct node *n, const struct scan_member *v,
                  struct jsonschema_report *report)
{
    struct check c = { .report = report };
    bool fine;

    arena_init(&c.texts, MOST_TEXTS);
    if (report)
        report->count = 0;
    fine = v->value.len <= JSONSCHEMA_MOST ? fits(&c, n, v, NULL)
                                           : give_up(&c, "it is too large to be checked");
    arena_deinit(&c.texts);
    pattern_effort_free(c.effort);
    if (!c.gave_up)
        return fine;
    if (report && report->count == JSONSCHEMA_TOLD)
        report->count--;
    return tell(&c, NULL, "%s", c.gave_up);
}

bool node_fits(const struct node *n, const struct scan_member *v)
{
    return check(n, v, NULL);
}

bool jsonschema_fits(const struct jsonschema *s, struct str json,
                     struct jsonschema_report *report)
{
    struct scan_member whole;

    if (!scan_pointer(json, STR(""), &whole))
        return false;
    return check(s->root, &whole, report);
}
