/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/base64.h"

#include "weir/base/ensure.h"

#include <ctype.h>
#include <openssl/evp.h>

enum { PIECE = 3 << 20 }; /* whole groups of three, far below what an int counts */

void base64_put(struct buf *out, struct str bytes)
{
    while (bytes.len > 0) {
        size_t now = bytes.len < PIECE ? bytes.len : PIECE;
        size_t size = (now + 2) / 3 * 4;
        char *at;

        ensure(buf_room(out, size + 1, &at) == OK); /* and the NUL that it writes */
        (void)EVP_EncodeBlock((unsigned char *)at, (const unsigned char *)bytes.at, (int)now);
        buf_grown(out, size);
        bytes = str_cut(bytes, now, bytes.len);
    }
}

/* How many of the last group's bytes are padding; more than two: it is no base64. */
static size_t padding_of(struct str text)
{
    size_t n = 0;

    while (n < text.len && text.at[text.len - 1 - n] == '=')
        n++;
    return n;
}

/* libcrypto would let white space pass. */
static bool is_alphabet(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!isalnum((unsigned char)text.at[i]) && text.at[i] != '+' && text.at[i] != '/')
            return false;
    return true;
}

bool base64_read(struct buf *out, struct str text)
{
    size_t padding = padding_of(text);
    char *at;

    if (text.len % 4 != 0 || text.len > PIECE || padding > 2 ||
        !is_alphabet(str_cut(text, 0, text.len - padding)))
        return false;
    ensure(buf_room(out, text.len / 4 * 3 + 1, &at) == OK);
    if (EVP_DecodeBlock((unsigned char *)at, (const unsigned char *)text.at, (int)text.len) < 0)
        return false;
    buf_grown(out, text.len / 4 * 3 - padding);
    return true;
}
