/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/prediction.h"

#include "grid.h"
#include "said.h"
#include "script.h"
#include "weir/base/arena.h"
#include "weir/base/ensure.h"
#include "weir/base/scan.h"
#include "weir/base/utf8.h"
#include "weir/dialect/jsonschema.h"
#include "weir/dialect/pattern.h"

#include <math.h>
#include <string.h>

/*
 * From an answer's bytes to one word. Nothing is copied unless a string has escapes; then its
 * copy lives in an arena for the length of the call. The answer's size is bounded by whoever
 * holds it, and so are these copies.
 */

enum { MATCHED_BYTES = 32 << 10 }; /* of a long text a pattern sees the beginning */

/* STR() is no constant, and these lists are. */
#define NAME(text)             \
    {                          \
        text, sizeof(text) - 1 \
    }

static const struct str yes_no[] = { NAME("yes"), NAME("no") };
enum { YES = PREDICTION_FIRST, NO };

static const struct str scripts[] = {
#define S(name) NAME(#name),
    SCRIPTS(S)
#undef S
};

/* ok, null, wrong_type and out_of_domain; missing is a word that all predictions have. */
static const struct str field_words[] = {
    NAME("ok"),
    NAME("null"),
    NAME("wrong_type"),
    NAME("out_of_domain"),
};
enum { FIELD_OK = PREDICTION_FIRST, FIELD_NULL, FIELD_WRONG_TYPE, FIELD_OUT_OF_DOMAIN };

static const double tenths[] = { 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1 };
static const struct str tenth_words[] = {
    NAME("le_0.1"), NAME("le_0.2"), NAME("le_0.3"), NAME("le_0.4"),
    NAME("le_0.5"), NAME("le_0.6"), NAME("le_0.7"), NAME("le_0.8"),
    NAME("le_0.9"), NAME("le_1"),   NAME("gt_1"),
};

