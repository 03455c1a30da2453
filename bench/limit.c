/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limit: what a memory hit could cost at the very least. It reads a request with
 * llhttp, hashes the body with SHA-256, and writes the same bytes to everyone: no key,
 * no table, no clock, no log. The bytes are a file, so that they can be a hit's own.
 *
 *     limit --port 9000 --answer FILE     FILE holds a whole HTTP answer, head and body
 */
#include "flags.h"
#include "server.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ANSWER_BYTES = 64 * 1024, /* a hit's head and body are a few KiB */
};

struct hash {
    EVP_MD_CTX *context; /* owned; freed when the visitor is gone */
};

static EVP_MD *sha256;
static char answer[ANSWER_BYTES];
static size_t answer_length;
static volatile unsigned char seen; /* keeps the digest from being thrown away */

static void hash_begin(struct visitor *v)
{
    struct hash *hash = visitor_room(v);

    if (!hash->context)
        hash->context = EVP_MD_CTX_new();
    EVP_DigestInit_ex(hash->context, sha256, NULL);
}

static void hash_more(struct visitor *v, const char *bytes, size_t length)
{
    struct hash *hash = visitor_room(v);

    EVP_DigestUpdate(hash->context, bytes, length);
}

static void answer_it(struct visitor *v)
{
    struct hash *hash = visitor_room(v);
    unsigned char digest[EVP_MAX_MD_SIZE];

    EVP_DigestFinal_ex(hash->context, digest, NULL);
    seen = digest[0];
    visitor_send(v, answer, answer_length);
    visitor_done(v);
}

static void hash_end(struct visitor *v)
{
    struct hash *hash = visitor_room(v);

    EVP_MD_CTX_free(hash->context);
    hash->context = NULL;
}

static bool load(const char *path)
{
    FILE *file = path ? fopen(path, "rb") : NULL;

    if (!file)
        return false;
    answer_length = fread(answer, 1, sizeof answer, file);
    fclose(file);
    return answer_length > 0 && answer_length < sizeof answer;
}

int main(int count, char **words)
{
    static const struct service service = {
        .on_request_begun = hash_begin,
        .on_body = hash_more,
        .on_request = answer_it,
        .on_gone = hash_end,
        .room = sizeof(struct hash),
    };
    uint64_t port = 0;
    const char *path = NULL;
    const struct flag flags[] = {
        { "--port", &port, NULL },
        { "--answer", NULL, &path },
        { NULL, NULL, NULL },
    };

    if (!flags_read(flags, count, words))
        return 2;
    if (!load(path)) {
        fprintf(stderr, "limit: --answer wants a file of 1 byte to 64 KiB\n");
        return 2;
    }
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!sha256)
        return 1;
    return server_run(&service, port);
}
