/* SPDX-License-Identifier: Apache-2.0 */
#include "schema.h"

#include "value.h"

#include <stdio.h>
#include <string.h>

static size_t parent_length(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot ? (size_t)(dot - path) : 0;
}

static bool is_below(const struct schema_row *row, const char *prefix)
{
    size_t len = strlen(prefix);

    return parent_length(row->path) == len && memcmp(row->path, prefix, len) == 0;
}

const struct schema_row *schema_next(const char *prefix, const struct schema_row *previous)
{
    const struct schema_row *row = previous ? previous + 1 : config_rows();

    for (; row->path; row++) {
        if (is_below(row, prefix))
            return row;
    }
    return NULL;
}

const struct schema_row *schema_child(const char *prefix, struct str key)
{
    const struct schema_row *row = NULL;

    while ((row = schema_next(prefix, row))) {
        if (str_eq(schema_key(row), key))
            return row;
    }
    return NULL;
}

struct str schema_key(const struct schema_row *row)
{
    size_t parent = parent_length(row->path);

    return str_of(row->path + parent + (parent > 0));
}

const char *schema_inside(const struct schema_row *row, char out[SCHEMA_PATH])
{
    static const char *const tails[] = {
        [SHAPE_ONE] = "",
        [SHAPE_LIST] = "[]",
        [SHAPE_LIST_OR_NONE] = "[]",
        [SHAPE_NAMED] = ".<name>",
    };

    (void)snprintf(out, SCHEMA_PATH, "%s%s", row->path, tails[row->shape]);
    return out;
}

bool schema_has_inside(const struct schema_row *row)
{
    char inside[SCHEMA_PATH];

    return schema_next(schema_inside(row, inside), NULL) != NULL;
}

bool schema_is_list(const struct schema_row *row)
{
    return row->shape == SHAPE_LIST || row->shape == SHAPE_LIST_OR_NONE;
}

bool schema_is_required(const struct schema_row *row)
{
    return row->fallback && strcmp(row->fallback, SCHEMA_REQUIRED) == 0;
}

static const struct {
    const char *words;
    const char *example;
} kinds[] = {
    [KIND_GROUP] = { "a mapping of settings", "{key: value}" },
    [KIND_TEXT] = { "a text", "some-name" },
    [KIND_PROSE] = { "a text", "some words" },
    [KIND_SECRET] = { "a text", "\"${NAME}\"" },
    [KIND_FLAG] = { "true or false", "true" },
    [KIND_COUNT] = { "a whole number", "3" },
    [KIND_WORKERS] = { "a whole number or auto", "2" },
    [KIND_NUMBER] = { "a number", "0.5" },
    [KIND_SHARE] = { "a share in percent", "5%" },
    [KIND_LIMIT] = { "a whole number or adaptive", "8" },
    [KIND_SIZE] = { "a size", "64KiB, 32MiB, 1GiB or 0" },
    [KIND_MEMORY] = { "a size or auto", "512MiB, 4GiB or auto" },
    [KIND_DURATION] = { "a duration", "250ms, 5s, 2m, 1h, 7d or 0" },
    [KIND_DELAY] = { "a duration or a percentile", "300ms, or p50 to p99" },
    [KIND_ADDRESS] = { "an address host:port", "127.0.0.1:8080 or \"[::1]:8080\"" },
    [KIND_URL] = { "a URL", "http://127.0.0.1:8001/v1 or https://api.openai.com/v1" },
    [KIND_CHOICE] = { "one of a few words", "" },
    [KIND_HEADER] = { "a header's name", "x-api-key" },
    [KIND_POINTER] = { "a JSON Pointer", "/choices/0/message/content" },
};

const char *schema_kind_words(const struct schema_row *row)
{
    return kinds[row->kind].words;
}

const char *schema_kind_example(const struct schema_row *row)
{
    return kinds[row->kind].example;
}

/* What a value is once read: `number` for all that is counted, measured or chosen. */
struct meaning {
    uint64_t number;
    double real;   /* NUMBER and SHARE */
    bool compared; /* `number` against the row's bounds */
};

/* The word that stands for a number that is found by itself, and is stored as 0. */
static bool is_automatic(enum schema_kind kind, struct str s)
{
    if (kind == KIND_LIMIT)
        return str_eq(s, STR("adaptive"));
    return (kind == KIND_WORKERS || kind == KIND_MEMORY) && str_eq(s, STR("auto"));
}

static bool read_number(enum schema_kind kind, struct str s, uint64_t *out)
{
    if (is_automatic(kind, s)) {
        *out = 0;
        return true;
    }
    if (kind == KIND_SIZE || kind == KIND_MEMORY)
        return value_size(s, out);
    if (kind == KIND_DURATION)
        return value_duration(s, out);
    return str_to_u64(s, out);
}

