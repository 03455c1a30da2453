/* SPDX-License-Identifier: Apache-2.0 */
/* Before OpenSSL is included: what is used here it has for good, but would rather not. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "weir/base/digest.h"

#include "weir/base/ensure.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/random.h>

/*
 * SHA-256 is called by its name, not looked up through EVP: every request has one, and EVP's
 * preparations take longer than hashing a short text does. It would also have OpenSSL read
 * its configuration and list all algorithms, two megabytes, in a process that may never need
 * them. The code behind both is the same.
 */
struct pieces {
    SHA256_CTX ctx;
    bool started;
};

static _Thread_local struct pieces pieces;

static void start(SHA256_CTX *ctx)
{
    int done = SHA256_Init(ctx);

    ensure(done == 1);
}

static void add(SHA256_CTX *ctx, struct str s)
{
    int done = SHA256_Update(ctx, s.at, s.len);

    ensure(done == 1);
}

static void end(SHA256_CTX *ctx, struct digest *out)
{
    int done = SHA256_Final(out->bytes, ctx);

    ensure(done == 1);
}

void digest_of(struct digest *out, struct str s)
{
    SHA256_CTX ctx;

    start(&ctx);
    add(&ctx, s);
    end(&ctx, out);
}

void digest_start(void)
{
    ensure(!pieces.started);
    pieces.started = true;
    start(&pieces.ctx);
}

void digest_add(struct str s)
{
    ensure(pieces.started);
    add(&pieces.ctx, s);
}

void digest_add_u64(uint64_t n)
{
    char bytes[8];

    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (char)(n >> (8 * i));
    digest_add((struct str){ bytes, sizeof(bytes) });
}

void digest_add_part(struct str s)
{
    digest_add_u64(s.len);
    digest_add(s);
}

void digest_end(struct digest *out)
{
    ensure(pieces.started);
    pieces.started = false;
    end(&pieces.ctx, out);
}

void digest_hmac(struct digest *out, struct str key, struct str text)
{
    const unsigned char *made;

    ensure(key.len <= INT_MAX);
    made = HMAC(EVP_sha256(), key.at ? key.at : "", (int)key.len,
                (const unsigned char *)(text.at ? text.at : ""), text.len, out->bytes, NULL);
    ensure(made);
}

void digest_hex(const struct digest *d, char out[DIGEST_HEX])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        out[2 * i] = digits[d->bytes[i] >> 4];
        out[2 * i + 1] = digits[d->bytes[i] & 15];
    }
    out[DIGEST_HEX - 1] = '\0';
}

static int value_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool digest_from_hex(struct digest *d, struct str hex)
{
    struct digest read;

    if (hex.len != DIGEST_HEX - 1)
        return false;
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        int high = value_of(hex.at[2 * i]), low = value_of(hex.at[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        read.bytes[i] = (uint8_t)(high * 16 + low);
    }
    *d = read;
    return true;
}

bool digest_eq(const struct digest *a, const struct digest *b)
{
    return CRYPTO_memcmp(a->bytes, b->bytes, DIGEST_BYTES) == 0;
}

uint64_t digest_word(const struct digest *d)
{
    uint64_t word;

    memcpy(&word, d->bytes, sizeof(word));
    return word;
}

void digest_random(void *out, size_t size)
{
    char *at = out;

    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);

        if (got < 0 && errno == EINTR)
            continue;
        ensure(got > 0);
        at += got;
        size -= (size_t)got;
    }
}
