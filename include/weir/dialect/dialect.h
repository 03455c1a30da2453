/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/base/buf.h"
#include "weir/base/err.h"
#include "weir/base/own.h"
#include "weir/dialect/request.h"

/*
 * The wire protocols that upstreams speak: one row per dialect, one file per row. A dialect
 * says where an endpoint lives, how a request is put on the wire and how an answer is read.
 * It does no I/O and keeps nothing between calls but what is in the tap.
 */

struct tap;
struct delta;
struct tap_event;
struct rules;

enum { DIALECT_PARTS = 8 };

/* A body in pieces that point into the caller's body or the arena: nothing is copied. */
struct dialect_body {
    struct str parts[DIALECT_PARTS];
    size_t count;
    bool usage_injected; /* include_usage was asked for on the client's behalf */
};

struct dialect {
    const char *name; /* as the configuration writes it */
    bool
        names_model; /* its plain answers have a `model` that must read as the name asked for */

    /* Behind an endpoint's URL; "" posts to the URL itself; NULL: this dialect cannot serve it. */
    const char *paths[ENDPOINT_COUNT];

    /* Splices the upstream's model name (and include_usage into streams, if `ask_usage`). */
    enum err (*put_request)(const struct request *r, struct str upstream_model, bool ask_usage,
                            struct arena *arena, struct dialect_body *out);

    /*
     * Answers here, without a call: adds the plain answer in the form of the request's endpoint
     * to `out`. NULL in dialects that are spoken to servers. ERR_NO_RULE: no rule fits.
     */
    enum err (*answer)(const struct rules *rules, const struct request *r, struct str model,
                       struct buf *out);

    /* See tap.h. */
    enum err (*read_whole)(struct tap *t, struct str body);
    enum err (*read_event)(struct tap *t, const struct tap_event *e, struct delta *out);
    enum err (*read_end)(struct tap *t);
};

/*
 * What stands behind an endpoint's URL for it; absent: the dialect cannot serve it. A version
 * that the URL ends with already is not said twice, since some write it there and some do not.
 */
struct str dialect_path(const struct dialect *d, enum endpoint e, struct str url);

/* NULL if there is none of that name. */
const struct dialect *dialect_named(struct str name);
const struct dialect *dialect_at(size_t i); /* NULL behind the last: for help texts */
