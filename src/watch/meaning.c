/* SPDX-License-Identifier: Apache-2.0 */
#include "meaning.h"

#include "weir/base/digest.h"
#include "weir/dialect/jsonschema.h"
#include "weir/watch/prediction.h"
#include "weir/watch/segment.h"

#include <stdlib.h>
#include <string.h>

enum { DIGITS = 8 };

_Static_assert((int)PREDICTION_VALUES > (int)SEGMENT_VALUES, "one room is enough for both");

/* Digests outlive this process, so a kind goes by its word and not by its number. */
static const char *kind_of_prediction(enum prediction_kind kind)
{
    switch (kind) {
    case PREDICTION_LABEL: return "label";
    case PREDICTION_NUMBER: return "number";
    case PREDICTION_LENGTH: return "length";
    case PREDICTION_TOOL: return "tool";
    case PREDICTION_JSON: return "json";
    case PREDICTION_CONFIDENCE: return "confidence";
    case PREDICTION_SCRIPT: return "script";
    case PREDICTION_FIELD: return "field";
    }
    return "";
}

static const char *kind_of_segment(enum segment_kind kind)
{
    switch (kind) {
    case SEGMENT_HEADER: return "header";
    case SEGMENT_TENANT: return "tenant";
    case SEGMENT_POINTER: return "pointer";
    case SEGMENT_TOGETHER: return "together";
    }
    return "";
}

static int compare(const void *left, const void *right)
{
    return str_compare(*(const struct str *)left, *(const struct str *)right);
}

static void add_words(const struct str *words, size_t count)
{
    struct str sorted[PREDICTION_VALUES];

    count = count < PREDICTION_VALUES ? count : PREDICTION_VALUES;
    digest_add_u64(count);
    if (count == 0)
        return;
    memcpy(sorted, words, count * sizeof(sorted[0]));
    qsort(sorted, count, sizeof(sorted[0]), compare);
    for (size_t i = 0; i < count; i++)
        digest_add_part(sorted[i]);
}

static uint32_t end(void)
{
    struct digest digest;
    uint32_t meaning;

    digest_end(&digest);
    meaning = (uint32_t)digest_word(&digest);
    return meaning != 0 ? meaning : 1;
}

uint32_t meaning_of_prediction(const struct prediction *p)
{
    digest_start();
    digest_add_part(str_of(kind_of_prediction(p->kind)));
    digest_add_u64(p->of_request ? 1 : 0);
    digest_add_u64(p->from.at ? 1 : 0);
    digest_add_part(p->from);
    digest_add_part(p->match_text);
    add_words(p->labels, p->label_count);
    add_words(p->bound_words, p->bound_count > 0 ? p->bound_count + 1 : 0);
    digest_add_u64(p->schema ? jsonschema_hash(p->schema) : 0);
    return end();
}

uint32_t meaning_of_segment(const struct segment *s, const struct segment *all, bool other)
{
    digest_start();
    digest_add_part(str_of(kind_of_segment(s->kind)));
    digest_add_part(s->from);
    for (unsigned i = 0; i < s->part_count; i++) {
        const struct segment *part = &all[s->parts[i]];

        digest_add_u64(other ? part->meaning_of_other : part->meaning);
    }
    if (other)
        add_words(s->values, s->value_count);
    return end();
}

uint32_t meaning_join(uint32_t prediction, uint32_t segment)
{
    uint32_t joined;

    if (prediction == 0 || segment == 0)
        return prediction | segment;
    joined = (prediction * UINT32_C(0x9e3779b1)) ^ segment;
    return joined != 0 ? joined : 1;
}

bool meaning_differs(uint32_t a, uint32_t b)
{
    return a != 0 && b != 0 && a != b;
}

void meaning_put(uint32_t meaning, struct buf *out)
{
    buf_put_printf(out, "%08x", (unsigned)meaning);
}

bool meaning_read(struct str text, uint32_t *out)
{
    static const char digits[] = "0123456789abcdef";
    uint32_t meaning = 0;

    if (text.len != DIGITS)
        return false;
    for (size_t i = 0; i < DIGITS; i++) {
        const char *at = text.at[i] ? strchr(digits, text.at[i]) : NULL;

        if (!at)
            return false;
        meaning = meaning << 4 | (uint32_t)(at - digits);
    }
    *out = meaning;
    return true;
}
