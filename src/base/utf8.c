/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/utf8.h"

#include <stdbool.h>

static bool is_tail(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/*
 * Only the second byte tells an overlong form, a surrogate or a code point too large:
 * each of four first bytes narrows what may follow it.
 */
static bool is_second(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xE0: return second >= 0xA0 && second <= 0xBF;
    case 0xED: return second >= 0x80 && second <= 0x9F;
    case 0xF0: return second >= 0x90 && second <= 0xBF;
    case 0xF4: return second >= 0x80 && second <= 0x8F;
    default: return is_tail(second);
    }
}

size_t utf8_length(const char *at, size_t left)
{
    const unsigned char *c = (const unsigned char *)at;

    if (left == 0)
        return 0;
    if (c[0] < 0x80)
        return 1;
    if (c[0] < 0xC2 || c[0] > 0xF4 || left < 2 || !is_second(c[0], c[1]))
        return 0;
    if (c[0] < 0xE0)
        return 2;
    if (left < 3 || !is_tail(c[2]))
        return 0;
    if (c[0] < 0xF0)
        return 3;
    return left >= 4 && is_tail(c[3]) ? 4 : 0;
}

size_t utf8_put(char out[UTF8_LONGEST], uint32_t code)
{
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        code = UTF8_REPLACEMENT;
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

size_t utf8_count(struct str text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++)
        n += !is_tail((unsigned char)text.at[i]);
    return n;
}
