/* SPDX-License-Identifier: Apache-2.0 */
#include "canonical.h"

#include "number.h"
#include "weir/base/scan.h"
#include "weir/base/utf8.h"
#include "weir/dialect/fingerprint.h"

#include <stdlib.h>
#include <string.h>

/*
 * Works from source text to source text, so that nothing passes through a double or a code
 * point table on its way. Strings are unescaped and escaped again one way: \" \\ \b \f \n \r
 * \t, other control bytes as \u00xx in lower case, all else as UTF-8. Since scan_check limits
 * nesting, plain recursion is bounded.
 *
 * Members of all open objects wait on one stack: an object pushes its own, sorts that piece,
 * writes it and takes it off again.
 */

struct member {
    struct str key;  /* as it stands */
    struct str name; /* unescaped */
    struct str value;
};

struct writer {
    struct arena *arena;
    struct canonical_finds *finds;
    char *at;
    size_t len;
    size_t capacity;
    struct member *members;
    size_t member_count;
    size_t member_capacity;
};

/* What of an object's members is written, and how their values are. */
struct rule {
    enum canonical_order order;
    const struct request
        *body;       /* the object is this request's body: some members are left out */
    bool has_format; /* the object is `text` of Responses: its `format` keeps order */
    bool in_blocks;  /* Anthropic's messages, blocks or tools: a cache's mark is left out */
};

/* ---- bytes ---- */

static enum err make_room(struct writer *w, size_t n)
{
    size_t capacity = w->capacity * 2 + n;
    char *at;

    if (w->capacity - w->len >= n)
        return OK;
    at = arena_take(w->arena, capacity);
    if (!at)
        return ERR_TOO_LARGE;
    if (w->len > 0)
        memcpy(at, w->at, w->len);
    w->at = at;
    w->capacity = capacity;
    return OK;
}

static enum err put(struct writer *w, struct str s)
{
    enum err err = make_room(w, s.len);

    if (err)
        return err;
    if (s.len > 0)
        memcpy(w->at + w->len, s.at, s.len);
    w->len += s.len;
    return OK;
}

/* ---- strings and numbers ---- */

