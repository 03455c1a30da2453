/* SPDX-License-Identifier: Apache-2.0 */
#include "drift_body.h"

#include "weir/base/buf.h"
#include "weir/base/clock.h"
#include "weir/base/map.h"
#include "weir/base/scan.h"
#include "weir/watch/judge.h"

#include <stddef.h>
#include <string.h>

enum { BASELINE = 1, SILENCE = 2 };

/* Each member that there is: what it must be, and where its text goes. */
/* clang-format off */
static const struct row {
    const char *name;
    unsigned kinds;
    enum scan_type type;
    size_t least, most; /* bytes of a text; an empty segment is all answers */
    size_t offset;
    const char *expected;
} rows[] = {
#define INTO(member) offsetof(struct drift_body, member)
    { "model",      BASELINE | SILENCE, SCAN_STRING, 1, JUDGE_NAME_BYTES, INTO(model),      "a text" },
    { "version",    BASELINE | SILENCE, SCAN_STRING, 1, JUDGE_NAME_BYTES, INTO(version),    "a text" },
    { "prediction", BASELINE | SILENCE, SCAN_STRING, 1, JUDGE_NAME_BYTES, INTO(prediction), "a text" },
    { "segment",    BASELINE | SILENCE, SCAN_STRING, 0, JUDGE_NAME_BYTES, INTO(segment),    "a text" },
    { "control",    BASELINE,           SCAN_STRING, 1, JUDGE_NAME_BYTES, INTO(control),    "a text" },
    { "why",        SILENCE,            SCAN_STRING, 0, JUDGE_WHY_BYTES,  INTO(why),        "a text" },
    { "from",       BASELINE,           SCAN_NUMBER, 0, 0, INTO(from),   "milliseconds since 1970, a whole number" },
    { "to",         BASELINE,           SCAN_NUMBER, 0, 0, INTO(to),     "milliseconds since 1970, a whole number" },
    { "until_ms",   SILENCE,            SCAN_NUMBER, 0, 0, INTO(until),  "milliseconds since 1970, a whole number" },
    { "pin",        BASELINE,           SCAN_BOOL,   0, 0, INTO(pin),    "true or false" },
    { "hour_of_week", BASELINE,         SCAN_BOOL,   0, 0, INTO(hours),  "true or false" },
    { "counts",     BASELINE,           SCAN_OBJECT, 0, 0, INTO(counts), "an object from value to number" },
#undef INTO
};
/* clang-format on */

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static struct str *place_of(struct drift_body *b, const struct row *row)
{
    return (struct str *)(void *)((char *)b + row->offset);
}

static const struct row *find(unsigned kind, struct str key)
{
    for (size_t i = 0; i < ROWS; i++)
        if ((rows[i].kinds & kind) && scan_key_is(key, str_of(rows[i].name)))
            return &rows[i];
    return NULL;
}

static enum err refuse_unknown(unsigned kind, struct str key, struct fault *why)
{
    AUTO(map_free) struct map *names = map_new();
    struct buf text = { 0 };

    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].kinds & kind)
            (void)map_put(names, str_of(rows[i].name), (void *)(uintptr_t)&rows[i]);
    buf_put(&text, STR("there is no member "));
    drift_put_word(&text, key);
    drift_put_hint(&text, names, key);
    return drift_fault(why, &text);
}

static enum err refuse(const struct row *row, const char *what, struct fault *why)
{
    struct buf text = { 0 };

    buf_put_printf(&text, "%s: %s", row->name, what);
    return drift_fault(why, &text);
}

static enum err refuse_type(const struct row *row, struct fault *why)
{
    struct buf text = { 0 };

    buf_put_printf(&text, "%s: expected %s", row->name, row->expected);
    return drift_fault(why, &text);
}

static enum err refuse_size(const struct row *row, size_t bytes, struct fault *why)
{
    struct buf text = { 0 };

    if (bytes < row->least)
        buf_put_printf(&text, "%s: is empty", row->name);
    else
        buf_put_printf(&text, "%s: has %zu bytes, and may have %zu", row->name, bytes,
                       row->most);
    return drift_fault(why, &text);
}

