/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/str.h"

#include "weir/base/ensure.h"

#include <string.h>

struct str str_of(const char *zero_terminated)
{
    return (struct str){ zero_terminated, zero_terminated ? strlen(zero_terminated) : 0 };
}

struct str str_cut(struct str s, size_t from, size_t to)
{
    ensure(from <= to && to <= s.len);
    return (struct str){ s.at ? s.at + from : NULL, to - from };
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str str_head(struct str s, size_t most)
{
    return (struct str){ s.at, s.len < most ? s.len : most };
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && is_blank(s.at[0])) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.at[s.len - 1]))
        s.len--;
    return s;
}

bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Not tolower(): what a header's name is must not depend on the locale. */
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    }
    return true;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq(str_cut(s, 0, prefix.len), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len && str_eq(str_cut(s, s.len - suffix.len, s.len), suffix);
}

int str_compare(struct str a, struct str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.at, b.at, common);

    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool str_split(struct str *rest, char mark, struct str *piece)
{
    const char *end;
    size_t len;

    if (rest->len == 0)
        return false;
    end = memchr(rest->at, mark, rest->len);
    len = end ? (size_t)(end - rest->at) : rest->len;
    *piece = str_cut(*rest, 0, len);
    *rest = str_cut(*rest, end ? len + 1 : len, rest->len);
    return true;
}

size_t str_put_u64(char out[STR_U64_BYTES], uint64_t n)
{
    char digits[STR_U64_BYTES];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    memcpy(out, digits + at, sizeof(digits) - at);
    return sizeof(digits) - at;
}

bool str_to_u64(struct str s, uint64_t *out)
{
    uint64_t n = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.at[i] - '0';

        if (digit > 9 || n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *out = n;
    return true;
}

uint64_t str_hash(struct str s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ s.len;
    size_t i = 0;

    for (; i + 8 <= s.len; i += 8) {
        uint64_t word;

        memcpy(&word, s.at + i, sizeof(word));
        h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 32;
    }
    for (; i < s.len; i++)
        h = (h ^ (unsigned char)s.at[i]) * UINT64_C(0x100000001b3);

    /* FNV leaves its high bits poorly stirred, and tables index by the low ones. */
    h ^= h >> 32;
    h *= UINT64_C(0xd6e8feb86659fd93);
    return h ^ (h >> 32);
}
