/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/prediction.h"

#include "weir/base/arena.h"
#include "weir/base/scan.h"
#include "weir/base/utf8.h"

#include <string.h>

/*
 * From an answer's bytes to one word. Nothing is copied unless a string has escapes; then its
 * copy lives in an arena for the length of the call. The answer's size is bounded by whoever
 * holds it, and so are these copies.
 */

#define OTHER STR("other")
#define MISSING STR("missing")
#define INVALID STR("invalid")

/* How looking for a place can end. */
enum found { FOUND, FOUND_NOTHING, FOUND_INVALID };

/* The next piece of `from` up to a mark "#"; false when it is the last. */
static bool split_at_text(struct str *from, struct str *piece)
{
    const char *mark = from->len > 0 ? memchr(from->at, '#', from->len) : NULL;
    size_t len = mark ? (size_t)(mark - from->at) : from->len;

    *piece = str_cut(*from, 0, len);
    *from = str_cut(*from, mark ? len + 1 : len, from->len);
    return mark;
}

static enum found find(struct str json, struct str from, struct arena *texts,
                       struct scan_member *at)
{
    struct str piece;

    while (split_at_text(&from, &piece)) {
        if (!scan_pointer(json, piece, at) || at->type == SCAN_NULL)
            return FOUND_NOTHING;
        if (at->type != SCAN_STRING)
            return FOUND_INVALID;
        json = scan_text(at->value, texts, NULL);
        if (scan_check(json, NULL))
            return FOUND_INVALID;
    }
    if (!scan_pointer(json, piece, at) || at->type == SCAN_NULL)
        return FOUND_NOTHING;
    return FOUND;
}

static struct str label_of(const struct prediction *p, const struct scan_member *at,
                           struct arena *texts)
{
    struct str said = at->value;

    if (at->type == SCAN_OBJECT || at->type == SCAN_ARRAY)
        return INVALID;
    if (at->type == SCAN_STRING)
        said = scan_text(at->value, texts, NULL);
    for (size_t i = 0; i < p->label_count; i++) {
        if (str_eq(p->labels[i], said))
            return p->labels[i];
    }
    return OTHER;
}

static struct str bin_of(const struct prediction *p, double value)
{
    size_t i = 0;

    while (i < p->bound_count && value > p->bounds[i])
        i++;
    return p->bound_words[i];
}

static size_t count_elements(struct str array)
{
    struct scan s;
    struct scan_member element;
    size_t n = 0;

    for (scan_start(&s, array); scan_next(&s, &element);)
        n++;
    return n;
}

static struct str length_of(const struct prediction *p, const struct scan_member *at,
                            struct arena *texts)
{
    if (at->type == SCAN_ARRAY)
        return bin_of(p, (double)count_elements(at->value));
    if (at->type == SCAN_STRING)
        return bin_of(p, (double)utf8_count(scan_text(at->value, texts, NULL)));
    return INVALID;
}

static struct str number_of(const struct prediction *p, const struct scan_member *at)
{
    double value;

    return scan_number(at->value, &value) ? bin_of(p, value) : INVALID;
}

static struct str value_at(const struct prediction *p, const struct scan_member *at,
                           struct arena *texts)
{
    switch (p->kind) {
    case PREDICTION_LABEL: return label_of(p, at, texts);
    case PREDICTION_NUMBER: return number_of(p, at);
    case PREDICTION_LENGTH: return length_of(p, at, texts);
    }
    return INVALID;
}

struct str prediction_value(const struct prediction *p, struct str body)
{
    struct arena texts;
    struct scan_member at;
    struct str value = INVALID;

    arena_init(&texts, 0);
    switch (find(body, p->from, &texts, &at)) {
    case FOUND: value = value_at(p, &at, &texts); break;
    case FOUND_NOTHING: value = MISSING; break;
    case FOUND_INVALID: break;
    }
    arena_deinit(&texts);
    return value;
}

bool prediction_at(struct str body, struct str from, struct arena *texts,
                   struct scan_member *at)
{
    return find(body, from, texts, at) == FOUND;
}

struct str prediction_invalid(void)
{
    return INVALID;
}

struct str prediction_tokens_bin(int64_t tokens)
{
    static const char *const words[] = { "le_1",    "le_4",    "le_16",    "le_64",   "le_256",
                                         "le_1024", "le_4096", "le_16384", "le_65536" };
    int64_t bound = 1;

    if (tokens < 0)
        return MISSING;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++, bound *= 4) {
        if (tokens <= bound)
            return str_of(words[i]);
    }
    return STR("gt_65536");
}

/* A provider may invent reasons; what is not known here is `other`, which is an alarm in itself. */
struct str prediction_finish(struct str reason)
{
    static const char *const known[] = {
        "stop",           "length",
        "tool_calls",     "function_call",
        "end_turn",       "max_tokens",
        "tool_use",       "stop_sequence",
        "content_filter", "refusal",
        "pause_turn",     "completed",
        "incomplete",     "model_context_window_exceeded",
    };

    if (reason.len == 0)
        return MISSING;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (str_eq(reason, str_of(known[i])))
            return str_of(known[i]);
    }
    return OTHER;
}
