/* SPDX-License-Identifier: Apache-2.0 */
#include "top_line.h"

#include "weir/base/utf8.h"

struct range {
    uint32_t first, last;
};

/* clang-format off */
static const struct range wide[] = {
    { 0x1100, 0x115F }, { 0x2E80, 0xA4CF }, { 0xAC00, 0xD7A3 }, { 0xF900, 0xFAFF },
    { 0xFE30, 0xFE6F }, { 0xFF00, 0xFF60 }, { 0xFFE0, 0xFFE6 }, { 0x1F300, 0x1FAFF },
    { 0x20000, 0x3FFFD },
};
static const struct range none[] = {
    { 0x0300, 0x036F }, { 0x200B, 0x200D }, { 0x20D0, 0x20FF }, { 0xFE00, 0xFE0F },
};
static const struct range unsafe[] = {
    { 0x00, 0x1F }, { 0x7F, 0x9F }, { 0x200E, 0x200F }, { 0x2028, 0x202E },
    { 0x2066, 0x2069 }, { 0xFEFF, 0xFEFF },
};
/* clang-format on */

static bool is_in(uint32_t code, const struct range *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (code >= all[i].first && code <= all[i].last)
            return true;
    return false;
}

#define IS_IN(code, all) is_in(code, all, sizeof(all) / sizeof((all)[0]))

static uint32_t code_of(const char *at, size_t length)
{
    static const uint8_t firsts[UTF8_LONGEST + 1] = { 0, 0x7F, 0x1F, 0x0F, 0x07 };
    uint32_t code = (uint8_t)at[0] & firsts[length];

    for (size_t i = 1; i < length; i++)
        code = code << 6 | ((uint8_t)at[i] & 0x3F);
    return code;
}

unsigned top_line_put(struct buf *out, struct str text, unsigned columns)
{
    unsigned taken = 0;

    for (size_t i = 0; i < text.len;) {
        size_t length = utf8_length(text.at + i, text.len - i);
        uint32_t code = length > 0 ? code_of(text.at + i, length) : 0;
        unsigned width = IS_IN(code, none) ? 0 : IS_IN(code, wide) ? 2 : 1;

        length = length > 0 ? length : 1;
        if (taken + width > columns)
            break;
        buf_put(out, IS_IN(code, unsafe) ? STR("?") : str_cut(text, i, i + length));
        taken += width;
        i += length;
    }
    return taken;
}

void top_line_column(struct buf *out, struct str text, unsigned width)
{
    for (unsigned n = top_line_put(out, text, width); n <= width; n++)
        buf_put_text(out, " ");
}
