/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/escape.h"

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '.' || c == '_' || c == '~';
}

enum err escape_add(struct buf *out, struct str name)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t size = name.len;
    char *at;
    enum err err;

    for (size_t i = 0; i < name.len; i++)
        size += is_plain(name.at[i]) ? 0 : 2;
    err = buf_room(out, size, &at);
    if (err)
        return err;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.at[i];

        if (is_plain(name.at[i])) {
            *at++ = name.at[i];
            continue;
        }
        *at++ = '%';
        *at++ = digits[c >> 4];
        *at++ = digits[c & 15];
    }
    buf_grown(out, size);
    return OK;
}
