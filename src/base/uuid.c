/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/uuid.h"

#include "weir/base/clock.h"
#include "weir/base/digest.h"

#include <stdint.h>
#include <string.h>

enum { RANDOM_BYTES = 10, POOL = 64 * RANDOM_BYTES }; /* one system call for 64 names */

/* Spent from its front; each byte is used once. A fork would repeat them, but we never fork. */
static _Thread_local uint8_t pool[POOL];
static _Thread_local size_t pool_left;

void uuid_make(char out[UUID_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t ms = clock_wall_ms();
    uint8_t bytes[16];
    size_t at = 0;

    if (pool_left == 0) {
        digest_random(pool, POOL);
        pool_left = POOL;
    }
    for (unsigned i = 0; i < 6; i++)
        bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    memcpy(bytes + 6, pool + POOL - pool_left, RANDOM_BYTES);
    pool_left -= RANDOM_BYTES;
    bytes[6] = (uint8_t)(0x70 | (bytes[6] & 0x0F)); /* the version */
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3F)); /* the variant */

    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[at++] = '-';
        out[at++] = digits[bytes[i] >> 4];
        out[at++] = digits[bytes[i] & 15];
    }
    out[at] = '\0';
}
