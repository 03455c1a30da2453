/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The forms of values, each read whole or not at all: nothing is trimmed, rounded or guessed.
 * The check of a document and the loader behind it ask the same functions, so what the one has
 * passed the other can read. What a form looks like stands in value.h.
 */

#include "value.h"

#include "weir/base/utf8.h"

#include <jansson.h>
#include <string.h>

struct unit {
    struct str name;
    uint64_t times;
};

/* A whole number and one of the units; 0 needs none. */
static bool read_units(struct str s, const struct unit *units, size_t count, uint64_t *out)
{
    size_t digits = 0;
    uint64_t n;

    while (digits < s.len && s.at[digits] >= '0' && s.at[digits] <= '9')
        digits++;
    if (!str_to_u64(str_cut(s, 0, digits), &n))
        return false;
    if (digits == s.len && n == 0) {
        *out = 0;
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (!str_eq(str_cut(s, digits, s.len), units[i].name))
            continue;
        if (n > UINT64_MAX / units[i].times)
            return false;
        *out = n * units[i].times;
        return true;
    }
    return false;
}

bool value_duration(struct str s, uint64_t *us)
{
    static const struct unit units[] = {
        { { "ms", 2 }, 1000 },
        { { "s", 1 }, 1000000 },
        { { "m", 1 }, UINT64_C(60) * 1000000 },
        { { "h", 1 }, UINT64_C(3600) * 1000000 },
        { { "d", 1 }, UINT64_C(86400) * 1000000 },
    };

    return read_units(s, units, sizeof(units) / sizeof(*units), us);
}

bool value_size(struct str s, uint64_t *bytes)
{
    static const struct unit units[] = {
        { { "B", 1 }, 1 },
        { { "KiB", 3 }, 1 << 10 },
        { { "MiB", 3 }, 1 << 20 },
        { { "GiB", 3 }, 1 << 30 },
    };

    return read_units(s, units, sizeof(units) / sizeof(*units), bytes);
}

bool value_number(struct str s, double *out)
{
    json_t *json = json_loadb(s.at ? s.at : "", s.len, JSON_DECODE_ANY, NULL);
    bool good = json_is_number(json) && (s.at[0] == '-' || (s.at[0] >= '0' && s.at[0] <= '9'));

    if (good)
        *out = json_number_value(json);
    json_decref(json);
    return good;
}

bool value_share(struct str s, double *out)
{
    if (!str_ends(s, STR("%")) || !value_number(str_cut(s, 0, s.len - 1), out) || *out < 0 ||
        *out > 100)
        return false;
    *out /= 100;
    return true;
}

bool value_percentile(struct str s, double *out)
{
    uint64_t percent;

    if (s.len != 3 || s.at[0] != 'p' || !str_to_u64(str_cut(s, 1, s.len), &percent) ||
        percent < 50)
        return false;
    *out = (double)percent / 100;
    return true;
}

bool value_flag(struct str s, bool *out)
{
    if (!str_eq(s, STR("true")) && !str_eq(s, STR("false")))
        return false;
    *out = str_eq(s, STR("true"));
    return true;
}

bool value_address(struct str s, struct str *host, uint16_t *port)
{
    const char *colon = s.len > 0 ? memrchr(s.at, ':', s.len) : NULL;
    uint64_t n;
    struct str h;

    if (!colon)
        return false;
    h = str_cut(s, 0, (size_t)(colon - s.at));
    if (!str_to_u64(str_cut(s, h.len + 1, s.len), &n) || n > UINT16_MAX)
        return false;
    if (h.len > 2 && h.at[0] == '[' && h.at[h.len - 1] == ']')
        h = str_cut(h, 1, h.len - 1);
    else if (memchr(h.at, ':', h.len))
        return false;
    for (size_t i = 0; i < h.len; i++) {
        unsigned char c = (unsigned char)h.at[i];

        if (c <= ' ' || c >= 0x7f || strchr("[]/@\"'\\", c))
            return false;
    }
    *host = h;
    *port = (uint16_t)n;
    return h.len > 0;
}

bool value_is_url(struct str s)
{
    const char *at = s.len > 0 ? memmem(s.at, s.len, "://", 3) : NULL;
    struct str rest;

    if (!str_starts(s, STR("http://")) && !str_starts(s, STR("https://")))
        return false;
    rest = str_cut(s, (size_t)(at - s.at) + 3, s.len);
    if (rest.len == 0 || strchr("/:?", rest.at[0]))
        return false;
    for (size_t i = 0; i < rest.len; i++) {
        unsigned char c = (unsigned char)rest.at[i];

        if (c <= ' ' || c >= 0x7f || c == '@' || c == '#' || c == '"' || c == '\\')
            return false;
    }
    return true;
}

bool value_is_header_name(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];

        if (c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
    }
    return s.len > 0;
}

bool value_is_pointer(struct str s)
{
    struct str piece;

    if (!value_is_text(s) || (s.len > 0 && s.at[s.len - 1] == '#'))
        return false;
    while (str_split(&s, '#', &piece)) {
        if (piece.len > 0 && piece.at[0] != '/')
            return false;
        for (size_t i = 0; i < piece.len; i++) {
            bool escaped = i + 1 < piece.len &&
                           (piece.at[i + 1] == '0' || piece.at[i + 1] == '1');

            if (piece.at[i] == '~' && !escaped)
                return false;
        }
    }
    return true;
}

static bool is_clean(struct str s, const char *marks)
{
    size_t at = 0;

    while (at < s.len) {
        size_t len = utf8_length(s.at + at, s.len - at);
        unsigned char c = (unsigned char)s.at[at];
        bool control = c < ' ' || c == 0x7f;

        if (len == 0 || (control && (c == 0 || !strchr(marks, c))))
            return false;
        at += len;
    }
    return true;
}

bool value_is_text(struct str s)
{
    return is_clean(s, "");
}

bool value_is_prose(struct str s)
{
    return is_clean(s, "\t\r\n");
}

int value_choice(struct str words, struct str s)
{
    struct str word;

    for (int i = 0; str_split(&words, '|', &word); i++) {
        if (str_eq(word, s))
            return i;
    }
    return -1;
}
