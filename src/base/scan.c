/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/scan.h"

#include "scan_lex.h"
#include "weir/base/buf.h"
#include "weir/base/utf8.h"

#include <errno.h>
#include <stdlib.h>

/*
 * The walk trusts that scan_check has passed the text, and so looks only for what it needs:
 * quotes and brackets. On any other text it may find nonsense, but it stays inside the text.
 */

enum scan_type scan_type_of(struct str value)
{
    if (value.len == 0)
        return SCAN_NONE;
    switch (value.at[0]) {
    case '{': return SCAN_OBJECT;
    case '[': return SCAN_ARRAY;
    case '"': return SCAN_STRING;
    case 't':
    case 'f': return SCAN_BOOL;
    case 'n': return SCAN_NULL;
    default: return SCAN_NUMBER;
    }
}

static const char *skip_brackets(const char *at, const char *end)
{
    unsigned depth = 0;

    while (at < end) {
        char c = *at++;

        if (c == '"')
            at = scan_lex_string_end(at, end);
        else if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            break;
    }
    return at;
}

static const char *skip_value(const char *at, const char *end)
{
    if (at == end)
        return end;
    if (*at == '"')
        return scan_lex_string_end(at + 1, end);
    if (*at == '{' || *at == '[')
        return skip_brackets(at, end);
    /* In a checked text nothing else ends a number or a word, so a space is any blank. */
    while (at < end && *at != ',' && *at != ']' && *at != '}' && (unsigned char)*at > ' ')
        at++;
    return at;
}

/* The whole value of a text, without the space around it. */
static struct str value_of(struct str json)
{
    const char *end = json.at + json.len;
    const char *at = scan_lex_space(json.at, end);

    return (struct str){ at, (size_t)(skip_value(at, end) - at) };
}

void scan_start(struct scan *s, struct str json)
{
    const char *at = json.len > 0 ? scan_lex_space(json.at, json.at + json.len) : json.at;

    *s = (struct scan){ .text = json, .next = json.len };
    if (json.len == 0 || at == json.at + json.len || (*at != '{' && *at != '['))
        return;
    s->object = *at == '{';
    s->next = (size_t)(at + 1 - json.at);
}

bool scan_next(struct scan *s, struct scan_member *m)
{
    const char *end = s->text.at + s->text.len;
    const char *at, *value;

    if (s->next >= s->text.len)
        return false;
    *m = (struct scan_member){ .type = SCAN_NONE };
    at = scan_lex_space(s->text.at + s->next, end);
    if (at < end && *at == ',')
        at = scan_lex_space(at + 1, end);
    s->next = s->text.len;
    if (at == end || *at == '}' || *at == ']')
        return false;

    if (s->object) {
        const char *key = at + 1, *key_end = scan_lex_string_end(key, end);

        if (key_end == end)
            return false;
        m->key = (struct str){ key, (size_t)(key_end - 1 - key) };
        at = scan_lex_space(key_end, end);
        at = scan_lex_space(at < end ? at + 1 : end, end);
    }
    value = at;
    at = skip_value(value, end);
    m->value = (struct str){ value, (size_t)(at - value) };
    m->at = (size_t)(value - s->text.at);
    m->type = scan_type_of(m->value);
    s->next = (size_t)(at - s->text.at);
    return m->type != SCAN_NONE;
}

/*
 * Reads one character of a checked string's inside and moves on: an escape, a pair of them,
 * or a character as it stands. A surrogate without its fellow is read as U+FFFD.
 */
static size_t read_char(const char **at, const char *end, char out[UTF8_LONGEST], bool *lossy)
{
    static const char kinds[] = "bfnrt", meant[] = "\b\f\n\r\t";
    const char *c = *at;
    const char *kind;
    int32_t code, low;

    if (*c != '\\' || end - c < 2) {
        out[0] = *c;
        *at = c + 1;
        return 1;
    }
    *at = c + 2;
    if (c[1] != 'u') {
        kind = memchr(kinds, c[1], sizeof(kinds) - 1);
        out[0] = kind ? meant[kind - kinds] : c[1];
        return 1;
    }
    code = scan_lex_hex(c + 2, end);
    if (code < 0)
        code = UTF8_REPLACEMENT;
    *at = end - c < 6 ? end : c + 6;
    if (code < 0xD800 || code > 0xDFFF)
        return utf8_put(out, (uint32_t)code);
    if (code < 0xDC00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
        low = scan_lex_hex(*at + 2, end);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            *at += 6;
            return utf8_put(out, (uint32_t)(0x10000 + (code - 0xD800) * 0x400 + low - 0xDC00));
        }
    }
    *lossy = true;
    return utf8_put(out, UTF8_REPLACEMENT);
}

bool scan_key_is(struct str key, struct str name)
{
    const char *at = key.at, *end = key.at + key.len;
    size_t met = 0;
    bool lossy;

    /* Escapes only lengthen, so most names differ by their length alone. */
    if (key.len < name.len)
        return false;
    if (key.len == name.len)
        return str_eq(key, name) && (key.len == 0 || !memchr(key.at, '\\', key.len));
    if (!memchr(key.at, '\\', key.len))
        return false;
    while (at < end) {
        char c[UTF8_LONGEST];
        size_t len = read_char(&at, end, c, &lossy);

        if (len > name.len - met || memcmp(c, name.at + met, len) != 0)
            return false;
        met += len;
    }
    return met == name.len;
}

bool scan_text_is(const struct scan_member *m, struct str text)
{
    return m->type == SCAN_STRING && scan_key_is(str_cut(m->value, 1, m->value.len - 1), text);
}

