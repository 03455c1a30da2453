/* SPDX-License-Identifier: Apache-2.0 */
#include "jsonschema_check.h"

#include "number.h"
#include "weir/base/utf8.h"
#include "weir/dialect/pattern.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * What is asked of one value, whatever is inside it: its type, to be one of some values, the
 * size of a number, the length and the form of a text.
 */

/* ---- types ---- */

bool jsonschema_scalar_type(const struct node *n, const struct scan_member *v)
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

    if (jsonschema_scalar_type(n, v))
        return true;
    for (size_t i = 0; i < sizeof(type_words) / sizeof(type_words[0]); i++)
        if (n->types & type_words[i].type)
            used += (size_t)snprintf(words + used, sizeof(words) - used, "%s%s",
                                     used > 0 ? " or " : "", type_words[i].words);
    return jsonschema_fits_tell(c, at, "must be %s (type)", words);
}

/* ---- values ---- */

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
    return jsonschema_fits_tell(c, at, "must be one of %.*s (enum)", (int)used, words);
}

static bool is_among(const struct node *n, struct str value)
{
    return bsearch(&value, n->sorted, n->value_count, sizeof(*n->sorted), jsonschema_compare);
}

static bool check_values(struct check *c, const struct node *n, const struct scan_member *v,
                         const struct place *at)
{
    struct str value;
    bool fine = true;

    if (n->value_count == 0 && !n->constant.at)
        return true;
    if (!jsonschema_fits_canonical(c, v->value, &value))
        return false;
    if (n->value_count > 0 && !is_among(n, value))
        fine = tell_values(c, n, at);
    if (n->constant.at && !str_eq(n->constant, value))
        fine = jsonschema_fits_tell(c, at, "must be %.*s%s (const)",
                                    STR_ARG(str_head(n->constant, 96)),
                                    n->constant.len > 96 ? "..." : "");
    return fine;
}

/* ---- numbers ---- */

static bool check_step(struct check *c, const struct node *n, const struct scan_member *v,
                       const struct place *at)
{
    if (!n->step.at)
        return true;
    if (!jsonschema_multiple_is_known(v->value))
        return jsonschema_fits_give_up(c, "a number is too large to be checked");
    return jsonschema_multiple(v->value, n->step) ||
           jsonschema_fits_tell(c, at, "must be a multiple of %.*s (multipleOf)",
                                STR_ARG(n->step));
}

static bool check_number(struct check *c, const struct node *n, const struct scan_member *v,
                         const struct place *at)
{
    bool fine = true;

    if (v->type != SCAN_NUMBER)
        return true;
    if (n->least.at && number_compare(v->value, n->least) < 0)
        fine = jsonschema_fits_tell(c, at, "must be at least %.*s (minimum)",
                                    STR_ARG(n->least));
    if (n->most.at && number_compare(v->value, n->most) > 0)
        fine = jsonschema_fits_tell(c, at, "must be at most %.*s (maximum)", STR_ARG(n->most));
    if (n->above.at && number_compare(v->value, n->above) <= 0)
        fine = jsonschema_fits_tell(c, at, "must be above %.*s (exclusiveMinimum)",
                                    STR_ARG(n->above));
    if (n->below.at && number_compare(v->value, n->below) >= 0)
        fine = jsonschema_fits_tell(c, at, "must be below %.*s (exclusiveMaximum)",
                                    STR_ARG(n->below));
    return check_step(c, n, v, at) && fine;
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
    case PATTERN_COSTLY: return jsonschema_fits_give_up(c, "a pattern takes too long on it");
    case PATTERN_ABSENT: break;
    }
    return jsonschema_fits_tell(c, at, "must match %.*s%s (pattern)",
                                STR_ARG(str_head(n->pattern_text, 96)),
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
        return jsonschema_fits_give_up(c, "it takes too much memory to be checked");
    fine = jsonschema_fits_bounds(c, utf8_count(text), &bounds, at);
    return check_pattern(c, n, text, at) && fine;
}

/* ---- all of it ---- */

bool jsonschema_scalar(struct check *c, const struct node *n, const struct scan_member *v,
                       const struct place *at)
{
    bool fine = check_type(c, n, v, at);

    if (fine || jsonschema_fits_goes_on(c))
        fine = check_values(c, n, v, at) && fine;
    if (fine || jsonschema_fits_goes_on(c))
        fine = check_number(c, n, v, at) && fine;
    if (fine || jsonschema_fits_goes_on(c))
        fine = check_string(c, n, v, at) && fine;
    return fine;
}
