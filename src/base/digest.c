/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/digest.h"

#include "weir/base/ensure.h"
#include "weir/base/mem.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/*
 * Looking an algorithm up costs more than hashing a short text with it, and so does making
 * a context. So the algorithm is fetched once for the process, and each thread keeps two
 * contexts: one for whole texts, one for a digest in pieces, which others may interrupt.
 */
struct contexts {
    EVP_MD_CTX *whole;
    EVP_MD_CTX *pieces;
    bool started;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_thread_end;
static EVP_MD *sha256; /* lives as long as the process */
static _Thread_local struct contexts *mine;

static void free_contexts(void *at)
{
    struct contexts *c = at;

    EVP_MD_CTX_free(c->whole);
    EVP_MD_CTX_free(c->pieces);
    free(c);
    mine = NULL;
}

static void fetch(void)
{
    int failed = pthread_key_create(&at_thread_end, free_contexts);

    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    ensure(sha256 && !failed);
}

static struct contexts *contexts(void)
{
    int failed;

    if (mine)
        return mine;
    failed = pthread_once(&once, fetch);
    ensure(!failed);
    mine = MEM_NEW(struct contexts);
    mine->whole = EVP_MD_CTX_new();
    mine->pieces = EVP_MD_CTX_new();
    failed = pthread_setspecific(at_thread_end, mine);
    ensure(mine->whole && mine->pieces && !failed);
    return mine;
}

static void start(EVP_MD_CTX *ctx)
{
    int done = EVP_DigestInit_ex(ctx, sha256, NULL);

    ensure(done == 1);
}

static void add(EVP_MD_CTX *ctx, const void *at, size_t len)
{
    int done = EVP_DigestUpdate(ctx, at, len);

    ensure(done == 1);
}

static void end(EVP_MD_CTX *ctx, struct digest *out)
{
    int done = EVP_DigestFinal_ex(ctx, out->bytes, NULL);

    ensure(done == 1);
}

void digest_of(struct digest *out, struct str s)
{
    EVP_MD_CTX *ctx = contexts()->whole;

    start(ctx);
    add(ctx, s.at, s.len);
    end(ctx, out);
}

void digest_start(void)
{
    struct contexts *c = contexts();

    ensure(!c->started);
    c->started = true;
    start(c->pieces);
}

void digest_add(struct str s)
{
    struct contexts *c = contexts();

    ensure(c->started);
    add(c->pieces, s.at, s.len);
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
    struct contexts *c = contexts();

    ensure(c->started);
    c->started = false;
    end(c->pieces, out);
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