static const double lengths[] = { 1, 4, 16, 64, 256, 1024, 4096, 16384, 65536 };
static const struct str length_words[] = {
    NAME("le_1"),    NAME("le_4"),    NAME("le_16"),    NAME("le_64"),    NAME("le_256"),
    NAME("le_1024"), NAME("le_4096"), NAME("le_16384"), NAME("le_65536"), NAME("gt_65536"),
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void take_labels(struct prediction *p, const struct str *labels, size_t count)
{
    p->labels = labels;
    p->label_count = count;
}

static void take_bins(struct prediction *p, const double *bounds, const struct str *words,
                      size_t count)
{
    p->bounds = bounds;
    p->bound_words = words;
    p->bound_count = count;
}

void prediction_complete(struct prediction *p)
{
    if (p->label_count > 0 || p->bound_count > 0)
        return;
    switch (p->kind) {
    case PREDICTION_TOOL:
    case PREDICTION_JSON: take_labels(p, yes_no, COUNT(yes_no)); break;
    case PREDICTION_SCRIPT: take_labels(p, scripts, COUNT(scripts)); break;
    case PREDICTION_CONFIDENCE: take_bins(p, tenths, tenth_words, COUNT(tenths)); break;
    case PREDICTION_LENGTH: take_bins(p, lengths, length_words, COUNT(lengths)); break;
    case PREDICTION_FIELD: take_labels(p, field_words, COUNT(field_words)); break;
    case PREDICTION_NUMBER: take_bins(p, grid_edges, grid_words, GRID_COUNT); break;
    case PREDICTION_LABEL: break;
    }
}

/* ---- words ---- */

struct str prediction_word(const struct prediction *p, unsigned place)
{
    size_t i = place - PREDICTION_FIRST;

    switch (place) {
    case PREDICTION_MISSING: return STR("missing");
    case PREDICTION_INVALID: return STR("invalid");
    case PREDICTION_OTHER: return STR("other");
    default: break;
    }
    if (p->label_count > 0)
        return p->labels[i < p->label_count ? i : 0];
    ensure(i <= p->bound_count);
    return p->bound_words[i];
}

unsigned prediction_places(const struct prediction *p)
{
    size_t bins = p->bound_count > 0 ? p->bound_count + 1 : 0;

    return PREDICTION_FIRST + (unsigned)(p->label_count > 0 ? p->label_count : bins);
}

unsigned prediction_label(const struct prediction *p, struct str said)
{
    for (size_t i = 0; i < p->label_count; i++) {
        if (str_eq(p->labels[i], said))
            return PREDICTION_FIRST + (unsigned)i;
    }
    return PREDICTION_OTHER;
}

unsigned prediction_bin(const struct prediction *p, double value)
{
    unsigned i = 0;

    while (i < p->bound_count && value > p->bounds[i])
        i++;
    return PREDICTION_FIRST + i;
}

struct str prediction_invalid(void)
{
    return STR("invalid");
}

/* ---- looking for a place ---- */

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

bool prediction_at(struct str body, struct str from, struct arena *texts,
                   struct scan_member *at)
{
    return find(body, from, texts, at) == FOUND;
}

/* What is read: the value at `from`, a text unescaped; or what the whole says. */
struct value {
    enum scan_type type;
    struct str text; /* of other types: as it is written */
};

static enum found find_value(const struct prediction *p, struct str json, struct arena *texts,
                             struct value *out)
{
    struct scan_member at;
    enum found found;

    if (!p->from.at) {
        out->type = SCAN_STRING;
        out->text = p->of_request ? said_request(json, texts) : said_answer(json, texts);
        return out->text.at ? FOUND : FOUND_NOTHING;
    }
    found = find(json, p->from, texts, &at);
    if (found != FOUND)
        return found;
    out->type = at.type;
    out->text = at.type == SCAN_STRING ? scan_text(at.value, texts, NULL) : at.value;
    return FOUND;
}

/* ---- by kind ---- */

/* The beginning of a text, no character cut. */
static struct str beginning_of(struct str text, size_t most)
{
    if (text.len <= most)
        return text;
    while (most > 0 && ((unsigned char)text.at[most] & 0xC0) == 0x80)
        most--;
    return str_head(text, most);
}

static unsigned match(const struct prediction *p, struct str text)
{
    AUTO(pattern_effort_free) struct pattern_effort *effort = pattern_effort_new();
    struct str taken;

    switch (pattern_take(p->match, beginning_of(text, MATCHED_BYTES), effort, &taken)) {
    case PATTERN_FOUND: return taken.at ? prediction_label(p, taken) : PREDICTION_MISSING;
    case PATTERN_ABSENT: return PREDICTION_MISSING;
    case PATTERN_COSTLY: break;
    }
    return PREDICTION_INVALID;
}

static unsigned label_of(const struct prediction *p, const struct value *v)
{
    if (v->type == SCAN_OBJECT || v->type == SCAN_ARRAY)
        return PREDICTION_INVALID;
    return p->match ? match(p, v->text) : prediction_label(p, v->text);
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

static unsigned length_of(const struct prediction *p, const struct value *v)
{
    if (v->type == SCAN_ARRAY)
        return prediction_bin(p, (double)count_elements(v->text));
    if (v->type == SCAN_STRING)
        return prediction_bin(p, (double)utf8_count(v->text));
    return PREDICTION_INVALID;
}

static unsigned number_of(const struct prediction *p, const struct value *v)
{
    double value;

    return v->type == SCAN_NUMBER && scan_number(v->text, &value) ? prediction_bin(p, value)
                                                                  : PREDICTION_INVALID;
}

/* A tree inside the answer is JSON, since the whole is. */
static unsigned json_of(const struct value *v)
{
    return v->type != SCAN_STRING || scan_check(v->text, NULL) == OK ? YES : NO;
}

static unsigned script_place(const struct value *v)
{
    return v->type == SCAN_STRING ? PREDICTION_FIRST + (unsigned)script_of(v->text)
                                  : PREDICTION_INVALID;
}

static unsigned place_of(const struct prediction *p, const struct value *v)
{
    switch (p->kind) {
    case PREDICTION_LABEL: return label_of(p, v);
    case PREDICTION_NUMBER: return number_of(p, v);
    case PREDICTION_LENGTH: return length_of(p, v);
    case PREDICTION_JSON: return json_of(v);
    case PREDICTION_SCRIPT: return script_place(v);
    case PREDICTION_TOOL:
    case PREDICTION_CONFIDENCE:
    case PREDICTION_FIELD: break;
    }
    return PREDICTION_INVALID;
}

static unsigned tool_of(const struct prediction *p, struct str json, struct arena *texts)
{
    struct str name = said_tool(json, texts);

    if (p->labels == yes_no)
        return name.at ? YES : NO;
    return name.at ? prediction_label(p, name) : PREDICTION_MISSING;
}

static unsigned confidence_of(const struct prediction *p, struct str json)
{
    double mean;

    if (!said_confidence(json, &mean))
        return PREDICTION_MISSING;
    return prediction_bin(p, exp(mean));
}

static unsigned field_of(const struct prediction *p, struct str json)
{
    switch (jsonschema_field_of(p->schema, p->field, json)) {
    case JSONSCHEMA_FIELD_OK: return FIELD_OK;
    case JSONSCHEMA_FIELD_NULL: return FIELD_NULL;
    case JSONSCHEMA_FIELD_WRONG_TYPE: return FIELD_WRONG_TYPE;
    case JSONSCHEMA_FIELD_OUT_OF_DOMAIN: return FIELD_OUT_OF_DOMAIN;
    case JSONSCHEMA_FIELD_MISSING: break;
    }
    return PREDICTION_MISSING;
}

static unsigned read_value(const struct prediction *p, struct str json, struct arena *texts,
                           uint64_t *seen)
{
    struct value value;

    switch (find_value(p, json, texts, &value)) {
    case FOUND: *seen = str_hash(value.text); return place_of(p, &value);
    case FOUND_NOTHING: return PREDICTION_MISSING;
    case FOUND_INVALID: break;
    }
    return PREDICTION_INVALID;
}

unsigned prediction_see(const struct prediction *p, struct str json, uint64_t *seen)
{
    struct arena texts;
    unsigned place;

    *seen = 0;
    arena_init(&texts, 0);
    if (p->kind == PREDICTION_TOOL)
        place = tool_of(p, json, &texts);
    else if (p->kind == PREDICTION_CONFIDENCE)
        place = confidence_of(p, json);
    else if (p->kind == PREDICTION_FIELD)
        place = field_of(p, json);
    else
        place = read_value(p, json, &texts, seen);
    arena_deinit(&texts);
    return place;
}

unsigned prediction_read(const struct prediction *p, struct str json)
{
    uint64_t seen;

    return prediction_see(p, json, &seen);
}

struct str prediction_value(const struct prediction *p, struct str json)
{
    return prediction_word(p, prediction_read(p, json));
}
