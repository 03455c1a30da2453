/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/route/accept.h"

#include "weir/base/arena.h"
#include "weir/base/scan.h"

#include <string.h>

/*
 * Texts that have escapes are copied into an arena for the length of the call; nothing else is.
 * What an upstream sent may be anything: whatever is not as the test wants it is not accepted.
 */

/* What stands at a pointer, which goes on with "#" into a text that is itself JSON. */
static bool find(struct str json, struct str pointer, struct arena *texts,
                 struct scan_member *at)
{
    for (;;) {
        const char *mark = pointer.len > 0 ? memchr(pointer.at, '#', pointer.len) : NULL;
        size_t len = mark ? (size_t)(mark - pointer.at) : pointer.len;

        if (scan_check(json, NULL) || !scan_pointer(json, str_head(pointer, len), at))
            return false;
        if (!mark)
            return at->type != SCAN_NULL;
        if (at->type != SCAN_STRING)
            return false;
        json = scan_text(at->value, texts, NULL);
        pointer = str_cut(pointer, len + 1, pointer.len);
    }
}

static bool is_listed(struct str word, const struct str *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(word, list[i]))
            return true;
    return false;
}

static bool is_wanted(const struct accept *a, struct str word)
{
    return (a->is_count == 0 || is_listed(word, a->is, a->is_count)) &&
           !is_listed(word, a->is_not, a->is_not_count);
}

static bool is_within(const struct accept *a, const struct scan_member *at)
{
    double value;

    return at->type == SCAN_NUMBER && scan_number(at->value, &value) &&
           (!a->has_least || value >= a->at_least) && (!a->has_most || value <= a->at_most);
}

/* A number or boolean is compared as it is written, as predictions do it. */
static bool holds_at(const struct accept *a, const struct scan_member *at, struct arena *texts)
{
    if ((a->has_least || a->has_most) && !is_within(a, at))
        return false;
    if (a->is_count + a->is_not_count == 0)
        return true;
    if (at->type == SCAN_OBJECT || at->type == SCAN_ARRAY)
        return false;
    return is_wanted(a,
                     at->type == SCAN_STRING ? scan_text(at->value, texts, NULL) : at->value);
}

static bool holds_word(const struct accept *a, struct str body)
{
    struct str word;

    if (scan_check(body, NULL))
        return false;
    word = prediction_value(a->prediction, body);
    return !str_eq(word, STR("missing")) && !str_eq(word, prediction_invalid()) &&
           is_wanted(a, word);
}

bool accept_holds(const struct accept *a, struct str body)
{
    struct arena texts;
    struct scan_member at;
    bool holds;

    if (a->prediction && !a->has_least && !a->has_most)
        return holds_word(a, body);
    /* Bounds are for the number itself, not for the name of its bin. */
    arena_init(&texts, 0);
    holds = find(body, a->prediction ? a->prediction->from : a->pointer, &texts, &at) &&
            holds_at(a, &at, &texts);
    arena_deinit(&texts);
    return holds;
}
