/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

/* SHA-256 (FIPS 180-4), by OpenSSL; nothing is allocated. */

enum { DIGEST_BYTES = 32, DIGEST_HEX = 65 };

struct digest {
    uint8_t bytes[DIGEST_BYTES];
};

void digest_of(struct digest *out, struct str s);

/* In pieces, on this thread, one at a time: start, add..., end. */
void digest_start(void);
void digest_add(struct str s);
void digest_add_u64(uint64_t n);    /* eight bytes, little end first */
void digest_add_part(struct str s); /* its length, then its bytes: parts cannot run together */
void digest_end(struct digest *out);

/* HMAC-SHA-256 (RFC 2104): only who has the key can make it. */
void digest_hmac(struct digest *out, struct str key, struct str text);

void digest_hex(const struct digest *d, char out[DIGEST_HEX]);
bool digest_from_hex(struct digest *d, struct str hex);
bool digest_eq(const struct digest *a, const struct digest *b); /* in constant time */
uint64_t digest_word(const struct digest *d); /* its first eight bytes: for hash tables */

/* Unpredictable bytes, for request ids. */
void digest_random(void *out, size_t size);