static enum err take_text(struct drift_body *b, const struct row *row, struct str value,
                          struct fault *why)
{
    bool lossy = false;
    struct str plain = scan_text(value, &b->arena, &lossy);

    if (lossy)
        return refuse(row, "has half a surrogate pair", why);
    if (plain.len < row->least || plain.len > row->most)
        return refuse_size(row, plain.len, why);
    *place_of(b, row) = arena_copy(&b->arena, plain);
    return OK;
}

static enum err take(struct drift_body *b, unsigned kind, const struct scan_member *m,
                     struct fault *why)
{
    const struct row *row = find(kind, m->key);

    if (!row)
        return refuse_unknown(kind, m->key, why);
    if (place_of(b, row)->at)
        return refuse(row, "stands twice", why);
    if (m->type == SCAN_NULL)
        return OK;
    if (m->type != row->type)
        return refuse_type(row, why);
    if (row->type == SCAN_STRING)
        return take_text(b, row, m->value, why);
    *place_of(b, row) = m->value;
    return OK;
}

/* ---- what the members mean together ----------------------------------------------------------- */

static enum err read_ms(struct str value, const char *name, uint64_t *out, struct fault *why)
{
    if (!value.at || scan_u64(value, out))
        return OK;
    return fault_set(why, ERR_MALFORMED, NULL,
                     "%s: expected milliseconds since 1970, a whole number", name);
}

static enum err check_baseline(struct drift_body *b, struct fault *why)
{
    enum err err = read_ms(b->from, "from", &b->from_ms, why);

    if (!err)
        err = read_ms(b->to, "to", &b->to_ms, why);
    if (err)
        return err;
    if (!b->to.at)
        b->to_ms = clock_wall_ms();
    b->pins = scan_true(b->pin);
    b->by_hour = scan_true(b->hours);
    if (!b->model.at)
        return fault_set(why, ERR_MALFORMED, NULL, "model: say of which one");
    if (b->counts.at && (b->from.at || b->to.at))
        return fault_set(why, ERR_MALFORMED, NULL,
                         "from, to: counts are there already; say either the one or the other");
    if (b->control.at && (b->counts.at || b->by_hour))
        return fault_set(why, ERR_MALFORMED, NULL,
                         "control: goes with neither counts nor hour_of_week");
    if (!b->counts.at && !b->from.at)
        return fault_set(why, ERR_MALFORMED, NULL,
                         "from: say from when on, in milliseconds since 1970, or give counts");
    return OK;
}

static enum err check_silence(struct drift_body *b, struct fault *why)
{
    if (!b->until.at)
        return fault_set(why, ERR_MALFORMED, NULL,
                         "until_ms: say when the silence ends, in milliseconds since 1970");
    return read_ms(b->until, "until_ms", &b->until_ms, why);
}

static bool is_object(struct str json)
{
    size_t at = 0;

    while (at < json.len && strchr(" \t\r\n", json.at[at]))
        at++;
    return scan_type_of(str_cut(json, at, json.len)) == SCAN_OBJECT;
}

enum err drift_body_read(struct drift_body *b, enum drift_kind kind, struct str json,
                         struct fault *why)
{
    unsigned mark = kind == DRIFT_BASELINE ? BASELINE : SILENCE;
    struct fault where = { 0 };
    struct scan_member m;
    struct scan s;

    *b = (struct drift_body){ .pins = false };
    if (scan_check(json, &where) != OK)
        return fault_set(why, ERR_MALFORMED, NULL, "The body is no JSON: %s", where.text);
    if (!is_object(json))
        return fault_set(why, ERR_MALFORMED, NULL, "The body is JSON, but no object.");
    scan_start(&s, json);
    while (scan_next(&s, &m)) {
        enum err err = take(b, mark, &m, why);

        if (err)
            return err;
    }
    return kind == DRIFT_BASELINE ? check_baseline(b, why) : check_silence(b, why);
}

void drift_body_deinit(struct drift_body *b)
{
    counts_deinit(&b->table);
    arena_deinit(&b->arena);
}
