/* SPDX-License-Identifier: Apache-2.0 */
#include "pieces.h"

#include "weir/base/utf8.h"

static bool is_surrogate_escape(struct str s, size_t at, char least, char most)
{
    char c;

    if (s.len - at < 6 || s.at[at] != '\\' || s.at[at + 1] != 'u' ||
        (s.at[at + 2] != 'd' && s.at[at + 2] != 'D'))
        return false;
    c = s.at[at + 3];
    c = c >= 'a' ? (char)(c - 'a' + 'A') : c;
    return c >= least && c <= most;
}

/* How long the character, escape or pair of escapes is that starts here. */
static size_t unit_length(struct str s, size_t at)
{
    size_t left = s.len - at, len;

    if (s.at[at] != '\\') {
        len = utf8_length(s.at + at, left);
        return len == 0 ? 1 : len;
    }
    if (left < 2 || s.at[at + 1] != 'u')
        return left < 2 ? left : 2;
    if (is_surrogate_escape(s, at, '8', 'B') && left >= 12 &&
        is_surrogate_escape(s, at + 6, 'C', 'F'))
        return 12;
    return left < 6 ? left : 6;
}

bool pieces_next(struct str *rest, struct str *piece)
{
    size_t len = 0;

    if (rest->len == 0)
        return false;
    while (len < rest->len && len < PIECE_BYTES)
        len += unit_length(*rest, len);
    *piece = str_cut(*rest, 0, len);
    *rest = str_cut(*rest, len, rest->len);
    return true;
}
