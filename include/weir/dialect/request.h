/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/base/err.h"
#include "weir/base/own.h"
#include "weir/base/str.h"

#include <stdint.h>

/*
 * What a caller asks: the few members of a body that decide where it goes, found with the span
 * scanner. The body itself is never rebuilt; spans say where it may be spliced.
 */

/*         name                    word in labels and keys   path on our data plane */
/* clang-format off */
#define ENDPOINTS(E)                                                             \
    E(ENDPOINT_CHAT,        "chat",        "/v1/chat/completions")               \
    E(ENDPOINT_COMPLETIONS, "completions", "/v1/completions")                    \
    E(ENDPOINT_EMBEDDINGS,  "embeddings",  "/v1/embeddings")                     \
    E(ENDPOINT_RESPONSES,   "responses",   "/v1/responses")                      \
    E(ENDPOINT_MODERATIONS, "moderations", "/v1/moderations")                    \
    E(ENDPOINT_PREDICT,     "predict",     "/v1/predict/")                       \
    E(ENDPOINT_MESSAGES,    "messages",    "/v1/messages")                       \
    E(ENDPOINT_TOKENS,      "count_tokens", "/v1/messages/count_tokens")
/* clang-format on */

/* The first five are OpenAI's, the last two Anthropic's. */
enum endpoint {
#define E(name, word, path) name,
    ENDPOINTS(E)
#undef E
        ENDPOINT_COUNT
};

struct str endpoint_word(enum endpoint e);
struct str endpoint_path(enum endpoint e);

static inline bool endpoint_is_anthropic(enum endpoint e)
{
    return e == ENDPOINT_MESSAGES || e == ENDPOINT_TOKENS;
}

struct request {
    enum endpoint endpoint;
    struct str body;  /* lent, as it came */
    struct str model; /* the name asked for, unescaped */
    struct str
        model_value; /* its value in the body, with quotes; absent when the path names the model */
    struct str stream_value;  /* the value of `stream`; absent */
    struct str options_value; /* the value of `stream_options`, which may be null; absent */
    struct str user;          /* the body's `user`, unescaped; absent */
    bool stream;
    bool include_usage; /* stream_options.include_usage is true */
    bool
        deterministic; /* temperature is 0 and n absent or 1; true for embeddings and the like */
    const char *never_cached; /* NULL, or why this request must not be cached, in a few words */
};

/*
 * Reads a request. `path_model` is the model named by the path (predict) or absent; a body that
 * then names none is fine. Faults name the member; duplicate top-level keys are one, a
 * BOM, trailing bytes and nesting above 64 are others. What scan.h reads, this accepts.
 */
MUST_CHECK enum err request_decode(struct request *r, enum endpoint endpoint,
                                   struct str path_model, struct str body, struct arena *arena,
                                   struct fault *why);
