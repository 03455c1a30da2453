/* SPDX-License-Identifier: Apache-2.0 */
#include "baseline_inner.h"

#include "meaning.h"
#include "weir/base/digest.h"
#include "weir/base/mem.h"
#include "weir/base/scan.h"

#include <stdio.h>
#include <string.h>

/*
 * A baseline as one JSON object, {"id":"<id>",<content>}. The id is a digest of the content as it
 * is written, so whoever reads one sees whether it was touched; and a member that most have not is
 * written only where there is one, so that those without keep the ids that they have.
 */

#define HEAD "{\"id\":\""

static void put_text(struct buf *out, const char *key, struct str value)
{
    buf_put_printf(out, "\"%s\":", key);
    scan_put_string(out, value);
    buf_put(out, STR(","));
}

/* Only then a reader must be told. */
static bool looks_like_bins(const struct baseline *b)
{
    double ignored;
    size_t k = 0;

    while (k < b->bins && !baseline_is_bin(b->values[k], &ignored))
        k++;
    return k < b->bins;
}

/* All but the id, which is a digest of it. */
static void put_content(const struct baseline *b, struct buf *out)
{
    put_text(out, "model", b->of.model);
    put_text(out, "version", b->of.version);
    put_text(out, "prediction", b->of.prediction);
    put_text(out, "segment", b->of.segment);
    buf_put(out, STR("\"values\":["));
    for (size_t k = 0; k < b->bins; k++) {
        buf_put_text(out, k > 0 ? "," : "");
        scan_put_string(out, b->values[k]);
    }
    buf_put(out, STR("],\"counts\":["));
    for (size_t k = 0; k < b->bins; k++)
        buf_put_printf(out, "%s%llu", k > 0 ? "," : "", (unsigned long long)b->counts[k]);
    buf_put(out, STR("],\"lower\":["));
    for (size_t k = 0; k < b->bins; k++)
        buf_put_printf(out, "%s%.17g", k > 0 ? "," : "", b->bounds[k].lower);
    buf_put(out, STR("],\"upper\":["));
    for (size_t k = 0; k < b->bins; k++)
        buf_put_printf(out, "%s%.17g", k > 0 ? "," : "", b->bounds[k].upper);
    buf_put_printf(out, "],\"n\":%llu,\"theta\":%.17g,\"alpha_ref\":%.17g,\"phi\":%.17g,",
                   (unsigned long long)b->n, b->tolerance, b->alpha, b->phi);
    put_text(out, "from", b->from);
    buf_put_printf(out, "\"created_ms\":%llu", (unsigned long long)b->created_ms);
    if (b->of.meaning != 0) {
        buf_put(out, STR(",\"definition\":\""));
        meaning_put(b->of.meaning, out);
        buf_put(out, STR("\""));
    }
    if (b->control.len > 0) {
        buf_put(out, STR(",\"control\":"));
        scan_put_string(out, b->control);
    }
    if (b->worded && looks_like_bins(b))
        buf_put(out, STR(",\"words\":true"));
    if (b->season) {
        buf_put(out, STR(",\"hour_of_week\":"));
        season_put(b->season, b->bins, out);
    }
}

static void name(struct str content, char id[BASELINE_ID])
{
    struct digest digest;
    char hex[DIGEST_HEX];

    digest_of(&digest, content);
    digest_hex(&digest, hex);
    (void)snprintf(id, BASELINE_ID, "%.16s", hex);
}

void baseline_name(struct baseline *b)
{
    struct buf content = { 0 };

    put_content(b, &content);
    name(buf_str(&content), b->id);
    buf_deinit(&content);
}

/* ---- written ----------------------------------------------------------------------------- */

void baseline_put(const struct baseline *b, struct buf *out)
{
    buf_put_printf(out, HEAD "%s\",", b->id);
    put_content(b, out);
    buf_put(out, STR("}"));
}

/* ---- read -------------------------------------------------------------------------------- */

static bool read_text(struct str json, const char *key, struct arena *arena, struct str *out)
{
    struct scan_member m;

    if (!scan_get(json, str_of(key), &m) || m.type != SCAN_STRING)
        return false;
    *out = arena_copy(arena, scan_text(m.value, arena, NULL));
    return out->at;
}

