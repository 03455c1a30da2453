/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/base/buf.h"
#include "weir/base/digest.h"
#include "weir/base/err.h"
#include "weir/dialect/request.h"

/*
 * When are two requests the same? docs/cache-keys.md tells the rules with vectors.
 *
 * The key is SHA-256 over length-prefixed parts: FINGERPRINT_VERSION, scope, endpoint, public
 * model, plan (the configuration that decides which upstream model may answer), those headers
 * that alter an answer, and the canonical body. Scope is derived by the server; there is no
 * key without one.
 */

enum { FINGERPRINT_VERSION = 1 };

struct fingerprint_parts {
    struct str scope;
    struct str plan;
    struct str headers; /* "name: value\n" lines, sorted; empty for most */
};

struct fingerprint {
    struct digest key;
    struct str canonical; /* in the arena */
    const char
        *never_cached; /* NULL, or what the canonicaliser met: lone surrogate, big integer */
};

MUST_CHECK enum err fingerprint_of(struct fingerprint *out, const struct request *r,
                                   const struct fingerprint_parts *parts, struct arena *arena);

/* ---- how each member of a request counts ---- */

enum member_class {
    MEMBER_ANSWER, /* may change the answer: in the key (also every member that nobody knows) */
    MEMBER_ORDERED, /* in the key, and the order of members inside it is part of the prompt */
    MEMBER_QUIET,   /* cannot change the answer: not in the key */
    MEMBER_ROUTING, /* model: in the key as the public name */
    MEMBER_STATE,   /* the answer lives upstream, or is made by its tools: never cached */
};

struct member_row {
    const char *endpoints; /* words of the endpoints that publish it, comma separated */
    const char *name;
    enum member_class class;
};

/* Every member that the published requests have; NULL behind the last. */
const struct member_row *member_row_at(size_t i);
enum member_class member_class_of(enum endpoint e,
                                  struct str key); /* key as it stands in the body */