static unsigned read_hex(const char *at)
{
    unsigned n = 0;

    for (unsigned i = 0; i < 4; i++) {
        char c = at[i];

        n = n * 16 + (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return n;
}

/* A code point in the one way to write it; returns its length, at most 6. */
static size_t put_code(char out[6], uint32_t code)
{
    static const char digits[] = "0123456789abcdef", kinds[] = "btn_fr"; /* 8 to 13 */

    if (code == '"' || code == '\\' || (code >= 8 && code <= 13 && code != 11)) {
        out[0] = '\\';
        out[1] = code >= 32 ? (char)code : kinds[code - 8];
        return 2;
    }
    if (code < 0x20 || (code >= 0xD800 && code <= 0xDFFF)) {
        memcpy(out, "\\u", 2);
        for (unsigned i = 0; i < 4; i++)
            out[2 + i] = digits[code >> (12 - 4 * i) & 15];
        return 6;
    }
    return utf8_put(out, code);
}

/* Reads the escape at *at and moves on; a pair of surrogates is one code point. */
static uint32_t read_escape(const char **at, const char *end)
{
    static const char kinds[] = "bfnrt", meant[] = "\b\f\n\r\t";
    const char *c = *at, *kind;
    uint32_t code, low;

    *at = c + 2;
    if (c[1] != 'u') {
        kind = memchr(kinds, c[1], sizeof(kinds) - 1);
        return (unsigned char)(kind ? meant[kind - kinds] : c[1]);
    }
    code = read_hex(c + 2);
    *at = c + 6;
    if (code < 0xD800 || code > 0xDBFF || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
        return code;
    low = read_hex(*at + 2);
    if (low < 0xDC00 || low > 0xDFFF)
        return code;
    *at += 6;
    return 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00);
}

/* The inside of a string; escaping anew never makes it longer. */
static enum err put_inside(struct writer *w, struct str inside)
{
    const char *at = inside.at, *end = inside.at + inside.len;
    enum err err = make_room(w, inside.len + 2);

    if (err)
        return err;
    w->at[w->len++] = '"';
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((escape ? escape : end) - at);
        uint32_t code;

        memcpy(w->at + w->len, at, plain);
        w->len += plain;
        at += plain;
        if (at == end)
            break;
        code = read_escape(&at, end);
        if (code >= 0xD800 && code <= 0xDFFF)
            w->finds->lone_surrogate = true;
        w->len += put_code(w->at + w->len, code);
    }
    w->at[w->len++] = '"';
    return OK;
}

static enum err put_number(struct writer *w, struct str text)
{
    struct number n;
    enum err err = make_room(w, number_room(text));

    if (err)
        return err;
    number_read(&n, text);
    if (number_is_big(&n))
        w->finds->big_integer = true;
    w->len += number_put(w->at + w->len, text);
    return OK;
}

/* ---- objects and arrays ---- */

static enum err push_member(struct writer *w, const struct scan_member *m)
{
    struct member *to;

    if (w->member_count == w->member_capacity) {
        size_t capacity = w->member_capacity * 2 + 32;
        struct member *more = arena_take(w->arena, capacity * sizeof(*more));

        if (!more)
            return ERR_TOO_LARGE;
        if (w->member_count > 0)
            memcpy(more, w->members, w->member_count * sizeof(*more));
        w->members = more;
        w->member_capacity = capacity;
    }
    to = &w->members[w->member_count];
    to->key = m->key;
    to->value = m->value;
    to->name = scan_text((struct str){ m->key.at - 1, m->key.len + 2 }, w->arena, NULL);
    if (!to->name.at)
        return ERR_TOO_LARGE;
    w->member_count++;
    return OK;
}

/* Members of one name stay as they stand: qsort itself promises no order for equals. */
static int compare_names(const void *a, const void *b)
{
    const struct member *one = a, *other = b;
    int order = str_compare(one->name, other->name);

    return order != 0 ? order : (one->key.at > other->key.at) - (one->key.at < other->key.at);
}

static int compare_places(const void *a, const void *b)
{
    const struct member *one = a, *other = b;

    return (one->key.at > other->key.at) - (one->key.at < other->key.at);
}

static bool is_left_out(const struct rule *rule, struct str key)
{
    enum member_class class;

    if (rule->in_blocks && scan_key_is(key, STR("cache_control")))
        return true;
    if (!rule->body)
        return false;
    class = member_class_of(rule->body->endpoint, key);
    return class == MEMBER_QUIET || class == MEMBER_ROUTING;
}

/* Blocks lie in the lists at the top, and inside them under `content`; nowhere else. */
static bool holds_blocks(const struct rule *rule, struct str key)
{
    if (!rule->body)
        return rule->in_blocks && scan_key_is(key, STR("content"));
    return endpoint_is_anthropic(rule->body->endpoint) &&
           (scan_key_is(key, STR("messages")) || scan_key_is(key, STR("system")) ||
            scan_key_is(key, STR("tools")));
}

static struct rule rule_inside(const struct rule *rule, struct str key)
{
    struct rule inside = { .order = rule->order };

    if (rule->body && member_class_of(rule->body->endpoint, key) == MEMBER_ORDERED)
        inside.order = ORDER_KEPT;
    if (rule->has_format && scan_key_is(key, STR("format")))
        inside.order = ORDER_KEPT;
    inside.has_format = rule->body && rule->body->endpoint == ENDPOINT_RESPONSES &&
                        scan_key_is(key, STR("text"));
    inside.in_blocks = holds_blocks(rule, key);
    if (rule->in_blocks && scan_key_is(key, STR("input")))
        inside.order = ORDER_KEPT; /* what a model said is part of the prompt as it said it */
    return inside;
}

static enum err put_value(struct writer *w, struct str value, const struct rule *rule);

static enum err gather(struct writer *w, struct str object, const struct rule *rule,
                       size_t first)
{
    struct scan s;
    struct scan_member m;
    size_t count;

    scan_start(&s, object);
    while (scan_next(&s, &m)) {
        enum err err;

        if (is_left_out(rule, m.key))
            continue;
        err = push_member(w, &m);
        if (err)
            return err;
    }
    count = w->member_count - first;
    if (count < 2)
        return OK;
    qsort(w->members + first, count, sizeof(*w->members), compare_names);
    for (size_t i = first + 1; i < w->member_count; i++) {
        if (str_eq(w->members[i].name, w->members[i - 1].name))
            w->finds->twice = true;
    }
    if (rule->order == ORDER_KEPT)
        qsort(w->members + first, count, sizeof(*w->members), compare_places);
    return OK;
}

static enum err put_object(struct writer *w, struct str object, const struct rule *rule)
{
    size_t first = w->member_count, end;
    enum err err = gather(w, object, rule, first);

    end = w->member_count;
    for (size_t i = first; i < end && !err; i++) {
        struct member m = w->members[i];
        struct rule inside = rule_inside(rule, m.key);

        err = put(w, i == first ? STR("{") : STR(","));
        if (!err)
            err = put_inside(w, m.key);
        if (!err)
            err = put(w, STR(":"));
        if (!err)
            err = put_value(w, m.value, &inside);
    }
    if (err)
        return err;
    w->member_count = first;
    return put(w, first == end ? STR("{}") : STR("}"));
}

static enum err put_array(struct writer *w, struct str array, const struct rule *rule)
{
    struct scan s;
    struct scan_member m;
    bool any = false;

    scan_start(&s, array);
    while (scan_next(&s, &m)) {
        enum err err = put(w, any ? STR(",") : STR("["));

        if (!err)
            err = put_value(w, m.value, rule);
        if (err)
            return err;
        any = true;
    }
    return put(w, any ? STR("]") : STR("[]"));
}

static enum err put_value(struct writer *w, struct str value, const struct rule *rule)
{
    struct rule element = { .order = rule->order, .in_blocks = rule->in_blocks };

    switch (scan_type_of(value)) {
    case SCAN_OBJECT: return put_object(w, value, rule);
    case SCAN_ARRAY: return put_array(w, value, &element);
    case SCAN_STRING: return put_inside(w, str_cut(value, 1, value.len - 1));
    case SCAN_NUMBER: return put_number(w, value);
    case SCAN_NONE:
    case SCAN_NULL:
    case SCAN_BOOL: break;
    }
    return put(w, value);
}

static enum err write_whole(struct str json, const struct rule *rule, struct arena *arena,
                            struct str *out, struct canonical_finds *finds)
{
    struct writer w = { .arena = arena, .finds = finds };
    struct scan_member whole;
    enum err err;

    *finds = (struct canonical_finds){ 0 };
    if (!scan_pointer(json, STR(""), &whole))
        return ERR_MALFORMED;
    err = make_room(&w, json.len + 64);
    if (!err)
        err = put_value(&w, whole.value, rule);
    if (err)
        return err;
    *out = (struct str){ w.at, w.len };
    return OK;
}

enum err canonical_of(struct str json, enum canonical_order order, struct arena *arena,
                      struct str *out, struct canonical_finds *finds)
{
    return write_whole(json, &(struct rule){ .order = order }, arena, out, finds);
}

enum err canonical_body(const struct request *r, struct arena *arena, struct str *out,
                        struct canonical_finds *finds)
{
    struct rule rule = { .order = ORDER_SORTED, .body = r };

    return write_whole(r->body, &rule, arena, out, finds);
}