static bool read_u64(struct str json, const char *key, uint64_t *out)
{
    struct scan_member m;

    return scan_get(json, str_of(key), &m) && scan_u64(m.value, out);
}

static bool read_double(struct str json, const char *key, double *out)
{
    struct scan_member m;

    return scan_get(json, str_of(key), &m) && scan_number(m.value, out);
}

/* Walks two arrays of the same length; false where that length is not ours. */
static bool read_bins(struct str json, struct baseline *b)
{
    struct scan_member values, counts, value, count;
    struct scan v, c;
    double ignored;

    b->worded = scan_get(json, STR("words"), &value);
    if (!scan_get(json, STR("values"), &values) || !scan_get(json, STR("counts"), &counts))
        return false;
    scan_start(&v, values.value);
    scan_start(&c, counts.value);
    while (scan_next(&v, &value)) {
        size_t k = b->bins;

        if (k == ECUSUM_BINS || value.type != SCAN_STRING || !scan_next(&c, &count) ||
            !scan_u64(count.value, &b->counts[k]))
            return false;
        b->values[k] = arena_copy(&b->arena, scan_text(value.value, &b->arena, NULL));
        b->ordered += !b->worded && baseline_is_bin(b->values[k], &ignored) ? 1 : 0;
        b->bins++;
    }
    return b->bins > 0 && !scan_next(&c, &count);
}

static bool read_bounds(struct str json, const char *key, struct baseline *b, bool lower)
{
    struct scan_member list, bound;
    struct scan s;
    size_t k = 0;

    if (!scan_get(json, str_of(key), &list))
        return false;
    scan_start(&s, list.value);
    while (scan_next(&s, &bound)) {
        if (k == b->bins ||
            !scan_number(bound.value, lower ? &b->bounds[k].lower : &b->bounds[k].upper))
            return false;
        k++;
    }
    return k == b->bins;
}

/* What older baselines, and most newer ones, have not. */
static bool read_options(struct str json, struct baseline *b)
{
    struct scan_member m;
    struct str definition;

    if (scan_get(json, STR("definition"), &m) &&
        (!read_text(json, "definition", &b->arena, &definition) ||
         !meaning_read(definition, &b->of.meaning)))
        return false;
    if (scan_get(json, STR("control"), &m) &&
        !read_text(json, "control", &b->arena, &b->control))
        return false;
    if (!scan_get(json, STR("hour_of_week"), &m))
        return true;
    b->season = season_read(m.value, b->bins, &b->arena);
    return b->season;
}

static bool read_all(struct str json, struct baseline *b)
{
    return read_text(json, "model", &b->arena, &b->of.model) &&
           read_text(json, "version", &b->arena, &b->of.version) &&
           read_text(json, "prediction", &b->arena, &b->of.prediction) &&
           read_text(json, "segment", &b->arena, &b->of.segment) && read_bins(json, b) &&
           read_bounds(json, "lower", b, true) && read_bounds(json, "upper", b, false) &&
           read_u64(json, "n", &b->n) && read_double(json, "theta", &b->tolerance) &&
           read_double(json, "alpha_ref", &b->alpha) && read_double(json, "phi", &b->phi) &&
           read_text(json, "from", &b->arena, &b->from) &&
           read_u64(json, "created_ms", &b->created_ms) && read_options(json, b);
}

/* {"id":"<id>",<content>}, and the id is that of the content. */
static bool is_untouched(struct str json, char id[BASELINE_ID])
{
    const size_t head = sizeof(HEAD) - 1 + BASELINE_ID - 1 + 2;

    if (json.len < head + 1 || !str_starts(json, STR(HEAD)))
        return false;
    name(str_cut(json, head, json.len - 1), id);
    return memcmp(json.at + sizeof(HEAD) - 1, id, BASELINE_ID - 1) == 0;
}

struct baseline *baseline_read(struct str json)
{
    AUTO(baseline_free) struct baseline *b = MEM_NEW(struct baseline);

    arena_init(&b->arena, 0);
    if (scan_check(json, NULL) != OK || !is_untouched(json, b->id) || !read_all(json, b))
        return NULL;
    return steal(&b);
}