bool scan_get(struct str object, struct str key, struct scan_member *m)
{
    struct scan s;
    struct scan_member member;
    bool found = false;

    scan_start(&s, object);
    if (!s.object)
        return false;
    while (scan_next(&s, &member)) {
        if (!scan_key_is(member.key, key))
            continue;
        *m = member;
        found = true;
    }
    return found;
}

void scan_find(struct str object, const struct str *names, size_t count,
               struct scan_member *found)
{
    struct scan s;
    struct scan_member member;

    for (size_t i = 0; i < count; i++)
        found[i] = (struct scan_member){ .type = SCAN_NONE };
    scan_start(&s, object);
    if (!s.object)
        return;
    while (scan_next(&s, &member)) {
        for (size_t i = 0; i < count; i++)
            if (scan_key_is(member.key, names[i]))
                found[i] = member;
    }
}

/* RFC 6901: no sign, no leading zero. */
static bool get_element(struct str array, struct str index, struct scan_member *m)
{
    struct scan s;
    uint64_t n;

    if (!str_to_u64(index, &n) || (index.len > 1 && index.at[0] == '0'))
        return false;
    scan_start(&s, array);
    while (scan_next(&s, m)) {
        if (n-- == 0)
            return true;
    }
    return false;
}

/* A pointer's ~0 and ~1 against a member's name, which may have escapes of its own. */
static bool get_named(struct str object, struct str step, struct scan_member *m)
{
    char name[256]; /* longer names than that are in no pointer that a person wrote */
    size_t len = 0;

    for (size_t i = 0; i < step.len; i++, len++) {
        if (len == sizeof(name))
            return false;
        name[len] = step.at[i];
        if (step.at[i] != '~')
            continue;
        if (++i == step.len || (step.at[i] != '0' && step.at[i] != '1'))
            return false;
        name[len] = step.at[i] == '0' ? '~' : '/';
    }
    return scan_get(object, (struct str){ name, len }, m);
}

bool scan_pointer(struct str json, struct str pointer, struct scan_member *m)
{
    struct scan_member at = { .value = { NULL, 0 } };

    if (json.len == 0)
        return false;
    at.value = value_of(json);
    at.type = scan_type_of(at.value);
    while (pointer.len > 0) {
        const char *mark = pointer.len > 1 ? memchr(pointer.at + 1, '/', pointer.len - 1)
                                           : NULL;
        size_t len = mark ? (size_t)(mark - pointer.at) : pointer.len;
        struct str step = str_cut(pointer, 1, len);
        bool found = false;

        if (pointer.at[0] != '/')
            return false;
        if (at.type == SCAN_OBJECT)
            found = get_named(at.value, step, &at);
        else if (at.type == SCAN_ARRAY)
            found = get_element(at.value, step, &at);
        if (!found)
            return false;
        pointer = str_cut(pointer, len, pointer.len);
    }
    at.at = (size_t)(at.value.at - json.at);
    *m = at;
    return at.type != SCAN_NONE;
}

struct str scan_text(struct str value, struct arena *out, bool *lossy)
{
    struct str inside = { "", 0 };
    const char *at, *end;
    char *copy;
    size_t len = 0;
    bool lost = false;

    if (lossy)
        *lossy = false;
    if (scan_type_of(value) == SCAN_STRING && value.len >= 2)
        inside = str_cut(value, 1, value.len - 1);
    if (!memchr(inside.at, '\\', inside.len))
        return inside;

    /* Unescaping only shortens: \uXXXX is six bytes for at most three, a pair twelve for four. */
    copy = arena_take(out, inside.len + 1);
    if (!copy)
        return (struct str){ NULL, 0 };
    at = inside.at;
    end = inside.at + inside.len;
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((escape ? escape : end) - at);
        char c[UTF8_LONGEST];
        size_t n;

        memcpy(copy + len, at, plain);
        len += plain;
        at += plain;
        if (at == end)
            break;
        n = read_char(&at, end, c, &lost);
        memcpy(copy + len, c, n);
        len += n;
    }
    if (lossy)
        *lossy = lost;
    return (struct str){ copy, len };
}

bool scan_number(struct str value, double *out)
{
    struct buf copy = { 0 };
    char *end;
    double read;

    if (value.len == 0 ||
        scan_lex_number(value.at, value.at + value.len) != value.at + value.len)
        return false;
    buf_put(&copy, value);
    buf_put(&copy, (struct str){ "", 1 });
    read = strtod(copy.at, &end);
    buf_deinit(&copy);
    if (!__builtin_isfinite(read))
        return false;
    *out = read;
    return true;
}

bool scan_u64(struct str value, uint64_t *out)
{
    return (value.len == 1 || (value.len > 1 && value.at[0] != '0')) && str_to_u64(value, out);
}

bool scan_true(struct str value)
{
    return str_eq(value, STR("true"));
}

void scan_put_string(struct buf *out, struct str s)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = s.at, *end = s.at + s.len;

    buf_put(out, STR("\""));
    while (at < end) {
        const char *from = at;

        while (at < end && (unsigned char)*at >= 0x20 && *at != '"' && *at != '\\')
            at++;
        buf_put(out, (struct str){ from, (size_t)(at - from) });
        if (at == end)
            break;
        if (*at == '"' || *at == '\\') {
            buf_put(out, (struct str){ (char[]){ '\\', *at }, 2 });
        } else {
            unsigned c = (unsigned char)*at;

            buf_put(out, STR("\\u00"));
            buf_put(out, (struct str){ (char[]){ digits[c >> 4], digits[c & 15] }, 2 });
        }
        at++;
    }
    buf_put(out, STR("\""));
}
