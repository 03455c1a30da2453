/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/base64.h"

#include "weir/base/ensure.h"

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
