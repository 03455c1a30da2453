/* SPDX-License-Identifier: Apache-2.0 */
#include "script.h"

#include "weir/base/utf8.h"

#include <stdint.h>

enum { MOST_CHARACTERS = 256 };

/* clang-format off */
/* Ranges of Unicode's blocks, rising; between them stand marks, digits, and scripts that count as other. */
static const struct range {
    uint32_t from, to;
    enum script script;
} ranges[] = {
    { 0x0041,  0x005A,  SCRIPT_latin },      { 0x0061,  0x007A,  SCRIPT_latin },
    { 0x00AA,  0x00AA,  SCRIPT_latin },      { 0x00BA,  0x00BA,  SCRIPT_latin },
    { 0x00C0,  0x00D6,  SCRIPT_latin },      { 0x00D8,  0x00F6,  SCRIPT_latin },
    { 0x00F8,  0x02AF,  SCRIPT_latin },      { 0x0370,  0x03FF,  SCRIPT_greek },
    { 0x0400,  0x052F,  SCRIPT_cyrillic },   { 0x0531,  0x058A,  SCRIPT_other },
    { 0x0591,  0x05F4,  SCRIPT_hebrew },     { 0x0600,  0x06FF,  SCRIPT_arabic },
    { 0x0700,  0x074F,  SCRIPT_other },      { 0x0750,  0x077F,  SCRIPT_arabic },
    { 0x0780,  0x089F,  SCRIPT_other },      { 0x08A0,  0x08FF,  SCRIPT_arabic },
    { 0x0900,  0x097F,  SCRIPT_devanagari }, { 0x0980,  0x0DFF,  SCRIPT_other },
    { 0x0E00,  0x0E7F,  SCRIPT_thai },       { 0x0E80,  0x10FF,  SCRIPT_other },
    { 0x1100,  0x11FF,  SCRIPT_hangul },     { 0x1200,  0x1C7F,  SCRIPT_other },
    { 0x1C80,  0x1C8F,  SCRIPT_cyrillic },   { 0x1D00,  0x1DBF,  SCRIPT_latin },
    { 0x1E00,  0x1EFF,  SCRIPT_latin },      { 0x1F00,  0x1FFF,  SCRIPT_greek },
    { 0x2C60,  0x2C7F,  SCRIPT_latin },      { 0x2D00,  0x2DDF,  SCRIPT_other },
    { 0x2DE0,  0x2DFF,  SCRIPT_cyrillic },   { 0x2E80,  0x2FDF,  SCRIPT_han },
    { 0x3005,  0x3007,  SCRIPT_han },        { 0x3041,  0x309F,  SCRIPT_hiragana_katakana },
    { 0x30A1,  0x30FA,  SCRIPT_hiragana_katakana }, { 0x30FD, 0x30FF, SCRIPT_hiragana_katakana },
    { 0x3105,  0x312F,  SCRIPT_other },      { 0x3131,  0x318E,  SCRIPT_hangul },
    { 0x31F0,  0x31FF,  SCRIPT_hiragana_katakana }, { 0x3400, 0x4DBF, SCRIPT_han },
    { 0x4E00,  0x9FFF,  SCRIPT_han },        { 0xA000,  0xA63F,  SCRIPT_other },
    { 0xA640,  0xA69F,  SCRIPT_cyrillic },   { 0xA722,  0xA7FF,  SCRIPT_latin },
    { 0xA800,  0xA8DF,  SCRIPT_other },      { 0xA8E0,  0xA8FF,  SCRIPT_devanagari },
    { 0xA900,  0xA95F,  SCRIPT_other },      { 0xA960,  0xA97F,  SCRIPT_hangul },
    { 0xA980,  0xABFF,  SCRIPT_other },      { 0xAC00,  0xD7FF,  SCRIPT_hangul },
    { 0xF900,  0xFAFF,  SCRIPT_han },        { 0xFB00,  0xFB06,  SCRIPT_latin },
    { 0xFB1D,  0xFB4F,  SCRIPT_hebrew },     { 0xFB50,  0xFDFF,  SCRIPT_arabic },
    { 0xFE70,  0xFEFC,  SCRIPT_arabic },     { 0xFF21,  0xFF3A,  SCRIPT_latin },
    { 0xFF41,  0xFF5A,  SCRIPT_latin },      { 0xFF66,  0xFF9F,  SCRIPT_hiragana_katakana },
    { 0xFFA0,  0xFFDC,  SCRIPT_hangul },     { 0x10000, 0x1CFFF, SCRIPT_other },
    { 0x20000, 0x323AF, SCRIPT_han },
};
/* clang-format on */

static enum script class_of(uint32_t code)
{
    size_t low = 0, high = sizeof(ranges) / sizeof(ranges[0]);

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (code > ranges[middle].to)
            low = middle + 1;
        else if (code < ranges[middle].from)
            high = middle;
        else
            return ranges[middle].script;
    }
    return SCRIPT_none;
}

/* The code point of a whole character. */
static uint32_t decode(const char *at, size_t len)
{
    static const unsigned char heads[] = { 0, 0x7F, 0x1F, 0x0F, 0x07 };
    uint32_t code = (unsigned char)at[0] & heads[len];

    for (size_t i = 1; i < len; i++)
        code = code << 6 | ((unsigned char)at[i] & 0x3F);
    return code;
}

enum script script_of(struct str text)
{
    unsigned counts[SCRIPT_COUNT] = { 0 };
    enum script most = SCRIPT_none;
    size_t at = 0;

    for (unsigned n = 0; n < MOST_CHARACTERS && at < text.len; n++) {
        size_t len = utf8_length(text.at + at, text.len - at);

        if (len == 0)
            break;
        counts[class_of(decode(text.at + at, len))]++;
        at += len;
    }
    if (counts[SCRIPT_hiragana_katakana] > 0 && counts[SCRIPT_han] > 0) {
        counts[SCRIPT_hiragana_katakana] += counts[SCRIPT_han];
        counts[SCRIPT_han] = 0;
    }
    counts[SCRIPT_none] = 0;
    for (unsigned i = 0; i < SCRIPT_COUNT; i++)
        if (counts[i] > counts[most])
            most = (enum script)i;
    return most;
}