static bool read_choice(const struct schema_row *row, struct str s, uint64_t *out)
{
    int place = value_choice(str_of(row->words), s);

    *out = place < 0 ? 0 : (uint64_t)place;
    return place >= 0;
}

static bool read_meaning(const struct schema_row *row, struct str s, struct meaning *out)
{
    struct str host;
    uint16_t port;
    bool flag = false, good = false;

    *out = (struct meaning){ 0 };
    switch (row->kind) {
    case KIND_TEXT:
    case KIND_SECRET:
        *out = (struct meaning){ .number = s.len, .compared = true };
        return value_is_text(s);
    case KIND_PROSE: return value_is_prose(s);
    case KIND_FLAG:
        good = value_flag(s, &flag);
        out->number = flag;
        return good;
    case KIND_COUNT:
    case KIND_WORKERS:
    case KIND_LIMIT:
    case KIND_SIZE:
    case KIND_MEMORY:
    case KIND_DURATION:
        out->compared = !is_automatic(row->kind, s);
        return read_number(row->kind, s, &out->number);
    case KIND_CHOICE: return read_choice(row, s, &out->number);
    case KIND_NUMBER: return value_number(s, &out->real);
    case KIND_SHARE: return value_share(s, &out->real);
    case KIND_DELAY: return value_percentile(s, &out->real) || value_duration(s, &out->number);
    case KIND_ADDRESS: return value_address(s, &host, &port);
    case KIND_URL: return value_is_url(s);
    case KIND_HEADER: return value_is_header_name(s);
    case KIND_POINTER: return value_is_pointer(s);
    case KIND_GROUP: break;
    }
    return false;
}

static bool is_within(const struct schema_row *row, uint64_t n)
{
    enum schema_kind kind = row->kind;
    uint64_t bound;

    if (row->least && read_number(kind, str_of(row->least), &bound) && n < bound)
        return false;
    return !row->most || !read_number(kind, str_of(row->most), &bound) || n <= bound;
}

static bool is_real_within(const struct schema_row *row, double n)
{
    double bound;

    if (row->least && value_number(str_of(row->least), &bound) && n < bound)
        return false;
    return !row->most || !value_number(str_of(row->most), &bound) || n <= bound;
}

enum schema_verdict schema_verdict(const struct schema_row *row, struct str text)
{
    struct meaning m;

    if (!read_meaning(row, text, &m))
        return SCHEMA_OTHER_KIND;
    if (row->kind == KIND_NUMBER && !is_real_within(row, m.real))
        return SCHEMA_OUT_OF_BOUNDS;
    return m.compared && !is_within(row, m.number) ? SCHEMA_OUT_OF_BOUNDS : SCHEMA_GOOD;
}

static void put_number(const struct schema_row *row, uint64_t n, void *at)
{
    uint8_t narrow = (uint8_t)n;
    uint32_t middle = (uint32_t)n;

    if (row->words && row->kind == KIND_DURATION)
        n /= 1000;
    if (row->size == sizeof(n))
        memcpy(at, &n, sizeof(n));
    else if (row->size == sizeof(middle))
        memcpy(at, &middle, sizeof(middle));
    else
        memcpy(at, &narrow, sizeof(narrow));
}

static void store_row(const struct schema_row *row, const struct yaml_node *node, void *base,
                      struct arena *arena)
{
    struct str text = node && node->kind == YAML_TEXT ? node->text : (struct str){ 0 };
    void *at = (char *)base + row->at;
    struct meaning m;

    if (!text.at || schema_verdict(row, text) != SCHEMA_GOOD)
        text = schema_is_required(row) ? (struct str){ 0 } : str_of(row->fallback);
    if (!text.at || !read_meaning(row, text, &m))
        return;
    if (row->kind == KIND_NUMBER || row->kind == KIND_SHARE) {
        memcpy(at, &m.real, sizeof(m.real));
    } else if (row->size == sizeof(struct str) && row->kind != KIND_CHOICE) {
        text = arena_copy(arena, text);
        memcpy(at, &text, sizeof(text));
    } else {
        put_number(row, m.number, at);
    }
}

void schema_store(const char *prefix, const struct yaml_node *from, void *base,
                  struct arena *arena)
{
    size_t len = strlen(prefix);

    for (const struct schema_row *row = config_rows(); row->path; row++) {
        const struct yaml_node *node = from;
        struct str rest, key;

        if (row->size == 0 || strncmp(row->path, prefix, len) != 0 ||
            (len > 0 && row->path[len] != '.'))
            continue;
        rest = str_of(row->path + len + (len > 0));
        if (memchr(rest.at, '<', rest.len) || memchr(rest.at, '[', rest.len))
            continue;
        while (str_split(&rest, '.', &key))
            node = yaml_at(node, key);
        store_row(row, node, base, arena);
    }
}
